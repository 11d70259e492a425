"""Eligibility: dated approvals, label populations, what is unknown, and ages outside a label."""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from virtuall.clinic.eligibility import (
    DEEDS,
    QUESTIONS,
    STATES,
    Verdict,
    check_label,
    judge,
    read_answers,
    read_eligibility,
    require_label,
    verdict,
)
from virtuall.core.errors import InputError, Problems
from virtuall.model.shelf import Shelf, open_shelf
from virtuall.texts.quantity import quantity
from virtuall.texts.rules import parse_rules

LATE = "2024-11-11"
RELAPSED = {"age": "30", "state": "relapsed", "lines": "2", "cd19": "positive", "cd22": "positive", "mrd": "0.2"}
TEXTS = sorted((Path(__file__).parents[2] / "src/virtuall/library/therapies").glob("*/eligibility.toml"))


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return open_shelf()


def day_of(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


def judged(shelf: Shelf, day: str, **answers: Any) -> dict[str, Verdict]:
    found = read_answers({**RELAPSED, "ph": False, **answers}, shelf)
    return {each.therapy: each for each in judge(shelf, found, day_of(day))}


@pytest.mark.parametrize(
    ("therapy", "first", "answers"),
    [
        ("blinatumomab", "2014-12-03", {}),
        ("blinatumomab", "2017-07-11", {"ph": True}),
        ("blinatumomab", "2018-03-29", {"state": "mrd", "mrd": "0.1 %"}),
        ("blinatumomab", "2024-06-14", {"state": "remission", "mrd": "negative"}),
        ("inotuzumab", "2017-08-17", {}),
        ("inotuzumab", "2024-03-06", {"age": "1"}),
        ("tisagenlecleucel", "2017-08-30", {"age": "25"}),
        ("brexucabtagene", "2021-10-01", {}),
        ("obecabtagene", "2024-11-08", {}),
    ],
)
def test_a_therapy_opens_on_the_day_of_its_approval(shelf, therapy, first, answers) -> None:
    before = day_of(first) - datetime.timedelta(days=1)
    assert judged(shelf, str(before), **answers)[therapy].open is False
    found = judged(shelf, first, **answers)[therapy]
    assert (found.open, found.status) == (True, "open")
    assert found.rule.valid_from == day_of(first) and found.rule.source.keys[0].startswith(("fda_", "blincyto"))


@pytest.mark.parametrize(
    ("therapy", "day", "answers"),
    [
        ("blinatumomab", "2014-12-02", {}),
        ("blinatumomab", "2018-03-28", {"state": "mrd", "mrd": "0.001"}),
        ("blinatumomab", LATE, {"state": "new", "lines": "0"}),
        ("inotuzumab", "2017-08-16", {}),
        ("tisagenlecleucel", "2017-08-29", {"age": "12"}),
        ("brexucabtagene", "2021-09-30", {}),
        ("obecabtagene", "2024-11-07", {}),
    ],
)
def test_before_its_approval_a_therapy_is_investigational(shelf, therapy, day, answers) -> None:
    found = judged(shelf, day, **answers)[therapy]
    assert (found.open, found.status, found.rule.action) == (False, "investigational", "study")


def test_the_two_editions_differ_in_what_is_open(shelf) -> None:
    def opened(day: str, **answers: str) -> set[str]:
        return {name for name, each in judged(shelf, day, **answers).items() if each.open}

    assert opened("2017-08-18") == {"blinatumomab", "chemotherapy", "inotuzumab"}
    assert opened(LATE) == {"blinatumomab", "brexucabtagene", "chemotherapy", "inotuzumab", "obecabtagene"}
    assert opened("2017-08-18", age="12") == {"blinatumomab", "chemotherapy"}
    assert opened(LATE, age="12") == {"blinatumomab", "chemotherapy", "inotuzumab", "tisagenlecleucel"}


@pytest.mark.parametrize(
    ("therapy", "day", "outside", "inside", "answers"),
    [
        ("inotuzumab", "2024-03-05", "17.9", "18", {}),
        ("inotuzumab", LATE, "11 month", "1", {}),
        ("brexucabtagene", LATE, "17.9", "18", {}),
        ("obecabtagene", LATE, "17.9", "18", {}),
        ("tisagenlecleucel", LATE, "26", "25.9", {}),
        ("blinatumomab", LATE, "0.05", "1 month", {"state": "remission", "mrd": "0", "lines": "3"}),
    ],
)
def test_ages_on_each_side_of_a_limit(shelf, therapy, day, outside, inside, answers) -> None:
    assert judged(shelf, day, age=inside, **answers)[therapy].open is True
    refused = judged(shelf, day, age=outside, **answers)[therapy]
    assert refused.open is False and any("age" in part for part in refused.unmet)


def test_a_first_relapse_is_not_enough_for_a_label_of_the_second(shelf) -> None:
    def found(**answers: str) -> Verdict:
        return judged(shelf, LATE, age="12", **answers)["tisagenlecleucel"]

    assert found(lines="2").open is True
    assert found(lines="1").unmet == ("(state is refractory or state is relapsed and lines >= 2)",)
    assert found(state="refractory", lines="1").open is True


def test_a_third_remission_is_outside_the_label_for_residual_disease(shelf) -> None:
    words = {"state": "mrd", "mrd": "0.001", "ph": True}
    assert judged(shelf, LATE, lines="2", **words)["blinatumomab"].open is True
    assert judged(shelf, LATE, lines="3", **words)["blinatumomab"].unmet == ("lines <= 2",)
    assert judged(shelf, LATE, **{**words, "mrd": "0.0009"})["blinatumomab"].unmet == ("mrd >= 0.1 %",)


def test_without_its_antigen_a_therapy_is_closed(shelf) -> None:
    def closed(**answers: str) -> set[str]:
        found = judged(shelf, LATE, age="20", **answers)
        return {name for name, each in found.items() if each.open is False and each.rule.action == "close"}

    assert closed(cd22="negative") == {"inotuzumab"}
    assert closed(cd22="0") == {"inotuzumab"}
    assert closed(cd19="negative") == {"blinatumomab", "brexucabtagene", "obecabtagene", "tisagenlecleucel"}
    assert closed(cd19="0.01", cd22="0.01") == set()


def test_what_was_not_said_is_unknown_where_it_matters_and_only_there(shelf) -> None:
    found = judged(shelf, LATE, cd22=None)
    assert (found["inotuzumab"].open, found["inotuzumab"].status) == (None, "unknown")
    assert found["inotuzumab"].needs == ("cd22",)
    assert found["blinatumomab"].open is True and found["blinatumomab"].needs == ()
    assert judged(shelf, "2017-08-16", cd22=None)["inotuzumab"].open is False  # no answer would open it
    assert judged(shelf, LATE, cd22=None, state="remission")["inotuzumab"].open is False
    residual = judged(shelf, "2020-01-01", state="mrd", mrd=None)["blinatumomab"]
    assert (residual.open, residual.needs) == (None, ("mrd",))
    nothing = judged(shelf, LATE, **dict.fromkeys(RELAPSED))
    assert {each.open for each in nothing.values()} == {None}
    assert set(nothing["tisagenlecleucel"].needs) == {"age", "state", "lines", "cd19"}


def test_chemotherapy_and_transplant_go_by_the_state_alone(shelf) -> None:
    lines = {"new": "0"}
    found = {state: judged(shelf, LATE, state=state, lines=lines.get(state, "1")) for state in STATES}
    assert all(each["chemotherapy"].open for each in found.values())
    assert [state for state in STATES if found[state]["transplant"].open] == ["remission", "mrd"]


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("age", "-1", "0 or more, and 100 at most"),
        ("age", "200", "0 or more, and 100 at most"),
        ("age", "abc", "not understood"),
        ("age", "3 kg", "not understood"),
        ("age", "nan", "not understood"),
        ("state", "relapsd", "did you mean 'relapsed'"),
        ("lines", "1.5", "whole number"),
        ("lines", "-1", "0 or more"),
        ("cd19", "2.0", "1 at most"),
        ("cd22", "postive", "did you mean 'positive'"),
        ("mrd", "positive", "a share of cells"),
        ("mrd", "", "not understood"),
    ],
)
def test_what_cannot_be_understood_is_refused(shelf, name, given, said) -> None:
    with pytest.raises(InputError) as error:
        read_answers({name: given}, shelf)
    assert name in str(error.value) and said in str(error.value)


