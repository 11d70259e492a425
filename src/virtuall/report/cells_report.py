"""What became of the patients for whom cells were to be made: of all enrolled, and of those infused.

A trial of manufactured cells can be told twice. Of those infused, the product is seen at its best; of all enrolled,
those count too whose cells were never made or who did not live to get them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from virtuall.core.errors import InputError
from virtuall.core.units import unit as read_unit
from virtuall.report.share import exact_share
from virtuall.trial.reporting import CellsText

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# The way to the infusion: what is reached, and the column that holds its day.
STAGES = (
    ("enrolled", ""),
    ("collected", "collected_day"),
    ("product ready", "product_ready_day"),
    ("lymphodepleted", "lymphodepletion_day"),
    ("infused", "infused_day"),
)
_WAITS = (
    ("enrollment to collection", "", "collected_day"),
    ("collection to product ready", "collected_day", "product_ready_day"),
    ("product ready to lymphodepletion", "product_ready_day", "lymphodepletion_day"),
    ("lymphodepletion to infusion", "lymphodepletion_day", "infused_day"),
    ("vein to vein: collection to infusion", "collected_day", "infused_day"),
    ("enrollment to infusion", "", "infused_day"),
)
WAITING = "still waiting at the end of follow-up"
_UNKNOWN = "unknown"


@dataclass(frozen=True)
class Estimate:
    """A share with its 95 % interval (NaN where there is none), of how many; `count` is None for Kaplan-Meier."""

    value: float
    low: float
    high: float
    of: int
    count: int | None = None


@dataclass(frozen=True)
class Row:
    """One outcome with both denominators."""

    name: str
    enrolled: Estimate
    infused: Estimate


@dataclass(frozen=True)
class Stage:
    """How many came so far, and how many of the stage before were lost on the way, by cause."""

    name: str
    reached: int
    lost: Mapping[str, int]


@dataclass(frozen=True)
class Wait:
    """Days between two stages, of those who reached the second one."""

    name: str
    patients: int
    median: float
    least: float
    most: float


@dataclass(frozen=True)
class CellsReport:
    """The report.

    Attributes
    ----------
    protocol, cohort : str
    enrolled, failed : int
        `failed`: patients whose simulation failed; they are in none of the numbers.
    rows : tuple of Row
    stages : tuple of Stage
    losses : mapping of str to int
        Those never infused, by cause.
    waits : tuple of Wait
    collected_again : Estimate
        Of those collected: who needed more than one collection.
    out_of_specification : Estimate
        Of the products made.
    aplasia : Estimate or None
        B-cell aplasia; None when B cells were not recorded.
    phenotypes : mapping of str to int
        Relapses after the infusion.
    notes : tuple of str
    """

    protocol: str
    cohort: str
    enrolled: int
    failed: int
    rows: tuple[Row, ...]
    stages: tuple[Stage, ...]
    losses: Mapping[str, int]
    waits: tuple[Wait, ...]
    collected_again: Estimate
    out_of_specification: Estimate
    aplasia: Estimate | None
    phenotypes: Mapping[str, int]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """All of it by name."""
        return asdict(self)


def has_cells(outcomes: pd.DataFrame) -> bool:
    """Whether cells were collected from anybody of these patients, or could not be."""
    collected = "collected_day" in outcomes and bool(outcomes["collected_day"].notna().any())
    failed = "supply_failure" in outcomes and bool((outcomes["supply_failure"].astype(str) != "").any())
    return collected or failed


def cells_report(
    outcomes: pd.DataFrame, events: pd.DataFrame, text: CellsText, signals: xr.Dataset | None = None
) -> CellsReport:
    """Report the manufactured cells of a result; pure.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        One row a patient (`virtuall.simulation.result`), with the days of the chain that makes the cells.
    events : pandas.DataFrame
        Their charts; responses and relapses are read.
    text : CellsText
        What is counted, and when.
    signals : xarray.Dataset, optional
        Recorded signals; those of B cells are read.

    Raises
    ------
    InputError
        When no cells are collected in this result, or not first of all, or every simulation failed.
    """
    if not has_cells(outcomes):
        raise InputError(
            "no cells were made for the patients of this result",
            given=", ".join(dict.fromkeys(outcomes["protocol"].astype(str))),
            hint="the report is of therapies with cells that are made for each patient",
        )
    course = _Course(outcomes[outcomes["status"] == 0].reset_index(drop=True), events, text)
    if not len(course):
        raise InputError("the simulation of every patient failed", given=len(outcomes))
    if np.any(course.days("infused_day") < course.days("collected_day")):
        raise InputError(
            "cells were collected after another product was given",
            hint="the report is of protocols that begin with the making of cells",
        )
    losses = course.losses()
    return CellsReport(
        protocol=", ".join(dict.fromkeys(outcomes["protocol"].astype(str))),
        cohort=", ".join(dict.fromkeys(outcomes["cohort"].astype(str))),
        enrolled=len(course),
        failed=int((outcomes["status"] != 0).sum()),
        rows=_rows(course, text),
        stages=_stages(course, losses),
        losses=_counted(losses[~course.infused]),
        waits=tuple(_wait(course, *words) for words in _WAITS),
        collected_again=_share((course.days("collections") > 1)[course.reached("collected_day")]),
        out_of_specification=_share(course.flags("out_of_specification")[course.reached("product_ready_day")]),
        aplasia=_aplasia(course, signals, text),
        phenotypes=_phenotypes(course),
        notes=_notes(course, text),
    )


class _Course:
    """The patients as columns, with what happened after their infusion."""

    def __init__(self, frame: pd.DataFrame, events: pd.DataFrame, text: CellsText) -> None:
        self.frame, self.text = frame, text
        row = dict(zip(frame["patient"].tolist(), range(len(frame)), strict=True))
        chart = events[events["kind"].isin(["response", "relapse"]) & events["patient"].isin(row)]
        self.kind = chart["kind"].to_numpy(str)
        self.day = chart["day"].to_numpy(np.float64)
        self.row = chart["patient"].map(row).to_numpy(np.int64)
        self.word = chart["what"].to_numpy(str)

    def __len__(self) -> int:
        return len(self.frame)

    def days(self, name: str) -> Floats:
        """A column of days; NaN where there is no such column; 0 for enrollment."""
        if not name:
            return np.zeros(len(self))
        return self.frame[name].to_numpy(np.float64) if name in self.frame else np.full(len(self), np.nan)

    def flags(self, name: str) -> Flags:
        """A column of yes and no; no where there is no such column."""
        return np.nan_to_num(self.days(name)) > 0

    def words(self, name: str) -> NDArray[np.object_]:
        """A column of words; empty where there is no such column."""
        if name not in self.frame:
            return np.full(len(self), "", object)
        return self.frame[name].fillna("").astype(str).to_numpy(object)

    def reached(self, name: str) -> Flags:
        """Who came as far as this stage, or further."""
        names = [column for _, column in STAGES]
        return np.any([np.isfinite(self.days(each)) for each in names[names.index(name) :]], axis=0)

    @cached_property
    def infused(self) -> Flags:
        """Who was infused."""
        return np.isfinite(self.days("infused_day"))

    @cached_property
    def relapsed_before(self) -> Floats:
        """Day of the last relapse before the infusion; minus infinity for none."""
        these = (self.kind == "relapse") & (self.day <= self.days("infused_day")[self.row])
        last = np.full(len(self), -np.inf)
        np.maximum.at(last, self.row[these], self.day[these])
        return last

    @cached_property
    def relapse(self) -> Floats:
        """Day of the first relapse after the infusion; infinity for none."""
        these = (self.kind == "relapse") & (self.day > self.days("infused_day")[self.row])
        first = np.full(len(self), np.inf)
        np.minimum.at(first, self.row[these], self.day[these])
        return first

    @cached_property
    def remission(self) -> Flags:
        """In remission at the infusion or within the window after it, before any further line."""
        infused, other = self.days("infused_day"), self.days("next_line_day")
        within = self.day <= infused[self.row] + self.text.remission_within
        own = ~(self.day >= other[self.row])
        these = (self.kind == "response") & within & own & (self.day > self.relapsed_before[self.row])
        return np.bincount(self.row[these], minlength=len(self)) > 0

    @cached_property
    def mrd_negative(self) -> Flags:
        """In remission without residual disease within the window."""
        day = self.days("mrd_day")
        within = day <= self.days("infused_day") + self.text.remission_within
        return self.remission & within & (day > self.relapsed_before)

    def losses(self) -> NDArray[np.object_]:
        """Why somebody was never infused; empty for those who were."""
        failure, death = self.words("supply_failure"), self.days("death_day")
        died = np.isfinite(death) & ~(self.days("off_protocol_day") < death)
        causes, reasons = self.words("death_cause"), self.words("off_protocol_reason")
        found = np.full(len(self), "", object)
        for place in np.flatnonzero(~self.infused):
            if failure[place]:
                found[place] = failure[place]
            elif died[place]:
                found[place] = f"died before infusion: {causes[place] or _UNKNOWN}"
            else:
                found[place] = reasons[place] or WAITING
        return found


def _rows(course: _Course, text: CellsText) -> tuple[Row, ...]:
    infused = course.infused
    window = f"within {text.remission_within:g} days of infusion"
    rows = [
        Row(f"remission {window}", _share(course.remission), _share(course.remission[infused])),
        Row(f"MRD-negative {window}", _share(course.mrd_negative), _share(course.mrd_negative[infused])),
    ]
    to_months = read_unit("d").factor_to(read_unit("month"))
    for name, of in (("overall survival", "os"), ("event-free survival", "efs")):
        for day in text.survival_at:
            whole = _survival(*_times(course, of, "enrollment"), day)
            after = _survival(*_times(course, of, "infusion"), day)
            rows.append(Row(f"{name}, {day * to_months:.3g} months", whole, after))
    return tuple(rows)


def _times(course: _Course, of: str, start: str) -> tuple[Floats, Flags]:
    """Days and event flags from enrollment (everybody) or from infusion (those infused).

    Event-free: to relapse or death; no infusion, or no remission within the window, is an event on the first day,
    unless the patient was not followed so long.
    """
    death, last = course.days("death_day"), course.days("last_day")
    after = course.infused if start == "infusion" else np.ones(len(course), bool)
    begin = course.days("infused_day") if start == "infusion" else np.zeros(len(course))
    happens = death if of == "os" else np.fmin(course.relapse, death)
    end = np.fmin(last, death)
    event = happens <= end
    time = np.where(event, happens, end) - begin
    if of == "efs":
        window = np.where(course.infused, course.days("infused_day") + course.text.remission_within, 0.0)
        failed = ~course.remission & (np.isfinite(death) | (last >= window))
        event, time = np.where(course.remission, event, failed), np.where(course.remission, time, 0.0)
    return np.maximum(time[after], 0.0), event[after]


def _survival(time: Floats, event: Flags, day: float) -> Estimate:
    """Kaplan-Meier's share at a day with its interval; NaN when nobody is followed so long."""
    from lifelines import KaplanMeierFitter

    if not time.size or (time.max() < day and not event.all()):
        return Estimate(np.nan, np.nan, np.nan, int(time.size))
    fitted = KaplanMeierFitter().fit(time, event)
    bounds = fitted.confidence_interval_survival_function_
    low, high = bounds[bounds.index <= day].iloc[-1].to_numpy(float)
    # a product of many shares, so that 0.1 would be told as 0.0999...
    value = round(float(fitted.predict(day)), 12)
    return Estimate(value, float(low), float(high), int(time.size))


