"""Lesser effects: keyed by patient and cycle, as frequent and as bad as their text says, never after the end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from virtuall.clinic.incident import Incident, begins, grade_of, read_incidents
from virtuall.core.errors import Problems, TextError
from virtuall.population import sample
from virtuall.simulation.protocol import load_protocol
from virtuall.simulation.result import Result
from virtuall.simulation.simulate import simulate

SEED = 7
RASH = Incident("drug_rash", "rash", "drug", 0.3, 0.1, 14.0, (1, 2, 3), (0.5, 0.3, 0.2))
MANY = np.arange(40_000)
FIRST, SECOND = np.ones_like(MANY), np.full_like(MANY, 2)
TEXT = """
[incident.drug_rash]
title = "rash"
product = "drug"
first = "0.3"
later = "0.1"
within = "2 week"
grade = [{ grade = 1, share = "0.75" }, { grade = 3, share = "0.25" }]
source = "assumption"
mark = "A"
why = "made up"
"""


def written(folder: Path, old: str = "", new: str = "") -> Path:
    path = folder / "incidents.toml"
    path.write_text(TEXT.replace(old, new))
    return path


def test_a_text_is_read(tmp_path: Path) -> None:
    assert read_incidents(written(tmp_path), ("drug",)) == (
        Incident("drug_rash", "rash", "drug", 0.3, 0.1, 14.0, (1, 3), (0.75, 0.25)),
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('share = "0.25"', 'share = "0.2"', "the shares of the grades must sum to 1"),
        ('product = "drug"', 'product = "drgu"', "did you mean 'drug'"),
        ('first = "0.3"', 'first = "30"', "first must be at most 1"),
        ("grade = 3", "grade = 6", "grade must be at most 5"),
        ('within = "2 week"', 'within = "14 mg"', "a quantity in d is expected"),
        ('source = "assumption"\nmark = "A"\n', "", "source"),
        ("grade = [", "grad = [", "grade"),
    ],
)
def test_a_wrong_text_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises((Problems, TextError), match=message):
        read_incidents(written(tmp_path, old, new), ("drug",))


def test_a_patient_meets_the_same_in_any_company() -> None:
    some = np.array([31_415, 9, 27_182, 9])
    alone, cycle = slice(2, 3), np.array([1, 2, 1, 2])
    for draw in (lambda each, *rest: begins([each], *rest)[0], grade_of):
        whole = np.where(cycle == 1, draw(RASH, SEED, MANY, FIRST)[some], draw(RASH, SEED, MANY, SECOND)[some])
        assert np.array_equal(draw(RASH, SEED, some, cycle), whole)
        assert np.array_equal(draw(RASH, SEED, some[alone], cycle[alone]), whole[alone])


def test_cycles_effects_and_seeds_have_their_own_luck() -> None:
    certain = replace(RASH, first=1.0, later=1.0)
    day = begins([certain], SEED, MANY, FIRST)[0]
    others = (
        begins([certain], SEED, MANY, SECOND)[0],
        begins([replace(certain, name="drug_fever")], SEED, MANY, FIRST)[0],
        begins([certain], SEED + 1, MANY, FIRST)[0],
    )
    for other in others:
        assert abs(np.corrcoef(day, other)[0, 1]) < 0.03


@pytest.mark.parametrize(("cycle", "share"), [(FIRST, RASH.first), (SECOND, RASH.later), (SECOND + 5, RASH.later)])
def test_as_many_as_the_text_says(cycle: np.ndarray, share: float) -> None:
    day = begins([RASH], SEED, MANY, cycle)[0]
    comes = np.isfinite(day)
    assert comes.mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / len(MANY)))
    assert np.all((day[comes] >= 0) & (day[comes] < RASH.within))
    assert day[comes].mean() == pytest.approx(RASH.within / 2, rel=0.03)


def test_the_shares_of_the_grades_come_out_and_add_up() -> None:
    comes = np.isfinite(begins([RASH], SEED, MANY, FIRST)[0])
    for grades in (grade_of(RASH, SEED, MANY, FIRST), grade_of(RASH, SEED, MANY[comes], FIRST[comes])):
        found = [np.mean(grades == grade) for grade in RASH.grades]
        assert found == pytest.approx(list(RASH.shares), abs=0.02)
        assert sum(found) == pytest.approx(1.0)


def test_none_and_all() -> None:
    assert np.isinf(begins([replace(RASH, first=0.0)], SEED, MANY, FIRST)[0]).all()
    assert np.isfinite(begins([replace(RASH, first=1.0)], SEED, MANY, FIRST)[0]).all()


@pytest.fixture(scope="module")
def result() -> Result:
    return simulate(sample("adult_relapsed", 150, 3), load_protocol("blinatumomab/relapsed"))


@pytest.fixture(scope="module")
def charted(result: Result) -> pd.DataFrame:
    found = result.events[result.events["kind"] == "effect"]
    assert len(found) > 100
    return found


def test_no_effect_after_death_or_the_end_of_follow_up(result: Result, charted: pd.DataFrame) -> None:
    outcomes = result.outcomes.set_index("patient")
    assert outcomes["death_day"].notna().sum() > 50
    assert not (charted["day"] > charted["patient"].map(outcomes["last_day"])).any()
    assert not (charted["day"] > charted["patient"].map(outcomes["death_day"])).any()


def starts_of(result: Result, patient: int) -> np.ndarray:
    """The days on which the drug began to run, restarts included."""
    events = result.events
    return events.loc[(events["kind"] == "infusion_start") & (events["patient"] == patient), "day"].to_numpy()


def test_no_cycle_no_effect(result: Result, charted: pd.DataFrame) -> None:
    """After a stop no cycle begins, so nothing comes but what the last one brought within its days."""
    within = {each.title: each.within for each in result.protocol.incidents}
    lead = max(drug.lead for drug in result.protocol.regimen.premedication)
    for patient, effects in charted.groupby("patient"):
        began = starts_of(result, patient) - lead  # a cycle begins with its premedication
        for day, title in zip(effects["day"], effects["what"], strict=True):
            since = day - began[began <= day + 1e-9].max()
            assert since <= within[title] + lead, (
                f"patient {patient}: {title} {since:.1f} days after the begin of a cycle"
            )


def test_no_effect_before_the_drug_runs(result: Result, charted: pd.DataFrame) -> None:
    within = {each.title: each.within for each in result.protocol.incidents}
    for patient, effects in charted.groupby("patient"):
        began = starts_of(result, patient)
        for day, title in zip(effects["day"], effects["what"], strict=True):
            assert day - began[began <= day].max() <= within[title]


def test_every_cycle_whose_drug_runs_brings_its_own() -> None:
    """Those too that a long hold begins anew; once each."""
    protocol = load_protocol("blinatumomab/relapsed")
    certain = replace(protocol.incidents[0], first=1.0, later=1.0)
    result = simulate(sample("adult_relapsed", 150, 3), replace(protocol, incidents=(certain,)))
    events, last = result.events, result.outcomes.set_index("patient")["last_day"]
    starts = events[events["kind"] == "infusion_start"].groupby(["patient", "value"])["day"].min()
    came = events[events["kind"] == "effect"].groupby(["patient", "cycle"])["day"]
    assert (came.count() == 1).all()
    anew = 0
    for (patient, cycle), day in starts.items():
        following = starts.get((patient, cycle + 1), np.inf)
        if min(last[patient], following) > day + certain.within:
            assert day < came.min()[patient, cycle] <= day + certain.within
            held = events[(events["patient"] == patient) & (events["kind"] == "resume") & (events["day"] <= day)]
            anew += bool(len(held)) and day - held["day"].max() <= 1
    assert anew > 0


def test_the_effects_do_not_depend_on_who_is_simulated_along(result: Result, charted: pd.DataFrame) -> None:
    some = np.array([5, 40, 41, 117])
    patients = sample("adult_relapsed", 150, 3)[some]
    again = simulate(patients, load_protocol("blinatumomab/relapsed")).events
    columns = ["patient", "day", "what", "value", "cycle"]
    expected = charted.loc[charted["patient"].isin(some), columns].astype({"what": str})
    assert len(expected) > 0
    found = again.loc[again["kind"] == "effect", columns].astype({"what": str})
    pd.testing.assert_frame_equal(found.reset_index(drop=True), expected.reset_index(drop=True))
