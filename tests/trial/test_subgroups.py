"""Effects by subgroup: who belongs, counts that add up, estimates by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from virtuall.trial.statistics import exact_share
from virtuall.trial.subgroups import death_rows, odds_ratio, response_rows, subgroups
from virtuall.trial.survival import hazard_ratio

ARMS = ("blinatumomab", "chemotherapy")


@pytest.fixture(scope="module")
def one(trial: tuple[pd.DataFrame, pd.DataFrame]) -> pd.DataFrame:
    """One replicate."""
    return trial[0][trial[0]["replicate"] == 0]


def test_subgroups_split_the_patients(one: pd.DataFrame) -> None:
    found = subgroups(one, burden=(0.05, 0.5, 1.01))
    by = dict.fromkeys(each.by for each in found)
    assert list(by) == ["all", "age", "line", "marrow blasts", "transplant before"]
    for name in ("age", "line", "transplant before"):
        together = np.sum([each.members for each in found if each.by == name], axis=0)
        assert (together == 1).all(), name
    names = [each.name for each in found if each.by == "marrow blasts"]
    assert names == ["blasts 5% to 50%", "blasts 50% and above"]
    third = next(each for each in found if each.name == "line 3 and above")
    assert (third.members == (one["line"] >= 3).to_numpy()).all()


def test_what_all_share_and_what_is_not_known_splits_nothing(one: pd.DataFrame) -> None:
    few = one.assign(line=1.0, prior_transplant=False).drop(columns=["age"])
    assert {each.by for each in subgroups(few)} == {"all", "marrow blasts"}


def test_two_arms_by_ratios(one: pd.DataFrame) -> None:
    groups = subgroups(one, burden=(0.05, 0.5, 1.01))
    responses, deaths = response_rows(one, ARMS, groups, 84.0), death_rows(one, ARMS, groups, 365.0)
    for rows in (responses, deaths):
        whole, *parts = rows
        assert whole.patients == tuple((one["arm"] == arm).sum() for arm in ARMS)
        ages = [row for row in parts if row.by == "age"]
        assert tuple(np.sum([row.events for row in ages], axis=0)) == whole.events
        assert all(row.estimate.low < row.estimate.value < row.estimate.high for row in rows)
    event = one["death_day"].notna().to_numpy()
    ratio = hazard_ratio(one["last_day"], event, (one["arm"] == ARMS[0]).to_numpy())
    assert deaths[0].estimate.value == pytest.approx(ratio, rel=1e-5)


def test_a_single_arm_by_shares(one: pd.DataFrame) -> None:
    groups = subgroups(one)[:1]
    group = one[one["arm"] == ARMS[0]]
    (row,) = response_rows(one, ARMS[:1], groups, 84.0)
    assert row.estimate == exact_share(row.events[0], len(group))
    (alive,) = death_rows(one, ARMS[:1], groups, 200.0)
    assert alive.estimate.value == pytest.approx((group["last_day"] > 200).mean())
    (late,) = death_rows(one, ARMS[:1], groups, 9000.0)
    assert np.isnan(late.estimate.value), "nobody is followed so long"


def test_odds_ratios_by_hand() -> None:
    found = odds_ratio((20, 10), (50, 50))
    half = 1.959964 * np.sqrt(1 / 20 + 1 / 30 + 1 / 10 + 1 / 40)
    value = (20 / 30) / (10 / 40)
    assert (found.value, found.low, found.high) == pytest.approx((value, value * np.exp(-half), value * np.exp(half)))
    assert odds_ratio((0, 5), (10, 10)).value == pytest.approx((0.5 / 10.5) / (5.5 / 5.5))
    for counts, sizes in (((0, 0), (10, 10)), ((10, 10), (10, 10)), ((1, 0), (10, 0))):
        assert np.isnan(odds_ratio(counts, sizes).value)
