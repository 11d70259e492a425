"""Texts of explorations: values found and replaced in the library, and everything that is refused."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from virtuall.analysis.explore_candidate import Candidate, base_candidate, grid
from virtuall.analysis.explore_key import find_spot, replaced
from virtuall.analysis.explore_prepared import prepare
from virtuall.analysis.explore_range import beyond, shipped_range
from virtuall.analysis.explore_text import exploration_file, read_exploration
from virtuall.core.errors import InputError, Problems, TextError, VirtuallError
from virtuall.core.position import Position
from virtuall.model.shelf import open_shelf
from virtuall.texts.toml_text import parse_toml

REGIMEN = "therapies/blinatumomab/regimens/relapsed.toml"
HEAD = """
[exploration]
title = "Try"
protocol = "blinatumomab/relapsed"
cohort = "adult_relapsed"
patients = 6
days = "30 d"
"""
DOSE = """
[[vary]]
name = "first dose"
key = "level.starting.fixed"
values = ["9 ug/d", "0.015 mg/d"]
also = [{ key = "level.starting.light", times = "0.5556 1/m^2" }, { key = "level.starting.light_cap" }]
"""
STEP = """
[[vary]]
name = "step"
key = "cycle.1.steps.2.day"
low = "5 d"
high = "9 d"
count = 3
also = [{ key = "cycle.1.inpatient", plus = "2 d" }]
"""
UTILITY = """
[[utility]]
measure = "MRD-negative"
weight = 1
"""
WHERE = Position("a.toml", 3, 1)


def written(tmp_path: Path, *parts: str) -> Path:
    path = tmp_path / "try.toml"
    path.write_text("".join(parts), encoding="utf-8")
    return path


TEXT = """# a comment stays
[[level]]
name = "first"
fixed = "9 ug/d"     # the dose
on = true

[[level]]
name = "second"
fixed = { value = 28, unit = "ug/d" }

[[cycle]]
cycles = [1, 2]
steps = [
  { day = "0 d", level = "first" },
  { day = '7 d', level = "second" },
]

[[premedication]]
product = "steroid"
amount = "20 mg"

