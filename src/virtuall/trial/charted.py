"""Events of the charts as columns of the outcomes: who had this event, at this grade, in this cycle."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from virtuall.core.errors import InputError
from virtuall.core.records import FINDING, OVER
from virtuall.trial.episodes import SINGLE, with_episodes

if TYPE_CHECKING:
    import pandas as pd


_DEATH = "death of "
ANY = 1_000_000  # no limit to how many


class EventColumn(NamedTuple):
    """Which event, and what the column tells of it.

    Attributes
    ----------
    kind : str
        Its kind in the chart.
    grade : float
        The lowest grade that counts; of a finding or a drug the lowest value.
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
    tells : str
        "had": who had it; "onset": the day of the first since the start; "duration": days from the begin of the first
        one that counts to its end; "count": how many. Days are NaN without such an event or end.
    scale : str
        The scale it is graded on, or for a drug the rule that ordered it; "" for any.
    what : tuple of str
        Its titles, products or findings; empty for any.
    words : tuple of str
        Of a finding the levels that count; empty for any.
    times : tuple of int
        How many of them make it count, from the first to the second number.
    """

    kind: str
    grade: float = 0
    cycle: int | None = None
    highest: int | None = None
    by: float = np.inf
    since: str = ""
    before: str = ""
    fatal: str = ""
    tells: str = "had"
    scale: str = ""
    what: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    times: tuple[int, int] = (1, ANY)

    @property
    def subject(self) -> str:
        """What must be charted for somebody: the kind, on the scale; or one of the findings."""
        if self.kind == FINDING:
            return f"{self.kind} {' or '.join(self.what)}"
        return f"{self.kind} on {self.scale}" if self.scale and self.kind not in SINGLE else self.kind

    @property
    def name(self) -> str:
        """Name of the column in the outcomes."""
        grades = f"grade {self.grade:g}{'+' if self.highest is None else f' to {self.highest}'}"
        start = f"by day {self.by:g} since {self.since or 'randomization'} before {self.before or 'the end'}"
        event = f"{self.tells} {self.kind} {'or its death ' if self.fatal else ''}{grades}"
        which = ", ".join((*self.what, *self.words, *([f"on {self.scale}"] if self.scale else [])))
        number = "" if self.times == (1, ANY) else f" {self.times[0]} to {self.times[1]} times"
        return " ".join(f"{event} {which} in cycle {self.cycle or 'any'} {start}{number}".split())


def with_events(
    outcomes: pd.DataFrame,
    events: pd.DataFrame,
    columns: Iterable[EventColumn],
    cycle_days: Mapping[str, float],
) -> tuple[pd.DataFrame, frozenset[str]]:
    """Add one column for each event asked for: who had it, when it began, how long it lasted or how many there were.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        With unique ``patient``; ``arm`` where cycles are told by days; ``follow_up`` where the data were cut.
    events : pandas.DataFrame
        patient, day, kind, value (the grade) and, if the charts have them, what, unit, rule and cycle; as charted, or
        with their episodes (`virtuall.trial.episodes.with_episodes`).
    columns : iterable of EventColumn
    cycle_days : mapping of str to float
        Length of a cycle by arm; used when the events have no column ``cycle``. A cycle's days count from the
        first infusion or dose of the patient.

    Returns
    -------
    outcomes : pandas.DataFrame
    unseen : frozenset of str
        Subjects of columns that occur for nobody: the simulation does not produce them (or nobody had one).

    Raises
    ------
    InputError
        When patients are not unique.
    """
    if not outcomes["patient"].is_unique:
        raise InputError("the patients of stacked outcomes need ids of their own")
    wanted = list(dict.fromkeys(columns))
    asked = events[events["kind"].isin({OVER, *(column.kind for column in wanted)})]
    chart = _with_deaths(asked if "episode" in asked else with_episodes(asked), outcomes, wanted)
    entries = _Entries(outcomes, events, chart, cycle_days if any(column.cycle for column in wanted) else None)
    added = {}
    for column in wanted:
        if any(name and name not in outcomes for name in (column.since, column.before)):
            continue  # nobody can be counted from a day that nobody has: the row says so
        added[column.name] = entries.told(column)
    subjects = {column.subject: column for column in wanted}
    unseen = frozenset(subject for subject, column in subjects.items() if not entries.saw(column))
    return outcomes.assign(**added), unseen


class _Entries:
    """The entries of charts seen within follow-up, as columns, with the row of each one's patient."""

    def __init__(
        self,
        outcomes: pd.DataFrame,
        events: pd.DataFrame,
        chart: pd.DataFrame,
        cycle_days: Mapping[str, float] | None,
    ) -> None:
        place = outcomes.reset_index(drop=True).reset_index().set_index("patient")["index"]
        row = place.reindex(chart["patient"]).to_numpy(float)
        end = outcomes["follow_up"].to_numpy(float) if "follow_up" in outcomes else np.full(len(outcomes), np.inf)
        chart, row = chart[np.isfinite(row)], row[np.isfinite(row)].astype(int)
        seen = chart["day"].to_numpy(float) <= end[row]
        chart, row = chart[seen], row[seen]
        grade = chart["value"].to_numpy(float)
        self.outcomes, self.row = outcomes, row
        self.day, self.grade = chart["day"].to_numpy(float), np.where(np.isnan(grade), 0.0, grade)
        self.kind, self.what, self.unit, self.rule = (_words(chart, name) for name in ("kind", "what", "unit", "rule"))
        self.begun, self.over = chart["begun"].to_numpy(float), chart["over"].to_numpy(float)
        self.over = np.where(self.over <= end[row], self.over, np.nan)
        self.episode = chart["episode"].to_numpy(float)
        self.cycle = None if cycle_days is None else _cycles(outcomes, events, chart, row, cycle_days)

    def saw(self, column: EventColumn) -> bool:
        """Whether anybody has an entry of its kind, on its scale; a finding is one of its names."""
        fits = (self.kind == column.kind).to_numpy(bool)
        if column.kind == FINDING:
            fits &= self.what.isin(column.what).to_numpy(bool)
        elif column.scale and column.kind not in SINGLE:
            fits &= (self.rule == column.scale).to_numpy(bool)
        return bool(fits.any())

    def told(self, column: EventColumn) -> np.ndarray:
        """What the column tells of each patient."""
        n, row = len(self.outcomes), self.row
        since = self._days(column.since)[row] if column.since else 0.0
        hit = self._fits(column) & (self.day - since <= column.by)
        if column.since:
            hit &= self.day >= since
        if column.before:
            hit &= ~(self._days(column.before)[row] <= self.day)
        if column.highest is not None:
            worst = np.zeros(n)
            np.maximum.at(worst, row[hit], self.grade[hit])
            hit &= (worst <= column.highest)[row]
        if column.tells == "count" or column.times != (1, ANY):
            number = self._count(hit)
            if column.tells == "count":
                return number
            hit &= ((number >= column.times[0]) & (number <= column.times[1]))[row]
        first = np.full(n, np.inf)
        np.minimum.at(first, row[hit], (self.day - since)[hit])
        had = np.isfinite(first)
        if column.tells == "had":
            return had
        if column.tells == "onset":
            return np.where(had, first, np.nan)
        lasted = np.full(n, np.nan)
        at_first = hit & (self.day - since == first[row])
        lasted[row[at_first]] = (self.over - self.begun)[at_first]
        return lasted

    def _fits(self, column: EventColumn) -> np.ndarray:
        fits = (self.kind == column.kind).to_numpy(bool) & (self.grade >= column.grade)
        if column.scale:
            fits &= (self.rule == column.scale).to_numpy(bool)
        if column.what:
            fits &= self.what.isin(column.what).to_numpy(bool)
        if column.words:
            fits &= self.unit.isin(column.words).to_numpy(bool)
        if column.fatal:
            fits |= (self.kind == _DEATH + column.fatal).to_numpy(bool)
        if column.cycle is not None and self.cycle is not None:
            fits &= self.cycle == column.cycle
        return fits

    def _count(self, hit: np.ndarray) -> np.ndarray:
        """Episodes of each patient among the entries that count."""
        import pandas as pd

        columns = (self.row, self.what.to_numpy(object), self.rule.to_numpy(object), self.episode)
        each = pd.DataFrame({place: column[hit] for place, column in enumerate(columns)}).drop_duplicates()
        return np.bincount(each[0].to_numpy(int), minlength=len(self.outcomes)).astype(float)

    def _days(self, name: str) -> np.ndarray:
        return self.outcomes[name].to_numpy(float)


def _words(chart: pd.DataFrame, name: str) -> pd.Series[str]:
    import pandas as pd

    return chart[name] if name in chart else pd.Series("", chart.index)


def _with_deaths(chart: pd.DataFrame, outcomes: pd.DataFrame, wanted: Iterable[EventColumn]) -> pd.DataFrame:
    """The chart with deaths of the causes asked for as entries of their own."""
    import pandas as pd

    causes = {column.fatal for column in wanted if column.fatal}
    if not causes or "death_cause" not in outcomes:
        return chart
    dead = outcomes[outcomes["death_cause"].isin(causes)]
    entries = {"patient": dead["patient"], "day": dead["death_day"], "kind": _DEATH + dead["death_cause"].astype(str)}
    deaths = pd.DataFrame(
        {**entries, "value": np.inf, "episode": 0, "worst": np.inf, "begun": entries["day"], "over": np.nan}
    )
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
