"""Differences between two lives of the same patients, with intervals that use the pairing.

Two patients who differ much from each other but little under the two treatments give a narrow interval; two
independent groups would give a wide one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from virtuall.core.random import uniform

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

RESAMPLES = 2000
# Numbers of patients times resamples that are held at once.
_BLOCK = 1_000_000


class Interval(NamedTuple):
    """An estimate with the bounds of its 95 % interval; NaN where there is nothing to estimate from."""

    value: float
    low: float
    high: float


NOTHING = Interval(np.nan, np.nan, np.nan)


def share_difference(first: Flags, second: Flags) -> Interval:
    """Difference of two shares of the same patients.

    The interval of Bonett and Price (2012): Wald's, after one is added to each of the two discordant counts. Unlike
    Wald's own and unlike a bootstrap it keeps a width when no patient is discordant, and its coverage holds in small
    groups.

    Parameters
    ----------
    first, second : bool array
        One entry a patient, in the same order.
    """
    from scipy.special import ndtri

    n = first.size
    if not n:
        return NOTHING
    only_first, only_second = np.count_nonzero(first & ~second), np.count_nonzero(second & ~first)
    p, q = (only_first + 1) / (n + 2), (only_second + 1) / (n + 2)
    half = float(ndtri(0.975)) * np.sqrt((p + q - (p - q) ** 2) / (n + 2))
    value = (only_first - only_second) / n
    return Interval(value, max(p - q - half, -1.0), min(p - q + half, 1.0))


def mean_differences(differences: Floats, seed: int) -> list[Interval]:
    """Mean of each column of differences, by the bootstrap of patients, bias-corrected and accelerated (BCa).

    Patients are drawn anew for all columns together; the draws are keyed by the seed.

    Parameters
    ----------
    differences : float64[N, K]
        One row a patient; NaN where a difference is not known.
    seed : int
    """
    known = np.isfinite(differences)
    filled = np.where(known, differences, 0.0)
    drawn = _resampled_means(filled, known, seed)
    return [_bca(differences[known[:, column], column], drawn[:, column]) for column in range(differences.shape[1])]


class Spread(NamedTuple):
    """The interval of patients and parameters together, and how much parameter sets differ beyond luck."""

    low: float
    high: float
    between: float


UNKNOWN = Spread(np.nan, np.nan, np.nan)


def with_parameters(differences: Floats, sets: NDArray[np.int64], patients: Interval) -> Spread:
    """Widen the interval of patients by what is not known of the parameters.

    By the law of total variance: between-set variance of the difference, added to the variance within the sets. With
    ``D[k]`` the mean difference of the ``m[k]`` pairs of set k, of K sets, and ``s[k]`` their standard deviation::

        B    = max(0, variance of D[k] - mean of s[k]**2 / m[k])
        side = t / z * sqrt(h**2 + z**2 * (1 + 1 / K) * B)

    The sets share the pairs, so the variance of the ``D[k]`` holds the luck of few pairs each. It is taken out of B
    (the one-way analysis of variance), since all pairs together have less of it. ``h`` is how far the interval of
    patients reaches on that side of the difference (z standard errors, where it is symmetric), so its square stands
    for the mean variance within the sets. ``z`` is the normal and ``t`` Student's quantile of K - 1 degrees of freedom;
    1 / K is for the mean of the sets itself (Rubin). With few pairs a set B is told badly: of simulated normal
    differences under 8 sets the interval held the truth in 88 to 99 %.

    Parameters
    ----------
    differences : float64[N]
        Of each pair, NaN where not known.
    sets : int64[N]
        The parameter set of each pair.
    patients : Interval
        From all pairs.

    Returns
    -------
    Spread
        NaN where fewer than two sets have two known pairs; ``between`` is the square root of B.
    """
    from scipy.special import ndtri, stdtrit

    known = np.isfinite(differences)
    groups = [differences[known & (sets == each)] for each in np.unique(sets)]
    groups = [each for each in groups if each.size > 1]
    if len(groups) < 2 or not np.isfinite(patients.low):
        return UNKNOWN
    count = len(groups)
    within = float(np.mean([each.var(ddof=1) / each.size for each in groups]))
    between = max(0.0, float(np.var([each.mean() for each in groups], ddof=1)) - within)
    normal, student = float(ndtri(0.975)), float(stdtrit(count - 1, 0.975))
    sides = (max(patients.value - patients.low, 0.0), max(patients.high - patients.value, 0.0))
    below, above = (student / normal * np.hypot(side, normal * np.sqrt((1 + 1 / count) * between)) for side in sides)
    return Spread(float(patients.value - below), float(patients.value + above), float(np.sqrt(between)))


def _resampled_means(filled: Floats, known: Flags, seed: int) -> Floats:
    """float64[R, K]: means of the known differences in each resample."""
    n, columns = filled.shape
    means = np.full((RESAMPLES, columns), np.nan)
    if not n:
        return means
    step = max(_BLOCK // n, 1)
    for begin in range(0, RESAMPLES, step):
        block = np.arange(begin, min(begin + step, RESAMPLES))
        draws = uniform(seed, "comparison resample", np.arange(n)[None, :], block[:, None])
        places = (draws * n).astype(np.int64)
        weights = np.stack([np.bincount(each, minlength=n) for each in places]).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            means[block] = (weights @ filled) / (weights @ known)
    return means


def _bca(values: Floats, drawn: Floats) -> Interval:
    """The interval of Efron (1987); the acceleration of a mean follows from its jackknife in closed form."""
    from scipy.special import ndtr, ndtri

    drawn = drawn[np.isfinite(drawn)]
    if values.size < 2 or not drawn.size:
        return NOTHING
    mean = float(values.mean())
    apart = values - mean
    if not apart.any():
        return Interval(mean, mean, mean)
    slack = 1e-9 * float(np.abs(values).max())
    below = np.mean(drawn < mean - slack) + 0.5 * np.mean(np.abs(drawn - mean) <= slack)
    bias = ndtri(np.clip(below, 0.5 / drawn.size, 1 - 0.5 / drawn.size))
    acceleration = np.sum(apart**3) / (6 * np.sum(apart**2) ** 1.5)
    moved = bias + ndtri(np.array([0.025, 0.975]))
    low, high = np.quantile(drawn, ndtr(bias + moved / (1 - acceleration * moved)))
    return Interval(mean, float(low), float(high))
