"""The bedside: what is found and graded at every look, stays in hospital, and care within its limits."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

import virtuall as va
from virtuall.core.errors import InputError
from virtuall.simulation.result import Result

PROTOCOL, COHORT, PATIENTS, DAYS = "tisagenlecleucel/relapsed", "eliana", 80, 120.0
THEN = datetime.date(2017, 8, 30)


@pytest.fixture(scope="module")
def patients() -> va.Population:
    return va.sample(COHORT, PATIENTS, seed=4)


@pytest.fixture(scope="module")
def result(patients: va.Population) -> Result:
    return va.simulate(patients, va.load_protocol(PROTOCOL), days=DAYS, record=())


def graded(events: pd.DataFrame, scale: str) -> pd.DataFrame:
    return events[(events["rule"] == scale) & ((events["unit"] == "grade") | (events["kind"] == "resolved"))]


def test_an_episode_begins_gets_worse_and_is_over(result: Result) -> None:
    episodes = 0
    for _, chart in graded(result.events, "astct_crs").groupby("patient"):
        begun, worst = None, 0.0
        for kind, day, value in zip(chart["kind"], chart["day"], chart["value"], strict=True):
            if kind == "resolved":
                assert begun is not None and 0 <= value <= day - begun + 1e-9
                begun, worst, episodes = None, 0.0, episodes + 1
            else:
                begun = day if begun is None else begun
                assert value > worst
                worst = value
    assert episodes > PATIENTS / 3


def test_another_scale_changes_nothing_but_the_chart(patients: va.Population, result: Result) -> None:
    both = va.simulate(patients, va.load_protocol(PROTOCOL, scales=["penn_crs"]), days=DAYS, record=())
    pd.testing.assert_frame_equal(both.outcomes, result.outcomes)
    rest = both.events[both.events["rule"] != "penn_crs"].reset_index(drop=True)
    pd.testing.assert_frame_equal(rest, result.events, check_categorical=False)
    penn, astct = (graded(both.events, scale) for scale in ("penn_crs", "astct_crs"))
    assert penn["value"].max() >= 3 and set(astct["patient"]) <= set(penn["patient"])


def test_the_ward_looks_only_at_those_who_are_there(result: Result) -> None:
    events, outcomes = result.events, result.outcomes
    alone = outcomes[outcomes["transplant_day"].isna() & outcomes["next_line_day"].isna()]
    looks = events[(events["kind"] == "sample") & (events["what"] == "vital signs on the ward")]
    number = looks.groupby("patient").size().reindex(alone["patient"]).fillna(0).to_numpy()
    stays = events[events["kind"].isin(["admit", "infusion_start"])].groupby("patient").size()
    spare = 2 + stays.reindex(alone["patient"]).fillna(0).to_numpy()
    assert number.max() > 20
    assert (np.abs(number - 4 * alone["bed_days"].to_numpy()) <= 4 * spare).all()
    assert (outcomes["intensive_days"] <= outcomes["bed_days"] + 1e-9).all()
    assert (outcomes["intensive_days"] > 0).any()


def test_tocilizumab_keeps_its_limits(result: Result) -> None:
    doses = result.events[(result.events["kind"] == "care") & (result.events["what"] == "tocilizumab")]
    assert doses["patient"].nunique() > 10
    weight = result.outcomes.set_index("patient")["weight"].reindex(doses["patient"]).to_numpy()
    expected = np.minimum(np.where(weight < 30, 12.0, 8.0) * weight, 800.0)
    assert doses["value"].to_numpy() == pytest.approx(expected)
    apart = doses.groupby("patient")["day"].diff().dropna()
    assert (apart >= 8 / 24 - 1e-9).all() and doses.groupby("patient").size().max() <= 4


def test_rules_are_those_of_the_day(patients: va.Population, result: Result) -> None:
    then = va.load_protocol(PROTOCOL, as_of=THEN)
    names = {rule.name for rule in then.rules}
    assert "tocilizumab when support does not hold" in names and "tocilizumab from grade 2 on" not in names
    assert "tocilizumab from grade 2 on" in {rule.name for rule in va.load_protocol(PROTOCOL).rules}
    old = va.simulate(patients, then, days=DAYS, record=(), chart="key")
    given = [
        each.events[(each.events["kind"] == "care") & (each.events["what"] == "tocilizumab")]["patient"].nunique()
        for each in (old, result)
    ]
    assert given[0] < given[1], "the first label gave it late"
    severe = [
        (each.events[(each.events["rule"] == "astct_crs") & (each.events["unit"] == "grade")]["value"] >= 3).sum()
        for each in (old, result)
    ]
    assert severe[0] > severe[1], "and severe syndromes were commoner"


def test_care_is_charted_in_key_charts_too(patients: va.Population, result: Result) -> None:
    key = va.simulate(patients, va.load_protocol(PROTOCOL), days=DAYS, record=(), chart="key")
    assert "order" not in set(key.events["kind"])
    full, short = (each[each["kind"].isin(["care", "finding", "admit"])] for each in (result.events, key.events))
    assert len(full) == len(short) > 0


def test_a_scale_that_needs_what_nothing_measures_is_refused() -> None:
    patients = va.sample(COHORT, 2, seed=1)
    with pytest.raises(InputError, match="no such scale; given 'penn_crss'; did you mean 'penn_crs'"):
        va.simulate(patients, va.load_protocol(PROTOCOL, scales=["penn_crss"]), days=10)
    with pytest.raises(InputError, match="no scale for a look"):
        va.simulate(patients, va.load_protocol(PROTOCOL, scales=["icaht_early"]), days=10)
