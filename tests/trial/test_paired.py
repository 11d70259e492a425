"""Intervals of paired differences: against scipy, by their coverage, and at the edges."""

from __future__ import annotations

import numpy as np
import pytest

from virtuall.trial.paired import Interval, mean_differences, share_difference, with_parameters


def pairs(both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    a = np.repeat([True, True, False, False], [both, first, second, neither])
    b = np.repeat([True, False, True, False], [both, first, second, neither])
    return a, b


def test_a_difference_of_shares_by_hand() -> None:
    # 1 and 7 discordant of 21: (2 - 8)/23, standard error sqrt((10/23 - (6/23)^2)/23)
    found = share_difference(*pairs(1, 1, 7, 12))
    assert found.value == pytest.approx(-6 / 21)
    assert (found.low, found.high) == pytest.approx((-0.50836, -0.01338), abs=1e-5)


def test_a_difference_of_shares_holds_its_coverage() -> None:
    rng = np.random.default_rng(1)
    chances = np.array([0.5, 0.1, 0.02, 0.38])
    held = 0
    for counts in rng.multinomial(40, chances, size=2000):
        found = share_difference(*pairs(*counts))
        held += found.low <= 0.08 <= found.high
    assert 0.94 <= held / 2000 <= 0.99


def test_no_discordant_pair_does_not_mean_certainty() -> None:
    few, many = share_difference(*pairs(5, 0, 0, 5)), share_difference(*pairs(50, 0, 0, 50))
    assert few.value == 0 and few.low < -0.1 < 0.1 < few.high
    assert few.high > many.high > 0
    everybody = share_difference(*pairs(0, 30, 0, 0))
    assert everybody.value == 1 and everybody.high == 1 and everybody.low < 1


def test_nobody_gives_nothing() -> None:
    assert np.isnan(share_difference(*pairs(0, 0, 0, 0))).all()
    assert np.isnan(mean_differences(np.empty((0, 1)), 1)[0]).all()
    assert np.isnan(mean_differences(np.array([[1.0], [np.nan]]), 1)[0]).all()


def test_the_bootstrap_agrees_with_scipys() -> None:
    from scipy.stats import bootstrap

    rng = np.random.default_rng(2)
    skewed = rng.exponential(10.0, 150) - 5
    skewed[::3] = 0.0
    (ours,) = mean_differences(skewed[:, None], seed=3)
    judge = bootstrap((skewed,), np.mean, n_resamples=9999, method="BCa", rng=np.random.default_rng(4))
    width = judge.confidence_interval.high - judge.confidence_interval.low
    assert ours.value == pytest.approx(skewed.mean())
    assert ours.low == pytest.approx(judge.confidence_interval.low, abs=0.06 * width)
    assert ours.high == pytest.approx(judge.confidence_interval.high, abs=0.06 * width)


def test_draws_are_keyed_by_the_seed_alone() -> None:
    values = np.random.default_rng(5).normal(size=(60, 2))
    together = mean_differences(values, seed=1)
    assert together == mean_differences(values, seed=1)
    assert together[1] == pytest.approx(mean_differences(values[:, 1:], seed=1)[0])
    assert together != mean_differences(values, seed=2)


def test_what_is_not_known_is_left_out() -> None:
    values = np.random.default_rng(6).normal(3.0, 1.0, size=80)
    gaps = np.where(np.arange(80) % 4 == 0, np.nan, values)
    (found,) = mean_differences(gaps[:, None], seed=1)
    assert found.value == pytest.approx(np.nanmean(gaps)) and found.low < found.value < found.high


def test_no_difference_in_anybody() -> None:
    assert mean_differences(np.zeros((9, 1)), seed=1) == [Interval(0.0, 0.0, 0.0)]


def test_parameters_widen_by_the_formula() -> None:
    """Means 1, 3, 8 of sets of two pairs, each 1 apart from its mean: B = 13 - 1, t of 2 degrees of freedom 4.3027."""
    differences = np.array([0.0, 2, 2, 4, 7, 9])
    found = with_parameters(differences, np.array([5, 5, 1, 1, 9, 9]), Interval(4.0, 3.0, 6.0))
    assert found.between == pytest.approx(np.sqrt(12))
    more = 1.95996**2 * (4 / 3) * 12
    assert found.low == pytest.approx(4 - 4.30265 / 1.95996 * np.sqrt(1 + more), rel=1e-5)
    assert found.high == pytest.approx(4 + 4.30265 / 1.95996 * np.sqrt(4 + more), rel=1e-5)


def test_sets_that_differ_less_than_luck_add_only_the_quantile() -> None:
    found = with_parameters(np.array([-5.0, 5, -4, 4]), np.array([0, 0, 1, 1]), Interval(0.0, -2.0, 2.0))
    assert found.between == 0 and found.high == pytest.approx(2 * 12.7062 / 1.95996, rel=1e-5)


def test_one_set_with_known_pairs_tells_nothing_of_parameters() -> None:
    few = with_parameters(np.array([1.0, 2.0, 3.0, np.nan]), np.array([0, 0, 1, 1]), Interval(2.0, 1.0, 3.0))
    assert np.isnan(few).all()


@pytest.mark.parametrize(("apart", "least"), [(0.0, 0.95), (0.05, 0.85), (0.3, 0.92)])
def test_the_wider_interval_holds_the_difference_of_a_further_set(apart: float, least: float) -> None:
    rng, held, narrow = np.random.default_rng(7), 0, 0
    sets = np.arange(160) % 8
    for _ in range(600):
        differences = rng.normal(0.0, apart, 8)[sets] + rng.normal(0.0, 0.5, 160)
        mean, half = differences.mean(), 1.96 * differences.std() / np.sqrt(160)
        truth = rng.normal(0.0, apart)
        found = with_parameters(differences, sets, Interval(mean, mean - half, mean + half))
        held += found.low <= truth <= found.high
        narrow += mean - half <= truth <= mean + half
    assert held / 600 >= least and held >= narrow
