"""Boundaries for looks at a trial that is under way: how much of the error may be spent by each look.

Lan and DeMets: at the share t of the information an error of f(t) is spent, f(1) being the whole. Statistics at the
looks are normal with correlation sqrt(t_i / t_j) when there is no effect; each boundary is the root of the error that
its look may spend. The density of the statistics that have not crossed yet is carried from look to look on nodes of
Gauss and Legendre (Armitage, McPherson and Rowe): that is exact to ten digits where integrating a multivariate normal
by draws gives four.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from virtuall.core.errors import InputError

Floats = NDArray[np.float64]

_NODES = 400
# Below this nothing of a standard normal density is left, and no boundary needs to lie above.
_FAR = 9.0


def obrien_fleming(share: float, error: float) -> float:
    """Error spent by a share of the information, nearly as O'Brien and Fleming's boundaries do: little early."""
    from scipy.stats import norm

    return float(2 * norm.sf(norm.isf(error / 2) / math.sqrt(share)))


def pocock(share: float, error: float) -> float:
    """Error spent by a share of the information, nearly as Pocock's boundaries do: evenly."""
    return error * math.log1p((math.e - 1) * share)


SPENDING: Mapping[str, Callable[[float, float], float]] = {"obrien-fleming": obrien_fleming, "pocock": pocock}


def efficacy_bounds(looks: Sequence[float], error: float, kind: str) -> Floats:
    """One-sided boundaries of a standardized statistic.

    Parameters
    ----------
    looks : sequence of float
        Shares of the final information, ascending, the last one 1.
    error : float
        Of the first kind, one-sided, over all looks.
    kind : str
        One of `SPENDING`.

    Returns
    -------
    float64 array
        The trial stops at the first look at which its statistic is at or above the boundary.

    Raises
    ------
    InputError
        When the looks, the error or the kind are not allowed.
    """
    from scipy.optimize import brentq
    from scipy.stats import norm

    check_looks(looks)
    if kind not in SPENDING:
        raise InputError("no such boundary", given=kind, allowed=tuple(SPENDING))
    if not 0 < error < 0.5:
        raise InputError("the error must lie between 0 and one half", given=error)
    spent = [SPENDING[kind](share, error) for share in looks]
    bounds = [float(norm.isf(spent[0]))]
    state = _first(bounds[0], looks[0])
    for place in range(1, len(looks)):
        step, want = looks[place] - looks[place - 1], spent[place] - spent[place - 1]
        root = math.sqrt(looks[place])
        missing = partial(_missing, state, step, root, want)
        # So early that nothing to speak of may be spent: no statistic is large enough.
        bounds.append(math.inf if missing(_FAR) >= 0 else float(brentq(missing, -_FAR, _FAR, xtol=1e-12)))
        state = _next(state, bounds[-1] * root, step, root)
    return np.array(bounds)


def crossing_chances(looks: Sequence[float], bounds: Sequence[float], drift: float = 0.0) -> Floats:
    """The chance of crossing first at each look.

    Parameters
    ----------
    looks, bounds
        As in `efficacy_bounds`.
    drift : float
        Expected statistic with all the information; 0 without an effect.
    """
    check_looks(looks)
    from scipy.stats import norm

    chances = [float(norm.sf(bounds[0] - drift * math.sqrt(looks[0])))]
    state = _first(bounds[0], looks[0], drift)
    for place in range(1, len(looks)):
        step, root = looks[place] - looks[place - 1], math.sqrt(looks[place])
        chances.append(_crossing(state, bounds[place] * root, step, drift))
        state = _next(state, bounds[place] * root, step, root, drift)
    return np.array(chances)


def check_looks(looks: Sequence[float]) -> None:
    """Refuse looks that are not shares in ascending order up to 1. Raises InputError."""
    ascending = all(a < b for a, b in zip(looks[:-1], looks[1:], strict=True))
    if not looks or not ascending or looks[0] <= 0 or looks[-1] != 1:
        raise InputError(
            "looks are shares of the final number, above 0, in ascending order, and the last one is 1",
            given=", ".join(f"{look:g}" for look in looks) or "none",
        )


# The walk of the score s = z sqrt(t): its steps are independent, normal with the variance of their information.
_State = tuple[Floats, Floats]  # nodes, weights times density


def _nodes(low: float, high: float) -> tuple[Floats, Floats]:
    points, weights = np.polynomial.legendre.leggauss(_NODES)
    half = (high - low) / 2
    return low + half * (points + 1), half * weights


def _first(bound: float, information: float, drift: float = 0.0) -> _State:
    from scipy.stats import norm

    root = math.sqrt(information)
    mean = drift * information
    nodes, weights = _nodes(mean - _FAR * root, min(bound * root, mean + _FAR * root))
    return nodes, weights * norm.pdf(nodes, mean, root)


def _next(state: _State, edge: float, step: float, root: float, drift: float = 0.0) -> _State:
    from scipy.stats import norm

    mean = drift * root**2
    nodes, weights = _nodes(mean - _FAR * root, min(edge, mean + _FAR * root))
    density = norm.pdf(nodes[:, None], state[0] + drift * step, math.sqrt(step)) @ state[1]
    return nodes, weights * density


def _missing(state: _State, step: float, root: float, want: float, bound: float) -> float:
    return _crossing(state, bound * root, step) - want


def _crossing(state: _State, edge: float, step: float, drift: float = 0.0) -> float:
    from scipy.stats import norm

    return float(norm.sf(edge, state[0] + drift * step, math.sqrt(step)) @ state[1])
