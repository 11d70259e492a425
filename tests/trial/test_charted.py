"""Chart events become columns: who had which event, at which grade, in which cycle."""

from __future__ import annotations

import pandas as pd
import pytest

from virtuall.core.errors import InputError
from virtuall.trial.charted import EventColumn, during_treatment, with_events, with_first_response

OUTCOMES = pd.DataFrame({"patient": [7, 3, 9], "arm": ["a", "a", "b"], "follow_up": [100.0, 100.0, 30.0]})
EVENTS = pd.DataFrame(
    [
        (7, 2.0, "infusion_start", None),
        (7, 4.0, "crs", 3.0),
        (7, 50.0, "infection", 2.0),
        (9, 40.0, "infection", 4.0),
        (4, 1.0, "crs", 5.0),
    ],
    columns=["patient", "day", "kind", "value"],
)


def had(*columns: EventColumn, events: pd.DataFrame = EVENTS) -> tuple[list[list[bool]], frozenset[str]]:
    added, unseen = with_events(OUTCOMES, events, columns, {"a": 42.0, "b": 28.0})
    return [added[column.name].tolist() for column in columns], unseen


def test_grade_and_cycle_count_from_the_first_dose() -> None:
    flags, unseen = had(
        EventColumn("crs"),
        EventColumn("crs", 4),
        EventColumn("infection", 2, 1),
        EventColumn("infection", 2, 2),
        EventColumn("neurologic_event"),
    )
    assert flags[0] == [True, False, False], "patient 4 is not in this trial"
    assert flags[1] == [False] * 3
    assert flags[2] == [False] * 3
    assert flags[3] == [True, False, False], "the second is after the end of follow-up"
    assert unseen == {"neurologic_event"}


def test_a_cycle_told_by_the_chart_is_used() -> None:
    flags, _ = had(EventColumn("infection", 2, 1), events=EVENTS.assign(cycle=1))
    assert flags == [[True, False, False]]


def test_no_events_at_all() -> None:
    flags, unseen = had(EventColumn("crs"), events=EVENTS.iloc[:0])
    assert flags == [[False] * 3]
    assert unseen == {"crs"}


def test_patients_must_be_unique() -> None:
    with pytest.raises(InputError, match="ids of their own"):
        with_events(pd.concat([OUTCOMES, OUTCOMES]), EVENTS, [], {})


def test_events_count_until_some_time_after_the_protocol() -> None:
    outcomes = OUTCOMES.assign(off_protocol_day=[10.0, 10.0, float("nan")])
    counted = during_treatment(EVENTS, outcomes, 30.0)
    assert list(zip(counted["patient"], counted["day"], strict=True)) == [(7, 2), (7, 4), (9, 40), (4, 1)]


def test_cycle_and_level_of_the_first_response() -> None:
    rows = [(7, 30.0, "response", "CRi", 1), (7, 72.0, "response", "CR", 2), (9, 200.0, "response", "CR", 0)]
    events = pd.DataFrame(rows, columns=["patient", "day", "kind", "what", "cycle"])
    known = with_first_response(OUTCOMES.assign(response_day=[30.0, float("nan"), float("nan")]), events)
    assert known["response_level"].tolist() == ["CRi", "none", "none"], "a response to a later line is none"
    assert known["response_cycle"].fillna(-1).tolist() == [1, -1, -1]
