"""Events of the charts as columns of the outcomes: who had this event, at this grade, in this cycle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from virtuall.core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


class EventColumn(NamedTuple):
    """Which event: its kind in the chart, the lowest grade that counts, and the cycle (None: any time)."""

    kind: str
    grade: int = 0
    cycle: int | None = None

    @property
    def name(self) -> str:
        """Name of the column in the outcomes."""
        return f"had {self.kind} grade {self.grade}+ in cycle {self.cycle or 'any'}"


def with_events(
    outcomes: pd.DataFrame,
    events: pd.DataFrame,
    columns: Iterable[EventColumn],
    cycle_days: Mapping[str, float],
) -> tuple[pd.DataFrame, frozenset[str]]:
    """Add one flag column for each event asked for.

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
    chart = events[events["kind"].isin({column.kind for column in wanted})]
    place = outcomes.reset_index(drop=True).reset_index().set_index("patient")["index"]
    row = place.reindex(chart["patient"]).to_numpy(float)
    end = outcomes["follow_up"].to_numpy(float) if "follow_up" in outcomes else np.full(len(outcomes), np.inf)
    chart, row = chart[np.isfinite(row)], row[np.isfinite(row)].astype(int)
    seen = chart["day"].to_numpy(float) <= end[row]
    chart, row = chart[seen], row[seen]
    kinds, grades = chart["kind"].to_numpy(str), np.nan_to_num(chart["value"].to_numpy(float))
    cycle = _cycles(outcomes, events, chart, row, cycle_days) if any(c.cycle for c in wanted) else None
    flags = {}
    for column in wanted:
        hit = (kinds == column.kind) & (grades >= column.grade)
        if column.cycle is not None and cycle is not None:
            hit &= cycle == column.cycle
        flags[column.name] = np.bincount(row[hit], minlength=len(outcomes)) > 0
    unseen = frozenset(column.kind for column in wanted) - frozenset(kinds)
    return outcomes.assign(**flags), unseen


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


def during_treatment(events: pd.DataFrame, outcomes: pd.DataFrame, after: float) -> pd.DataFrame:
    """Events that a trial counts: up to `after` days beyond the day a patient left the protocol.

    Parameters
    ----------
    events : pandas.DataFrame
        patient, day.
    outcomes : pandas.DataFrame
        With unique ``patient`` and ``off_protocol_day``, NaN for those still on it.
    after : float
        Days.
    """
    off = outcomes.set_index("patient")["off_protocol_day"].reindex(events["patient"]).to_numpy(float)
    return events[~(events["day"].to_numpy(float) > off + after)]
