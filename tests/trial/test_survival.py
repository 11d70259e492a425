"""Our survival estimates against lifelines, and against cases worked by hand."""

from __future__ import annotations

import time

import numpy as np
import pytest

from virtuall.trial import judge
from virtuall.trial.survival import (
    hazard_ratio,
    median_survival,
    number_at_risk,
    survival_at,
    survival_curve,
)


def drawn(seed: int, n: int = 405, whole_days: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    member = rng.random(n) < 0.67
    died = rng.exponential(200 * np.where(member, 1.4, 1.0))
    left = rng.uniform(30, 700, n)
    days = np.minimum(died, left)
    return (np.floor(days / 30) if whole_days else days), died <= left, member


def test_a_curve_by_hand() -> None:
    curve = survival_curve([1, 2, 2, 3, 4, 5], [1, 1, 0, 0, 1, 0])
    np.testing.assert_allclose(curve.time, [1, 2, 4])
    np.testing.assert_allclose(curve.survival, [5 / 6, 5 / 6 * 4 / 5, 5 / 6 * 4 / 5 / 2])
    np.testing.assert_allclose(curve.at([0.5, 1, 3.9, 99]), [1, 5 / 6, 2 / 3, 1 / 3])
    assert curve.median() == 4
    np.testing.assert_allclose(number_at_risk([1, 2, 2, 3], [0, 2, 3, 4]), [4, 3, 1, 0])


def test_a_median_that_is_not_reached_is_nan() -> None:
    assert np.isnan(median_survival([1, 2, 3, 4], [1, 0, 0, 0]))
    assert np.isnan(median_survival([], []))
    assert np.isnan(survival_at([], [], 5))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("whole_days", [False, True])
def test_lifelines_agrees(seed: int, whole_days: bool) -> None:
    days, event, member = drawn(seed, whole_days=whole_days)
    assert median_survival(days, event) == pytest.approx(judge.judged_median(days, event), rel=1e-12)
    for day in (0, 33.3, 180, 5000):
        assert survival_at(days, event, day) == pytest.approx(judge.judged_survival_at(days, event, day), rel=1e-12)
    assert hazard_ratio(days, event, member) == pytest.approx(judge.judged_hazard_ratio(days, event, member), rel=1e-6)


def test_lifelines_agrees_with_many_failures_on_day_zero() -> None:
    days, event, member = drawn(9)
    failed = np.random.default_rng(1).random(days.size) < np.where(member, 0.5, 0.7)
    days, event = np.where(failed, 0.0, days), event | failed
    assert hazard_ratio(days, event, member) == pytest.approx(judge.judged_hazard_ratio(days, event, member), rel=1e-6)


def test_the_ratio_is_found_again_and_turns_over_with_the_groups() -> None:
    rng = np.random.default_rng(3)
    member = np.arange(40_000) % 2 == 0
    days = rng.exponential(np.where(member, 1 / 0.7, 1.0))
    event = np.ones(days.size, bool)
    ratio = hazard_ratio(days, event, member)
    assert ratio == pytest.approx(0.7, rel=0.03)
    assert hazard_ratio(days, event, ~member) == pytest.approx(1 / ratio, rel=1e-8)


def test_a_ratio_that_cannot_be_estimated_is_nan() -> None:
    days = np.array([1.0, 2, 3, 4])
    nobody, everybody = np.zeros(4, bool), np.ones(4, bool)
    member = np.array([True, True, False, False])
    assert np.isnan(hazard_ratio(days, everybody, nobody))
    assert np.isnan(hazard_ratio(days, nobody, member))
    assert np.isnan(hazard_ratio(days, member, member))


def test_impossible_times_are_refused() -> None:
    for days in ([np.nan, 1.0], [-1.0, 1.0], [1.0]):
        with pytest.raises(ValueError, match="one time of zero or more"):
            survival_curve(days, [True, True])


def test_four_hundred_ratios_take_under_a_second() -> None:
    days, event, member = drawn(0)
    began = time.perf_counter()
    for _ in range(400):
        hazard_ratio(days, event, member)
    assert time.perf_counter() - began < 1.0
