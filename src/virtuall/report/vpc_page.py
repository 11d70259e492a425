"""A predictive check as one HTML page that needs nothing from anywhere else."""

from __future__ import annotations

from virtuall.analysis.vpc import PredictiveCheck
from virtuall.report.page import render
from virtuall.report.vpc_figure import vpc_figures
from virtuall.report.vpc_table import cells, facts, heads, size_words


def vpc_page(found: PredictiveCheck) -> str:
    """The page: a figure and a table of each group, and what a reader must know."""
    return render(
        "vpc.html.j2",
        title=f"Predictive check: {found.signal.replace('_', ' ')}",
        size=size_words(found),
        figures=vpc_figures(found),
        facts=facts(found),
        heads=heads(found),
        panels=[(panel.name, [cells(found, panel, each) for each in panel.bins]) for panel in found.panels],
        notes=found.notes,
    )
