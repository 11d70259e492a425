"""The report of manufactured cells as one HTML page that needs nothing from anywhere else."""

from __future__ import annotations

from virtuall.report.cells_figure import cells_figure
from virtuall.report.cells_report import CellsReport
from virtuall.report.cells_table import estimate_words, facts, title_words
from virtuall.report.page import render


def cells_page(report: CellsReport) -> str:
    """The page: the flow, both denominators side by side, the waits, and what else is counted."""
    return render(
        "cells.html.j2",
        title=f"Cells made for each patient: {report.protocol}",
        lead=title_words(report),
        figure=cells_figure(report),
        rows=[(row.name, estimate_words(row.enrolled), estimate_words(row.infused)) for row in report.rows],
        waits=[wait for wait in report.waits if wait.patients],
        facts=facts(report),
        notes=report.notes,
    )
