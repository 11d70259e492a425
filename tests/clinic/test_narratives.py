"""Short stories of patients with their published or evident grade, written without a look at the scales."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from virtuall.clinic.graded_table import grade
from virtuall.clinic.grading import load_scale
from virtuall.model.shelf import open_shelf

DATA = Path(__file__).parents[1] / "data" / "narratives.toml"
ENOUGH = 40
SHELF = open_shelf()
Told = list[tuple[dict[str, Any], float | None, str]]


def stories() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads(DATA.read_text(encoding="utf-8"))["case"]
    return found


def days_of(story: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The record of each day; one without a day is that of day 0."""
    return [{"day": 0, **record} for record in story.get("days", [story.get("record")])]


def with_units(records: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Turn texts such as "8 ULN" to a number and a unit of its column."""
    units: dict[str, str] = {}
    plain = []
    for record in records:
        numbers = {}
        for name, value in record.items():
            number, blank, unit = value.partition(" ") if isinstance(value, str) else ("", "", "")
            numbers[name] = float(number) if blank else value
            if blank:
                assert units.setdefault(name, unit) == unit
        plain.append(numbers)
    return plain, units


def graded(story: Mapping[str, Any]) -> tuple[float | None, str]:
    """The grade or score of the last day, and what decided.

    A number without a unit is in the base unit of its sign. What a story does not tell and a scale must know is
    unknown.
    """
    scale = load_scale(story["scale"], SHELF)
    records, units = with_units(days_of(story))
    table = pd.DataFrame(records)
    table.insert(0, "patient", "a")
    for name, needed in scale.columns.items():
        if needed.required and name not in table:
            table[name] = None
        if needed.sign.must_say and name in table:
            units.setdefault(name, needed.sign.unit)
    last = grade(table, scale.name, {name: unit for name, unit in units.items() if name in table}).iloc[-1]
    return (None if pd.isna(last["grade"]) else float(last["grade"])), str(last["by"])


def wanted(story: Mapping[str, Any]) -> float:
    return float(story["grade"] if "grade" in story else story["score"])


@pytest.fixture(scope="module")
def told() -> Told:
    """Every story with the grade that its scale gives it and what decided."""
    return [(story, *graded(story)) for story in stories()]


def test_every_story_has_its_grade(told: Told) -> None:
    wrong = []
    for story, found, by in told:
        if found is None or abs(found - wanted(story)) > 1e-9 * max(1.0, abs(found)):
            given = f"{story['id']}: {story['scale']} gives {found} ({by}), the story says {wanted(story)}"
            wrong.append(f"{given}: {story['story']}")
    assert not wrong, "\n".join(wrong)


def test_what_decided_bears_the_name_of_the_result(told: Told) -> None:
    named = [(story["id"], by, story["result"]) for story, _, by in told if "result" in story]
    assert named
    assert [each for each in named if not (each[1] or "none").startswith(each[2])] == []


def test_the_stories_are_whole_and_many() -> None:
    found = stories()
    common = {"id", "scale", "story", "source"}
    broken = [
        story.get("id")
        for story in found
        if not all(str(story.get(key, "")).strip() for key in common)
        or ("record" in story) == ("days" in story)
        or ("grade" in story) == ("score" in story)
    ]
    assert broken == []
    assert len({story["id"] for story in found}) == len(found) >= ENOUGH
