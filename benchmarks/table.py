"""Rows, tables and bars of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """A figure, and its bar where it has one: `met` is None for a figure that is only shown."""

    words: str
    value: str
    bar: str = ""
    met: bool | None = None


@dataclass(frozen=True)
class Section:
    """A part of the page: a heading, words before the tables, tables as Markdown, rows with bars, notes."""

    title: str
    words: str = ""
    tables: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)

    def text(self) -> str:
        """As Markdown."""
        parts = [f"## {self.title}"]
        if self.words:
            parts.append(self.words)
        parts += self.tables
        if self.rows:
            body = [(row.words, row.value, row.bar, verdict(row)) for row in self.rows]
            parts.append(table(("measured", "value", "bar", ""), body))
        parts += self.notes
        return "\n\n".join(parts) + "\n"


def verdict(row: Row) -> str:
    """Met, or missed, or nothing."""
    return "" if row.met is None else "met" if row.met else "**MISSED**"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, padded so that it reads as text too."""
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def at_least(words: str, value: float, bar: float, unit: str = "") -> Row:
    """A figure that must reach a bar."""
    return Row(words, f"{show(value)}{unit}", f">= {bar:g}{unit}", value >= bar)


def at_most(words: str, value: float, bar: float, unit: str = "") -> Row:
    """A figure that must not pass a bar."""
    return Row(words, f"{show(value)}{unit}", f"<= {bar:g}{unit}", value <= bar)


def show(value: float) -> str:
    """Three digits."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