def _share(flags: Flags) -> Estimate:
    """The share of those who are flagged."""
    share = exact_share(int(np.count_nonzero(flags)), int(flags.size))
    return Estimate(share.value, share.low, share.high, share.of, share.count)


def _stages(course: _Course, losses: NDArray[np.object_]) -> tuple[Stage, ...]:
    before, stages = np.ones(len(course), bool), []
    for name, column in STAGES:
        now = course.reached(column) if column else before
        stages.append(Stage(name, int(np.count_nonzero(now)), _counted(losses[before & ~now])))
        before = now
    return tuple(stages)


def _counted(words: Sequence[Any] | NDArray[np.object_]) -> dict[str, int]:
    """How often each word, the most frequent first."""
    counts = Counter(str(word) for word in words)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _wait(course: _Course, name: str, first: str, second: str) -> Wait:
    lengths = course.days(second) - course.days(first)
    lengths = lengths[np.isfinite(lengths)]
    if not lengths.size:
        return Wait(name, 0, np.nan, np.nan, np.nan)
    return Wait(name, lengths.size, float(np.median(lengths)), float(lengths.min()), float(lengths.max()))


def _aplasia(course: _Course, signals: xr.Dataset | None, text: CellsText) -> Estimate | None:
    """Of those still in remission then, with neither transplant nor a further line."""
    if signals is None or text.aplasia_signal not in signals:
        return None
    trace = signals[text.aplasia_signal].transpose("patient", "time")
    factor = read_unit(str(trace.attrs["units"])).factor_to(read_unit(text.aplasia_unit))
    day = course.days("infused_day") + text.aplasia_at
    there = course.remission & (course.relapse > day)
    for name in ("death_day", "transplant_day", "next_line_day"):
        there &= ~(course.days(name) <= day)
    times = signals["time"].to_numpy().astype(np.float64)
    there &= day <= times[-1]
    row = {patient: place for place, patient in enumerate(signals["patient"].to_numpy().tolist())}
    rows = np.array([row.get(patient, -1) for patient in course.frame["patient"].tolist()])
    there &= rows >= 0
    column = np.searchsorted(times, day[there], side="right") - 1
    counts = trace.to_numpy()[rows[there], column] * factor
    return _share(counts[np.isfinite(counts)] < text.aplasia_below)


