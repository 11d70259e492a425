"""The table of side effects: whom and what it counts, from when to when, and how it reads."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import beta

from virtuall.core.errors import InputError
from virtuall.report.safety_report import SafetyReport, SafetyRow, exact_share, safety_report
from virtuall.report.safety_table import safety_table
from virtuall.trial.reporting import CountText, SafetyText

NAN = np.nan
CELLS = CountText("low cells", "cells", "cell/uL", (1, 2, 3), (1500.0, 1000.0, 500.0))
TEXT = SafetyText(3, (CELLS,))
# patient, day, kind, what, value, unit
CHART = [
    (0, 0.0, "infusion_start", "drug", 1, "cycle"),
    (0, 2.0, "crs", "release of cytokines", 2, "grade"),
    (0, 3.0, "crs", "severe release of cytokines", 4, "grade"),
    (0, 5.0, "effect", "fever", 1, "grade"),
    (0, 40.0, "infusion_start", "drug", 2, "cycle"),
    (0, 41.0, "effect", "fever", 3, "grade"),
    (0, 60.0, "effect", "fever", 2, "grade"),  # once a patient, by the worst
    (1, 0.0, "crs", "release of cytokines", 3, "grade"),  # before the first dose
    (1, 10.0, "infusion_start", "drug", 1, "cycle"),
    (1, 10.0, "effect", "reaction", 1, "grade"),  # joins the event of that title
    (1, 80.0, "crs", "release of cytokines", 3, "grade"),  # under the next line
    (2, 1.0, "infusion_start", "drug", 1, "cycle"),
    (2, 2.0, "infusion_reaction", "reaction", 3, "grade"),
    (2, 2.5, "resolved", "reaction", NAN, ""),
    (3, 1.0, "infusion_start", "bridge", 1, "cycle"),  # never the drug itself
    (3, 2.0, "infection", "infection", 3, "grade"),
    (4, 0.0, "infusion_start", "drug", 1, "cycle"),
    (9, 0.0, "infusion_start", "drug", 1, "cycle"),  # failed
    (9, 1.0, "effect", "fever", 3, "grade"),
]


@pytest.fixture
def outcomes() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "patient": [9, 0, 1, 2, 3, 4],
            "status": [2, 0, 0, 0, 0, 0],
            "protocol": "made/up",
            "cohort": "some",
            "next_line_day": [NAN, NAN, 70.0, NAN, NAN, NAN],
            "lymphodepletion_day": NAN,
            "death_day": [NAN, NAN, 90.0, 95.0, 30.0, NAN],
            "death_cause": ["", "", "leukemia", "crs", "infection", ""],
        }
    )


@pytest.fixture
def events() -> pd.DataFrame:
    frame = pd.DataFrame(CHART, columns=["patient", "day", "kind", "what", "value", "unit"])
    return frame.astype({"kind": "category", "what": "category", "unit": "category"})


@pytest.fixture
def signals() -> xr.Dataset:
    days = np.arange(0.0, 101.0)
    cells = np.full((6, 101), 2e9)
    cells[1, 50] = 0.7e9  # patient 0, second cycle: grade 2
    cells[2] = 1.2e9  # patient 1: grade 1 all the time
    cells[2, 75] = 0.1e9  # and worse only under the next line
    cells[3, 5], cells[3, 20] = 1.4e9, 0.4e9  # patient 2: grade 3
    cells[5, 10:] = NAN  # patient 4 died
    data = {"cells": (("patient", "time"), cells, {"units": "cell/L"})}
    return xr.Dataset(data, coords={"patient": [9, 0, 1, 2, 3, 4], "time": days})


@pytest.fixture
def report(outcomes: pd.DataFrame, events: pd.DataFrame, signals: xr.Dataset) -> SafetyReport:
    return safety_report(outcomes, events, TEXT, {"drug"}, signals)


def row(report: SafetyReport, name: str) -> SafetyRow:
    (found,) = (each for each in report.rows if each.name == name)
    return found


def counts(row: SafetyRow) -> tuple[int, int, int, int | None]:
    return row.any.count, row.severe.count, row.first.count, row.later and row.later.count


def test_who_is_counted(report: SafetyReport) -> None:
    assert (report.treated, report.untreated, report.failed) == (4, 1, 1)
    assert all(each.any.of == 4 and each.later is not None and each.later.of == 1 for each in report.rows)


def test_every_effect_once_a_patient_by_its_worst_grade(report: SafetyReport) -> None:
    assert counts(row(report, "fever")) == (1, 1, 1, 1)
    assert counts(row(report, "release of cytokines")) == (1, 1, 1, 0)
    assert "infection" not in {each.name for each in report.rows}, "who never got the drug is not counted"


def test_events_of_a_kind_and_an_effect_of_that_title_are_one_row(report: SafetyReport) -> None:
    assert counts(row(report, "reaction")) == (2, 1, 2, 0)
    assert [each.name for each in report.rows] == ["low cells", "reaction", "fever", "release of cytokines"]


@pytest.fixture
def graded(events: pd.DataFrame) -> pd.DataFrame:
    """The same charts with one syndrome graded on two scales, for patient 4."""
    more = [
        (4, 2.0, "crs", "release of cytokines", 1, "grade", "mild scale"),
        (4, 2.0, "crs", "release of cytokines, strict", 3, "grade", "strict scale"),
    ]
    columns = ["patient", "day", "kind", "what", "value", "unit", "rule"]
    plain = events.astype({"kind": str, "what": str, "unit": str}).assign(rule="")
    return pd.concat([plain, pd.DataFrame(more, columns=columns)], ignore_index=True)


def test_each_scale_has_a_row_of_its_own(outcomes: pd.DataFrame, graded: pd.DataFrame) -> None:
    found = safety_report(outcomes, graded, TEXT, {"drug"})
    strict = row(found, "release of cytokines, strict")
    assert (strict.scale, counts(strict)) == ("strict scale", (1, 1, 1, 0))
    assert "release of cytokines, strict by strict scale" in " ".join(safety_table(found).split())


def test_a_trial_counts_on_its_own_scale(outcomes: pd.DataFrame, graded: pd.DataFrame) -> None:
    found = safety_report(outcomes, graded, TEXT, {"drug"}, scales=["strict scale"])
    names = {each.name for each in found.rows}
    assert "release of cytokines" not in names and {"release of cytokines, strict", "fever", "reaction"} <= names
    assert [share.count for share in row(found, "release of cytokines, strict").grades] == [0, 0, 1, 0, 0]


def test_counts_in_blood_when_worse_than_before(report: SafetyReport) -> None:
    assert counts(row(report, "low cells")) == (2, 1, 1, 1)


def test_what_prepares_counts_as_before(outcomes: pd.DataFrame, events: pd.DataFrame, signals: xr.Dataset) -> None:
    signals["cells"][2, 5:] = 0.4e9  # patient 1 fell before the first dose on day 10
    alone = safety_report(outcomes, events, TEXT, {"drug"}, signals)
    prepared = safety_report(outcomes.assign(lymphodepletion_day=4.0), events, TEXT, {"drug"}, signals)
    assert row(prepared, "low cells").any.count == row(alone, "low cells").any.count + 1


def test_without_signals_counts_are_left_out_and_said(outcomes: pd.DataFrame, events: pd.DataFrame) -> None:
    report = safety_report(outcomes, events, TEXT, {"drug"})
    assert "low cells" not in {each.name for each in report.rows}
    assert any("not recorded: low cells" in note for note in report.notes)


def test_deaths_by_cause(report: SafetyReport) -> None:
    assert {cause: share.count for cause, share in report.deaths.items()} == {
        "leukemia": 1,
        "release of cytokines": 1,
    }
    assert all(share.of == 4 for share in report.deaths.values())


def test_nobody_had_a_second_cycle(outcomes: pd.DataFrame, events: pd.DataFrame) -> None:
    events = events[~((events["kind"] == "infusion_start") & (events["value"] == 2))]
    report = safety_report(outcomes, events, TEXT, {"drug"})
    assert all(each.later is None and each.first == each.any for each in report.rows)
    assert "–" in safety_table(report)


def test_another_drug_of_a_sequence_is_later(outcomes: pd.DataFrame, events: pd.DataFrame) -> None:
    second = pd.DataFrame([(2, 1.5, "infusion_start", "other", 1, "cycle")], columns=events.columns)
    events = pd.concat([events.astype({"kind": str, "what": str, "unit": str}), second]).sort_values(["patient", "day"])
    report = safety_report(outcomes, events, TEXT, {"drug", "other"})
    assert counts(row(report, "reaction")) == (2, 1, 1, 1)


def test_intervals_are_exact() -> None:
    for count, of in ((0, 7), (3, 11), (11, 11)):
        share = exact_share(count, of)
        low = beta.ppf(0.025, count, of - count + 1) if count else 0.0
        high = beta.ppf(0.975, count + 1, of - count) if count < of else 1.0
        assert (share.value, share.low, share.high) == pytest.approx((count / of, low, high))
    assert np.isnan(exact_share(0, 0).value)


def test_the_table_fits_a_terminal(report: SafetyReport) -> None:
    text = safety_table(report)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "Simulated." in text and "grade 3 and above" in text
    shares, grades = (line.split() for line in text.splitlines() if line.startswith("fever"))
    assert shares == ["fever", "25.0", "(0.6–80.6)", "25.0", "(0.6–80.6)", "25.0", "100"]
    assert grades == ["fever", "0", "0", "25.0", "0", "0"], "once a patient by the worst grade"


def test_a_long_name_goes_on(outcomes: pd.DataFrame, events: pd.DataFrame) -> None:
    long = "disease of the smallest veins of the liver after a transplant"
    events["what"] = events["what"].cat.rename_categories({"fever": long})
    text = safety_table(safety_report(outcomes, events, TEXT, {"drug"}))
    assert max(len(line) for line in text.splitlines()) <= 80
    assert long in " ".join(line[:26].strip() for line in text.splitlines())


def test_it_is_plain_data(report: SafetyReport) -> None:
    found = json.loads(json.dumps(report.as_json()))
    assert found["rows"][0]["name"] == "low cells" and found["rows"][0]["any"]["of"] == 4


def test_nobody_treated_is_refused(outcomes: pd.DataFrame, events: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="nobody was treated"):
        safety_report(outcomes, events, TEXT, {"another drug"})
