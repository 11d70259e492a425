"""Events of the charts as columns of the outcomes: who had this event, at this grade, in this cycle."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from virtuall.core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


_DEATH = "death of "


class EventColumn(NamedTuple):
    """Which event.

    Attributes
    ----------
    kind : str
        Its kind in the chart.
    grade : int
        The lowest grade that counts.
    cycle : int or None
        The cycle in which it counts; None: any.
    highest : int or None
        The highest grade that counts; None: any. Of several events of a patient the worst one is graded.
    by : float
        Days from the start within which it counts.
    since : str
        The start: a column of days, which the event must not precede; "" is randomization.
    before : str
        A column of days before which the event must come; "" for none.
    fatal : str
        Deaths of this cause count as well, above every grade; "" for none.
    onset : bool
        The column tells the day of the first such event since the start (NaN without one) and not who had it.
    """

    kind: str
    grade: int = 0
    cycle: int | None = None
    highest: int | None = None
    by: float = np.inf
    since: str = ""
    before: str = ""
    fatal: str = ""
    onset: bool = False

    @property
    def name(self) -> str:
        """Name of the column in the outcomes."""
        grades = f"grade {self.grade}{'+' if self.highest is None else f' to {self.highest}'}"
        start = f"by day {self.by:g} since {self.since or 'randomization'} before {self.before or 'the end'}"
        event = f"{'onset of' if self.onset else 'had'} {self.kind} {'or its death ' if self.fatal else ''}{grades}"
        return f"{event} in cycle {self.cycle or 'any'} {start}"


def with_events(
    outcomes: pd.DataFrame,
    events: pd.DataFrame,
    columns: Iterable[EventColumn],
    cycle_days: Mapping[str, float],
) -> tuple[pd.DataFrame, frozenset[str]]:
    """Add one column for each event asked for: who had it, or when it began.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        With unique ``patient``; ``arm`` where cycles are told by days; ``follow_up`` where the data were cut.
    events : pandas.DataFrame
        patient, day, kind, value (the grade) and, if the charts have it, cycle.
    columns : iterable of EventColumn
    cycle_days : mapping of str to float
        Length of a cycle by arm; used when the events have no column ``cycle``. A cycle's days count from the
        first infusion or dose of the patient.

    Returns
    -------
    outcomes : pandas.DataFrame
    unseen : frozenset of str
        Kinds that occur for nobody: the simulation does not produce them (or nobody had one).

    Raises
    ------
    InputError
        When patients are not unique.
    """
    if not outcomes["patient"].is_unique:
        raise InputError("the patients of stacked outcomes need ids of their own")
    wanted = list(dict.fromkeys(columns))
    chart = _with_deaths(events[events["kind"].isin({column.kind for column in wanted})], outcomes, wanted)
    place = outcomes.reset_index(drop=True).reset_index().set_index("patient")["index"]
    row = place.reindex(chart["patient"]).to_numpy(float)
    end = outcomes["follow_up"].to_numpy(float) if "follow_up" in outcomes else np.full(len(outcomes), np.inf)
    chart, row = chart[np.isfinite(row)], row[np.isfinite(row)].astype(int)
    seen = chart["day"].to_numpy(float) <= end[row]
    chart, row = chart[seen], row[seen]
    grades = chart["value"].to_numpy(float)
    kinds, grades = chart["kind"].to_numpy(str), np.where(np.isnan(grades), 0.0, grades)
    cycle = _cycles(outcomes, events, chart, row, cycle_days) if any(c.cycle for c in wanted) else None
    day = chart["day"].to_numpy(float)
    added = {}
    for column in wanted:
        if any(name and name not in outcomes for name in (column.since, column.before)):
            continue  # nobody can be counted from a day that nobody has: the row says so
        since = day - (outcomes[column.since].to_numpy(float)[row] if column.since else 0.0)
        hit = np.isin(kinds, [column.kind, _DEATH + column.fatal]) & (grades >= column.grade) & (since <= column.by)
        if column.since:
            hit &= since >= 0
        if column.before:
            hit &= ~(outcomes[column.before].to_numpy(float)[row] <= day)
        if column.cycle is not None and cycle is not None:
            hit &= cycle == column.cycle
        if column.highest is not None:
            worst = np.zeros(len(outcomes))
            np.maximum.at(worst, row[hit], grades[hit])
            hit &= (worst <= column.highest)[row]
        first = np.full(len(outcomes), np.inf)
        np.minimum.at(first, row[hit], since[hit])
        had = np.isfinite(first)
        added[column.name] = np.where(had, first, np.nan) if column.onset else had
    unseen = frozenset(column.kind for column in wanted) - frozenset(kinds)
    return outcomes.assign(**added), unseen


def _with_deaths(chart: pd.DataFrame, outcomes: pd.DataFrame, wanted: Iterable[EventColumn]) -> pd.DataFrame:
    """The chart with deaths of the causes asked for as entries of their own."""
    import pandas as pd

    causes = {column.fatal for column in wanted if column.fatal}
    if not causes or "death_cause" not in outcomes:
        return chart
    dead = outcomes[outcomes["death_cause"].isin(causes)]
    entries = {"patient": dead["patient"], "day": dead["death_day"], "kind": _DEATH + dead["death_cause"].astype(str)}
    deaths = pd.DataFrame({**entries, "value": np.inf})
    return pd.concat([part for part in (chart, deaths) if len(part)], ignore_index=True) if len(deaths) else chart


def _cycles(
    outcomes: pd.DataFrame,
    events: pd.DataFrame,
    chart: pd.DataFrame,
    row: np.ndarray,
    cycle_days: Mapping[str, float],
) -> np.ndarray:
    if "cycle" in chart:
        return chart["cycle"].to_numpy(float)
    starts = events[events["kind"].isin(["infusion_start", "dose"])].groupby("patient")["day"].min()
    start = starts.reindex(chart["patient"]).fillna(0.0).to_numpy(float)
    length = np.array([cycle_days.get(arm, np.nan) for arm in outcomes["arm"].to_numpy(str)[row]], float)
    return np.floor((chart["day"].to_numpy(float) - start) / length) + 1


def with_first_response(outcomes: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """Add ``response_cycle`` and ``response_level``: cycle and level of the response on ``response_day``.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        With unique ``patient``.
    events : pandas.DataFrame
        patient, day, kind, what, cycle; those of the kind ``response`` are read.
    """
    answers = events[events["kind"] == "response"].sort_values(["patient", "day"], kind="stable")
    first = answers.drop_duplicates("patient").set_index("patient")
    rows = first.reindex(outcomes["patient"])
    on_that_day = rows["day"].to_numpy(float) == outcomes["response_day"].to_numpy(float)
    return outcomes.assign(
        response_cycle=np.where(on_that_day, rows["cycle"].to_numpy(float), np.nan),
        response_level=np.where(on_that_day, rows["what"].to_numpy(object), "none"),
    )


def during_treatment(
    events: pd.DataFrame, outcomes: pd.DataFrame, after: float, to_the_end: Collection[str] = ()
) -> pd.DataFrame:
    """Events that a trial counts: up to `after` days beyond the day a patient left the protocol.

    Parameters
    ----------
    events : pandas.DataFrame
        patient, day.
    outcomes : pandas.DataFrame
        With unique ``patient`` and ``off_protocol_day``, NaN for those still on it.
    after : float
        Days.
    to_the_end : collection of str
        Kinds that count whenever they happen. They need a column ``kind``.
    """
    off = outcomes.set_index("patient")["off_protocol_day"].reindex(events["patient"]).to_numpy(float)
    counts = ~(events["day"].to_numpy(float) > off + after)
    return events[counts | events["kind"].isin(to_the_end)] if to_the_end else events[counts]
