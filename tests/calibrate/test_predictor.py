"""The predictor without a mechanism: random-effects means of other trials of the class."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from virtuall.calibrate.predictor import QUANTILES, Between, between_trials, effect, predict, sampling_sd

Make = Callable[..., Any]
SOME = Between(share=0.3, share_across=1.0, log=0.3, log_across=1.0)


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def test_the_effect_of_a_share_is_its_logit_with_the_variance_of_a_binomial(figure: Make, estimand: Make) -> None:
    at, variance = effect(estimand(figure(value=30.0, n=100)))
    p = 30.5 / 101
    assert at == pytest.approx(logit(p))
    assert variance == pytest.approx(1 / (101 * p * (1 - p)))
    assert sampling_sd(estimand(figure(value=30.0, n=100))) == pytest.approx(100 * math.sqrt(p * (1 - p) / 101))
    assert sampling_sd(estimand(figure(value=0.0, n=100))) > 0, "no event in a hundred is no certainty"


def test_the_effect_of_a_duration_is_its_logarithm_with_the_variance_of_its_interval(
    figure: Make, estimand: Make
) -> None:
    row = estimand(figure(value=8.0, low=4.0, high=16.0, unit="months"), share=False, factor=2.0)
    at, variance = effect(row)
    assert at == pytest.approx(math.log(4.0)), "in the computed unit, so that publications in other units compare"
    assert math.sqrt(variance) == pytest.approx(math.log(4) / 3.92, rel=1e-3)
    without = estimand(figure(value=8.0, n=25, unit="months"), share=False)
    assert effect(without)[1] == pytest.approx(1 / 25)


def test_without_patients_and_interval_nothing_is_known(figure: Make, estimand: Make) -> None:
    assert effect(estimand(figure(n=None))) is None
    assert math.isnan(sampling_sd(estimand(figure(n=None))))
    assert effect(estimand(figure(value=0.0, unit="months"), share=False)) is None
    assert effect(estimand(figure(n=None, unit="months"), share=False)) is None


def test_a_published_count_is_a_share_of_its_denominator(figure: Make, estimand: Make) -> None:
    count = estimand(figure(value=15.0, n=None, unit="patients"), share=True, factor=50.0)
    share = estimand(figure(value=30.0, n=50))
    assert effect(count) == pytest.approx(effect(share))
    assert sampling_sd(count) == pytest.approx(sampling_sd(share) / 2)


def test_one_other_trial_predicts_its_value_with_the_stated_spread(figure: Make, estimand: Make) -> None:
    other = estimand(figure("A", 60.0, trial="other", use="calibrate", n=400))
    row = estimand(figure("B", 10.0, n=50))
    found = predict(row, [other], SOME)
    assert found is not None
    assert (found.trials, found.level, found.draws.shape) == (("other",), "same class, same patients", (QUANTILES,))
    mean, variance = effect(other)
    own = 1 / (51 * (p := 1 / (1 + math.exp(-mean))) * (1 - p))
    assert np.median(found.draws) == pytest.approx(100 * p, rel=1e-3)
    spread = np.std([logit(each / 100) for each in found.draws])
    assert spread == pytest.approx(math.sqrt(2 * SOME.share**2 + variance + own), rel=0.02)


def test_two_trials_are_weighed_by_their_certainty(figure: Make, estimand: Make) -> None:
    sure = estimand(figure("A", 60.0, trial="sure", use="calibrate", n=4000))
    vague = estimand(figure("B", 20.0, trial="vague", use="calibrate", n=4))
    found = predict(estimand(figure("C")), [sure, vague], SOME)
    assert found is not None
    weights = [1 / (variance + SOME.share**2) for _, variance in (effect(sure), effect(vague))]
    mean = np.average([effect(sure)[0], effect(vague)[0]], weights=weights)
    assert logit(float(np.median(found.draws)) / 100) == pytest.approx(mean, abs=1e-3)


def test_rows_of_the_same_trial_say_nothing_and_a_nearer_level_goes_first(figure: Make, estimand: Make) -> None:
    row = estimand(figure("A"))
    same = estimand(figure("B", use="calibrate"))
    assert predict(row, [same], SOME) is None
    wide = estimand(figure("C", 90.0, trial="far", use="calibrate"), therapy="tablets")
    middle = estimand(figure("D", 70.0, trial="near", use="calibrate"), whose=("children",))
    assert predict(row, [same, wide], SOME).level == "any class"
    assert predict(row, [wide, middle], SOME).level == "same class, other patients"
    assert predict(row, [estimand(figure("E", trial="x"), what=("other",))], SOME) is None


def test_landmarks_must_be_near_each_other(figure: Make, estimand: Make) -> None:
    row = estimand(figure("A"), day=365.0)
    for day, known in ((300.0, True), (547.0, True), (730.0, False), (None, False)):
        other = estimand(figure("B", trial="other", use="calibrate"), day=day)
        assert (predict(row, [other], SOME) is not None) is known


def test_the_spread_between_trials_is_told_by_like_rows(figure: Make, estimand: Make) -> None:
    rng = np.random.default_rng(5)
    rows = []
    for group in range(60):
        for trial in ("one", "two", "three"):
            value = 100 / (1 + math.exp(-rng.normal(0.0, 0.6)))
            made = figure(f"{group}{trial}", value, trial=trial, use="calibrate", n=100_000)
            rows.append(estimand(made, what=(group,)))
    between = between_trials(rows)
    assert between.share == pytest.approx(0.6, rel=0.15)
    assert between.share_across == pytest.approx(between.share)
    assert math.isnan(between.log), "no duration here"
    assert math.isnan(between_trials(rows[:1]).share)
    alone = estimand(figure("A"), what=(0,))
    assert predict(alone, rows[:1], between_trials(rows[:1])) is None


def test_rows_that_share_patients_count_once(figure: Make, estimand: Make) -> None:
    rows = [estimand(figure(t, 50.0, trial=t, use="calibrate"), unit="study") for t in ("early", "late")]
    assert math.isnan(between_trials(rows).share)
    found = predict(estimand(figure("A", trial="new")), rows, SOME)
    assert found is not None
    assert found.trials == ("study",)
