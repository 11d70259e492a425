"""What a clinic measures, when, and how well: delays, assay noise, detection limits. It never sees a hidden state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virtuall.core.arithmetic import exp
from virtuall.core.poisson import poisson
from virtuall.core.random import normal, uniform
from virtuall.texts.table import Table, reading

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ANCHORS = ("enrollment", "cycle start", "infusion end", "remission", "next line")
TIMES = ("treatment", "remission", "alive")


@dataclass(frozen=True)
class Observable:
    """One thing that is measured.

    ``noise`` is the standard deviation of the log of one measurement; ``read`` the number of cells that are counted
    (0: not a count); below ``limit`` a result reads 0; above ``highest`` it reads ``highest``.
    """

    name: str
    signal: str
    unit: str
    noise: float
    limit: float
    highest: float
    read: float
    doc: str


@dataclass(frozen=True)
class Schedule:
    """When a set of observables is sampled: an offset after an anchor, perhaps again and again."""

    name: str
    observables: tuple[str, ...]
    anchor: str
    offset: float
    every: float
    times: int
    during: str
    result_after: float


@dataclass(frozen=True)
class Monitoring:
    """A text of monitoring."""

    title: str
    observables: tuple[Observable, ...]
    schedules: tuple[Schedule, ...]


def read_monitoring(path: Path) -> Monitoring:
    """Read ``monitoring/*.toml``."""
    with reading(path) as text:
        head = text.table("monitoring")
        head.source()
        observables = tuple(_observable(each) for each in text.named("observable").values())
        names = tuple(each.name for each in observables)
        return Monitoring(
            head.text("title"), observables, tuple(_schedule(each, names) for each in text.tables("schedule"))
        )


def _observable(table: Table) -> Observable:
    unit = table.unit()
    return Observable(
        table.name,
        table.text("signal"),
        unit,
        table.quantity("noise", "1", low=0, sourced=True).value,
        _optional(table, "limit", unit, 0.0),
        _optional(table, "highest", unit, np.inf),
        _optional(table, "read", "1", 0.0),
        table.text("doc"),
    )


def _optional(table: Table, key: str, unit: str, otherwise: float) -> float:
    found = table.quantity(key, unit, default=None, sourced=True)
    return otherwise if found is None else found.value


def _schedule(table: Table, names: tuple[str, ...]) -> Schedule:
    return Schedule(
        table.text("name"),
        table.texts("observables", allowed=names),
        table.choice("anchor", ANCHORS),
        table.days("offset", low=0),
        table.days("every", low=0, default=np.inf),
        table.integer("times", low=1, default=2**31),
        table.choice("during", TIMES),
        table.days("result_after", low=0),
    )


def measured(
    observables: Sequence[Observable], truth: Floats, seed: int, schedule: str, patients: Ints, occurrence: Ints
) -> Floats:
    """What the laboratory reports for one sample of each patient.

    Parameters
    ----------
    observables : K observables of the schedule
    truth : float64[K, n]
        True values in the units of the observables.
    schedule : str
        Name of the schedule; with the occurrence it keys the noise.
    patients, occurrence : int64[n]
        Ids, and which sample of this schedule it is.

    Returns
    -------
    float64[K, n]
    """
    purposes = [f"assay {each.name}, {schedule}" for each in observables]
    noise = np.array([[each.noise] for each in observables])
    highest = np.array([[each.highest] for each in observables])
    limit = np.array([[each.limit] for each in observables])
    reported = np.minimum(truth * exp(noise * normal(seed, purposes, patients, occurrence)), highest)
    for place, each in enumerate(observables):
        if each.read > 0:
            draw = uniform(seed, f"{purposes[place]}, count", patients, occurrence)
            reported[place] = poisson(reported[place] * each.read, draw) / each.read  # cells found among those read
    return np.where(reported < limit, 0.0, reported)
