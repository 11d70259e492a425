"""Chart events become columns: who had which event, at which grade, in which cycle."""

from __future__ import annotations

import pandas as pd
import pytest

from virtuall.core.errors import InputError
from virtuall.trial.charted import EventColumn, with_events

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
