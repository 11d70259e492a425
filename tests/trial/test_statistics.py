"""The statistics of one trial, against textbook numbers, hand-made examples and independent estimates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from virtuall.trial.accrual import follow_until
from virtuall.trial.incidence import cumulative_incidences, first_of
from virtuall.trial.statistics import (
    TrialStatistics,
    effect,
    exact_share,
    hazard_ratio,
    kaplan_meier,
    response_difference,
    restricted_mean,
    trial_statistics,
)
from virtuall.trial.survival import log_rank, survival_curve

Pair = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def leukemia() -> tuple[Pair, Pair]:
    """Weeks in remission of Freireich's trial (6-MP, placebo), which textbooks work through."""
    from lifelines.datasets import load_leukemia

    frame = load_leukemia()
    drug, placebo = (frame[frame["Rx"] == each] for each in (0, 1))
    return tuple((g["t"].to_numpy(float), g["status"].to_numpy(bool)) for g in (drug, placebo))  # type: ignore[return-value]


def test_the_curve_of_the_textbook(leukemia: tuple[Pair, Pair]) -> None:
    drug, placebo = leukemia
    curve = kaplan_meier(*drug, arm="6-MP", of="dor", landmarks=(6, 10, 22, 40), until=30)
    assert (curve.patients, curve.events) == (21, 9)
    shares = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    assert curve.at(list(shares)) == pytest.approx(list(shares.values()), abs=5e-4)
    assert curve.median.value == 23 and curve.median.high == np.inf
    assert kaplan_meier(*placebo).median.value == 8
    # S(10) = 0.7529 with Greenwood's error 0.0963: the interval on the scale of log(-log) by hand
    ten = curve.landmarks[1]
    half = 1.959964 * 0.0963 / (0.7529 * abs(np.log(0.7529)))
    assert not ten.exact and ten.at_risk == 15
    assert (ten.share.low, ten.share.high) == pytest.approx((0.7529 ** np.exp(half), 0.7529 ** np.exp(-half)), abs=1e-3)
    assert [each.day for each in curve.landmarks] == [6, 10, 22], "nobody was followed for 40 weeks"


def test_a_landmark_before_any_censoring_has_the_exact_interval(leukemia: tuple[Pair, Pair]) -> None:
    six = kaplan_meier(*leukemia[0], landmarks=(6,)).landmarks[0]  # 18 of 21: the one censored at 6 was seen till then
    assert six.exact and six.share.value == pytest.approx(18 / 21)
    assert (six.share.low, six.share.high) == pytest.approx((beta.ppf(0.025, 18, 4), beta.ppf(0.975, 19, 3)))


def test_the_tests_of_the_textbook(leukemia: tuple[Pair, Pair]) -> None:
    drug, placebo = leukemia
    found = effect(drug, placebo, kaplan_meier(*drug, until=23), kaplan_meier(*placebo, until=23))
    time, event = (np.concatenate(pair) for pair in zip(drug, placebo, strict=True))
    statistic = log_rank(time, event, np.arange(42) < 21)
    assert statistic**2 == pytest.approx(16.79, abs=5e-3) and statistic > 0, "fewer relapses on the drug"
    assert found.log_rank_p == pytest.approx(4.17e-5, rel=1e-3)
    ratio, p = hazard_ratio(placebo, drug)  # Efron's rule: coefficient 1.572, error 0.412
    assert ratio.value == pytest.approx(np.exp(1.572), rel=1e-3)
    assert (ratio.low, ratio.high) == pytest.approx((2.147, 10.81), rel=1e-3)
    assert p == pytest.approx(0.000138, rel=5e-3)
    assert found.hazard_ratio.value == pytest.approx(1 / ratio.value)
    assert found.mean_difference.value == pytest.approx(
        restricted_mean(*drug, 23).value - restricted_mean(*placebo, 23).value
    )


def test_the_log_rank_statistic_is_that_of_lifelines() -> None:
    from lifelines.statistics import logrank_test

    rng = np.random.default_rng(3)
    for n in (8, 40, 200):
        time = rng.integers(1, 12, n).astype(float)  # many on one day
        event, member = rng.random(n) < 0.7, rng.random(n) < 0.4
        judged = logrank_test(time[member], time[~member], event[member], event[~member]).test_statistic
        assert log_rank(time, event, member) ** 2 == pytest.approx(judged, rel=1e-9)
        assert log_rank(time, event, ~member) == pytest.approx(-log_rank(time, event, member))
    assert np.isnan(log_rank([1.0, 2.0], [False, False], [True, False]))
    assert np.isnan(log_rank([1.0, 2.0], [True, True], [True, True]))