def _phenotypes(course: _Course) -> dict[str, int]:
    """The words of each patient's first relapse after the infusion, before any further line."""
    other = course.days("next_line_day")[course.row]
    first = (course.kind == "relapse") & (course.day == course.relapse[course.row]) & ~(course.day > other)
    return _counted(course.word[first])


def _notes(course: _Course, text: CellsText) -> tuple[str, ...]:
    said = [
        "Survival of all enrolled counts from enrollment, that of those infused from infusion. "
        "Event-free: no infusion, or no remission within the window, is an event on the first day.",
        f"B-cell aplasia: fewer than {text.aplasia_below:g} {text.aplasia_unit} {text.aplasia_at:.0f} days after the "
        "infusion, of those still in remission, with neither transplant nor a further line.",
    ]
    without = int(np.count_nonzero(course.infused & ~np.isfinite(course.days("lymphodepletion_day"))))
    if without:
        said.append(f"{without} of those infused got no lymphodepletion.")
    early = course.infused & ~np.isfinite(course.days("death_day"))
    early &= course.days("last_day") < course.days("infused_day") + text.remission_within
    if early.any():
        said.append(
            f"{np.count_nonzero(early)} of those infused were followed for less than {text.remission_within:g} days "
            "after it; without a remission they count as none."
        )
    return tuple(said)
