"""A comparison as plain text for a terminal, and its numbers in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from virtuall.report.words import number_words
from virtuall.trial.comparison import SHARE, Comparison, Row, Side

_HEAD: tuple[str, ...] = ("", "unit", "A", "B", "A - B (95 %)", "only A", "only B", "better")
_WITH = "and parameters"


def comparison_table(comparison: Comparison) -> str:
    """Rows as aligned columns under their groups, and what a reader must know."""
    cells = [row_cells(row) for row in comparison.rows]
    head = _HEAD
    if comparison.sets:
        head = (*head[:5], _WITH, *head[5:])
        cells = [(*line[:5], wider_words(row), *line[5:]) for row, line in zip(comparison.rows, cells, strict=True)]
    lengths = [max(len(line[column]) for line in [head, *cells]) for column in range(len(head))]
    text = [f"A: {side_words(comparison.a)}", f"B: {side_words(comparison.b)}", size_words(comparison), ""]
    text += [_line(head, lengths), _line(["─" * length for length in lengths], lengths)]
    group = ""
    for row, line in zip(comparison.rows, cells, strict=True):
        if row.group != group:
            text += [""] if group else []
            group = row.group
        text.append(_line(line, lengths))
    text += ["", *reading_words(comparison), *comparison.notes]
    if comparison.changed:
        text.append(changed_words(comparison.changed))
    return "\n".join(text)


def side_words(side: Side) -> str:
    """Name and title of a protocol."""
    return f"{side.protocol} ({side.title})"


def size_words(comparison: Comparison) -> str:
    """How many pairs, of whom, for how long."""
    return (
        f"{comparison.pairs} pairs of {comparison.patients} patients of {comparison.cohort}, "
        f"seed {comparison.seed}, {comparison.days:g} days; "
        f"failed: {comparison.a.failed} under A, {comparison.b.failed} under B"
    )


def reading_words(comparison: Comparison) -> tuple[str, ...]:
    """How the columns are read."""
    words = (
        "only A, only B: patients in whom it came true under that one only; for means, patients with more of it "
        "under that one.",
        "better: which is better for the patient, more of it or less.",
    )
    if not comparison.sets:
        return words
    return (
        f"A - B: with the interval from patients alone; {_WITH}: the interval from patients and parameters together.",
        *words,
    )


def changed_words(changed: Sequence[str]) -> str:
    """The texts that B has otherwise."""
    return f"Texts that B has otherwise than A: {', '.join(changed)}"


def row_cells(row: Row) -> tuple[str, ...]:
    """The words of a row, in the order of the columns."""
    scale = 100.0 if row.unit == SHARE else 1.0
    return (
        row.name,
        "%" if row.unit == SHARE else row.unit,
        number_words(scale * row.a),
        number_words(scale * row.b),
        difference_words(row),
        str(row.only_a),
        str(row.only_b),
        row.better or "–",
    )


def difference_words(row: Row) -> str:
    """The difference with its interval; shares in percentage points."""
    scale = 100.0 if row.unit == SHARE else 1.0
    value, low, high = (scale * each for each in (row.difference, row.low, row.high))
    if math.isnan(low):
        return _signed(value)
    return f"{_signed(value)} ({_signed(low)} to {_signed(high)})"


def wider_words(row: Row) -> str:
    """The interval from patients and parameters, a dash where it is not known."""
    if math.isnan(row.low_with_parameters):
        return "–"
    scale = 100.0 if row.unit == SHARE else 1.0
    low, high = (scale * each for each in (row.low_with_parameters, row.high_with_parameters))
    return f"{_signed(low)} to {_signed(high)}"


def _signed(value: float) -> str:
    words = number_words(value)
    if not any(digit in words for digit in "123456789"):
        return words.lstrip("-")
    return f"+{words}" if value > 0 else words


def _line(cells: Sequence[str], lengths: Sequence[int]) -> str:
    first, unit, *numbers = cells
    told = [first.ljust(lengths[0]), unit.ljust(lengths[1])]
    told += [cell.rjust(length) for cell, length in zip(numbers, lengths[2:], strict=True)]
    return "  ".join(told).rstrip()