def test_a_restricted_mean_without_censoring_is_a_mean(leukemia: tuple[Pair, Pair]) -> None:
    time, event = leukemia[1]
    cut = np.minimum(time, 15.0)
    found = restricted_mean(time, event, 15.0)
    assert found.value == pytest.approx(cut.mean())
    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * cut.std() / np.sqrt(cut.size), rel=1e-6)
    nobody = restricted_mean([5.0, 9.0], [False, False], 4.0)
    assert (nobody.value, nobody.low, nobody.high) == (4.0, 4.0, 4.0)


def test_a_restricted_mean_by_hand() -> None:
    # Deaths on days 1 and 3 of four, one censored on day 2: shares 3/4 and 3/8; to day 4 the area is 1 + 1.5 + 0.375.
    found = restricted_mean([1.0, 2.0, 3.0, 5.0], [True, False, True, False], 4.0)
    assert found.value == pytest.approx(1 + 2 * 0.75 + 0.375)
    later, last = 2 * 0.75 + 0.375, 0.375
    error = np.sqrt(later**2 / (4 * 3) + last**2 / (2 * 1))
    assert found.high - found.value == pytest.approx(1.959964 * error, rel=1e-6)


def test_the_interval_of_a_restricted_mean_holds_what_it_says() -> None:
    rng = np.random.default_rng(11)
    truth = 50 * (1 - np.exp(-60 / 50))
    inside = 0
    for _ in range(60):
        death, seen = rng.exponential(50, 80), rng.uniform(20, 120, 80)
        found = restricted_mean(np.minimum(death, seen), death <= seen, 60.0)
        inside += found.low <= truth <= found.high
    assert 51 <= inside <= 59  # 57 expected


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=25))
def test_the_curve_is_that_of_the_fast_estimate(patients: list[tuple[int, bool]]) -> None:
    time, event = np.array([each[0] for each in patients], float), np.array([each[1] for each in patients])
    curve, other = kaplan_meier(time, event), survival_curve(time, event)
    grid = np.arange(-0.5, 10, 0.5)[1:]
    assert curve.at(grid) == pytest.approx(other.at(grid), abs=1e-12)
    median = other.median()
    assert curve.median.value == (np.inf if np.isnan(median) else median)
    known = np.isfinite(curve.low)
    assert (curve.low[known] <= curve.share[known] + 1e-12).all()
    assert (curve.share[known] <= curve.high[known] + 1e-12).all()


def test_exact_shares() -> None:
    found = exact_share(7, 20)  # the example of many a table: 35 % (15.4 to 59.2)
    assert (found.low, found.high) == pytest.approx((0.1539, 0.5922), abs=1e-4)
    none, everybody = exact_share(0, 10), exact_share(10, 10)
    assert none.low == 0 and none.high == pytest.approx(1 - 0.025 ** (1 / 10))
    assert everybody.high == 1 and everybody.low == pytest.approx(0.025 ** (1 / 10))
    assert np.isnan(exact_share(0, 0).value)


def test_newcombes_example() -> None:
    # Newcombe 1998, method 10: 56/70 against 48/80 has the interval 0.0524 to 0.3339.
    ours, theirs = np.arange(70) < 56, np.arange(80) < 48
    found = response_difference(ours, theirs, "a", "b")
    assert found.difference.value == pytest.approx(0.2)
    assert (found.difference.low, found.difference.high) == pytest.approx((0.0524, 0.3339), abs=1e-4)
    assert found.p == pytest.approx(0.0125, abs=5e-4)


def test_cumulative_incidence_by_hand() -> None:
    # Day 1: cause 1; day 2: cause 2; day 3: censored; day 4: cause 1; day 5: censored.
    one, two, three = cumulative_incidences([1, 2, 3, 4, 5], [1, 2, 0, 1, 0], ("a", "b", "c"))
    assert [one.at(day)[0] for day in (0, 1, 2, 4, 9)] == pytest.approx([0, 0.2, 0.2, 0.2 + 0.6 / 2, 0.5])
    assert two.at(4)[0] == pytest.approx(0.2) and three.at(9) == (0, 0, 0)
    assert (one.events, two.events, three.events) == (2, 1, 0)
    # One event of five, nobody censored: the variance is that of a share.
    share, low, high = one.at(1)
    half = 1.959964 * np.sqrt(0.2 * 0.8 / 5) / (0.2 * np.log(5))
    assert (low, high) == pytest.approx((share ** np.exp(half), share ** np.exp(-half)), rel=1e-6)


