"""The public face of the engine: build a kernel; start, move, change and read patients."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from virtuall.core.errors import InputError, KernelError
from virtuall.engine.blueprint import Blueprint, make_blueprint
from virtuall.engine.ensemble import Ensemble, Floats, Ints, make_ensemble
from virtuall.engine.program import Program, pick_outputs, run_on_columns
from virtuall.engine.reference import ReferenceBackend
from virtuall.engine.system import System

BACKENDS = ("llvm", "numpy")


class Backend(Protocol):
    """What moves patients."""

    def advance(self, ens: Ensemble, index: Ints, stop: Floats) -> None: ...

    def read(self, ens: Ensemble, index: Ints, columns: Ints) -> Floats: ...


class Kernel:
    """Equations ready to run. Made by `build_kernel`; holds no patient.

    Attributes
    ----------
    system : System
    backend : str
    rtol : float
    """

    def __init__(self, blueprint: Blueprint, backend: str, rtol: float, cache: bool) -> None:
        self.system: System = blueprint.system
        self.backend = backend
        self.rtol = rtol
        self._blueprint = blueprint
        self._state_place = {name: k for k, name in enumerate(self.system.states)}
        self._parameter_place = {name: k for k, name in enumerate(self.system.parameters)}
        size = len(self.system.states)
        self._signal_place = {name: size + k for k, (name, _) in enumerate(self.system.signals)}
        self._signal_place |= self._state_place
        self._fixed_programs: dict[bytes, Program] = {}
        self._stale_after: dict[tuple[int, ...], Ints] = {}
        self._known_columns: dict[tuple[str, ...], Ints] = {}
        self._mover: Backend
        if backend == "numpy":
            self._mover = ReferenceBackend(blueprint, rtol)
        else:
            from virtuall.engine.compiled import CompiledBackend

            self._mover = CompiledBackend(blueprint, rtol, cache)

    def start(self, parameters: ArrayLike, time: float = 0.0) -> Ensemble:
        """Evaluate constants and initial states of N patients.

        Parameters
        ----------
        parameters : array, shape (N, P)
            In the order of `system.parameters`; entries of computed constants are overwritten.
        time : float
            First day.

        Raises
        ------
        InputError
            When the shape does not fit.
        """
        values = np.array(parameters, np.float64, order="C")
        width = len(self.system.parameters)
        if values.ndim != 2 or values.shape[1] != width:
            raise InputError(f"parameters must have the shape (patients, {width})", given=str(values.shape))
        if not np.isfinite(time):
            raise InputError("the first day must be a number", given=time)
        for column, program in self._blueprint.constants:
            values[:, column] = run_on_columns(program, values.T.__getitem__, len(values))[0]
        load = values.T.__getitem__
        y = np.ascontiguousarray(run_on_columns(self._blueprint.initial, load, len(values)).T)
        fixed = np.ascontiguousarray(run_on_columns(self._blueprint.fixed, load, len(values)).T)
        return make_ensemble(values, fixed, y, len(self.system.clocks), time)

    def advance(self, ens: Ensemble, index: ArrayLike, stop: ArrayLike) -> None:
        """Move patients to their stop, or to the first ring of a clock before it.

        Parameters
        ----------
        ens : Ensemble
        index : array of int64
            Patients to move, each at most once. Failed ones stay where they are.
        stop : array, shape (N,)
            Day of the next stop of every patient of the ensemble (only those of `index` are read).

        Raises
        ------
        InputError
            When a stop lies before `now` or is no number, or `index` does not fit.
        """
        rows = self._rows(ens, index)
        stops = np.asarray(stop, np.float64)
        if stops.shape != ens.now.shape:
            stops = np.broadcast_to(stops, ens.now.shape)
        stops = np.ascontiguousarray(stops)
        theirs = stops[rows]
        wrong = ~((theirs >= ens.now[rows]) & (theirs < np.inf)) & (ens.status[rows] == 0)
        if np.count_nonzero(wrong):
            patient = int(rows[np.argmax(wrong)])
            raise InputError(
                f"the stop of patient row {patient} must be a day not before {ens.now[patient]!r}",
                given=float(stops[patient]),
            )
        self._mover.advance(ens, rows, stops)

    def change(
        self,
        ens: Ensemble,
        index: ArrayLike,
        *,
        parameters: Mapping[str, ArrayLike] | None = None,
        states: Mapping[str, ArrayLike] | None = None,
    ) -> None:
        """Set values at `now`; the integrator goes back to `now` and starts with a fresh small step.

        Constants computed at the start stay as they are.

        Parameters
        ----------
        index : array of int64
            Patients, each at most once.
        parameters, states : mapping of name to array, shape (len(index),) or a number
            New values.
        """
        rows = self._rows(ens, index)
        changed = []
        for name, value in (parameters or {}).items():
            column = self._place(self._parameter_place, "parameter", name)
            ens.parameters[rows, column] = np.asarray(value, np.float64)
            changed.append(column)
        for name, value in (states or {}).items():
            ens.y[rows, self._place(self._state_place, "state", name)] = np.asarray(value, np.float64)
        if not rows.size:
            return
        stale = self._stale(tuple(changed))
        if stale.size:
            ens.fixed[np.ix_(rows, stale)] = self._fixed(ens.parameters, rows, stale)
        ens.fresh[rows] = True

    def signals(self, ens: Ensemble, index: ArrayLike, names: Sequence[str]) -> Floats:
        """Read states or signals at `now`: float64[len(index), len(names)]."""
        rows = self._rows(ens, index)
        columns = self._columns(names)
        return self._mover.read(ens, rows, columns)

    def record(self, ens: Ensemble, times: ArrayLike, names: Sequence[str]) -> None:
        """Ask for states or signals on a grid of days: `ens.recorded` (N, T, R), NaN until reached.

        Values come from the dense output of the steps and never change them. A time equal to `now` is filled
        at once, earlier ones stay NaN.
        """
        grid = np.array(times, np.float64, ndmin=1)
        if grid.ndim != 1 or not np.all(np.isfinite(grid)) or np.any(np.diff(grid) <= 0.0):
            raise InputError("record times must be increasing days")
        columns = self._columns(names)
        ens.times, ens.recorded_names, ens.recorded_columns = grid, tuple(names), columns
        ens.recorded = np.full((len(ens), len(grid), len(columns)), np.nan)
        ens.cursor[:] = np.searchsorted(grid, ens.now, side="left")
        within = ens.cursor < len(grid)
        rows = np.flatnonzero(within)
        rows = rows[grid[ens.cursor[rows]] == ens.now[rows]]
        if rows.size:
            ens.recorded[rows, ens.cursor[rows]] = self._mover.read(ens, rows, columns)
            ens.cursor[rows] += 1

    def __reduce__(self) -> tuple[object, ...]:
        # A kernel travels as the text it was built from; the code is rebuilt or found in the cache.
        return (build_kernel, (self.system, self.backend, self.rtol))

    def _stale(self, changed: tuple[int, ...]) -> Ints:
        """The fixed columns that depend on some of these parameters."""
        if changed not in self._stale_after:
            self._stale_after[changed] = np.flatnonzero(self._blueprint.fixed_uses[:, changed].any(axis=1))
        return self._stale_after[changed]

    def _fixed(self, parameters: Floats, rows: Ints, columns: Ints) -> Floats:
        key = columns.tobytes()
        if key not in self._fixed_programs:
            self._fixed_programs[key] = pick_outputs(self._blueprint.fixed, columns.tolist())
        load = lambda column: parameters[rows, column]  # noqa: E731
        return run_on_columns(self._fixed_programs[key], load, len(rows)).T

    def _rows(self, ens: Ensemble, index: ArrayLike) -> Ints:
        rows = np.ascontiguousarray(index, np.int64)
        if rows.ndim != 1 or np.count_nonzero(rows.view(np.uint64) >= len(ens)):  # below 0 is a large one
            raise InputError(f"index must be rows of an ensemble of {len(ens)} patients")
        return rows

    def _columns(self, names: Sequence[str]) -> Ints:
        asked = tuple(names)
        if asked not in self._known_columns:
            places = [self._place(self._signal_place, "signal", name) for name in asked]
            self._known_columns[asked] = np.array(places, np.int64)
        return self._known_columns[asked]

    @staticmethod
    def _place(places: Mapping[str, int], what: str, name: str) -> int:
        if name not in places:
            raise InputError(f"unknown {what}", given=name, allowed=places)
        return places[name]


def build_kernel(system: System, backend: str = "llvm", rtol: float = 1e-5, cache: bool = True) -> Kernel:
    """Differentiate, plan and compile a System.

    Parameters
    ----------
    system : System
    backend : {"llvm", "numpy"}
        Compiled code, or NumPy for one-off models and as an oracle. Both give the same bits.
    rtol : float
        Error allowed per step, relative to ``|y| + scale`` of each state.
    cache : bool
        Keep compiled code on disk for the next start.

    Raises
    ------
    InputError
        For an unknown back end or a tolerance outside 1e-12 to 1e-1.
    """
    if backend not in BACKENDS:
        raise InputError("unknown back end", given=backend, allowed=BACKENDS)
    if not 1e-12 <= rtol <= 1e-1:
        raise InputError("rtol must lie between 1e-12 and 0.1", given=rtol)
    if not system.states:
        raise KernelError("a system needs at least one state")
    with _no_collection():
        return Kernel(make_blueprint(system), backend, rtol, cache)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Let objects lie: looking for waste among the many that a kernel is made of takes a third of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