@pytest.mark.parametrize(
    "answers",
    [
        {"state": "new", "lines": "1"},
        {"state": "relapsed", "lines": "0"},
        {"state": "refractory", "lines": "0"},
        {"state": "mrd", "mrd": "negative"},
    ],
)
def test_answers_that_contradict_each_other_are_refused(shelf, answers) -> None:
    with pytest.raises(InputError):
        read_answers(answers, shelf)
    for name in answers:
        read_answers({name: answers[name]}, shelf)


def test_an_unknown_question_is_refused_with_the_nearest(shelf) -> None:
    with pytest.raises(InputError, match="did you mean 'lines'"):
        read_answers({"line": "1"}, shelf)


# -- every number and every date of the texts decides something -------------------------------------------------


def grid(**changed: float) -> Iterator[dict[str, Any]]:
    """Patients of every state, with some answers set."""
    for state, lines, ph in itertools.product(STATES, (1.0, 3.0), (False, True)):
        whole = {"age": 20.0, "state": state, "lines": lines, "cd19": 1.0, "cd22": 1.0, "mrd": 0.01, "ph": ph}
        yield whole | changed


def differ(text: str, other: str, days: list[datetime.date], patients: list[dict[str, Any]]) -> bool:
    one, two = parse_rules(text, "one", DEEDS), parse_rules(other, "two", DEEDS)

    def answer(rules: Any, patient: dict[str, Any], day: datetime.date) -> tuple[Any, str]:
        found = verdict("it", rules, patient, day)
        return found.open, found.status

    return any(answer(one, each, day) != answer(two, each, day) for each in patients for day in days)


