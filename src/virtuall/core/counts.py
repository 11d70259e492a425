"""Whole numbers from uniform draws: Poisson, binomial and negative binomial quantiles.

A quantile is the smallest whole number whose distribution function reaches the draw. It is guessed by the expansion
of Cornish and Fisher and then proven by the distribution function at the guess and just below it. The few draws that
are not settled in some steps go to SciPy's own inverse, which needs several times as many values of the function.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
_MOST_STEPS = 8
_ROUND_OFF = 1e-9  # of SciPy's inverse, which finds no whole number exactly


def poisson(mean: Floats, draw: Floats) -> Floats:
    """Poisson numbers of these means; 0 where the mean is not above 0."""
    from scipy.special import pdtr, pdtrik

    def inverse(draw: Floats, mean: Floats) -> Floats:
        return np.asarray(pdtrik(draw, mean))

    def guess(draw: Floats, mean: Floats) -> Floats:
        return _expansion(draw, mean, np.sqrt(mean), 1.0, 1.0)

    return _quantile(pdtr, inverse, guess, mean > 0, draw, mean)


def binomial(number: Floats, chance: Floats, draw: Floats) -> Floats:
    """Successes among ``number`` trials; 0 where there is no trial, or no chance between 0 and 1."""
    from scipy.special import bdtrik, betainc

    def distribution(count: Floats, number: Floats, chance: Floats) -> Floats:
        return np.where(count < number, betainc(np.maximum(number - count, 1.0), count + 1, 1 - chance), 1.0)

    def inverse(draw: Floats, number: Floats, chance: Floats) -> Floats:
        return np.asarray(bdtrik(draw, number, chance))

    def guess(draw: Floats, number: Floats, chance: Floats) -> Floats:
        both = chance * (1 - chance)
        found = _expansion(draw, number * chance, np.sqrt(number * both), 1 - 2 * chance, 1 - 6 * both)
        return np.minimum(found, number)

    return _quantile(distribution, inverse, guess, _to_chance(number, chance), draw, number, chance)


def negative_binomial(number: Floats, chance: Floats, draw: Floats) -> Floats:
    """Failures before the ``number``-th success; 0 where none is waited for, or no chance between 0 and 1."""
    from scipy.special import betainc, nbdtrik

    def distribution(count: Floats, number: Floats, chance: Floats) -> Floats:
        return np.asarray(betainc(number, count + 1, chance))

    def inverse(draw: Floats, number: Floats, chance: Floats) -> Floats:
        return np.asarray(nbdtrik(draw, number, chance))

    def guess(draw: Floats, number: Floats, chance: Floats) -> Floats:
        odds = (1 - chance) / chance
        sd = np.sqrt(number * odds / chance)
        return _expansion(draw, number * odds, sd, (2 - chance) / chance, 6 * odds / chance + 1)

    return _quantile(distribution, inverse, guess, _to_chance(number, chance), draw, number, chance)


def _to_chance(number: Floats, chance: Floats) -> Flags:
    return (number > 0) & (chance > 0) & (chance < 1)


def _expansion(draw: Floats, mean: Floats, sd: Floats, skewness: Floats | float, tails: Floats | float) -> Floats:
    """The guess, by cumulants ``skewness * sd**2`` and ``tails * sd**2``; the mean where hardly anything varies."""
    from scipy.special import ndtri

    normal = ndtri(draw)
    square = normal * normal
    bend = tails * (square - 3) / 24 - skewness * skewness * (2 * square - 5) / 36
    found = mean + sd * normal + skewness * (square - 1) / 6 + bend * normal / np.maximum(sd, 1.0)
    return np.asarray(np.maximum(np.ceil(np.where(sd > 1, found, mean) - 0.5), 0.0))


def _quantile(
    distribution: Callable[..., Floats],
    inverse: Callable[..., Floats],
    guess: Callable[..., Floats],
    usable: Flags,
    draw: Floats,
    *numbers: Floats,
) -> Floats:
    result = np.zeros_like(draw)
    if not usable.any():
        return result
    draw, numbers = draw[usable], tuple(each[usable] for each in numbers)
    count = guess(draw, *numbers)
    below = distribution(count, *numbers) < draw
    up, down = np.flatnonzero(below), np.flatnonzero(~below & (count > 0))
    for _ in range(_MOST_STEPS):
        if not len(up):
            break
        count[up] += 1
        up = up[distribution(count[up], *(each[up] for each in numbers)) < draw[up]]
    for _ in range(_MOST_STEPS):
        if not len(down):
            break
        down = down[distribution(count[down] - 1, *(each[down] for each in numbers)) >= draw[down]]
        count[down] -= 1
        down = down[count[down] > 0]
    left = np.concatenate([up, down])
    if len(left):
        found = inverse(draw[left], *(each[left] for each in numbers))
        count[left] = np.maximum(np.ceil(np.where(np.isnan(found), 0.0, found) - _ROUND_OFF), 0.0)
    result[usable] = count
    return result
