"""One replicate in full: its tables and figures on the page of a trial."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from virtuall.analysis.marrow import best_change
from virtuall.report.curve_figure import curve_figure
from virtuall.report.one_trial import OneTrial, one_trial
from virtuall.report.safety_cycles import safety_cycles
from virtuall.report.swimmer_figure import lanes, swimmer_figure
from virtuall.report.trial_page import trial_page
from virtuall.report.waterfall_figure import waterfall_figure
from virtuall.report.words import estimate_words, p_words
from virtuall.trial.design import load_design
from virtuall.trial.run import TrialResult, read_rows
from virtuall.trial.statistics import Estimate, kaplan_meier

LEVELS = ("CR", "CRh", "CRi")


def made_result() -> TrialResult:
    """Two replicates of 60 patients of a real design, made up."""
    design = load_design("tower")
    rng, n = np.random.default_rng(8), 120
    arm = np.where(np.arange(n) % 60 < 40, *(each.name for each in design.arms))
    answered = rng.random(n) < 0.4
    death = np.where(answered, rng.exponential(500, n), rng.exponential(200, n)) + 40
    relapse = np.where(answered & (rng.random(n) < 0.5), 35 + (death - 35) / 2, np.nan)
    transplant = np.where(answered & np.isnan(relapse) & (rng.random(n) < 0.5), 39.0, np.nan)
    end = np.minimum(death, 400.0)
    treated = rng.random(n) < 0.9
    outcomes = pd.DataFrame(
        {
            "patient": np.arange(n), "replicate": np.arange(n) // 60, "arm": arm, "status": 0,
            "cohort": "a cohort", "protocol": "a protocol", "age": rng.uniform(20, 70, n),
            "line": rng.integers(1, 4, n).astype(float), "marrow_blasts": rng.uniform(0.1, 0.9, n),
            "prior_transplant": rng.random(n) < 0.3, "treated": treated,
            "cycles_started": np.where(treated, rng.integers(1, 3, n), 0),
            "best_response": np.where(answered, "CR", "none"), "response_level": np.where(answered, "CR", "none"),
            "response_day": np.where(answered, 30.0, np.nan), "cr_day": np.where(answered, 30.0, np.nan),
            "mrd_negative": answered, "mrd_day": np.nan, "relapse_day": relapse, "transplant_day": transplant,
            "next_line_day": np.nan, "off_protocol_day": 80.0, "lymphodepletion_day": np.nan,
            "death_day": np.where(death > 400, np.nan, death), "death_cause": np.where(death > 400, "", "leukemia"),
            "last_day": end, "follow_up": end, "accrual_day": 0.0, "cut_day": 400.0, "response_cycle": 1.0,
        }
    )  # fmt: skip
    product = "blinatumomab"
    entries = []
    for patient in np.flatnonzero(treated):
        what = product if arm[patient] == design.arms[0].name else "chemotherapy"
        cycles = outcomes["cycles_started"][patient]
        for cycle in range(1, cycles + 1):
            entries.append((patient, 42.0 * cycle - 40, "infusion_start", what, float(cycle), "cycle", "", cycle))
            entries.append((patient, 42.0 * cycle - 12, "infusion_stop", what, 28.0, "d", "", cycle))
        if patient % 3 == 0:
            entries.append((patient, 3.0, "crs", "release", 3.0, "grade", "ctcae_v4_crs", 1))
            entries.append((patient, 3.0, "crs", "release by another scale", 1.0, "grade", "astct_crs", 1))
            entries.append((patient, 5.0, "effect", "nausea", 1.0, "grade", "", 1))
        if patient % 5 == 0:
            entries.append((patient, 45.0, "infection", "infection", 4.0, "grade", "", 2))
        entries.append((patient, 5000.0, "infection", "infection after all", 4.0, "grade", "", 2))
    columns = ["patient", "day", "kind", "what", "value", "unit", "rule", "cycle"]
    events = pd.DataFrame(entries, columns=columns).sort_values(["patient", "day"], kind="stable")
    provenance = {each.name: {"versions": {"virtuall": "0"}, "fingerprint": "abc"} for each in design.arms}
    mapped = read_rows("tower").mapped
    return TrialResult(design, 3, 2, (), outcomes, events.reset_index(drop=True), 0, provenance, mapped)


@pytest.fixture(scope="module")
def result() -> TrialResult:
    return made_result()


@pytest.fixture(scope="module")
def one(result: TrialResult) -> OneTrial:
    change = pd.Series(np.linspace(1.5, -1, 60), index=np.arange(60))
    return one_trial(result, change)


def test_the_tables_of_one_replicate(result: TrialResult, one: OneTrial) -> None:
    rows = {row.what: row for row in one.rows}
    first = result.outcomes[(result.outcomes["replicate"] == 0) & (result.outcomes["arm"] == one.arms[0])]
    answered = (first["best_response"] == "CR").sum()
    assert rows["Patients, treated"].arms[0] == f"40, {first['treated'].sum()}"
    assert rows["CR within 84 days"].arms[0].startswith(f"{answered}/40: ")
    assert rows["Overall survival: events"].arms[0] == f"{first['death_day'].notna().sum()}/40"
    assert rows["Overall survival: median, months"].compared.startswith("hazard ratio ")
    assert rows["Overall survival: events"].compared.startswith("log-rank p")
    assert rows["Duration of remission: events"].compared == ""
    assert any(what.startswith("After remission, first: transplant") for what in rows)
    assert not any("at 24 months" in what for what in rows), "nobody is followed so long"
    assert "Replicate 1: 60 patients" in one.notes[0]


def test_side_effects_are_counted_as_the_trial_counts_them(result: TrialResult, one: OneTrial) -> None:
    first, _ = one.safety
    names = {row.name: row for row in first.report.rows}
    assert "release by another scale" not in names, "the rows of this trial name one scale for the kind"
    assert "infection after all" not in names, "after the cut nothing is known"
    assert names["release"].grades[2].count == names["release"].any.count > 0
    cycles = {row.name: row for row in first.cycles.rows}
    assert first.cycles.cycles == (1, 2) and first.cycles.started[0] == first.report.treated
    assert cycles["nausea"].severe == (0, 0) and cycles["release"].severe == cycles["release"].any
    assert cycles["infection"].any[0] == 0 < cycles["infection"].any[1]


def test_the_page_holds_it(result: TrialResult, one: OneTrial) -> None:
    result = replace(result, mapped=replace(result.mapped, rows=()))  # no published row is simulated here
    html = trial_page(result, one=one)
    for words in (
        "One such trial as its statistician would see it",
        "Courses: blinatumomab",
        "Marrow blasts: chemotherapy",
        "blinatumomab: by cycle",
        "Death: hazard ratio",
        "Deaths of the treated by cause: leukemia",
    ):
        assert words in html, words
    assert "One such trial" not in trial_page(result)
    drawn = [*one.survival, *one.subgroups, *one.courses, *one.change]
    assert len(drawn) == 4 + 2 + 2 + 2
    for figure in drawn:
        root = ElementTree.fromstring(figure.svg)
        assert root.attrib["aria-label"] and "width" not in root.attrib


def test_a_single_arm_and_no_marrow(result: TrialResult) -> None:
    design = replace(result.design, arms=result.design.arms[:1])
    outcomes = result.outcomes[result.outcomes["arm"] == design.arms[0].name]
    found = one_trial(replace(result, design=design, outcomes=outcomes), replicate=1)
    assert found.arms == ("blinatumomab",) and not found.change and len(found.courses) == 1
    assert all(row.compared == "" for row in found.rows)
    assert "no waterfall" in found.notes[-1]
    assert "Response by subgroup, %" in found.subgroups[0].svg


def test_swimmers(result: TrialResult) -> None:
    outcomes = result.outcomes[result.outcomes["arm"] == "blinatumomab"]
    courses = lanes(outcomes, result.events, most=15)
    ends = [lane.end for lane in courses]
    assert len(courses) == 15 and ends == sorted(ends, reverse=True)
    assert ends[0] == outcomes["follow_up"].max() and ends[-1] == outcomes["follow_up"].min()
    every = lanes(outcomes, result.events, most=1000)
    assert len(every) == len(outcomes)
    for lane in every:
        assert lane.ongoing == ("death_day" not in lane.marks)
        assert lane.on_protocol <= min(lane.end, 80.0)
        assert all(start < stop <= max(lane.end, stop) for start, stop in lane.infusions)
    untreated = [lane for lane in every if not lane.on_protocol]
    assert len(untreated) == (~outcomes["treated"]).sum() and not any(lane.infusions for lane in untreated)
    assert swimmer_figure("nobody", (), every=30.0) == ""


def test_an_infusion_that_still_runs_ends_where_the_patient_was_last_seen(result: TrialResult) -> None:
    patient = result.outcomes[result.outcomes["treated"]].iloc[[0]]
    started = result.events[(result.events["kind"] == "infusion_start") & (result.events["cycle"] == 1)]
    (lane,) = lanes(patient.assign(follow_up=10.0), started, most=5)
    assert lane.infusions == ((2.0, 10.0),)


def test_waterfall_words() -> None:
    svg = waterfall_figure("Blasts", [2.0, 0.1, -0.9, -1.0, np.nan], ["none", "none", "CRh", "CR", "CR"], LEVELS)
    for words in ("CR (1)", "CRh (1)", "no response (2)", "4 patients"):
        assert words in svg
    assert waterfall_figure("Blasts", [np.nan], ["CR"], LEVELS) == ""


def test_best_change_by_hand() -> None:
    times = np.array([0.0, 7.0, 14.0, 21.0])
    shares = np.array([[0.8, 0.4, 0.2, 0.0], [0.5, 0.6, 0.9, 0.1], [0.5, 0.4, 0.3, 0.2], [0.0, 0.1, 0.1, 0.1]])
    found = best_change(times, shares, np.array([14.0, 15.0, 6.0, 30.0]))
    assert found[:2] == pytest.approx([-0.75, 0.2])
    assert np.isnan(found[2:]).all(), "nothing seen in time, nothing at the start"


def test_cycles_with_nobody_treated() -> None:
    outcomes = pd.DataFrame({"patient": [1], "treated": [False], "cycles_started": [0]})
    events = pd.DataFrame({name: [] for name in ("patient", "kind", "what", "rule", "value", "unit", "cycle")})
    assert safety_cycles(outcomes, events, severe_grade=3).rows == ()


def test_a_curve_in_which_nothing_happens() -> None:
    curve = kaplan_meier([10.0, 20.0], [False, False], arm="a", of="os")
    ElementTree.fromstring(curve_figure("OS", [curve], None, last=100.0, every=25.0))


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (Estimate(0.5, 0.25, 0.75), "0.50 (0.25–0.75)"),
        (Estimate(-0.5, -1.0, 0.25), "−0.50 (−1.00 to 0.25)"),
        (Estimate(20.0, 10.0, np.inf), "20.0 (10.0–not reached)"),
        (Estimate(0.5, np.nan, np.nan), "0.50"),
        (Estimate(np.inf, np.inf, np.inf), "not reached"),
        (Estimate(np.nan, np.nan, np.nan), "–"),
    ],
)
def test_estimates_in_words(estimate: Estimate, words: str) -> None:
    assert estimate_words(estimate) == words


def test_p_in_words() -> None:
    assert [p_words(p) for p in (1e-7, 0.01234, 0.5, np.nan)] == ["p < 0.0001", "p = 0.012", "p = 0.50", "–"]
