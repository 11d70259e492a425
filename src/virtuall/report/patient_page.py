"""One patient's story and figure as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from virtuall.report.page import render


def patient_page(title: str, sentences: Sequence[str], figure: str, facts: Mapping[str, str] | None = None) -> str:
    """A self-contained HTML page.

    Parameters
    ----------
    title : str
    sentences : sequence of str
        From `virtuall.report.patient_story.patient_story`.
    figure : str
        SVG from `virtuall.report.patient_figure.patient_figure`.
    facts : mapping of str to str, optional
        Seed, cohort, protocol, versions: shown below.
    """
    return render("patient.html.j2", title=title, sentences=sentences, figure=figure, facts=facts or {})
