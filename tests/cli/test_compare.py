"""`compare`: a changed rule on real patients, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import virtuall as va
from virtuall.core.errors import InputError
from virtuall.population.ensemble import read_ensemble
from virtuall.trial.comparison_run import choose_sets

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
    done = call(*words(), "--sets", 0)
    assert done.code == 0, done.err
    assert "12 pairs of 12 patients" in done.out and "A - B (95 %)" in done.out
    assert "uncertainty of the model's parameters is not in them" in done.out


@pytest.fixture
def ensemble(tmp_path: Path) -> Path:
    """A folder with an ensemble of ten sets."""
    (tmp_path / "sets" / "calibration").mkdir(parents=True)
    lines = ["growth_median,unfit.p", *(f"{0.05 + 0.02 * k:g},{0.1 + 0.08 * k:g}" for k in range(10))]
    (tmp_path / "sets" / "calibration" / "ensemble.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "sets"


def test_pairs_are_spread_over_the_sets_of_the_ensemble(call, ensemble: Path, monkeypatch) -> None:
    import virtuall.population as population

    drawn, sample = [], population.sample
    monkeypatch.setattr(population, "sample", lambda *a, **k: drawn.append(sample(*a, **k)) or drawn[-1])
    done = call(*words(PROTOCOL, OTHER, "--library", ensemble, "--sets", 3, "--json"))
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["sets"] == 3 and any("3 calibrated parameter sets, 4 pairs each" in note for note in found["notes"])
    row = next(each for each in found["rows"] if each["name"] == "days alive of 60")
    assert row["low_with_parameters"] < row["low"] <= row["difference"] <= row["high"] < row["high_with_parameters"]
    a, b = drawn[-2:]  # those before are looked at only
    growth = a.columns["growth_median"]
    assert len(set(growth)) == 3 and set(growth[:3]) == set(growth[3:6])
    assert all((a.columns[name] == b.columns[name]).all() for name in a.columns)
    held = read_ensemble([ensemble])
    pairs = zip(growth, held.values[choose_sets([held, held], 12, 3, 3), 0], strict=True)
    assert all(one == other for one, other in pairs)


def test_which_sets_are_taken(ensemble: Path) -> None:
    held = read_ensemble([ensemble])
    eight, three = (choose_sets([held, held], 100, 3, sets) for sets in (None, 3))
    assert len(set(eight)) == 8 and set(three) <= set(eight)
    assert set(choose_sets([held, held], 100, 4, 3)) != set(three)
    assert len(set(choose_sets([held, held], 12, 3, None))) == 6 and choose_sets([held, held], 3, 3, None) is None
    assert choose_sets([held, held], 100, 3, 0) is None and choose_sets([None, held], 100, 3, None) is None


@pytest.mark.parametrize(("sets", "said"), [(1, "at least 2"), (11, "at most 10"), (7, "at least 14")])
def test_sets_that_cannot_be_had(ensemble: Path, sets: int, said: str) -> None:
    held = read_ensemble([ensemble])
    with pytest.raises(InputError, match=said):
        choose_sets([held, held], 12, 3, sets)
    with pytest.raises(InputError, match="at least 2" if sets == 1 else "no calibrated parameter sets"):
        choose_sets([None, None], 12, 3, sets)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--sets", -1), "0 or more"),
        (("--parameters", "shiped"), "did you mean 'shipped'"),
        (("--sets", 3, "--parameters", "shipped"), "no calibrated parameter sets"),
    ],
)
def test_options_of_parameters_that_are_not_possible(call, ensemble: Path, more: tuple[object, ...], said: str) -> None:
    done = call(*words(PROTOCOL, OTHER, "--library", ensemble, *more))
    assert done.code == 2 and said in done.err and done.out == ""


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
    found = json.loads(done.out)
    assert found["pairs"] == 4 and any("age of" in each and "25 yr" in each for each in found["outside"])
    assert done.err.count(found["outside"][0]) == 1


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
