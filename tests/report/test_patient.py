"""One patient: a story in sentences and one figure."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from virtuall.core.errors import Problems
from virtuall.model.shelf import Shelf, shipped_library
from virtuall.report.patient_course import charted, read_course
from virtuall.report.patient_figure import Panel, panels_by_unit, patient_figure
from virtuall.report.patient_page import patient_page
from virtuall.report.patient_panels import PANELS, panels_for, read_panels
from virtuall.report.patient_story import patient_story

OUTCOME = {
    "patient": 12, "age": 45.3, "sex": "male", "marrow_blasts": 0.71, "line": 2, "prior_transplant": True,
    "response_day": 29.0, "relapse_day": 50.0, "death_day": np.nan, "death_cause": "", "last_day": 60.0,
}  # fmt: skip
CELLS = {**OUTCOME, "collected_day": 8.0, "infused_day": 37.0, "supply_failure": ""}
COLUMNS = ["day", "kind", "what", "value", "unit", "rule"]
NAN = np.nan


def a_chart(*entries: tuple[float, str, str, float, str, str]) -> pd.DataFrame:
    """Entries as a chart."""
    return pd.DataFrame(list(entries), columns=COLUMNS)


@pytest.fixture
def chart() -> pd.DataFrame:
    """An infusion that was held and resumed, in a patient who relapsed."""
    return a_chart(
        (0.0, "order", "dexamethasone", 16.0, "mg", "premedication before start"),
        (0.0, "order", "blinatumomab", 9.0, "ug/d", "start of infusion: low"),
        (0.0, "infusion_start", "blinatumomab", 1.0, "cycle", ""),
        (1.0, "sample", "marrow", NAN, "", ""),
        (3.25, "crs", "severe cytokine release syndrome", 3.0, "grade", ""),
        (3.25, "order", "blinatumomab", 0.0, "ug/d", "CRS of grade 3"),
        (3.25, "infusion_stop", "blinatumomab", 3.25, "d", "CRS of grade 3"),
        (3.25, "hold", "blinatumomab", 1.0, "cycle", "CRS of grade 3"),
        (6.0, "resume", "blinatumomab", 2.75, "d", "when CRS is over"),
        (6.0, "order", "blinatumomab", 9.0, "ug/d", "start of infusion: low"),
        (6.0, "infusion_start", "blinatumomab", 1.0, "cycle", ""),
        (13.0, "order", "blinatumomab", 28.0, "ug/d", "step: full"),
        (28.0, "infusion_stop", "blinatumomab", 28.0, "d", "end of infusion"),
        (29.0, "response", "CR", NAN, "", ""),
        (50.0, "relapse", "CD19-negative", NAN, "", ""),
    )


COLLECTED = (
    (1.0, "leukapheresis", "cells collected", 2.5e8, "cell", ""),
    (8.0, "leukapheresis", "cells collected", 1.34e9, "cell", ""),
    (8.0, "manufacture", "shipping", 2.0, "d", ""),
    (9.0, "infusion_start", "chemotherapy", 1.0, "cycle", ""),
    (10.0, "manufacture", "making", 18.5, "d", ""),
)
READY = (
    (28.5, "product ready", "product", 1.0, "", ""),
    (28.5, "infusion_stop", "chemotherapy", 19.5, "d", "the product is there"),
    (28.5, "stop", "chemotherapy", 1.0, "cycle", "the product is there"),
)
LYMPHODEPLETION = (
    *[(30.5 + day, "order", "fludarabine", 54.0, "mg", "a level") for day in range(3)],
    (30.5, "order", "cyclophosphamide", 1062.3, "mg", "another level"),
    (30.5, "infusion_start", "fludarabine", 1.0, "cycle", ""),
    (30.6, "order", "fludarabine", 0.0, "mg/d", "dose is in"),
    (33.0, "hold", "fludarabine", 1.0, "cycle", "pause for an infection"),
    (34.0, "resume", "fludarabine", 1.0, "d", "when it is over"),
    (37.0, "infusion_stop", "fludarabine", 5.5, "d", "end of infusion"),
    (37.0, "stop", "fludarabine", 1.0, "cycle", "all cycles given"),
)
INFUSION = (
    (37.0, "order", "tisagenlecleucel", 1.09e8, "cell", "per weight"),
    (37.0, "infusion_start", "tisagenlecleucel", 1.0, "cycle", ""),
    (37.0, "infusion_stop", "tisagenlecleucel", 0.0, "d", "end of infusion"),
    (37.0, "stop", "tisagenlecleucel", 1.0, "cycle", "all cycles given"),
)


@pytest.fixture
def cells() -> pd.DataFrame:
    """Cells collected twice, made out of specification, and infused."""
    return a_chart(*COLLECTED, *READY, *LYMPHODEPLETION, *INFUSION)


def test_a_story_reads_as_sentences(chart: pd.DataFrame) -> None:
    assert patient_story(OUTCOME, chart) == [
        "Patient 12: a 45-year-old man with 71 % blasts in the marrow, second salvage, "
        "after an earlier transplant.",
        "Day 0: blinatumomab infusion started at 9 ug/d, cycle 1.",
        "Day 3.2: severe cytokine release syndrome, grade 3.",
        "Day 3.2: blinatumomab held, by the rule “CRS of grade 3”.",
        "Day 6: blinatumomab resumed after 2.8 d, by the rule “when CRS is over”.",
        "Day 6: blinatumomab infusion started again at 9 ug/d, cycle 1.",
        "Day 13: blinatumomab now at 28 ug/d.",
        "Day 28: blinatumomab infusion ended after 28 d.",
        "Day 29: response: CR.",
        "Day 50: relapse (CD19-negative).",
        "Alive when last seen, on day 60, after a relapse on day 50.",
    ]  # fmt: skip


def test_the_way_of_made_cells_is_told_with_its_days(cells: pd.DataFrame) -> None:
    assert patient_story(CELLS, cells)[1:-1] == [
        "Day 1: leukapheresis: 250 million cells collected, too few.",
        "Day 8: second leukapheresis: 1.3 billion cells collected.",
        "Day 9: bridging with chemotherapy, cycle 1, to day 28.5.",
        "Day 28.5: the product is ready, but out of specification, 20.5 days after collection "
        "(shipping 2 d, making 18.5 d).",
        "Day 28.5: bridging ended.",
        "Day 30.5: lymphodepletion: 54 mg of fludarabine on days 30.5 to 32.5, "
        "1062 mg of cyclophosphamide on day 30.5.",
        "Day 33: lymphodepletion held, by the rule “pause for an infection”.",
        "Day 34: lymphodepletion resumed after 1 d, by the rule “when it is over”.",
        "Day 37: infusion of tisagenlecleucel: 109 million cells.",
    ]  # fmt: skip


def test_roles_are_known_without_orders(cells: pd.DataFrame) -> None:
    course = read_course(charted(cells[cells["kind"] != "order"]))
    assert [cycle.role for cycle in course.cycles] == ["bridging", "lymphodepletion", "cells"]
    told = patient_story(CELLS, cells[cells["kind"] != "order"])
    assert "Day 30.5: lymphodepletion: fludarabine." in told and "Day 37: infusion of tisagenlecleucel." in told


def test_what_is_given_beside_an_infusion_is_told_with_it() -> None:
    beside = a_chart(
        (2.0, "order", "chemotherapy", 0.05, "course/d", "start of infusion: a course"),
        (2.0, "order", "dexamethasone", 10.0, "mg", "steroid"),
        (2.0, "infusion_start", "chemotherapy", 1.0, "cycle", ""),
        (3.0, "order", "dexamethasone", 10.0, "mg", "steroid"),
        (7.0, "infusion_stop", "chemotherapy", 5.0, "d", "end of infusion"),
    )
    assert patient_story(OUTCOME, beside)[1:-1] == [
        "Day 2: chemotherapy infusion started, cycle 1, with 10 mg of dexamethasone on days 2 and 3.",
        "Day 7: chemotherapy infusion ended after 5 d.",
    ]


def test_bridging_that_goes_on_beside_a_ready_product_stays_bridging() -> None:
    later = (35.0, "infusion_start", "chemotherapy", 2.0, "cycle", "")
    course = read_course(charted(a_chart(*COLLECTED, READY[0], later)))
    assert [cycle.role for cycle in course.cycles] == ["bridging", "bridging"]


def test_cells_that_could_not_be_made_or_given() -> None:
    uninfused = {**CELLS, "infused_day": NAN, "death_day": 70.0, "death_cause": "leukemia"}
    failed = a_chart(
        *COLLECTED,
        (28.5, "manufacture failed", "making", NAN, "", ""),
        (28.5, "no product", "manufacture", NAN, "", ""),
        (28.5, "stop", "chemotherapy", 1.0, "cycle", "no product: manufacture"),
        (35.5, "step", "no cells could be made", NAN, "", "inotuzumab/relapsed"),
        (36.0, "order", "inotuzumab", 1.44, "mg", "first"),
        (36.0, "infusion_start", "inotuzumab", 1.0, "cycle", ""),
        *[(day, "order", "inotuzumab", 0.9, "mg", "further") for day in (43.0, 50.0)],
    )
    assert patient_story(uninfused, failed)[4:] == [
        "Day 28.5: making failed, 20.5 days after collection; there will be no product.",
        "Day 28.5: bridging ended.",
        "Day 35.5: next step of the sequence: no cells could be made (inotuzumab/relapsed).",
        "Day 36: inotuzumab, cycle 1: 1.44 mg on day 36, 0.9 mg on days 43 and 50.",
        "Died on day 70 of leukemia, without an infusion of the cells.",
    ]
    too_few = a_chart(*COLLECTED[:1], (1.0, "no product", "leukapheresis", NAN, "", ""))
    assert patient_story(uninfused, too_few)[2] == "Day 1: no product: too few cells were collected."
    unfit = a_chart(*COLLECTED, READY[0], (60.0, "no product", "not fit", NAN, "", ""))
    assert patient_story(uninfused, unfit)[-2] == "Day 60: the product is not given: the patient is not fit for it."
    assert patient_story(uninfused, a_chart(*COLLECTED))[-1].endswith("leukemia, before the infusion of the cells.")
    waiting = patient_story(uninfused, a_chart(*COLLECTED, READY[0]))
    assert waiting[-1].endswith("before the infusion of the cells (the product was ready).")


def test_a_child_is_a_girl_or_a_boy(chart: pd.DataFrame) -> None:
    assert patient_story({**OUTCOME, "age": 8.9, "sex": "female"}, chart)[0].startswith(
        "Patient 12: an 8-year-old girl"
    )
    assert patient_story({**OUTCOME, "age": 18.0}, chart)[0].startswith("Patient 12: an 18-year-old man")


def test_how_a_story_ends(chart: pd.DataFrame) -> None:
    nothing = chart.iloc[:0]
    died = pd.Series({**OUTCOME, "death_day": 290.0, "death_cause": "infection"})
    assert patient_story(died, nothing)[-1] == "Died on day 290 of infection."
    liver = a_chart((280.0, "vod", "disease of the liver", 3.0, "grade", ""))
    died["death_cause"] = "vod"
    assert patient_story(died, liver)[-1] == "Died on day 290 of disease of the liver."
    well = {**OUTCOME, "relapse_day": np.nan}
    assert patient_story(well, nothing)[-1] == "Alive when last seen, on day 60, in remission since day 29."
    never = {"patient": 3, "last_day": 10.0}
    assert patient_story(never, nothing) == [
        "Patient 3: a person.",
        "Alive when last seen, on day 10, never in remission.",
    ]
    later = a_chart((50.0, "relapse", "CD19-positive", NAN, "", ""), (55.0, "response", "CR", NAN, "", ""))
    assert patient_story(OUTCOME, later)[-1].endswith("a relapse on day 50, in remission again since day 55.")
    assert patient_story(never, later[1:])[-1].endswith("in remission under later therapy since day 55.")


def test_a_figure_shows_signals_orders_limits_and_events(signals: xr.Dataset, chart: pd.DataFrame) -> None:
    panels = [
        Panel("Cells", ["L", "not recorded"], "cells", log=True, limits={"detection limit": 1e8}),
        Panel("Absent", ["nothing"], "cells"),
        Panel("Drug", ["C"], "pg/mL", names={"C": "blinatumomab in serum"}),
    ]
    svg = patient_figure(signals, chart, panels=panels, title="Patient 12")
    text = " ".join(ElementTree.fromstring(svg).itertext())
    for words in (
        "Cells",
        "leukemic cells",
        "blinatumomab in serum",
        "detection limit",
        "blinatumomab",
        "dexamethasone",
        "relapse",
        "CRS",
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


def test_a_figure_marks_the_way_of_made_cells(signals: xr.Dataset, cells: pd.DataFrame) -> None:
    text = " ".join(ElementTree.fromstring(patient_figure(signals, cells)).itertext())
    for words in (
        "making of cells",
        "leukapheresis, days 1, 8",
        "product ready, day 28.5",
        "lymphodepletion, day 30.5",
        "infusion (dashed), day 37",
        "fludarabine",
        "cyclophosphamide",
        "tisagenlecleucel",
    ):
        assert words in text, words
    assert "no product" not in text
    failed = a_chart(*COLLECTED, (20.0, "no product", "manufacture", NAN, "", ""))
    text = " ".join(ElementTree.fromstring(patient_figure(signals, failed)).itertext())
    assert "no product, day 20" in text and "infusion (dashed)" not in text


def test_a_figure_ends_with_the_patient(signals: xr.Dataset, chart: pd.DataFrame) -> None:
    died = pd.concat([chart[chart["day"] <= 20], a_chart((20.4, "death", "leukemia", NAN, "", ""))])
    alive, dead = (" ".join(ElementTree.fromstring(patient_figure(signals, each)).itertext()) for each in (chart, died))
    assert "death" in dead and "death" not in alive
    assert "50" in alive.split() and "50" not in dead.split()


def test_panels_of_therapies_that_were_not_given_are_left_out(tmp_path: Path, signals: xr.Dataset) -> None:
    text = tmp_path / PANELS
    text.write_text(
        '[[panel]]\ntitle = "A"\nsignals = ["L", "none"]\nnames = ["blasts", "x"]\nunit = "cells"\n'
        "log = true\ntop = 1e14\n"
        '[[panel]]\ntitle = "B"\nsignals = ["none"]\nunit = "mg"\n'
        '[[panel]]\ntitle = "C"\nsignals = ["C"]\nunit = "pg/mL"\nbottom = 600\n',
        encoding="utf-8",
    )
    given = signals.assign(none=signals["C"] * 0)
    found = panels_for(given, Shelf((tmp_path,)))
    assert found is not None
    assert [(panel.title, panel.signals, panel.top) for panel in found] == [("A", ("L",), 1e14)]
    assert found[0].names["L"] == "blasts"


def test_names_that_do_not_fit_the_signals_are_refused(tmp_path: Path) -> None:
    text = tmp_path / PANELS
    text.write_text('[[panel]]\ntitle = "A"\nsignals = ["L", "C"]\nnames = ["one"]\nunit = "cells"\n', encoding="utf-8")
    with pytest.raises(Problems, match="names do not fit"):
        read_panels(text)


def test_the_library_draws_made_cells_with_the_detection_limit() -> None:
    panels = {panel.signals: panel for panel in read_panels(shipped_library() / PANELS)}
    copies = panels["car_copies",]
    assert copies.log and list(copies.limits.values()) == [50]
    assert panels["car_cells",].log and not panels["ino_concentration",].log


def test_a_page_of_one_patient(signals: xr.Dataset, chart: pd.DataFrame) -> None:
    html = patient_page("Patient 12", ["Day 0: <b>."], patient_figure(signals, chart), {"seed": "1"})
    assert "Day 0: &lt;b&gt;." in html and "<dd>1</dd>" in html and html.count("<svg") == 1
    assert "never for the care of a patient" in html
