"""Exposure and response as one HTML page that needs nothing from anywhere else."""

from __future__ import annotations

from virtuall.analysis.exposure_response import ExposureResponse
from virtuall.report.exposure_response_figure import exposure_response_figures
from virtuall.report.exposure_response_table import cells, dose_cells, dose_heads, fit_lines, heads, size_words
from virtuall.report.page import render


def exposure_response_page(found: ExposureResponse) -> str:
    """The page: figures, groups, fits, doses, and what a reader must know."""
    return render(
        "exposure_response.html.j2",
        title=f"{found.response} by exposure",
        size=size_words(found),
        exposure=f"{found.exposure} ({found.unit})",
        figures=exposure_response_figures(found),
        heads=heads(found),
        rows=[cells(found, each) for each in found.quarters],
        fits=fit_lines(found),
        dose_heads=dose_heads(found),
        doses=[dose_cells(each) for each in found.doses],
        notes=found.notes,
    )
