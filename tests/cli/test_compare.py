"""`compare`: a changed rule on real patients, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import virtuall as va

PROTOCOL, OTHER, COHORT = "blinatumomab/relapsed", "chemotherapy/salvage", "adult_relapsed"
REGIMEN = "therapies/blinatumomab/regimens/relapsed.toml"


def words(a: str = PROTOCOL, b: str = OTHER, *more: object, n: int = 12, cohort: str = COHORT) -> list[object]:
    return ["compare", a, b, "--cohort", cohort, "-n", n, "--seed", 3, "--days", 60, *more]


@pytest.fixture
def without_steroid(library: Path, tmp_path: Path) -> Path:
    """A folder with the same regimen but no premedication."""
    place = tmp_path / "mine" / REGIMEN
    place.parent.mkdir(parents=True)
    head, _, rest = (library / REGIMEN).read_text(encoding="utf-8").partition("[[premedication]]")
    place.write_text(head + rest[rest.index("[restart]") :], encoding="utf-8")
    return tmp_path / "mine"


def test_a_changed_rule_on_the_same_patients(call, without_steroid: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = call(*words(PROTOCOL, PROTOCOL, "--library-b", without_steroid, "--json", "--out", page))
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert (found["patients"], found["pairs"], found["days"], found["seed"]) == (12, 12, 60.0, 3)
    assert found["changed"] == [REGIMEN] and found["a"]["protocol"] == found["b"]["protocol"] == PROTOCOL
    rows = {row["name"]: row for row in found["rows"]}
    assert {"CR", "MRD-negative", "days alive of 60", "relapse", "days in hospital"} <= set(rows)
    for row in found["rows"]:
        assert row["low"] <= row["difference"] <= row["high"], row
    assert page.read_text(encoding="utf-8").count("<svg") >= 5


def test_two_protocols_either_way_round() -> None:
    one = va.compare(PROTOCOL, OTHER, cohort=COHORT, n=12, seed=3, days=60)
    other = va.compare(OTHER, PROTOCOL, cohort=COHORT, n=12, seed=3, days=60)
    assert [row.a for row in one.rows] == [row.b for row in other.rows]
    assert one.changed == ()


def test_the_table_is_for_people(call) -> None:
    done = call(*words())
    assert done.code == 0, done.err
    assert "12 pairs of 12 patients" in done.out and "A - B (95 %)" in done.out
    assert "uncertainty of the model's parameters is not in them yet" in done.out


def test_nothing_to_compare(call, tmp_path: Path, library: Path) -> None:
    done = call(*words(PROTOCOL, PROTOCOL))
    assert done.code == 2 and "nothing to compare" in done.err
    same = tmp_path / "same" / REGIMEN
    same.parent.mkdir(parents=True)
    shutil.copy(library / REGIMEN, same)
    done = call(*words(PROTOCOL, PROTOCOL, "--library-b", tmp_path / "same"))
    assert done.code == 2 and "nothing to compare" in done.err


@pytest.mark.parametrize(
    ("call_words", "said"),
    [
        (words("blinatumomab/relapse"), "did you mean 'blinatumomab/relapsed'"),
        (words(PROTOCOL, "chemotherapy/salvag"), "did you mean 'chemotherapy/salvage'"),
        (words(cohort="adult_relapse"), "did you mean 'adult_relapsed'"),
        (words(n=1), "2 or more"),
        ([*words()[:-1], -5], "must be above 0"),
        (words(PROTOCOL, OTHER, "--library-b", "no/such/folder"), "there is no such folder"),
        (words(PROTOCOL, OTHER, "--out", "."), "is a folder"),
    ],
)
def test_what_is_not_possible_is_said(call, call_words: list[object], said: str) -> None:
    done = call(*call_words)
    assert done.code == 2 and said in done.err and done.out == ""


def test_an_age_outside_a_label_is_refused_unless_asked_for(call) -> None:
    done = call(*words("tisagenlecleucel/relapsed", OTHER, n=4))
    assert done.code == 2 and "age" in done.err
    done = call(*words("tisagenlecleucel/relapsed", OTHER, "--off-label", "--json", n=4))
    assert done.code == 0, done.err
    assert json.loads(done.out)["pairs"] == 4


def test_a_cohort_that_lacks_a_covariate(call, library: Path, tmp_path: Path) -> None:
    text = (library / "cohorts" / f"{COHORT}.toml").read_text(encoding="utf-8")
    head, _, rest = text.partition("[covariates.weight]")
    place = tmp_path / "mine" / "cohorts"
    place.mkdir(parents=True)
    (place / "lacking.toml").write_text(head + rest[rest.index("\n[") :], encoding="utf-8")
    done = call(*words(PROTOCOL, OTHER, "--library", tmp_path / "mine", cohort="lacking"))
    assert done.code == 2 and "says nothing of weight" in done.err


def test_texts_that_make_other_patients_are_said(call, library: Path, tmp_path: Path) -> None:
    place = tmp_path / "mine" / "cohorts"
    place.mkdir(parents=True)
    text = (library / "cohorts" / f"{COHORT}.toml").read_text(encoding="utf-8")
    head, _, rest = text.partition("[covariates.weight]")
    block, following = rest[: rest.index("\n[")], rest[rest.index("\n[") :]
    changed = block.replace("median = ", "median = 1").replace("mean = ", "mean = 1")
    assert changed != block
    (place / f"{COHORT}.toml").write_text(head + "[covariates.weight]" + changed + following, encoding="utf-8")
    done = call(*words(PROTOCOL, OTHER, "--library-b", tmp_path / "mine"))
    assert done.code == 0, done.err
    assert "so they are not the same: weight" in done.out
