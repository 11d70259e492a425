"""What a clinic measures, when, and how well: delays, assay noise, detection limits. It never sees a hidden state."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.finding import Finding, read_finding
from virtuall.clinic.graded import Graded, read_graded
from virtuall.core.arithmetic import exp
from virtuall.core.counts import poisson
from virtuall.core.random import keyed_uniform, keys
from virtuall.texts.table import Table, reading
from virtuall.texts.validity import in_force

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ANCHORS = ("enrollment", "collection", "product ready", "cycle start", "infusion end", "remission", "next line")
TIMES = ("treatment", "remission", "alive")
PLACES = ("anywhere", "ward", "outside")


@dataclass(frozen=True)
class Observable:
    """One thing that is measured.

    ``noise`` is the standard deviation of the log of one measurement; ``read`` the number of cells that are counted
    (0: not a count); below ``limit`` a result reads 0; above ``highest`` it reads ``highest``; it is told in whole
    ``step`` (0: as it is).
    """

    name: str
    signal: str
    unit: str
    noise: float
    limit: float
    highest: float
    read: float
    step: float
    doc: str


@dataclass(frozen=True)
class Schedule:
    """When a set of observables is sampled: an offset after an anchor, perhaps again and again.

    ``where`` is one of `PLACES`: what is due elsewhere is left out, and goes on where it belongs.
    """

    name: str
    observables: tuple[str, ...]
    anchor: str
    offset: float
    every: float
    times: int
    during: str
    result_after: float
    where: str


@dataclass(frozen=True)
class Monitoring:
    """A text of monitoring: what is measured, when, what is found and graded from it; and when it was in use."""

    title: str
    observables: tuple[Observable, ...]
    schedules: tuple[Schedule, ...]
    findings: tuple[Finding, ...] = ()
    graded: tuple[Graded, ...] = ()
    valid_from: datetime.date | None = None
    valid_to: datetime.date | None = None

    def valid_on(self, day: datetime.date | None) -> bool:
        """Whether it was in use on a day; without a day, whether no last one is known."""
        return in_force(self.valid_from, self.valid_to, day)


def read_monitoring(path: Path) -> Monitoring:
    """Read ``monitoring/*.toml``."""
    with reading(path) as text:
        head = text.table("monitoring")
        head.source()
        observables = tuple(_observable(each) for each in text.named("observable").values())
        names = tuple(each.name for each in observables)
        return Monitoring(
            head.text("title"),
            observables,
            tuple(_schedule(each, names) for each in text.tables("schedule")),
            tuple(read_finding(each) for each in text.named("finding").values()),
            tuple(read_graded(each) for each in text.named("graded").values()),
            head.date("valid_from", default=None),
            head.date("valid_to", default=None),
        )


def _observable(table: Table) -> Observable:
    unit = table.unit()
    return Observable(
        table.name,
        table.text("signal"),
        unit,
        table.quantity("noise", "1", low=0, sourced=True).value,
        table.amount("limit", unit, default=0.0),
        table.amount("highest", unit, default=np.inf),
        table.amount("read", "1", default=0.0),
        table.amount("step", unit, low=0, default=0.0),
        table.text("doc"),
    )


def _schedule(table: Table, names: tuple[str, ...]) -> Schedule:
    found = Schedule(
        table.text("name"),
        table.texts("observables", allowed=names),
        table.choice("anchor", ANCHORS),
        table.days("offset", low=0),
        table.days("every", low=0, default=np.inf),
        table.integer("times", low=1, default=2**31),
        table.choice("during", TIMES),
        table.days("result_after", low=0),
        table.choice("where", PLACES, default=PLACES[0]),
    )
    if found.result_after >= found.every:
        table.problem("a result must be there before the next sample", "result_after", given=found.result_after)
    return found


@dataclass(frozen=True, eq=False)
class Laboratory:
    """The observables of S schedules as tables over K observables.

    Attributes
    ----------
    measures : bool[S, K]
        The schedule measures the observable.
    noise, limit, highest, read, step : float64[K]
        As of `Observable`.
    purposes, counts : tuple of str
        Purposes of the draws of noise and of counts, schedule by schedule.
    """

    measures: NDArray[np.bool_]
    noise: Floats
    limit: Floats
    highest: Floats
    read: Floats
    step: Floats
    purposes: tuple[str, ...]
    counts: tuple[str, ...]


def laboratory_of(monitoring: Monitoring) -> Laboratory:
    """The tables of a text of monitoring."""
    observables, schedules = monitoring.observables, monitoring.schedules
    purposes = tuple(f"assay {each.name}, {schedule.name}" for schedule in schedules for each in observables)
    measures = [[each.name in schedule.observables for each in observables] for schedule in schedules]
    return Laboratory(
        np.array(measures, bool).reshape(len(schedules), len(observables)),
        np.array([each.noise for each in observables]),
        np.array([each.limit for each in observables]),
        np.array([each.highest for each in observables]),
        np.array([each.read for each in observables]),
        np.array([each.step for each in observables]),
        purposes,
        tuple(f"{purpose}, count" for purpose in purposes),
    )


def measured(
    laboratory: Laboratory, schedule: Ints, place: Ints, truth: Floats, seed: int, patients: Ints, occurrence: Ints
) -> Floats:
    """What the laboratory reports: n measurements of one observable each.

    Parameters
    ----------
    schedule, place : int64[n]
        Numbers of the schedule and of the observable.
    truth : float64[n]
        True values in the units of the observables.
    patients, occurrence : int64[n]
        Ids, and which sample of this schedule it is; with the schedule they key the noise.

    Returns
    -------
    float64[n]
    """
    from scipy.special import ndtri

    number = schedule * len(laboratory.noise) + place
    spread = ndtri(keyed_uniform(keys(seed, laboratory.purposes)[number], patients, occurrence))
    reported = np.minimum(truth * exp(laboratory.noise[place] * spread), laboratory.highest[place])
    read = laboratory.read[place]
    counted = (read > 0).nonzero()[0]
    if len(counted):
        key = keys(seed, laboratory.counts)[number[counted]]
        draw = keyed_uniform(key, patients[counted], occurrence[counted])
        cells = read[counted]
        reported[counted] = poisson(reported[counted] * cells, draw) / cells  # cells found among those read
    step = laboratory.step[place]
    told = (step > 0).nonzero()[0]
    reported[told] = np.rint(reported[told] / step[told]) * step[told]
    return np.where(reported < laboratory.limit[place], 0.0, reported)
