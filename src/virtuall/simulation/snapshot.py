"""What rules and judgments may read of patients at one moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.event import Event
from virtuall.dosing.care import Given
from virtuall.dosing.course import Phase, infused_days
from virtuall.model import Model
from virtuall.simulation.protocol import LEGS, Protocol
from virtuall.simulation.ward import Ward

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class TableRow:
    """A column that is a row of a table of the ward; what is read of one table is taken from it in one go."""

    table: str
    place: int


# How a column comes from the ward, some patients and their present days; or where it is.
Ask = Callable[[Ward, Ints, Floats], NDArray[Any]]
Reader = TableRow | Ask


class Readers(dict[str, Reader]):
    """Readers by the name of their column; how a list of columns is read is worked out once."""

    def __init__(self, readers: Mapping[str, Reader]) -> None:
        super().__init__(readers)
        self._sorted: dict[tuple[str, ...], tuple[list[tuple[str, list[str], Ints]], list[tuple[str, Ask]]]] = {}

    def sorted(self, names: tuple[str, ...]) -> tuple[list[tuple[str, list[str], Ints]], list[tuple[str, Ask]]]:
        """Tables with the names and places of what is read of them, and the other readers."""
        if names not in self._sorted:
            tables: dict[str, dict[str, int]] = {}
            others = []
            for name in names:
                reader = self[name]
                if isinstance(reader, TableRow):
                    tables.setdefault(reader.table, {})[name] = reader.place
                else:
                    others.append((name, reader))
            found = [(table, list(of), np.array(list(of.values()), np.int64)) for table, of in tables.items()]
            self._sorted[names] = found, others
        return self._sorted[names]


def snapshot(readers: Readers, ward: Ward, rows: Ints, now: Floats, names: tuple[str, ...]) -> dict[str, Floats]:
    """These columns by name, for these patients at these days."""
    seen: dict[str, Floats] = {}
    tables, others = readers.sorted(names)
    for table, own, places in tables:
        seen.update(zip(own, getattr(ward, table).take(rows, axis=1).take(places, axis=0), strict=True))
    for name, reader in others:
        seen[name] = reader(ward, rows, now).astype(np.float64, copy=False)
    return seen


def column_readers(model: Model, protocol: Protocol, events: Sequence[Event], given: Mapping[str, Given]) -> Readers:
    """A reader for each column that conditions may speak of; ``given`` are the doses of care given so far."""
    readers: dict[str, Reader] = {name: _known(name) for name in model.covariates} | _COURSE
    for place, observable in enumerate(protocol.monitoring.observables):
        readers[observable.name] = TableRow("latest", place)
    for place, finding in enumerate(protocol.monitoring.findings):
        readers[finding.name] = TableRow("found", place)
    for place, graded in enumerate(protocol.monitoring.graded):
        readers |= _of_graded(graded.name, place)
    for number, event in enumerate(events):
        if not event.fatal:
            readers |= _of_event(event.name, number)
    for product, doses in given.items():
        readers |= _of_care(product, doses)
    kinds = np.array([LEGS.index(leg.name) for leg in protocol.legs])
    readers["leg"] = lambda ward, rows, now: kinds[ward.course.leg[rows]]
    return Readers(readers)


def _known(name: str) -> Reader:
    return lambda ward, rows, now: (
        ward.covariates[name][rows] if name in ward.covariates else np.full(len(rows), np.nan)
    )


def _of_graded(name: str, place: int) -> dict[str, Reader]:
    return {
        f"{name}_grade": TableRow("grade", place),
        f"{name}_worst": TableRow("worst", place),
        f"{name}_count": lambda ward, rows, now: ward.graded_count[place, rows],
        f"{name}_days": lambda ward, rows, now: now - ward.graded_since[place, rows],
        f"{name}_quiet_days": lambda ward, rows, now: now - ward.graded_last[place, rows],
    }


def _of_care(product: str, given: Given) -> dict[str, Reader]:
    return {
        f"{product}_doses": lambda ward, rows, now: given.count[rows],
        f"{product}_days": lambda ward, rows, now: now - given.times[0, rows],
    }


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
    "inpatient": lambda ward, rows, now: ward.inpatient_until[rows] > now,
    "intensive": lambda ward, rows, now: ward.intensive_until[rows] > now,
    "supply": lambda ward, rows, now: ward.supply[rows],
    "relapse_phenotype": lambda ward, rows, now: ward.phenotype[rows],
}
