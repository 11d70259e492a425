"""Small clones as birth-death processes, so that cure and late relapse are events.

On a fixed grid of patient days a clone below its threshold is moved from whole number to whole number by the exact
transition law of the linear birth-death process with immigration approximated by a Poisson number. The mean over
the step is the one that the equations gave, so killing that changes within the day is kept.
(Explicit tau-leaps cure two- to fivefold too often: structure.md, "Extinction".)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.core.poisson import poisson
from virtuall.core.random import uniform

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
_NEAR_CRITICAL = 1e-9


def transition(
    cells: Floats, net: Floats, growth: Floats, birth: Floats, step: Floats, first: Floats, second: Floats
) -> Floats:
    """Number of cells after a step of the linear birth-death process, exact for constant rates.

    Parameters
    ----------
    cells : whole numbers at the start
    net : integral of (birth - loss) over the step (1)
    growth : exp(net)
    birth : birth rate (1/d)
    step : length (d)
    first, second : uniform draws

    Returns
    -------
    Whole numbers (float64).
    """
    from scipy.special import bdtrik, nbdtrik

    births = np.maximum(birth * step, np.maximum(net, 0.0))
    losses = births - net
    critical = np.abs(net) < _NEAR_CRITICAL
    with np.errstate(divide="ignore", invalid="ignore"):
        extinct = np.where(critical, births / (1 + births), losses * (growth - 1) / (births * growth - losses))
        spread = np.where(critical, births / (1 + births), births * (growth - 1) / (births * growth - losses))
    extinct, spread = np.clip(extinct, 0.0, 1.0), np.clip(spread, 0.0, 1.0)
    lines = _quantile(lambda u, n, p: bdtrik(u, n, p), first, cells, 1 - extinct)
    lines = np.where(extinct >= 1, 0.0, np.where(extinct <= 0, cells, lines))
    more = _quantile(lambda u, n, p: nbdtrik(u, n, p), second, lines, 1 - spread)
    return np.where(lines > 0, lines + np.where(spread > 0, more, 0.0), 0.0)


def _quantile(inverse, draw: Floats, number: Floats, probability: Floats) -> Floats:  # type: ignore[no-untyped-def]
    """Smallest whole number whose distribution function reaches the draw."""
    usable = (number > 0) & (probability > 0) & (probability < 1)
    result = np.zeros_like(number)
    if usable.any():
        found = inverse(draw[usable], number[usable], probability[usable])
        result[usable] = np.maximum(np.ceil(np.where(np.isnan(found), 0.0, found) - 1e-9), 0.0)
    return result


def next_number(
    seed: int,
    clone: str,
    patients: Rows,
    day: Rows,
    cells: Floats,
    mean: Floats,
    net: Floats,
    growth: Floats,
    birth: Floats,
    step: Floats,
) -> Floats:
    """One grid step of one clone for several patients.

    ``cells`` at the previous grid day (whole), ``mean`` what the equations gave for today, ``net`` the integral of
    the net rate and ``growth`` its exponential; what the equations gave beyond ``cells * growth`` came from elsewhere.
    """
    draws = uniform(seed, [f"clone {clone} {part}" for part in ("lines", "spread", "entry")], patients, day)
    from_outside = mean - cells * growth
    entering = np.where(from_outside > 1e-9 * np.maximum(mean, 1.0), from_outside, 0.0)
    return transition(cells, net, growth, birth, step, draws[0], draws[1]) + poisson(entering, draws[2])


def whole(seed: int, clone: str, patients: Rows, day: Rows, cells: Floats) -> Floats:
    """Round to a whole number up or down so that the mean is kept."""
    return np.floor(cells + uniform(seed, f"clone {clone} rounding", patients, day))