def test_cumulative_incidences_add_up_and_are_those_of_lifelines() -> None:
    from lifelines import AalenJohansenFitter

    rng = np.random.default_rng(5)
    time, cause = rng.exponential(100, 120), rng.integers(0, 4, 120)
    found = cumulative_incidences(time, cause, ("a", "b", "c"))
    grid = np.linspace(1, np.quantile(time, 0.9), 7)
    together = [sum(each.at(day)[0] for each in found) for day in grid]
    assert together == pytest.approx(1 - kaplan_meier(time, cause > 0).at(grid))
    for number, each in enumerate(found, start=1):
        judge = AalenJohansenFitter(calculate_variance=True).fit(time, cause, event_of_interest=number)
        curve = judge.cumulative_density_.iloc[:, 0]
        variance = judge.variance_
        for day in grid:
            share, low, _ = each.at(day)
            assert share == pytest.approx(curve.asof(day))
            if not share:
                continue
            error = np.sqrt(float(np.asarray(variance.asof(day)).ravel()[0]))
            half = 1.959964 * error / abs(share * np.log(share))
            # two estimators of the variance, which agree to a few percent at this size
            assert low == pytest.approx(share ** np.exp(half), abs=0.01)


def test_what_ends_a_remission_first_counts() -> None:
    patients = pd.DataFrame(
        {
            "best_response": ["CR"] * 5 + ["none"],
            "response_level": ["CR"] * 5 + ["none"],
            "response_day": [30.0] * 5 + [np.nan],
            "cr_day": [30.0] * 5 + [np.nan],
            "relapse_day": [100.0, np.nan, 200.0, np.nan, np.nan, np.nan],
            "transplant_day": [np.nan, np.nan, 90.0, np.nan, 95.0, np.nan],
            "death_day": [150.0, 80.0, 300.0, np.nan, 80.0, 10.0],
            "follow_up": [150.0, 80.0, 300.0, 400.0, 80.0, 10.0],
        }
    )
    time, cause = first_of(patients, response_by=84)
    assert cause.tolist() == [1, 2, 3, 0, 2]
    assert time.tolist() == [70, 50, 60, 370, 50]
    assert first_of(patients, response_by=10)[0].size == 0


@pytest.fixture(scope="module")
def replicate(trial: tuple[pd.DataFrame, pd.DataFrame]) -> pd.DataFrame:
    """One made-up trial, cut after 500 days."""
    outcomes = trial[0][trial[0]["replicate"] == 2]
    return follow_until(outcomes, np.minimum(outcomes["last_day"], 500.0))


@pytest.fixture(scope="module")
def statistics(replicate: pd.DataFrame) -> TrialStatistics:
    arms = tuple(replicate["arm"].unique())
    return trial_statistics(replicate, arms, response_by=84, landmarks=(100, 300, 700), until=700)


def test_all_statistics_of_a_trial(replicate: pd.DataFrame, statistics: TrialStatistics) -> None:
    first, second = statistics.arms
    assert {(curve.arm, curve.of) for curve in statistics.curves} == {
        (arm, of) for arm in (first, second) for of in ("os", "efs", "dor")
    }
    curve = statistics.curve(first, "os")
    assert curve is not None and curve.mean_until <= 500 and len(curve.landmarks) == 2
    assert curve.events == replicate[replicate["arm"] == first]["death_day"].notna().sum()
    assert statistics.effect("dor") is None, "responders are no randomized groups"
    for of in ("os", "efs"):
        compared = statistics.effect(of)
        assert compared is not None and (compared.first, compared.second) == (first, second)
        assert compared.hazard_ratio.low < compared.hazard_ratio.value < compared.hazard_ratio.high
    counts = {(each.arm, each.levels): each for each in statistics.responses}
    answered = replicate[(replicate["arm"] == first) & replicate["response_day"].notna()]
    assert counts[first, ("CR", "CRh", "CRi")].count == len(answered)
    assert counts[first, ("CR",)].count == (answered["best_response"] == "CR").sum()
    for arm in statistics.arms:
        each = [found for found in statistics.incidences if found.arm == arm]
        assert [found.cause for found in each] == ["relapse", "death in remission", "transplant"]
        assert sum(found.events for found in each) <= each[0].patients
    assert set(statistics.as_json()) >= {"arms", "curves", "effects", "incidences"}


def test_a_trial_of_one_arm_and_one_in_which_nobody_responds(replicate: pd.DataFrame) -> None:
    one = replicate[replicate["arm"] == replicate["arm"].iloc[0]]
    none = one.assign(best_response="none", response_day=np.nan, cr_day=np.nan)
    found = trial_statistics(none, tuple(one["arm"].unique()), response_by=84, landmarks=(100,), until=300)
    assert not found.effects and not found.response_differences and not found.incidences
    assert {curve.of for curve in found.curves} == {"os", "efs"}
    assert found.responses[0].share.value == 0


def test_a_hazard_ratio_that_cannot_be_estimated() -> None:
    early, late = np.arange(1.0, 6.0), np.arange(10.0, 15.0)
    ratio, p = hazard_ratio((early, np.ones(5, bool)), (late, np.ones(5, bool)))
    assert np.isnan(ratio.value) and np.isnan(p)
    ratio, p = hazard_ratio((early, np.ones(5, bool)), (early, np.zeros(5, bool)))
    assert np.isnan(ratio.value) and np.isnan(p)
