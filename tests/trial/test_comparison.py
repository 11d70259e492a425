"""Two results of the same patients: what is counted, who is left out, what is refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from virtuall.core.errors import InputError
from virtuall.trial.comparison import Comparison, Row, compare_results
from virtuall.trial.reporting import ComparisonText

TEXT = ComparisonText((100.0, 365.0), 3)
NAN = np.nan


class Sized(SimpleNamespace):
    """What a comparison reads of a result."""

    def __len__(self) -> int:
        return len(self.status)


def a_result(name: str, deaths: list[float], answers: list[str], graded: list[tuple[Any, ...]], **more: Any) -> Any:
    """A result of five patients followed for 200 days."""
    n = len(deaths)
    death = np.array(deaths)
    frame = pd.DataFrame(
        {
            "patient": np.arange(n),
            "best_response": answers,
            "mrd_negative": [answer == "CR" for answer in answers],
            "relapse_day": NAN,
            "transplant_day": [30.0, *[NAN] * (n - 1)],
            "death_day": death,
            "death_cause": np.where(np.isfinite(death), "leukemia", ""),
            "last_day": np.fmin(death, 200.0),
            "bed_days": np.arange(n, dtype=float),
            "infusion_days": 1.0,
            "lines_after": 0,
        }
    ).assign(**more)
    events = pd.DataFrame(graded, columns=["patient", "day", "kind", "value", "unit"])
    events = events.assign(what=events["kind"].replace("resolved", "crs"), rule="")
    response = SimpleNamespace(ranks=("none", "CRi", "CR"), title="judged")
    return Sized(
        outcomes=frame,
        events=events,
        status=np.zeros(n, np.int32),
        patients=SimpleNamespace(seed=1, cohort="some"),
        protocol=SimpleNamespace(
            name=name, title=name.upper(), response=response, monitoring=SimpleNamespace(graded=()), events=()
        ),
    )


@pytest.fixture
def a() -> Any:
    graded = [
        (0, 1.0, "crs", 1.0, "grade"),
        (0, 3.0, "resolved", NAN, ""),
        (0, 5.0, "crs", 2.0, "grade"),
        (0, 6.0, "crs", 3.0, "grade"),  # the same event, worse
        (4, 5.0, "crs", 2.0, "grade"),
        (1, 5.0, "infection", 3.0, "grade"),
        (2, 0.0, "infusion_start", 9.0, "cycle"),
    ]
    return a_result("a/x", [NAN, 50.0, NAN, 150.0, 120.0], ["CR", "CRi", "CR", "none", "none"], graded)


@pytest.fixture
def b() -> Any:
    graded = [(0, 1.0, "crs", 1.0, "grade"), (1, 5.0, "infection", 4.0, "grade")]
    return a_result("b/y", [80.0, 60.0, NAN, NAN, 20.0], ["none", "CRi", "CR", "CR", "none"], graded)


def compared(a: Any, b: Any, **more: Any) -> Comparison:
    return compare_results(a, b, days=200.0, text=TEXT, **more)


def row(comparison: Comparison, name: str) -> Row:
    (found,) = [each for each in comparison.rows if each.name == name]
    return found


def test_shares_have_both_margins_and_the_discordant_counts(a: Any, b: Any) -> None:
    found = compared(a, b)
    complete = row(found, "CR")
    assert (complete.a, complete.b, complete.difference) == (0.4, 0.4, 0.0)
    assert (complete.only_a, complete.only_b, complete.better_a) == (1, 1, 1)
    assert row(found, "CR/CRi").a == 0.6
    dead = row(found, "dead by day 100")
    assert (dead.a, dead.b) == (0.2, 0.6) and dead.difference == pytest.approx(-0.4)
    assert (dead.only_a, dead.only_b, dead.better_a, dead.better_b) == (0, 2, 2, 0)
    assert row(found, "transplant").better_a is None


def test_days_alive_is_the_restricted_mean(a: Any, b: Any) -> None:
    found = row(compared(a, b), "days alive of 200")
    assert (found.a, found.b) == ((200 + 50 + 200 + 150 + 120) / 5, (80 + 60 + 200 + 200 + 20) / 5)
    assert (found.only_a, found.only_b) == (2, 2)
    assert found.low <= found.difference <= found.high


def test_deaths_after_the_follow_up_are_not_counted(a: Any, b: Any) -> None:
    assert not [each for each in compared(a, b).rows if each.name == "dead by day 365"]


def test_events_are_counted_by_kind_and_grade(a: Any, b: Any) -> None:
    found = compared(a, b)
    assert (row(found, "crs, any grade").a, row(found, "crs, any grade").b) == (0.4, 0.2)
    assert (row(found, "crs, grade 3 or more").a, row(found, "crs, grade 3 or more").b) == (0.2, 0.0)
    assert (row(found, "crs, events").a, row(found, "crs, events").b) == (0.6, 0.2)
    names = [each.name for each in found.rows]
    # only severe infections are in these charts: no word of milder ones, and an infusion has no grade
    assert "infection, any grade" not in names and "infection, grade 3 or more" in names
    assert not any("infusion start" in name for name in names)


def test_the_other_way_round_every_difference_turns_its_sign(a: Any, b: Any) -> None:
    for one, other in zip(compared(a, b).rows, compared(b, a).rows, strict=True):
        assert (one.a, one.b, one.only_a, one.only_b) == (other.b, other.a, other.only_b, other.only_a)
        assert one.difference == pytest.approx(-other.difference, nan_ok=True)
        if one.unit == "share":
            assert (one.low, one.high) == pytest.approx((-other.high, -other.low), nan_ok=True)


def test_failed_patients_are_left_out_of_the_pairs_and_counted(a: Any, b: Any) -> None:
    a.status[2], b.status[3], b.status[2] = 1, 2, 2
    found = compared(a, b)
    assert (found.patients, found.pairs, found.a.failed, found.b.failed) == (5, 3, 1, 2)
    assert any("2 of 5 patients are left out" in note for note in found.notes)
    assert row(found, "CR").pairs == 3 and row(found, "CR").a == pytest.approx(1 / 3)
    a.status[:] = 1
    with pytest.raises(InputError, match="too few patients"):
        compared(a, b)


def test_who_is_not_followed_to_the_day_is_not_counted_for_it(a: Any, b: Any) -> None:
    a.outcomes.loc[2, "last_day"] = 90.0
    found = compared(a, b)
    assert row(found, "dead by day 100").pairs == 4 and row(found, "CR").pairs == 5
    assert any("dead by day 100, days alive of 200" in note for note in found.notes)


def test_cells_are_told_where_there_are_any(a: Any, b: Any) -> None:
    assert not [each for each in compared(a, b).rows if each.name == "cells infused"]
    a.outcomes = a.outcomes.assign(collected_day=5.0, infused_day=[40.0, NAN, 41.0, 42.0, 43.0], supply_failure="")
    a.outcomes["product_ready_day"] = [30.0] * 5
    b.outcomes["infused_day"] = 2.0  # a product that nobody has to make
    found = row(compared(a, b), "cells infused")
    assert (found.a, found.b, found.only_a) == (0.8, 0.0, 4)


def test_other_patients_are_refused(a: Any, b: Any) -> None:
    b.patients = SimpleNamespace(seed=2, cohort="some")
    with pytest.raises(InputError, match="different patients"):
        compared(a, b)
    b.patients, b.outcomes = a.patients, b.outcomes[::-1]
    with pytest.raises(InputError, match="different patients"):
        compared(a, b)


def test_without_sets_parameter_uncertainty_is_said_to_be_missing(a: Any, b: Any) -> None:
    found = compared(a, b)
    assert any("uncertainty of the model's parameters is not in them" in note for note in found.notes)
    assert found.sets == 0 and all(np.isnan(each.low_with_parameters) for each in found.rows)
    assert row(found, "CR").widest == (row(found, "CR").low, row(found, "CR").high)


def test_sets_add_a_second_interval_and_leave_the_first(a: Any, b: Any) -> None:
    sets = np.array([4, 7, 4, 7, 4])
    plain, found = compared(a, b), compared(a, b, sets=sets)
    assert found.sets == 2 and any("2 calibrated parameter sets, 2 or 3 pairs each" in note for note in found.notes)
    for one, other in zip(plain.rows, found.rows, strict=True):
        assert (one.difference, one.low, one.high) == pytest.approx(
            (other.difference, other.low, other.high), nan_ok=True
        )
    stay, plain_stay = row(found, "days alive of 200"), row(plain, "days alive of 200")
    assert stay.low_with_parameters < plain_stay.low and plain_stay.high < stay.high_with_parameters
    assert stay.widest == (stay.low_with_parameters, stay.high_with_parameters)
    complete = row(found, "CR")
    assert -1 <= complete.low_with_parameters < complete.low < complete.high < complete.high_with_parameters <= 1
    told = found.as_json()["rows"][0]
    assert {"low", "high", "low_with_parameters", "high_with_parameters", "between_sets"} <= set(told)


def test_the_sets_of_failed_pairs_are_left_out(a: Any, b: Any) -> None:
    a.status[3] = 1
    lives = row(compared(a, b, sets=np.array([0, 1, 0, 1, 0])), "days alive of 200")
    assert lives.pairs == 4 and np.isnan(lives.low_with_parameters)  # one set has a single pair left


def test_kinds_of_events_are_called_as_their_texts_call_them(a: Any, b: Any) -> None:
    texts = [
        SimpleNamespace(kind="infection", title="infection of any germ", fatal=""),
        SimpleNamespace(kind="infection", title="death of it", fatal="leukemia"),
        SimpleNamespace(kind="crs", title="one of two titles", fatal=""),
        SimpleNamespace(kind="crs", title="the other", fatal=""),
    ]
    a.protocol.events = b.protocol.events = tuple(texts)
    names = [row.name for row in compared(a, b).rows]
    assert "infection of any germ, events" in names and "crs, events" in names and "died of leukemia" in names
