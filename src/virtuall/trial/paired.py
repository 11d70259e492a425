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
