"""A comparison as one HTML page that needs nothing from anywhere else."""

from __future__ import annotations

from virtuall.report.comparison_figure import comparison_figures
from virtuall.report.comparison_table import (
    changed_words,
    reading_words,
    row_cells,
    side_words,
    size_words,
    wider_words,
)
from virtuall.report.page import render
from virtuall.trial.comparison import Comparison


def comparison_page(comparison: Comparison) -> str:
    """The page: who against whom, the figures, every row, and what a reader must know."""
    notes = [*comparison.notes, *(f"Outside the calibrated domain: {each}" for each in comparison.outside)]
    if comparison.changed:
        notes.append(changed_words(comparison.changed))
    return render(
        "comparison.html.j2",
        title=f"{comparison.a.protocol} against {comparison.b.protocol}",
        a=side_words(comparison.a),
        b=side_words(comparison.b),
        size=size_words(comparison),
        notes=notes,
        reading=reading_words(comparison),
        sets=comparison.sets,
        figures=comparison_figures(comparison),
        rows=[(row.group, row_cells(row), wider_words(row)) for row in comparison.rows],
    )
