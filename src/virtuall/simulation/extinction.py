"""Small clones as birth-death processes, so that cure and late relapse are events.

On a fixed grid of patient days a clone below its threshold is moved from whole number to whole number by the exact
transition law of the linear birth-death process with immigration approximated by a Poisson number. The mean over
the step is the one that the equations gave, so killing that changes within the day is kept.
(Explicit tau-leaps cure two- to fivefold too often: structure.md, "Extinction".)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.core.counts import binomial, negative_binomial, poisson

Floats = NDArray[np.float64]
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
    births = np.maximum(birth * step, np.maximum(net, 0.0))
    losses = births - net
    critical = np.abs(net) < _NEAR_CRITICAL
    with np.errstate(divide="ignore", invalid="ignore"):
        extinct = np.where(critical, births / (1 + births), losses * (growth - 1) / (births * growth - losses))
        spread = np.where(critical, births / (1 + births), births * (growth - 1) / (births * growth - losses))
    extinct, spread = (np.minimum(np.maximum(each, 0.0), 1.0) for each in (extinct, spread))
    lines = binomial(cells, 1 - extinct, first)
    lines = np.where(extinct >= 1, 0.0, np.where(extinct <= 0, cells, lines))
    more = negative_binomial(lines, 1 - spread, second)
    return np.where(lines > 0, lines + np.where(spread > 0, more, 0.0), 0.0)


def next_number(
    draws: Floats, cells: Floats, mean: Floats, net: Floats, growth: Floats, birth: Floats, step: Floats
) -> Floats:
    """One grid step of clones, by three uniform draws each (float64[3, n]).

    ``cells`` at the previous grid day (whole), ``mean`` what the equations gave for today, ``net`` the integral of
    the net rate and ``growth`` its exponential; what the equations gave beyond ``cells * growth`` came from elsewhere.
    """
    from_outside = mean - cells * growth
    entering = np.where(from_outside > 1e-9 * np.maximum(mean, 1.0), from_outside, 0.0)
    return transition(cells, net, growth, birth, step, draws[0], draws[1]) + poisson(entering, draws[2])


def whole(draw: Floats, cells: Floats) -> Floats:
    """Round to a whole number up or down by a uniform draw, so that the mean is kept."""
    return np.floor(cells + draw)
