"""What rules and judgments may read of patients at one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.event import Event
from virtuall.dosing.course import Phase, infused_days
from virtuall.simulation.protocol import LEGS
from virtuall.simulation.ward import Ward

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# From the ward, some patients and their present days to one column.
Reader = Callable[[Ward, Ints, Floats], NDArray[Any]]


def snapshot(
    readers: Mapping[str, Reader], ward: Ward, rows: Ints, now: Floats, names: Iterable[str]
) -> dict[str, Floats]:
    """These columns by name, for these patients at these days."""
    return {name: readers[name](ward, rows, now).astype(np.float64, copy=False) for name in names}


def column_readers(
    covariates: Iterable[str], observables: Sequence[str], events: Sequence[Event], legs: Sequence[str]
) -> dict[str, Reader]:
    """A reader for each column of `virtuall.simulation.bind.clinic_columns`."""
    readers = {name: _known(name) for name in covariates} | _COURSE
    for place, name in enumerate(observables):
        readers[name] = _latest(place)
    for number, event in enumerate(events):
        if not event.fatal:
            readers |= _of_event(event.name, number)
    kinds = np.array([LEGS.index(name) for name in legs])
    readers["leg"] = lambda ward, rows, now: kinds[ward.course.leg[rows]]
    return readers


def _known(name: str) -> Reader:
    return lambda ward, rows, now: (
        ward.covariates[name][rows] if name in ward.covariates else np.full(len(rows), np.nan)
    )


def _latest(place: int) -> Reader:
    return lambda ward, rows, now: ward.latest[place, rows]


def _of_event(name: str, number: int) -> dict[str, Reader]:
    return {
        f"{name}_consequence": lambda ward, rows, now: ward.event_consequence[number, rows],
        f"{name}_grade": lambda ward, rows, now: ward.event_grade[number, rows],
        f"{name}_count": lambda ward, rows, now: ward.event_count[number, rows],
        f"{name}_quiet_days": lambda ward, rows, now: now - ward.event_quiet[number, rows],
    }


def _held_days(ward: Ward, rows: Ints, now: Floats) -> Floats:
    held = ward.course.phase[rows] == Phase.HELD
    return np.where(held, now - np.where(held, ward.course.held_at[rows], 0.0), 0.0)


_COURSE: dict[str, Reader] = {
    "cycle": lambda ward, rows, now: ward.course.cycle[rows],
    "assessed_cycles": lambda ward, rows, now: ward.assessed[rows],
    "completed_cycles": lambda ward, rows, now: ward.course.completed[rows],
    "lines": lambda ward, rows, now: ward.lines[rows],
    "days": lambda ward, rows, now: now,
    "infusion_days": lambda ward, rows, now: infused_days(ward.course, rows, now),
    "held_days": _held_days,
    "phase": lambda ward, rows, now: ward.course.phase[rows],
    "response": lambda ward, rows, now: ward.rank[rows],
    "relapsed": lambda ward, rows, now: ward.relapsed[rows],
    "in_remission": lambda ward, rows, now: ward.in_remission[rows],
    "cycle_days": lambda ward, rows, now: now - ward.course.cycle_started[rows],
    "infused_days": lambda ward, rows, now: now - ward.days["infused_day"][rows],
    "infused": lambda ward, rows, now: ~np.isnan(ward.days["infused_day"][rows]),
    "mrd_negative": lambda ward, rows, now: ~np.isnan(ward.days["mrd_day"][rows]),
    "transplant_planned": lambda ward, rows, now: np.isfinite(ward.agenda["transplant"][rows]),
    "transplanted": lambda ward, rows, now: ward.transplanted[rows],
    "supply": lambda ward, rows, now: ward.supply[rows],
    "relapse_phenotype": lambda ward, rows, now: ward.phenotype[rows],
}
