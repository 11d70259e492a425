"""One patient: a story in sentences and one figure."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pandas as pd
import xarray as xr

from virtuall.report.patient_figure import Panel, panels_by_unit, patient_figure
from virtuall.report.patient_page import patient_page
from virtuall.report.patient_story import patient_story

OUTCOME = {
    "patient": 12, "age": 45.3, "sex": "male", "marrow_blasts": 0.71, "line": 2, "prior_transplant": True,
    "response_day": 29.0, "relapse_day": 50.0, "death_day": np.nan, "death_cause": "", "last_day": 60.0,
}  # fmt: skip


def test_a_story_reads_as_sentences(chart: pd.DataFrame) -> None:
    assert patient_story(OUTCOME, chart) == [
        "Patient 12: a 45-year-old man with 71 % blasts in the marrow, second salvage, "
        "after an earlier transplant.",
        "Day 0: dexamethasone given at 16 mg, by the rule “premedication”.",
        "Day 0: blinatumomab infusion started at 9 ug/d.",
        "Day 3.2: cytokine release syndrome, grade 3.",
        "Day 3.2: blinatumomab held, by the rule “CRS of grade 3”.",
        "Day 6: blinatumomab resumed at 9 ug/d.",
        "Day 29: response: CR (MRD-negative).",
        "Day 50: relapse (CD19-negative).",
        "Alive when last seen, on day 60, after a relapse on day 50.",
    ]  # fmt: skip


def test_how_a_story_ends(chart: pd.DataFrame) -> None:
    nothing = chart.iloc[:0]
    died = pd.Series({**OUTCOME, "death_day": 290.0, "death_cause": "infection"})
    assert patient_story(died, nothing)[-1] == "Died on day 290 of infection."
    well = {**OUTCOME, "relapse_day": np.nan}
    assert patient_story(well, nothing)[-1] == "Alive when last seen, on day 60, in remission since day 29."
    never = {"patient": 3, "last_day": 10.0}
    assert patient_story(never, nothing) == [
        "Patient 3: a person.",
        "Alive when last seen, on day 10, never in remission.",
    ]


def test_a_figure_shows_signals_orders_limits_and_events(signals: xr.Dataset, chart: pd.DataFrame) -> None:
    panels = [
        Panel("Cells", ["L", "not recorded"], "cells", log=True, limits={"detection limit": 1e8}),
        Panel("Absent", ["nothing"], "cells"),
        Panel("Drug", ["C"], "pg/mL"),
    ]
    svg = patient_figure(signals, chart, panels=panels, title="Patient 12")
    text = " ".join(ElementTree.fromstring(svg).itertext())
    for words in (
        "Cells",
        "leukemic cells",
        "detection limit",
        "blinatumomab",
        "dexamethasone",
        "relapse",
        "crs",
        "day",
    ):
        assert words in text, words
    assert "Absent" not in text
    assert svg == patient_figure(signals, chart, panels=panels, title="Patient 12")


def test_panels_come_from_units_when_none_are_named(signals: xr.Dataset, chart: pd.DataFrame) -> None:
    panels = panels_by_unit(signals)
    assert [(panel.unit, panel.log) for panel in panels] == [("cell", True), ("pg/mL", False)]
    assert "<svg" in patient_figure(signals, chart.iloc[:0])
    assert "<svg" in patient_figure(signals.isel(patient=0), chart, last_day=30.0)


def test_a_page_of_one_patient(signals: xr.Dataset, chart: pd.DataFrame) -> None:
    html = patient_page("Patient 12", ["Day 0: <b>."], patient_figure(signals, chart), {"seed": "1"})
    assert "Day 0: &lt;b&gt;." in html and "<dd>1</dd>" in html and html.count("<svg") == 1
    assert "never for the care of a patient" in html
