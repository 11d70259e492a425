"""The report of manufactured cells: both denominators, everybody lost has a cause, waits, B cells, relapses."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from lifelines import KaplanMeierFitter

from virtuall.core.errors import InputError
from virtuall.report.cells_figure import cells_figure
from virtuall.report.cells_page import cells_page
from virtuall.report.cells_report import WAITING, CellsReport, cells_report
from virtuall.report.cells_table import cells_table
from virtuall.trial.reporting import CellsText

TEXT = CellsText(90.0, (180.0, 365.0), "b_cells_blood", "cell/uL", 50.0, 182.625)
NAN = np.nan
# collected, collections, ready, lymphodepletion, infused, failure, off, death, cause, last, mrd, next line
PATIENTS = [
    (7, 1, 30, 34, 40, "", "", NAN, "", 500, 70, NAN),  # remission on day 70, stays so
    (8, 2, 33, 40, 45, "", "", 300, "leukemia", 300, 75, NAN),  # remission on day 75, relapse on day 200
    (7, 1, 31, NAN, 36, "", "", 100, "infection", 100, NAN, 60),  # not before the next line; no lymphodepletion
    (9, 1, 40, 44, 50, "", "", NAN, "", 500, 30, NAN),  # in remission already when infused
    (9, 1, 35, NAN, NAN, "not fit", "", 80, "leukemia", 80, NAN, NAN),
    (7, 1, NAN, NAN, NAN, "manufacture", "", NAN, "", 500, NAN, NAN),
    (NAN, 2, NAN, NAN, NAN, "leukapheresis", "", NAN, "", 500, NAN, NAN),
    (7, 1, NAN, NAN, NAN, "", "", 25, "leukemia", 25, NAN, NAN),
    (7, 1, NAN, NAN, NAN, "", "consent withdrawn", NAN, "", 500, NAN, NAN),
    (7, 1, 499, NAN, NAN, "", "", NAN, "", 500, NAN, NAN),
]
CHART = [
    (1, 70.0, "response", "CR"),
    (2, 75.0, "response", "CRi"),
    (2, 200.0, "relapse", "CD19-negative"),
    (3, 70.0, "response", "CR"),
    (4, 10.0, "response", "CR"),
    (4, 15.0, "relapse", "CD19-positive"),
    (4, 28.0, "response", "CR"),
    (5, 20.0, "response", "CR"),
    (11, 1.0, "response", "CR"),
]
NAMES = (
    "collected_day",
    "collections",
    "product_ready_day",
    "lymphodepletion_day",
    "infused_day",
    "supply_failure",
    "off_protocol_reason",
    "death_day",
    "death_cause",
    "last_day",
    "mrd_day",
    "next_line_day",
)


@pytest.fixture
def outcomes() -> pd.DataFrame:
    frame = pd.DataFrame(PATIENTS, columns=NAMES)
    frame["out_of_specification"] = [False, True, *[False] * 8]
    frame["transplant_day"] = NAN
    frame["patient"], frame["status"] = np.arange(1, 11), 0
    failed = frame.iloc[[0]].assign(patient=11, status=3)
    return pd.concat([frame, failed], ignore_index=True).assign(protocol="made/up", cohort="some")


@pytest.fixture
def events() -> pd.DataFrame:
    return pd.DataFrame(CHART, columns=["patient", "day", "kind", "what"]).astype({"kind": "category"})


@pytest.fixture
def signals() -> xr.Dataset:
    days = np.arange(0.0, 501.0)
    counts = np.full((11, 501), 200.0)
    counts[0, 40:] = 1.0
    data = {"b_cells_blood": (("patient", "time"), counts, {"units": "cell/uL"})}
    return xr.Dataset(data, coords={"patient": np.arange(1, 12), "time": days})


@pytest.fixture
def report(outcomes: pd.DataFrame, events: pd.DataFrame, signals: xr.Dataset) -> CellsReport:
    return cells_report(outcomes, events, TEXT, signals)


def row(report: CellsReport, begin: str):
    (found,) = [each for each in report.rows if each.name.startswith(begin)]
    return found


def test_both_denominators(report: CellsReport) -> None:
    assert (report.enrolled, report.failed) == (10, 1)
    remission = row(report, "remission")
    assert (remission.enrolled.count, remission.enrolled.of) == (3, 10)
    assert (remission.infused.count, remission.infused.of) == (3, 4)
    assert row(report, "MRD").infused.count == 3


def test_survival_counts_from_enrollment_and_from_infusion(report: CellsReport) -> None:
    half = row(report, "overall survival, 5.91")
    # from enrollment: deaths on days 100, 80, 25 of ten; from infusion: one on day 64 of four
    assert half.enrolled.value == pytest.approx(0.7) and half.infused.value == pytest.approx(0.75)
    year = row(report, "overall survival, 12")
    assert year.infused.value == pytest.approx(0.5)
    judge = KaplanMeierFitter().fit([500, 300, 100, 500, 80, 500, 500, 25, 500, 500], [0, 1, 1, 0, 1, 0, 0, 1, 0, 0])
    bounds = judge.confidence_interval_survival_function_.loc[300.0].tolist()
    assert [year.enrolled.low, year.enrolled.high] == pytest.approx(bounds)


def test_no_infusion_and_no_remission_are_events_on_the_first_day(report: CellsReport) -> None:
    assert row(report, "event-free survival, 5.91").enrolled.value == pytest.approx(0.3)
    # the relapse on day 200 is day 155 after the infusion
    assert row(report, "event-free survival, 5.91").infused.value == pytest.approx(0.5)
    assert row(report, "event-free survival, 12").enrolled.value == pytest.approx(0.2)


def test_everybody_who_is_lost_has_a_cause(report: CellsReport) -> None:
    assert [(stage.name, stage.reached) for stage in report.stages] == [
        ("enrolled", 10),
        ("collected", 9),
        ("product ready", 6),
        ("lymphodepleted", 4),
        ("infused", 4),
    ]
    assert report.stages[1].lost == {"leukapheresis": 1}
    assert report.stages[2].lost == {"consent withdrawn": 1, "died before infusion: leukemia": 1, "manufacture": 1}
    assert report.stages[3].lost == {"not fit": 1, WAITING: 1}
    assert sum(report.losses.values()) == 6 == sum(sum(stage.lost.values()) for stage in report.stages)


def test_waits_products_and_relapses(report: CellsReport) -> None:
    waits = {wait.name: wait for wait in report.waits}
    vein = waits["vein to vein: collection to infusion"]
    assert (vein.patients, vein.median, vein.least, vein.most) == (4, 35.0, 29.0, 41.0)
    assert waits["enrollment to infusion"].median == 42.5
    assert (report.out_of_specification.count, report.out_of_specification.of) == (1, 6)
    assert (report.collected_again.count, report.collected_again.of) == (1, 9)
    assert report.phenotypes == {"CD19-negative": 1}


def test_b_cells_of_those_in_remission(
    report: CellsReport, outcomes: pd.DataFrame, events: pd.DataFrame, signals: xr.Dataset
) -> None:
    # patients 1 and 4 are in remission half a year after the infusion; patient 2 has relapsed
    assert report.aplasia is not None and (report.aplasia.count, report.aplasia.of) == (1, 2)
    assert cells_report(outcomes, events, TEXT).aplasia is None
    in_liters = signals * 1e6
    in_liters["b_cells_blood"].attrs["units"] = "cell/L"
    assert cells_report(outcomes, events, TEXT, in_liters).aplasia == report.aplasia
    short = cells_report(outcomes, events, TEXT, signals.sel(time=slice(0, 100)))
    assert short.aplasia is not None and short.aplasia.of == 0


def test_the_order_of_patients_and_entries_does_not_matter(
    report: CellsReport, outcomes: pd.DataFrame, events: pd.DataFrame, signals: xr.Dataset
) -> None:
    turned = cells_report(outcomes[::-1], events[::-1], TEXT, signals.isel(patient=slice(None, None, -1)))
    assert turned == report


def test_results_without_manufactured_cells_are_refused(outcomes: pd.DataFrame, events: pd.DataFrame) -> None:
    plain = outcomes.drop(columns=["collected_day", "supply_failure"])
    with pytest.raises(InputError, match="no cells were made"):
        cells_report(plain, events, TEXT)
    with pytest.raises(InputError, match="after another product"):
        cells_report(outcomes.assign(infused_day=1.0), events, TEXT)
    with pytest.raises(InputError, match="every patient failed"):
        cells_report(outcomes.assign(status=2), events, TEXT)


def test_nobody_infused_is_told(outcomes: pd.DataFrame, events: pd.DataFrame) -> None:
    lost = cells_report(outcomes[outcomes["infused_day"].isna()], events, TEXT)
    assert row(lost, "remission").infused.of == 0
    assert "nobody" in cells_table(lost)


def test_the_words(report: CellsReport) -> None:
    text = cells_table(report)
    for words in (
        "10 patients of some enrolled, 4 infused; 1 simulations failed",
        "of all enrolled",
        "75.0 % (19.4–99.4), 3 of 4",
        "lost 3: consent withdrawn 1, died before infusion: leukemia 1, manufacture 1",
        "median 35.0 d (29.0 to 41.0), n = 4",
        "CD19-negative 1",
        "1 of those infused got no lymphodepletion",
    ):
        assert words in text, words


def test_the_figure_and_the_page(report: CellsReport) -> None:
    figure = cells_figure(report)
    ElementTree.fromstring(figure)
    for words in ("infused: 4", "− 1 leukapheresis", "− 1 not fit", "40 %"):
        assert words in figure, words
    html = cells_page(report)
    assert html.count("<svg") == 1 and "https://" not in html.replace("http://www.w3.org", "")
    assert json.loads(json.dumps(report.as_json()))["losses"] == dict(report.losses)
