"""A fixed piece of work for engines: equations, patients, changes, and the days to record.

Every engine gets the same `Work` and gives back the same array: all states on all record times. The equations are
those of our `System`, in the order and with the shared divisions that our own code generator uses, and with all that
depends on a patient's numbers alone computed beforehand: what a careful user would do by hand in each tool.
Tools that read SBML get the SBML text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from virtuall.engine.blueprint import Blueprint, make_blueprint
from virtuall.engine.kernel import build_kernel
from virtuall.engine.program import run_on_columns
from virtuall.engine.system import System

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Change:
    """At a time, for every patient: a parameter is set, or something is added to a state."""

    time: float
    name: str
    value: float
    adds: bool = False


@dataclass(frozen=True)
class Piece:
    """The stretch between two changes.

    Attributes
    ----------
    begin, end : float
    times : float64[K]
        Record times after `begin`, up to `end`.
    places : int64[K]
        Their places in the record.
    changes : tuple of Change
        What happens at `begin`, after that time was recorded.
    fixed : float64[N, F]
        Formulas of each patient's numbers alone, as they hold in this piece.
    """

    begin: float
    end: float
    times: Floats
    places: Ints
    changes: tuple[Change, ...]
    fixed: Floats

    @property
    def grid(self) -> Floats:
        """The record times, and the end where that is none of them: what a tool is asked for."""
        ends = len(self.times) and self.times[-1] == self.end
        return self.times if ends else np.append(self.times, self.end)

    def additions(self, states: Sequence[str]) -> list[tuple[int, float]]:
        """State and amount of each addition at `begin`."""
        return [(states.index(change.name), change.value) for change in self.changes if change.adds]


@dataclass(frozen=True)
class Work:
    """What every engine has to do.

    Attributes
    ----------
    name : str
    system : System
    rows : float64[N, P]
        Parameters of each patient, computed constants included.
    first : float64[N, S]
        States at the first time.
    changes : tuple of Change
    times : float64[T]
        Record times, the first and last included.
    unit : str
        What one run of one patient is, for tables.
    sbml : str
        The model as SBML, for tools that read it.
    ids : mapping of str to str
        What a state or parameter is called in the SBML text, where it differs.
    varied : tuple of str
        Parameters that differ between patients or change; all, where empty.
    judged : int
        The first so many patients are compared with the reference.
    """

    name: str
    system: System
    rows: Floats
    first: Floats
    changes: tuple[Change, ...]
    times: Floats
    unit: str
    sbml: str = ""
    ids: Mapping[str, str] = field(default_factory=dict)
    varied: tuple[str, ...] = ()
    judged: int = 16

    @cached_property
    def blueprint(self) -> Blueprint:
        """Programs of the equations."""
        return make_blueprint(self.system)

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The work between two changes, in order."""
        rows = self.rows.copy()
        last = float(self.times[-1])
        stops = sorted({change.time for change in self.changes if change.time < last} | {float(self.times[0])})
        found = []
        for begin, end in zip(stops, [*stops[1:], last], strict=True):
            changes = tuple(change for change in self.changes if change.time == begin)
            for change in changes:
                if not change.adds:
                    rows[:, self.system.parameters.index(change.name)] = change.value
            fixed = run_on_columns(self.blueprint.fixed, rows.T.__getitem__, len(rows)).T
            places = np.flatnonzero((self.times > begin) & (self.times <= end))
            found.append(Piece(begin, end, self.times[places], places, changes, np.ascontiguousarray(fixed)))
        return tuple(found)

    @property
    def scales(self) -> Floats:
        """Per state the size below which an error counts as absolute."""
        return np.array(self.system.scales)

    def of(self, patients: int) -> Work:
        """The same work for the first so many patients."""
        patients = min(patients, len(self.rows))
        return replace(self, rows=self.rows[:patients], first=self.first[:patients], judged=min(self.judged, patients))

    def empty(self, patients: int) -> Floats:
        """A record (patients, times, states) with the first states in place."""
        record = np.full((patients, len(self.times), len(self.system.states)), np.nan)
        record[:, 0] = self.first[:patients]
        return record


def make_work(
    name: str, system: System, rows: Floats, changes: Sequence[Change], times: Floats, unit: str, **more: object
) -> Work:
    """Let the engine compute constants and first states, then put the work together."""
    started = build_kernel(system, backend="numpy").start(rows, time=float(times[0]))
    return Work(name, system, started.parameters, started.y.copy(), tuple(changes), times, unit, **more)  # type: ignore[arg-type]


def worst_error(record: Floats, truth: Floats, scales: Floats) -> float:
    """Largest difference over the times, divided by the largest value, the worst of all patients and states.

    A state that never reaches its scale is compared with the scale: an absent population has no size of its own.
    Infinite where a number is missing. Both arrays are (patients, times, states); `truth` may have more patients.
    """
    return float(patient_errors(record, truth, scales).max(initial=0.0))


def patient_errors(record: Floats, truth: Floats, scales: Floats) -> Floats:
    """As `worst_error`, of each patient."""
    truth = truth[: len(record)]
    size = np.maximum(np.abs(truth).max(axis=1), scales)
    worst = (np.abs(record - truth).max(axis=1) / size).max(axis=1)
    return np.where(np.isfinite(worst), worst, np.inf)
