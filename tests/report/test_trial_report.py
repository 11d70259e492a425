"""The report: one page that needs nothing else, escapes everything, drops no row, is always the same."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from virtuall.report.burden_figure import burden_figure
from virtuall.report.check_figure import Check, Point, check_figure
from virtuall.report.forest_figure import forest_figure
from virtuall.report.rows_table import rows_table, summary
from virtuall.report.survival_figure import SurvivalFigure, survival_figure
from virtuall.report.trial_report import Header, trial_report
from virtuall.report.words import number_words, published_words, simulated_words
from virtuall.trial.curves import SignalBand, StrataBand, SurvivalBand
from virtuall.trial.scoring import TrialRow

HEADER = Header(
    title="Made up on virtual patients",
    trial="made_up",
    about="A drug against <i>control</i>.",
    seed=7,
    replicates=5,
    patients=2025,
    failed=1,
    versions={"virtuall": "0.1.0", "numpy": "2"},
    fingerprint="abc123",
    hand_set=["growth", "kill"],
    notes=["Data are cut at 248 deaths."],
)
DAYS = np.linspace(0, 35, 80)
BAND = SignalBand("drug 60", "pg/mL", DAYS, 100 * np.exp(-DAYS), 10 * np.exp(-DAYS), 1000 * np.exp(-DAYS))
CHECKS = (
    Check("IL-6", [BAND], [[Point(0.2, 700, 10, 5000)]], floor=10, log=True, last=4, note="Points: none."),
    Check("CD8", [BAND], [[Point(0.25, 0.15)]], first=1 / 24, log_time=True),
)  # fmt: skip


def page(rows: list[TrialRow], bands: list[SurvivalBand], strata: list[StrataBand]) -> str:
    figure = SurvivalFigure("Overall survival", bands, {"drug": rows[2]}, note="Everybody randomized.")
    return trial_report(HEADER, rows, survival=[figure], burden=strata, checks=CHECKS)


def test_the_page_says_what_a_reader_must_know(
    rows: list[TrialRow], bands: list[SurvivalBand], strata: list[StrataBand]
) -> None:
    html = page(rows, bands, strata)
    for words in (
        "For research and teaching, never for the care of a patient",
        "2 values in this run were set by hand (mark A)",
        "abc123",
        "virtuall 0.1.0",
        "2,025 patients in all; 1 failed",
        "Data are cut at 248 deaths.",
        "Everybody randomized.",
        "Points: none.",
        summary(rows),
    ):
        assert words in html, words
    for row in rows:
        assert f">{row.target}</td>" in html, "no row is dropped"
    assert html.count("□ outside") == 2, "in the caption and at the one row"


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing(
    rows: list[TrialRow], bands: list[SurvivalBand], strata: list[StrataBand]
) -> None:
    html = page(rows, bands, strata)
    assert not re.search(r"""(src|href)=["'](?!#)""", re.sub(r"xlink:href=\"#", "", html))
    assert "url(http" not in html and "@import" not in html
    assert "<script" not in html and "<i>control" not in html
    assert "&lt;script&gt;" in html
    assert "control <b>" not in html


def test_the_same_rows_give_the_same_page(
    rows: list[TrialRow], bands: list[SurvivalBand], strata: list[StrataBand]
) -> None:
    assert page(rows, bands, strata) == page(rows, bands, strata)


def test_every_figure_is_sound_svg_that_takes_the_width_of_the_page(
    rows: list[TrialRow], bands: list[SurvivalBand], strata: list[StrataBand]
) -> None:
    drawn = [
        survival_figure(SurvivalFigure("OS", bands, {"drug": rows[2], "control <b>": rows[2]})),
        burden_figure(strata),
        *(check_figure(check) for check in CHECKS),
        *(forest_figure([row for row in rows if row.unit == unit], unit) for unit in ("%", "months", "ratio")),
    ]
    for svg in drawn:
        root = ElementTree.fromstring(svg)
        assert "width" not in root.attrib and "height" not in root.attrib
        assert root.attrib["aria-label"]
        assert [element for element in root.iter() if element.tag.endswith("}text")], "text stays text"


def test_a_forest_tells_inside_from_outside_without_color(rows: list[TrialRow]) -> None:
    svg = forest_figure([row for row in rows if row.unit == "%"], "Shares")
    assert svg.count("· outside") == 1
    assert "1 of 2 published values inside" in svg
    assert forest_figure([rows[-1]], "nothing simulated") == ""


def test_a_page_without_figures(rows: list[TrialRow]) -> None:
    html = trial_report(HEADER, [rows[-1]])
    assert "1 published rows that are not simulated yet" in html
    assert "<svg" not in html


def test_the_terminal_table(rows: list[TrialRow]) -> None:
    text = rows_table(rows)
    assert "33.0 (29.7–36.3)" in text and "34 (28–39.5)" in text
    assert "T6" not in text.split("\n\n")[0]
    assert text.endswith("3 of 4 scored rows that were simulated lie inside their interval; "
                         "1 rows (1 scored) are not simulated yet.\n")  # fmt: skip
    everything = rows_table(rows, all_rows=True)
    assert re.search(r"T6 .*not simulated", everything)
    assert rows_table([]).strip()


def test_one_replicate_is_shown_and_not_judged(rows: list[TrialRow]) -> None:
    nothing = {"low": None, "high": None, "inside": None, "inside50": None, "width_ratio": None}
    once = [replace(row, values=(row.simulated,), **nothing) for row in rows if row.simulated is not None]
    text = rows_table(once)
    assert f"{len(once)} rows have one simulated figure and no interval" in text and "outside" not in text
    assert "33.0 " in text and "(29.7" not in text
    html = trial_report(HEADER, once)
    assert "0 rows (0 scored) are not simulated yet" in html and "□" not in html.split("<table")[1]


def test_few_replicates_are_said_to_give_narrow_intervals(rows: list[TrialRow]) -> None:
    few, many = ([replace(row, values=(1.0,) * n) for row in rows] for n in (16, 40))
    assert "Intervals of 16 simulated trials are narrower" in rows_table(few)
    assert "narrower" not in rows_table(many)
    pooled = [replace(rows[0], values=(1.0,) * 24), *few[1:]]
    assert "Intervals of 16 simulated trials are narrower" in rows_table(pooled), "of a pooled row there are others"


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "–"), (np.nan, "–"), (np.inf, "not reached"), (0.0, "0.00"), (33.64, "33.6"), (1234.4, "1,234")],
)
def test_numbers_in_words(value: float | None, words: str) -> None:
    assert number_words(value) == words


def test_intervals_in_words(rows: list[TrialRow]) -> None:
    assert simulated_words(rows[2]) == "7.00 (6.30–not reached)"
    assert simulated_words(rows[5]) == "not simulated"
    assert published_words(rows[1]) == "34"


def test_heavy_libraries_are_not_imported_with_the_package() -> None:
    code = (
        "import sys, virtuall.trial.scoring, virtuall.trial.curves, virtuall.store; "
        "import virtuall.report.trial_report, virtuall.report.patient_figure, virtuall.report.patient_story; "
        "import virtuall.report.patient_page, virtuall.report.rows_table; "
        "print([m for m in ('pandas', 'xarray', 'lifelines', 'matplotlib', 'jinja2', 'scipy', 'pyarrow') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
