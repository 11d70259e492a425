"""Quantiles against their definition: the smallest whole number whose distribution function reaches the draw."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from virtuall.core.counts import binomial, negative_binomial, poisson

RNG = np.random.default_rng(8)
# small and large draws too: the guess is worst there
DRAWS = np.concatenate([RNG.random(1500), 10.0 ** -RNG.uniform(0, 15, 250), 1 - 10.0 ** -RNG.uniform(0, 12, 250)])
N = len(DRAWS)


def assert_smallest(found: np.ndarray, law: object) -> None:
    round_off = 1e-12
    assert np.array_equal(found, np.floor(found)) and found.min() >= 0
    assert (law.cdf(found) >= DRAWS - round_off).all()  # type: ignore[attr-defined]
    assert (law.cdf(found - 1) < DRAWS + round_off)[found > 0].all()  # type: ignore[attr-defined]


def test_poisson() -> None:
    mean = 10.0 ** RNG.uniform(-6, 6, N)
    assert_smallest(poisson(mean, DRAWS), stats.poisson(mean))


def test_binomial() -> None:
    number = np.floor(10.0 ** RNG.uniform(0, 4.3, N))
    for chance in (RNG.random(N), 10.0 ** -RNG.uniform(0, 12, N), 1 - 10.0 ** -RNG.uniform(0, 9, N)):
        found = binomial(number, chance, DRAWS)
        assert (found <= number).all()
        assert_smallest(found, stats.binom(number, chance))


def test_negative_binomial() -> None:
    number = np.floor(10.0 ** RNG.uniform(0, 4.3, N))
    for chance in (RNG.uniform(0.01, 1, N), 10.0 ** -RNG.uniform(0, 3, N)):
        assert_smallest(negative_binomial(number, chance, DRAWS), stats.nbinom(number, chance))


@pytest.mark.parametrize("law", [binomial, negative_binomial])
def test_nothing_left_to_chance(law: object) -> None:
    number, chance = np.array([0.0, 5.0, 5.0, 5.0]), np.array([0.5, 0.0, 1.0, np.nan])
    assert not law(number, chance, np.full(4, 0.9)).any()  # type: ignore[operator]
    assert not poisson(np.array([0.0, -1.0, np.nan]), np.full(3, 0.9)).any()


def test_alone_and_among_others() -> None:
    """A draw's number depends on nothing but its own numbers."""
    mean = 10.0 ** RNG.uniform(-3, 4, 200)
    together = poisson(mean, DRAWS[:200])
    assert all(poisson(mean[[k]], DRAWS[[k]])[0] == together[k] for k in range(200))
