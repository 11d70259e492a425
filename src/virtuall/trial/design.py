"""The design of a trial: ``design.toml`` of its folder.

::

    [trial]
    title = "TOWER"
    about = "Whom against whom."
    horizon = "36 month"                 # how long a patient is simulated at most
    also_scored = ["pooled_relapsed"]    # folders whose published rows are computed from these patients too
    as_of = 2015-06-01                   # rules that were in force on this day; by default those that still are
    scales = ["penn_crs"]                # scales on which all charts are graded beside those of the clinic
    source = "tower_response"
    mark = "V"

    [[arm]]
    name = "control"
    size = 134                           # patients of the published trial
    never_treated = 25                   # how many of them never got a dose
    cohort = "adult_relapsed"
    protocol = "chemotherapy/salvage"
    scales = ["penn_crs"]                # further ones for this arm only

    [accrual]
    period = "20.5 month"                # uniform over it

    [cut]
    deaths = 248                         # over all arms; or instead: after = "52 month", since the trial opened
    follow_up = "11.7 month"             # published median, shown beside the simulated one; may be left out

    [events]
    after = "30 d"                       # events count up to so long after a patient left the protocol,
    to_the_end = ["late_event"]          # but these kinds to the end of follow-up

    [[report]]                           # see virtuall.trial.reported
    kind = "crs"
    share = "0.45"
    why = "Published share / simulated share."

    [recorded]                           # times of the signals that rows read; left out when none does
    every = "1 d"
    until = "180 d"
    offset = "1 h"                       # of the first time after the start

    [figures]
    last = "24 month"                    # survival is drawn up to here,
    every = "3 month"                    # with the numbers at risk at these times
    response_by = "12 week"              # window of response in the figures
    burden = [0.05, 0.25, 0.50, 1.01]    # edges of the strata of marrow blasts
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virtuall.model.shelf import open_shelf
from virtuall.texts.table import Table, reading
from virtuall.trial.reported import Report, read_reports


@dataclass(frozen=True)
class Arm:
    """One arm.

    Attributes
    ----------
    name : str
    size : int
        Patients of the published trial.
    never_treated : float
        Chance of a patient never to get a dose.
    cohort, protocol : str
        Names in the library.
    scales : tuple of str
        Scales on which its charts are graded beside those of the clinic.
    next_line : float or None
        Success of a next line relative to that in the texts, where others were at hand in those years.
    """

    name: str
    size: int
    never_treated: float
    cohort: str
    protocol: str
    scales: tuple[str, ...] = ()
    next_line: float | None = None


@dataclass(frozen=True)
class Figures:
    """What the report draws: days, days, days, and edges of strata (fractions of marrow blasts)."""

    last: float
    every: float
    response_by: float
    burden: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Design:
    """A trial.

    Attributes
    ----------
    name, title, about : str
    arms : tuple of Arm
    horizon : float
        Days that a patient is simulated at most.
    accrual : float
        Days over which patients enter.
    deaths : int or None
        Over all arms, at which the data are cut.
    cut_after : float or None
        Or the day of the cut, since the trial opened.
    cut_latest : float or None
        The day since the trial opened at which they are cut where there were fewer deaths.
    follow_up : float or None
        Published median of follow-up in days, for comparison.
    maintained : float or None
        Days for which a remission must have lasted to count.
    events_after : float
        Days after leaving the protocol up to which events count (inf: all).
    events_to_the_end : tuple of str
        Kinds that count to the end of follow-up.
    also_scored : tuple of str
        Other folders of trials whose rows are computed from these patients.
    as_of : date or None
        The clinic keeps the rules that were in force on this day; None: those that still are.
    scales : tuple of str
        Scales on which the charts of all arms are graded beside those of the clinic.
    reports : tuple of Report
        Which share of the charted events is reported.
    recorded : float64 array
        Days at which signals are recorded for the rows that read them; empty for none.
    figures : Figures
    folder : Path
    """

    name: str
    title: str
    about: str
    arms: tuple[Arm, ...]
    horizon: float
    accrual: float
    deaths: int | None
    cut_after: float | None
    cut_latest: float | None
    follow_up: float | None
    maintained: float | None
    events_after: float
    events_to_the_end: tuple[str, ...]
    also_scored: tuple[str, ...]
    as_of: datetime.date | None
    scales: tuple[str, ...]
    reports: tuple[Report, ...]
    recorded: NDArray[np.float64]
    figures: Figures
    folder: Path

    def seen(self, entered: NDArray[np.float64]) -> NDArray[np.float64]:
        """Days for which patients are simulated who enter so long after the trial opened: at least one, and none beyond
        the last day on which the data can be cut."""
        last = next((day for day in (self.cut_after, self.cut_latest) if day is not None), math.inf)
        return np.clip(last - entered, 1.0, self.horizon)

    @property
    def size(self) -> int:
        """Patients of one replicate, all arms."""
        return sum(arm.size for arm in self.arms)


def load_design(name: str, library: Sequence[Path | str] = ()) -> Design:
    """Read the design of a trial by its name.

    Raises
    ------
    InputError
        When the library has no such trial; names the nearest one.
    Problems
        With every error of the text.
    """
    return read_design(open_shelf(library).trial(name))


def read_design(path: Path) -> Design:
    """Read ``design.toml``.

    Raises
    ------
    TextError, Problems
        With every error of the text, by file and line.
    """
    with reading(path) as table:
        trial, accrual, cut = table.table("trial"), table.table("accrual"), table.table("cut")
        events = table.table("events", default=None)
        remission = table.table("remission", default=None)
        for part in (trial, accrual, cut, events, remission):
            if part is not None:
                part.source()
        arms = read_arms(table)
        deaths, cut_after = cut.integer("deaths", low=1, default=None), cut.days("after", low=0, default=None)
        if (deaths is None) == (cut_after is None):
            cut.problem("the data are cut either at a number of deaths or on a day: give deaths or after", None)
        latest = cut.days("latest", low=0, default=None)
        if latest is not None and deaths is None:
            cut.problem("latest goes with a number of deaths", "latest", given=latest)
        if arms and deaths is not None and deaths > sum(arm.size for arm in arms):
            cut.problem("more deaths than patients", "deaths", given=deaths)
        design = Design(
            name=path.parent.name,
            title=trial.text("title"),
            about=trial.text("about"),
            arms=arms,
            horizon=trial.days("horizon", low=1),
            accrual=accrual.days("period", low=0),
            deaths=deaths,
            cut_after=cut_after,
            cut_latest=latest,
            follow_up=cut.days("follow_up", low=0, default=None),
            maintained=None if remission is None else remission.days("maintained", low=0),
            events_after=math.inf if events is None else events.days("after", low=0),
            events_to_the_end=() if events is None else events.texts("to_the_end", default=()),
            also_scored=trial.texts("also_scored", default=()),
            as_of=trial.date("as_of", default=None),
            scales=trial.texts("scales", default=()),
            reports=read_reports(table, [arm.name for arm in arms]),
            recorded=_recorded(table.table("recorded", default=None)),
            figures=_figures(table.table("figures")),
            folder=path.parent,
        )
    return design


def read_arms(table: Table) -> tuple[Arm, ...]:
    """Read the tables ``[[arm]]`` of a text; problems are noted in `table`."""
    arms = tuple(_arm(each) for each in table.tables("arm", at_least=1))
    names = [arm.name for arm in arms]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            table.problem("two arms have one name", "arm", given=name)
    return arms


def _arm(table: Table) -> Arm:
    table.source()
    size = table.integer("size", low=1)
    next_line = table.quantity("next_line", "1", low=0, high=1, sourced=True, default=None)
    never = table.integer("never_treated", low=0, high=size, default=0)
    return Arm(
        name=table.text("name"),
        size=size,
        never_treated=never / max(size, 1),
        cohort=table.text("cohort"),
        protocol=table.text("protocol"),
        scales=table.texts("scales", default=()),
        next_line=None if next_line is None else next_line.value,
    )


def _recorded(table: Table | None) -> NDArray[np.float64]:
    if table is None:
        return np.empty(0)
    table.source()
    every, until = table.days("every", low=0), table.days("until", low=0)
    if not 0 < every <= until:
        table.problem("the recorded times must go on for at least one of their steps", "until")
        return np.empty(0)
    times = np.arange(0.0, until + every / 2, every)
    offset = table.days("offset", low=0, default=0.0)
    return times if not offset else np.append(0.0, times + offset)


def _figures(table: Table) -> Figures:
    edges = table.numbers("burden", default=())
    if list(edges) != sorted(set(edges)):
        table.problem("burden must be ascending fractions", "burden")
    return Figures(
        last=table.days("last", low=1),
        every=table.days("every", low=1),
        response_by=table.days("response_by", low=0),
        burden=edges,
    )
