"""A comparison in words, as figures and as a page."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from virtuall.report.comparison_figure import comparison_figures
from virtuall.report.comparison_page import comparison_page
from virtuall.report.comparison_table import comparison_table
from virtuall.trial.comparison import Comparison, Row, Side

ROWS = (
    Row("response", "CR", "share", 0.42, 0.30, 0.12, 0.05, 0.19, 50, 14, "more", 300),
    Row("survival", "dead by day 180", "share", 0.5, 0.5, 0.0, -0.03, 0.03, 4, 4, "less", 300),
    Row("survival", "days alive of 730", "d", 282.1, 301.3, -19.2, -30.0, -8.0, 60, 120, "more", 300),
    Row("care", "days of infusion <b>", "d", 1.0, 1.0, np.nan, np.nan, np.nan, 0, 0, "", 0),
)


@pytest.fixture
def comparison() -> Comparison:
    return Comparison(
        Side("a/x", "Drug <i>", 1),
        Side("b/y", "Other", 0),
        "some",
        7,
        301,
        300,
        730.0,
        ROWS,
        ("therapies/x/rules.toml",),
        ("Patients only.",),
    )


def test_the_table_says_everything(comparison: Comparison) -> None:
    text = comparison_table(comparison)
    for words in (
        "300 pairs of 301 patients of some, seed 7, 730 days; failed: 1 under A, 0 under B",
        "+12.0 (+5.00 to +19.0)",
        "0.00 (-3.00 to +3.00)",
        "-19.2 (-30.0 to -8.00)",
        "Patients only.",
        "Texts that B has otherwise than A: therapies/x/rules.toml",
    ):
        assert words in text, words


def test_figures_tell_by_shape_what_leaves_out_zero(comparison: Comparison) -> None:
    figures = comparison_figures(comparison)
    assert len(figures) == 4
    for figure in figures:
        ElementTree.fromstring(figure)
    response, deaths, alive, _ = figures
    assert "percentage points" in response and "1 of 1 paired differences" in response
    assert "0 of 1 paired differences" in deaths
    assert "A minus B, days" in alive and "more under A" in alive


@pytest.fixture
def with_sets(comparison: Comparison) -> Comparison:
    """The same with an interval of patients and parameters, which holds zero where that of patients leaves it out."""
    first = replace(ROWS[0], low_with_parameters=-0.02, high_with_parameters=0.26, between_sets=0.04)
    return replace(comparison, rows=(first, *ROWS[1:]), sets=8, outside=("x was never calibrated.",))


def test_both_intervals_are_told(with_sets: Comparison, comparison: Comparison) -> None:
    text = comparison_table(with_sets)
    assert "+12.0 (+5.00 to +19.0)" in text and "-2.00 to +26.0" in text and "and parameters" in text
    assert "and parameters" not in comparison_table(comparison)
    html = comparison_page(with_sets)
    assert "<th>and parameters</th>" in html and "-2.00 to +26.0" in html and "x was never calibrated." in html
    assert "and parameters" not in comparison_page(comparison)
    figure = comparison_figures(with_sets)[0]
    assert "0 of 1 paired differences" in figure and "and parameters" in figure


def test_the_page_needs_nothing_and_escapes(comparison: Comparison) -> None:
    html = comparison_page(comparison)
    assert html.count("<svg") == 4 and "https://" not in html
    assert "Drug &lt;i&gt;" in html and "<b>" not in html and "<i>" not in html
    assert html == comparison_page(comparison)
