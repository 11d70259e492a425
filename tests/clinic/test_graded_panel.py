"""All that is graded at once gives what every scale gives by itself, and only those who are looked at."""

from __future__ import annotations

import numpy as np
import pytest

from virtuall.clinic.conditions import Column
from virtuall.clinic.graded import Graded, GradedProgram, compile_graded
from virtuall.clinic.graded_panel import Panel, compile_panel
from virtuall.clinic.grading import load_scale, scale_names
from virtuall.clinic.sign import MULTIPLE
from virtuall.core.errors import InputError
from virtuall.core.position import Position
from virtuall.model import open_shelf
from virtuall.texts.conditions import parse_condition

PATIENTS = 400


@pytest.fixture(scope="module")
def columns() -> dict[str, Column]:
    """A clinic that has every sign of every scale, in the unit of the first that reads it."""
    shelf, found = open_shelf(()), {"age": Column("year")}
    for name in scale_names(shelf):
        try:
            scale = load_scale(name, shelf)
        except InputError:
            continue
        for sign, needed in scale.columns.items():
            unit = "1" if needed.unit == MULTIPLE else needed.unit
            found.setdefault(sign, Column(unit, needed.column.kind, needed.sign.levels))
    return found


def of_library(columns: dict[str, Column]) -> list[GradedProgram]:
    found = []
    for name in scale_names(open_shelf(())):
        try:
            found.append(compile_graded(Graded(name, "", name, 1.0), columns, open_shelf(())))
        except InputError:  # it is refused, gives a score, asks for days, or reads a sign in another unit
            continue
    return found


def seen_of(columns: dict[str, Column], seed: int) -> dict[str, np.ndarray]:
    """Signs as they may be: few values about which scales disagree, and some that are not known."""
    draw = np.random.default_rng(seed)
    seen = {}
    for name, column in columns.items():
        if column.kind == "number":
            values = draw.choice([0.0, 0.5, 1.0, 2.0, 3.5, 8.0, 25.0, 38.5, 60.0, 300.0], PATIENTS)
        else:
            values = draw.integers(0, len(column.levels) or 2, PATIENTS).astype(float)
            values[draw.random(PATIENTS) < 0.5] = 0.0
        values[draw.random(PATIENTS) < 0.1] = np.nan
        seen[name] = values
    return seen


def by_themselves(graded: tuple[GradedProgram, ...], seen: dict[str, np.ndarray]) -> np.ndarray:
    everybody = np.arange(PATIENTS)
    return np.array([each.evaluate(each.memory(PATIENTS), everybody, np.zeros(PATIENTS), seen) for each in graded])


def at_once(panel: Panel, seen: dict[str, np.ndarray], looked: np.ndarray) -> np.ndarray:
    return panel.evaluate(panel.memory(PATIENTS), np.arange(PATIENTS), np.zeros(PATIENTS), seen, looked)


def test_every_scale_of_the_library_grades_alike_at_once(columns: dict[str, Column]) -> None:
    panel = compile_panel(of_library(columns), columns)
    seen = seen_of(columns, 1)
    alone = by_themselves(panel.graded, seen)
    np.testing.assert_array_equal(at_once(panel, seen, np.ones(alone.shape, bool)), alone)
    shared = alone[list(panel.scale)]
    assert len(panel.scale) > 40
    assert np.isnan(shared).any() and all((shared == grade).any() for grade in range(6))


def test_only_those_who_are_looked_at_are_graded(columns: dict[str, Column]) -> None:
    panel = compile_panel(of_library(columns), columns)
    seen = seen_of(columns, 2)
    alone = by_themselves(panel.graded, seen)
    looked = np.random.default_rng(3).random(alone.shape) < 0.3
    np.testing.assert_array_equal(at_once(panel, seen, looked), np.where(looked, alone, np.nan))


@pytest.mark.parametrize(
    ("when", "alone"), [("age < 12 year", ()), ("highest(age) < 12 year", (0,)), ("alt > 3 ULN", (1,))]
)
def test_what_remembers_or_reads_a_sign_otherwise_is_asked_by_itself(
    columns: dict[str, Column], when: str, alone: tuple[int, ...]
) -> None:
    clinic = columns | {"alt": Column("1", upper_normal=1.5)}
    asked = parse_condition(when, Position("some.toml", 1))
    crs = Graded("crs", "", "astct_crs", 1.0, instead="ctcae_v4_crs", when=asked)
    items = (crs, Graded("alt", "", "ctcae_v5_alt", 1.0))
    panel = compile_panel([compile_graded(each, clinic, open_shelf(())) for each in items], clinic)
    seen = seen_of(clinic, 4)
    assert panel.alone == alone
    np.testing.assert_array_equal(at_once(panel, seen, np.ones((2, PATIENTS), bool)), by_themselves(panel.graded, seen))


def test_nothing_to_grade(columns: dict[str, Column]) -> None:
    panel = compile_panel([], columns)
    assert panel.columns == () and at_once(panel, {}, np.ones((0, PATIENTS), bool)).shape == (0, PATIENTS)