[last]
x = 1
"""


@pytest.mark.parametrize(
    ("key", "new", "path", "value"),
    [
        ("level.first.fixed", "5 ug/d", ("level", 0, "fixed"), "5 ug/d"),
        ("level.1.on", "false", ("level", 0, "on"), False),
        ("level.second.fixed", "14", ("level", 1, "fixed", "value"), 14),
        ("cycle.1.cycles.2", "4", ("cycle", 0, "cycles", 1), 4),
        ("cycle.1.steps.2.day", "10 d", ("cycle", 0, "steps", 1, "day"), "10 d"),
        ("cycle.1.steps.1.level", "second", ("cycle", 0, "steps", 0, "level"), "second"),
        ("premedication.steroid.amount", "0 mg", ("premedication", 0, "amount"), "0 mg"),
    ],
)
def test_one_value_is_replaced_and_nothing_else(key: str, new: str, path: tuple[str | int, ...], value: object) -> None:
    spot = find_spot(parse_toml(TEXT, "x.toml"), TEXT, "x.toml", key, WHERE)
    changed = replaced(TEXT, {spot: new})
    expected = tomllib.loads(TEXT)
    place = expected
    for each in path[:-1]:
        place = place[each]  # type: ignore[index]
    place[path[-1]] = value  # type: ignore[index]
    assert tomllib.loads(changed) == expected
    assert changed.count("\n") == TEXT.count("\n") and "# a comment stays" in changed


def test_an_entry_is_switched_off_and_the_lines_stay() -> None:
    spot = find_spot(parse_toml(TEXT, "x.toml"), TEXT, "x.toml", "premedication.steroid", WHERE)
    assert replaced(TEXT, {spot: "on"}) == TEXT
    changed = replaced(TEXT, {spot: "off"})
    assert changed.count("\n") == TEXT.count("\n")
    expected = tomllib.loads(TEXT)
    del expected["premedication"]
    assert tomllib.loads(changed) == expected


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("level.frist.fixed", "did you mean 'first'"),
        ("level.first.fixd", "did you mean 'fixed'"),
        ("level.3.fixed", "allowed: first, second, 1, 2"),
        ("level.0.fixed", "x.toml has no level.0.fixed"),
        ("cycle.1.steps", "is a list"),
        ("last", "can be on or off"),
        ("last.x.y", "plain value before 'y'"),
    ],
)
def test_a_key_that_is_not_there(key: str, said: str) -> None:
    with pytest.raises(TextError, match="a.toml:3:1: ") as error:
        find_spot(parse_toml(TEXT, "x.toml"), TEXT, "x.toml", key, WHERE)
    assert said in str(error.value)


def test_values_and_their_followers(tmp_path: Path) -> None:
    ready = prepare(read_exploration(written(tmp_path, HEAD, DOSE, STEP, UTILITY)))
    dose, step = ready.dials
    assert [each.number for each in dose.settings] == [9.0, pytest.approx(15.0)]
    assert [each.number for each in step.settings] == [5.0, 7.0, 9.0]
    assert len(grid(ready.dials)) == 6
    assert base_candidate(ready.dials).texts(ready.dials, ready.sources) == {}
    # a value that the library has changes nothing, its followers neither
    assert Candidate((dose.settings[0], step.settings[1])).texts(ready.dials, ready.sources) == {}
    texts = Candidate((dose.settings[1], step.settings[2])).texts(ready.dials, ready.sources)
    found, own = tomllib.loads(texts[REGIMEN]), tomllib.loads(ready.sources.written[REGIMEN])
    level = found["level"][0]
    assert (level["fixed"], level["light"], level["light_cap"]) == ("15 ug/d", "8.334 ug/m^2/d", "15 ug/d")
    assert found["cycle"][0]["steps"][1]["day"] == "9 d" and found["cycle"][0]["inpatient"] == "11 d"
    assert found["level"][1:] == own["level"][1:] and found["cycle"][1:] == own["cycle"][1:]


def test_values_beyond_the_shipped_regimens(tmp_path: Path) -> None:
    vary = DOSE.replace('"9 ug/d", ', '"1 ug/d", "9 ug/d", "40 ug/d", ')
    dose = prepare(read_exploration(written(tmp_path, HEAD, vary, UTILITY))).dials[0]
    shipped = shipped_range(dose)
    assert shipped is not None and shipped.low == 9.0 and shipped.high == 28.0
    told = [beyond(dose, each, shipped) for each in dose.settings]
    assert [bool(words) for words in told] == [True, False, True, False]
    assert told[0] == "first dose 1 ug/d (shipped regimens: 9 to 28 ug/d)"


def changed(old: str, new: str, *, head: str = HEAD, dose: str = DOSE, step: str = "", utility: str = UTILITY) -> str:
    whole = head + dose + step + utility
    assert old in whole
    return whole.replace(old, new)


BAD = {
    "protocol": (changed("blinatumomab/relapsed", "blinatumomab/relapse"), "did you mean 'blinatumomab/relapsed'"),
    "cohort": (changed("adult_relapsed", "adult_relapse"), "did you mean 'adult_relapsed'"),
    "one patient": (changed("patients = 6", "patients = 1"), "at least 2"),
    "method": (changed("patients = 6", 'patients = 6\nmethod = "bayse"'), "did you mean 'bayes'"),
    "bayes without tries": (changed("patients = 6", 'patients = 6\nmethod = "bayes"'), "needs the key 'tries'"),
    "grid with tries": (changed("patients = 6", "patients = 6\ntries = 3"), 'method = "bayes"'),
    "unknown key": (changed("patients = 6", "patients = 6\nsede = 1"), "did you mean 'seed'"),
    "text": (changed('name = "first dose"', 'text = "therapies/x.toml"'), "the library has no such text"),
    "text of the model": (
        changed('name = "first dose"', 'text = "biology/leukemia/parameters.toml"'),
        "only how they are treated may vary",
    ),
    "key": (changed("level.starting.fixed", "level.starting.fixde"), "did you mean 'fixed'"),
    "unit": (changed('"9 ug/d"', '"9 ug"'), "level.1.fixed is in ug/d"),
    "word for a number": (changed('"9 ug/d"', '"nine"'), "a number as there is wanted"),
    "empty list": (changed('["9 ug/d", "0.015 mg/d"]', "[]"), "nothing to try"),
    "no values": (changed('values = ["9 ug/d", "0.015 mg/d"]', ""), "either values = [...], or low and high"),
    "twice": (changed('"0.015 mg/d"', '"9 ug/d"'), "given twice"),
    "no count": (changed("count = 3", "", step=STEP), "add count = 5"),
    "low above high": (changed('low = "5 d"', 'low = "15 d"', step=STEP), "low must lie below high"),
    "too many": (changed("count = 3", "count = 9000", step=STEP), "more than 10,000 candidates"),
    "one name": (changed('name = "step"', 'name = "first dose"', step=STEP), "two things that vary have one name"),
    "no utility": (changed(UTILITY, ""), "at least 1 [[utility]]"),
    "no weight": (changed("weight = 1", 'at_most = "5 %"'), "no term with a weight"),
    "no sense": (changed("weight = 1", ""), "needs a weight that is not 0"),
    "measure": (changed("MRD-negative", "MRD negative"), "did you mean 'MRD-negative'"),
    "grade": (changed("MRD-negative", "ICANS, grade 7 or more"), "there is no such measure"),
    "too late": (changed("MRD-negative", "dead by day 90"), "followed for 30 days only"),
    "limit": (changed("weight = 1", 'weight = 1\nat_most = "5 d"'), "is in percent"),
    "refused by the reader": (changed('high = "9 d"', 'high = "60 d"', step=STEP), "the infusion ends before"),
    "another unit moves along": (changed("0.5556 1/m^2", "0.5556"), "a quantity in ug/m^2/d is expected"),
    "on or off": (
        changed('"level.starting.fixed"\nvalues = ["9 ug/d", "0.015 mg/d"]', '"premedication.1"\nvalues = ["no"]'),
        "can be on or off",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_said(name: str, tmp_path: Path) -> None:
    text, said = BAD[name]
    with pytest.raises(VirtuallError) as error:
        prepare(read_exploration(written(tmp_path, text)))
    assert said in str(error.value)
    if isinstance(error.value, TextError | Problems):
        assert "try.toml:" in str(error.value)


def test_two_things_cannot_vary_one_value(tmp_path: Path) -> None:
    also = '\n[[vary]]\nname = "cap"\nkey = "level.starting.light_cap"\nvalues = ["5 ug/d"]\n'
    with pytest.raises(TextError, match="two things vary the same value: first dose and cap"):
        prepare(read_exploration(written(tmp_path, HEAD, DOSE, also, UTILITY)))


def test_names_of_explorations(tmp_path: Path) -> None:
    own = tmp_path / "explorations" / "mine.toml"
    own.parent.mkdir()
    own.write_text(HEAD + DOSE + UTILITY, encoding="utf-8")
    shelf = open_shelf([tmp_path])
    assert exploration_file("mine", shelf) == own
    assert exploration_file("other.toml", shelf) == Path("other.toml")
    with pytest.raises(InputError, match="did you mean 'mine'"):
        exploration_file("mien", shelf)
