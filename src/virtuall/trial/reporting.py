"""The texts that say what a report counts: ``reports/*.toml`` of the library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from virtuall.model.shelf import open_shelf
from virtuall.texts.table import Table, reading

COMPARISON = "reports/comparison.toml"
CELLS = "reports/cells.toml"
SAFETY = "reports/safety.toml"


@dataclass(frozen=True)
class ComparisonText:
    """What a comparison counts: deaths by these days, and events from this grade on as severe."""

    deaths_by: tuple[float, ...]
    severe_grade: int


@dataclass(frozen=True)
class CellsText:
    """What a report of manufactured cells counts; times in days.

    Attributes
    ----------
    remission_within : float
        After the infusion.
    survival_at : tuple of float
    aplasia_signal, aplasia_unit : str
    aplasia_below, aplasia_at : float
        B-cell aplasia: the signal is below the number (in the unit), so long after the infusion.
    """

    remission_within: float
    survival_at: tuple[float, ...]
    aplasia_signal: str
    aplasia_unit: str
    aplasia_below: float
    aplasia_at: float


@dataclass(frozen=True)
class CountText:
    """A count in blood as a side effect: a grade holds below its limit (in the unit), limits from the highest down."""

    title: str
    signal: str
    unit: str
    grades: tuple[int, ...]
    below: tuple[float, ...]


@dataclass(frozen=True)
class SafetyText:
    """What a table of side effects counts: events from this grade on as severe, and counts in blood."""

    severe_grade: int
    counts: tuple[CountText, ...]


def read_comparison(path: Path) -> ComparisonText:
    """Read ``reports/comparison.toml``."""
    with reading(path) as text:
        head = text.table("comparison")
        head.source()
        days = head.quantities("deaths_by", "d", sourced=True)
        return ComparisonText(tuple(sorted(day.value for day in days)), head.integer("severe_grade", low=1))


def read_cells(path: Path) -> CellsText:
    """Read ``reports/cells.toml``."""
    with reading(path) as text:
        head, aplasia = text.table("cells"), text.table("b_cell_aplasia")
        head.source()
        aplasia.source()
        below = aplasia.quantity("below", sourced=True)
        return CellsText(
            head.days("remission_within", low=0),
            tuple(sorted(day.value for day in head.quantities("survival_at", "d", sourced=True))),
            aplasia.text("signal"),
            below.unit,
            below.value,
            aplasia.days("at", low=0),
        )


def read_safety(path: Path) -> SafetyText:
    """Read ``reports/safety.toml``."""
    with reading(path) as text:
        head = text.table("safety")
        head.source()
        counts = tuple(_count(each) for each in text.named("count").values())
        return SafetyText(head.integer("severe_grade", low=1), counts)


def _count(table: Table) -> CountText:
    table.source()
    grades = table.tables("grade", at_least=1)
    below = [each.quantity("below", sourced=True) for each in grades]
    unit = below[0].unit
    numbers = tuple(each.integer("grade", low=1, high=5) for each in grades)
    limits = tuple(each.to(unit).value for each in below)
    if numbers != tuple(sorted(set(numbers))) or limits != tuple(sorted(set(limits), reverse=True)):
        table.problem("grades must rise while their limits fall", "grade")
    return CountText(table.text("title"), table.text("signal"), unit, numbers, limits)


def comparison_text(library: Sequence[Path | str] = ()) -> ComparisonText:
    """What a comparison counts, by this library."""
    return read_comparison(open_shelf(library).file(COMPARISON))


def cells_text(library: Sequence[Path | str] = ()) -> CellsText:
    """What a report of manufactured cells counts, by this library."""
    return read_cells(open_shelf(library).file(CELLS))


def safety_text(library: Sequence[Path | str] = ()) -> SafetyText:
    """What a table of side effects counts, by this library."""
    return read_safety(open_shelf(library).file(SAFETY))
