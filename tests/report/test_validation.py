"""The page, the figures and the plain text of a validation."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
import pytest

from virtuall.calibrate.validation import Contest, Goal, Judged, judge
from virtuall.calibrate.validation_run import Validation, assemble
from virtuall.calibrate.validation_units import Finished, Settings
from virtuall.report.validation_figure import family_figures, overview_figure
from virtuall.report.validation_page import validation_page
from virtuall.report.validation_table import validation_text
from virtuall.report.validation_words import goal_words, median_words, misses, wanted_words
from virtuall.trial.published import Published
from virtuall.trial.scoring import TrialRow, score

WIDE = np.linspace(40, 60, 41)


def made(target: str, value: float, values: Any = WIDE, **changes: Any) -> TrialRow:
    plain: dict[str, Any] = {
        "trial": "FIRST <1>", "population": "", "arm": "new", "n": 100, "endpoint": "fever_any", "timepoint": "-",
        "low": np.nan, "high": np.nan, "unit": "%", "event_kind": "reported", "use": "validate", "scored": True,
        "duplicate": "", "mark": "V", "source": "s", "family": "fever",
    }  # fmt: skip
    figure = Published(target=target, value=value, **{**plain, **changes})
    return score(figure, np.asarray(values, float), np.array([49.0, 51.0]))


@pytest.fixture(scope="module")
def validation() -> Validation:
    rows = [
        made("A", 50.0),
        made("B", 90.0, endpoint="pyrexia_g3plus"),
        made("C", 10.0, endpoint="chills"),
        made("D", 45.0, use="calibrate", trial="SECOND", family="os", unit="months", low=40.0, high=52.0),
        made("E", 4500.0, use="calibrate", trial="SECOND", family="dose", unit="cells"),
        dataclasses.replace(made("F", 1.0, [np.nan], trial="SECOND"), note="not simulated yet: nobody knows how"),
        made("G", 1.0, trial="SECOND", scored=False),
    ]
    finished = Finished("first", "First & second", "trial", tuple(rows), 1234, 2, 1.0)
    judged = list(judge([("first", row) for row in rows], {}))
    contest = Contest(1.5, 3.0, "same class, same patients", True, ("other",), 10.0, 20.0, 30.0)
    judged[0] = dataclasses.replace(judged[0], contest=contest)
    return assemble(Settings(replicates=41), "f" * 64, [finished], judged, whole=True)


def test_what_is_wrong_is_said_by_trial_and_family(validation: Validation) -> None:
    wrong = misses(validation)
    assert list(wrong) == ["FIRST <1>", "SECOND"]
    (sentence,) = wrong["FIRST <1>"]
    assert sentence.startswith(
        "fever (2 of 3 rows wrong): pyrexia, grade ≥3 · new: simulated 50.0 (40.5–59.5), published 90 %"
    )
    assert sentence.endswith("too low; 1 more too high.")


def test_what_only_the_transplants_spoil_is_said_so(validation: Validation) -> None:
    held = [
        dataclasses.replace(each, held_back_by=("X9",) if each.row.target == "D" else ()) for each in validation.judged
    ]
    found = assemble(validation.settings, "", validation.finished, held, whole=True)
    assert any(
        "inside, but does not count: X9 of the same arm is outside" in words for words in misses(found)["SECOND"]
    )


def test_the_text_tells_goals_counts_and_reasons(validation: Validation) -> None:
    text = validation_text(validation, rows=True)
    assert "Trials never fitted: 3 of 4 scored rows are simulated, in 1 votes" in text
    assert "share of votes inside: 33%, wanted at least 75%: missed" in text
    assert "model 1.50, predictor without a mechanism 3.00, over 1 rows" in text
    assert "F: not simulated yet: nobody knows how" in text
    assert re.search(r"^SECOND +calibrate +2 +50% +2 +1 +0$", text, re.M)
    assert re.search(r"^B .*outside", text, re.M)
    assert "chills" not in validation_text(validation).partition("What the model")[0], "rows only when asked for"


def test_one_replicate_is_shown_and_not_judged() -> None:
    row = made("H", 50.0, [47.0])
    (judged,) = judge([("first", row)], {})
    found = assemble(
        Settings(replicates=1),
        "f" * 64,
        [Finished("first", "First", "trial", (row,), 100, 0, 1.0)],
        [judged],
        whole=True,
    )
    text = validation_text(found, rows=True)
    assert re.search(r"^H .* 47.0 .*–", text, re.M)
    assert "Not simulated" not in text
    assert "47.0" in validation_page(found)


def test_the_page_is_whole_and_escaped(validation: Validation) -> None:
    page = validation_page(validation)
    assert "FIRST &lt;1&gt;" in page and "FIRST <1>" not in page
    for words in ("First &amp; second", "not simulated yet: nobody knows how", "What the model gets wrong", "1,234"):
        assert words in page
    assert page.count("<svg") == 3, "overview, shares, and the rest"
    assert not re.search(r"<script|<link|src=|@import|url\(http", page)
    assert "predictor: same class, same patients (other)" in page


def test_figures_say_what_they_show(validation: Validation) -> None:
    shares, others = family_figures(validation.judged, validation.families)
    assert "Shares: 1 of 3 published values inside" in shares
    assert "outside" in shares
    assert "1 of 2 published values inside" in others
    assert "FIRST &lt;1&gt;: 33 % of 1 family" in overview_figure(validation.votes, validation.goals)
    assert overview_figure((), ()) == ""
    nothing: list[Judged] = []
    assert family_figures(nothing, {}) == []


@pytest.mark.parametrize(
    ("goal", "words"),
    [
        (Goal("validate", "share of votes inside", 0.8, 0.75, 1.0), "80%, wanted at least 75%: met"),
        (
            Goal("validate", "share of votes inside the 50 % interval", 0.7, 0.35, 0.65),
            "70%, wanted 35% to 65%: missed",
        ),
        (Goal("calibrate", "median distance", np.inf, 0.0, 1.0), "∞, wanted at most 1: missed"),
        (Goal("calibrate", "median distance", None, 0.0, 1.0), "nothing to tell, wanted at most 1: open"),
    ],
)
def test_goals_in_words(goal: Goal, words: str) -> None:
    assert goal_words(goal) == f"{goal.words}: {words}"


def test_better_than_the_predictor_is_less_than_one(validation: Validation) -> None:
    assert wanted_words(validation.goals[-1]) == "below 1"
    assert median_words(validation.judged[5].row) == "not simulated"