@pytest.mark.parametrize("path", TEXTS, ids=[path.parent.name for path in TEXTS])
def test_every_number_of_a_text_changes_a_verdict(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    idle = []
    for rule in read_eligibility(path):
        day = rule.valid_from or rule.valid_to or day_of(LATE)
        for match in re.finditer(r"(\w+) [<>=]+ ([\d.]+)( %| \w+)?", rule.when.text):
            name, number, unit = match[1], match[2], (match[3] or "").strip()
            unit = unit if unit in ("%", "year", "month") else ""
            changed = f"{float(number) * 1.5 if '.' in number else float(number) + 1:g}"
            start, end = match.span(2)
            when = rule.when.text[:start] + changed + rule.when.text[end:]
            place = text.index(f'name = "{rule.name}"')
            other = text[:place] + text[place:].replace(rule.when.text, when, 1)
            middle = f"{(float(number) + float(changed)) / 2}"
            column = QUESTIONS[name].column.unit
            probes = [quantity(f"{each} {unit}".strip(), column).value for each in (number, middle, changed)]
            patients = [patient for probe in probes for patient in grid(**{name: probe})]
            if not differ(text, other, [day], patients):
                idle.append(f"{rule.name}: {match[0]}")
    assert idle == []


@pytest.mark.parametrize("path", TEXTS, ids=[path.parent.name for path in TEXTS])
def test_every_date_of_a_text_changes_a_verdict(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    idle = []
    for match in re.finditer(r"valid_(from|to) = (\S+)", text):
        shift = datetime.timedelta(days=1 if match[1] == "from" else -1)
        day = day_of(match[2])
        start, end = match.span(2)
        other = f"{text[:start]}{day + shift}{text[end:]}"
        if not differ(text, other, [day], [*grid(), *grid(age=1.5)]):
            idle.append(match[0])
    assert idle == []


# -- texts of a user ---------------------------------------------------------------------------------------------

RULE = """
[[rule]]
name = "for everybody over ten"
when = "age > 10 year"
do = "open"
valid_from = 2030-01-01
valid_to = 2030-12-31
source = "assumption"
mark = "A"
why = "An example."
doc = "An example."
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "therapies" / "imaginary" / "eligibility.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_therapy_of_a_user_is_judged_too(tmp_path: Path) -> None:
    written(tmp_path, RULE)
    shelf = open_shelf([tmp_path])
    assert judged(shelf, "2030-01-01")["imaginary"].open is True
    assert judged(shelf, "2030-12-31")["imaginary"].open is True
    early, late = judged(shelf, "2029-12-31")["imaginary"], judged(shelf, "2031-01-01")["imaginary"]
    assert (early.open, early.unmet) == (False, ("a day from 2030-01-01 on",))
    assert (late.open, late.unmet) == (False, ("a day up to 2030-12-31",))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("age >", "aeg >", "did you mean 'age'"),
        ("10 year", "10", "without a unit"),
        ("10 year", "10 kg", "same kind"),
        ('do = "open"', 'do = "opne"', "did you mean 'open'"),
        ("age > 10 year", "state is relapsd", "did you mean 'relapsed'"),
        ("age > 10 year", "event(age)", "unknown event"),
        ('mark = "A"\n', "", "mark"),
    ],
)
def test_a_wrong_text_is_refused_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in RULE
    path = written(tmp_path, RULE.replace(old, new))
    with pytest.raises(Problems) as error:
        read_eligibility(path)
    assert said in str(error.value) and "eligibility.toml:" in str(error.value)


# -- ages outside a label, as a run checks them ---------------------------------------------------------------------


def test_an_age_outside_a_label_is_refused_with_the_rule_and_its_source(shelf) -> None:
    (refusal,) = check_label(shelf, ["brexucabtagene"], [12.0, 30.0, 17.5], day_of(LATE))
    assert (refusal.patients, refusal.outside, refusal.youngest, refusal.oldest) == (3, 2, 12.0, 17.5)
    words = str(refusal.error())
    for part in ("brexucabtagene", "2 of 3", "12 to 17.5", "age >= 18 year", "fda_brexucabtagene_2021", "--off-label"):
        assert part in words


@pytest.mark.parametrize(
    ("therapy", "age", "day", "refused"),
    [
        ("tisagenlecleucel", 25.9, LATE, False),
        ("tisagenlecleucel", 26.0, LATE, True),
        ("tisagenlecleucel", 60.0, "2017-08-29", False),  # no label yet: it is given in trials
        ("inotuzumab", 12.0, "2024-03-05", True),
        ("inotuzumab", 12.0, "2024-03-06", False),
        ("inotuzumab", 0.9, "2024-03-06", True),
        ("blinatumomab", 0.01, LATE, False),
        ("chemotherapy", 0.01, LATE, False),
        ("lymphodepletion", 80.0, LATE, False),
    ],
)
def test_a_label_is_that_of_the_day(shelf, therapy, age, day, refused) -> None:
    assert bool(check_label(shelf, [therapy], np.array([age]), day_of(day))) is refused


def test_every_therapy_of_a_protocol_is_checked_once(shelf) -> None:
    found = check_label(shelf, ["obecabtagene", "chemotherapy", "obecabtagene", "inotuzumab"], [0.5], day_of(LATE))
    assert [each.therapy for each in found] == ["obecabtagene", "inotuzumab"]
    assert check_label(shelf, ["obecabtagene"], [], day_of(LATE)) == ()
    with pytest.raises(Problems) as error:
        require_label(shelf, ["obecabtagene", "inotuzumab"], [0.5], day_of(LATE))
    assert len(error.value.problems) == 2
    require_label(shelf, ["obecabtagene", "inotuzumab"], [50.0], day_of(LATE))
