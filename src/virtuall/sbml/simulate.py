"""The time course of one SBML model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from virtuall.core.errors import InputError, KernelError
from virtuall.engine import rosenbrock
from virtuall.engine.ensemble import STATUS_TEXT, Floats
from virtuall.engine.kernel import build_kernel
from virtuall.engine.program import Columns, Program, make_program, run_on_columns
from virtuall.engine.system import TIME
from virtuall.sbml.agenda import Agenda
from virtuall.sbml.model import SbmlModel
from virtuall.sbml.switches import hold

# A run may take this many steps of integration, and this many switchings.
MOST_STEPS = 200_000
MOST_SWITCHINGS = 100_000
# So many switchings within this share of the kernel's unit of time lead nowhere.
_MOST_AT_ONCE = 150
_AT_ONCE = 1e-6
# The kernel counts in days and has its own ideas of a short and a long step: a run is told as some 256 to 512.
_SPAN = 256.0
# A comparison nearer to its border than this share of its terms may be rounding error.
_NOISE = 8 * np.finfo(np.float64).eps
# Where within a step, and between two places that differ, a switch is looked at.
_LOOKS = 16
_CUTS = 64
# How often a dip of a comparison toward its border is looked at more closely.
_CLOSER = 3


def simulate_sbml(
    model: SbmlModel,
    times: ArrayLike,
    names: Sequence[str] | None = None,
    *,
    rtol: float = 1e-8,
    backend: str = "numpy",
) -> Floats:
    """Simulate a model from time 0.

    Parameters
    ----------
    model : SbmlModel
    times : array, shape (T,)
        When to read, increasing, not below 0, in the model's unit of time.
    names : sequence of str, optional
        What to read, of `model.signals`; all variables and reactions by default.
    rtol : float
        Error allowed per step.
    backend : {"numpy", "llvm"}
        See `build_kernel`.

    Returns
    -------
    float64[T, len(names)]
        At the time of an event: the values after it.

    Raises
    ------
    InputError
        For unknown names or times that are not usable.
    KernelError
        When the integration cannot go on; the message says when and where.
    """
    grid = np.array(times, np.float64, ndmin=1)
    if grid.ndim != 1 or not grid.size or not np.all(np.isfinite(grid)) or grid[0] < 0.0:
        raise InputError("times must be finite numbers from 0 on")
    if np.any(np.diff(grid) <= 0.0):
        raise InputError("times must increase")
    wanted = tuple(default_names(model) if names is None else names)
    for name in wanted:
        if name not in model.signals:
            raise InputError("unknown name", given=name, allowed=model.signals)
    return _Course(model, float(grid[-1]), rtol, backend).read(grid, wanted)


def default_names(model: SbmlModel) -> tuple[str, ...]:
    """Every variable and reaction of a model."""
    return tuple(name for name in model.signals if "(" not in name)


class _Course:
    """One run: the place in time, the values there, and the kernel that moves them."""

    def __init__(self, model: SbmlModel, end: float, rtol: float, backend: str) -> None:
        system, graph = model.system, model.system.graph
        self.model = model
        self.unit = 2.0 ** math.ceil(math.log2(end / _SPAN)) if end > 0.0 else 1.0
        moving = (*system.states, TIME)
        triggers = [event.trigger for event in model.events]
        held, self.switches = hold(graph, [*system.rates, *triggers], moving)
        rates = [self._in_units(node) for node in held[: len(system.rates)]]
        columns = [switch.column for switch in self.switches]
        self.kernel = build_kernel(
            replace(
                system,
                parameters=(*system.parameters, *columns),
                rates=tuple(rates),
                signals=(),
            ),
            backend,
            rtol,
            cache=False,
        )
        names = (*system.states, TIME, *system.parameters, *columns)
        self._inputs = {graph.symbol(name): slot for slot, name in enumerate(names)}
        self._programs: dict[tuple[int, ...], Program] = {}
        self._triggers = tuple(held[len(system.rates) :])
        self._watched = tuple(switch.node for switch in self.switches)
        self._sizes = tuple(switch.size for switch in self.switches)
        self._noise = np.zeros(len(columns))
        self._are_signs = np.array([switch.is_sign for switch in self.switches], bool)
        self._turns = np.array([any(graph.depends_on(node, (name,)) for node in rates) for name in columns], bool)
        self._compartments = {name: model.equations.now(name) for name in _compartments(model)}
        self._concentrations = _kept_as_concentrations(model)
        self._first_switch = len(system.parameters)
        self._row = np.zeros(1, np.int64)
        start = np.concatenate([model.rows()[0], np.zeros(len(columns))])
        with np.errstate(all="ignore"):
            self.ens = self.kernel.start(start[None])
        self.time = 0.0
        self._is_fresh = True
        self.y = self.ens.y[0].copy()
        self.parameters = self.ens.parameters[0].copy()
        self.agenda = Agenda(model.events)
        self._switchings = 0
        self._looked_back = -math.inf
        self._check_start()
        self._hold_switches(self._exact_switches(self._watch_now()))
        self.agenda.settle(0.0, self)
        self._restart()

    # -- the course -----------------------------------------------------------------------------------------

    def read(self, grid: Floats, names: Sequence[str]) -> Floats:
        """Values on a grid of times."""
        y = np.empty((len(self.y), len(grid)))
        parameters = np.empty((len(self.parameters), len(grid)))
        done = 0

        def record(until: float, *, included: bool) -> None:
            nonlocal done
            upto = int(np.searchsorted(grid, until, side="right" if included else "left"))
            if upto > done:
                y[:, done:upto] = self._dense(grid[done:upto])
                parameters[:, done:upto] = self.parameters[:, None]
                done = upto

        record(0.0, included=True)
        end = float(grid[-1])
        while done < len(grid):
            if self._end_of_step() <= self.time:
                self._step()
            limit = min(self._end_of_step(), self.agenda.next_time, end)
            jump = self._first_jump(self.time, limit)
            limit = limit if jump is None else jump
            due = self.agenda.next_time <= limit
            record(limit, included=jump is None and not due)
            self.time, self.y = limit, self._dense(np.array([limit]))[:, 0]
            if jump is not None or due:
                self._turn()
                record(limit, included=True)
        return self._evaluate([self._signal(name) for name in names], y, grid, parameters).T

    def _step(self) -> None:
        """One accepted step of the method, from the end of the last one."""
        end = self.ens.now if self._is_fresh else self.ens.after
        self.kernel.advance(self.ens, self._row, np.nextafter(end, np.inf))
        self._is_fresh = False
        if self.ens.status[0]:
            self._fail()
        before, after = float(self.ens.before[0]), float(self.ens.after[0])
        if after - before <= _NOISE * after:  # a value on its way to infinity
            change = np.abs(self.ens.track[0, 1] - self.ens.track[0, 0]) / (np.abs(self.ens.track[0, 1]) + 1e-300)
            state = self.kernel.system.states[int(np.argmax(change))]
            problem = f"the integration ended at time {after * self.unit:.6g} in '{state}': it changes without bound"
            raise KernelError(problem)
        ends = np.linspace(before, after, 3) * self.unit
        sizes = self._evaluate(self._sizes, self._dense(ends), ends, self.parameters)
        self._noise = _NOISE * np.max(np.where(np.isfinite(sizes), sizes, 0.0), axis=1)
        if self.ens.steps[0] + self.ens.rejected[0] > MOST_STEPS:
            raise KernelError(f"more than {MOST_STEPS:,} steps of integration up to time {self.time:.6g}")

    def _end_of_step(self) -> float:
        return self.time if self._is_fresh else float(self.ens.after[0]) * self.unit

    def _turn(self) -> None:
        """Set the switches to what they are now, and settle the events."""
        self._count_turn()
        held, y = self.parameters.copy(), self.y.copy()
        before, after = self._held_switches().copy(), self._next_switches(self._watch_now()[:, None])[:, 0]
        crossed = self._are_signs & (before * after == -1.0)
        if crossed.any():  # between the signs lies a moment at which both sides are equal
            self._hold_switches(np.where(crossed, 0.0, after))
            if self.agenda.settle(self.time, self):
                after = self._held_switches()
        self._hold_switches(after)
        self.agenda.settle(self.time, self)
        matters = np.ones(len(held), bool)
        matters[self._first_switch :] = self._turns
        same = np.array_equal(held[matters], self.parameters[matters], equal_nan=True)
        if not same or not np.array_equal(y, self.y, equal_nan=True):
            self._restart()

    def _count_turn(self) -> None:
        self._switchings += 1
        if self._switchings > MOST_SWITCHINGS:
            raise KernelError(f"more than {MOST_SWITCHINGS:,} switchings and events up to time {self.time:.6g}")
        if self._switchings % _MOST_AT_ONCE == 0:
            if self.time - self._looked_back < _AT_ONCE * self.unit:
                raise KernelError(f"the model switches to and fro without end at time {self.time:.6g}")
            self._looked_back = self.time

    def _restart(self) -> None:
        """Go on from here with the values as they are now."""
        self._is_fresh = True
        self.ens.now[:] = self.time / self.unit
        names = self.kernel.system
        self.kernel.change(
            self.ens,
            self._row,
            parameters=dict(zip(names.parameters, self.parameters, strict=True)),
            states=dict(zip(names.states, self.y, strict=True)),
        )

    def _dense(self, times: Floats) -> Floats:
        """States at times within the last step: float64[S, len(times)]."""
        if self._is_fresh:
            return np.repeat(self.y[:, None], len(times), axis=1)
        before, after = self.ens.before[0], self.ens.after[0]
        part = ((times / self.unit - before) / (after - before))[None]
        first, last, *bends = (row[:, None] for row in self.ens.track[0])
        return np.asarray(rosenbrock.dense_value(Columns(), part, first, last, bends))

    # -- switches -------------------------------------------------------------------------------------------

    def _first_jump(self, low: float, high: float) -> float | None:
        """The first time after `low`, up to `high`, at which a switch is not what is held."""
        if not self.switches or not high > low:
            return None
        times = np.linspace(low, high, _LOOKS + 1)
        values = self._watch(times)
        found = self._first_differing(times, values)
        for _ in range(_CLOSER):
            if found is not None:
                break
            closer = self._dips(times, values)
            if not closer.size:
                return None
            times, values = closer, self._watch(closer)
            found = self._first_differing(times, values)
        if found is None:
            return None
        low, high = found
        while True:  # the smallest number at which it differs
            times = np.unique(np.linspace(low, high, _CUTS + 1))
            if len(times) <= 2:
                return high
            found = self._first_differing(times, self._watch(times))
            assert found is not None
            if found == (low, high):
                return high
            low, high = found

    def _watch(self, times: Floats) -> Floats:
        return self._evaluate(self._watched, self._dense(times), times, self.parameters)

    def _first_differing(self, times: Floats, values: Floats) -> tuple[float, float] | None:
        """The first time at which a switch differs, and the one before it; the first of all is not looked at."""
        held = self._held_switches()[:, None]
        actual = self._next_switches(values)
        differs = (~((actual == held) | (np.isnan(actual) & np.isnan(held)))).any(axis=0)
        differs[0] = False
        place = int(np.argmax(differs))
        return (float(times[place - 1]), float(times[place])) if differs[place] else None

    def _dips(self, times: Floats, values: Floats) -> Floats:
        """More times around where a comparison comes near its border without reaching it at the times looked at."""
        sizes = np.abs(values[self._are_signs])
        if not sizes.size or sizes.shape[1] < 3:
            return np.empty(0)
        inner = sizes[:, 1:-1]
        dips = (inner < sizes[:, :-2]) & (inner <= sizes[:, 2:])
        # A dip that would need a bend many times that of its neighbors cannot reach the border.
        reach = 2.0 * np.maximum(sizes[:, :-2] - inner, sizes[:, 2:] - inner)
        places = np.flatnonzero((dips & (inner <= reach)).any(axis=0)) + 1
        more = [np.linspace(times[k - 1], times[k + 1], _LOOKS + 1) for k in places]
        return np.unique(np.concatenate([times, *more])) if more else np.empty(0)

    def _watch_now(self) -> Floats:
        return self._evaluate(self._watched, self.y[:, None], np.array([self.time]), self.parameters)[:, 0]

    def _exact_switches(self, values: Floats) -> Floats:
        return np.where(self._are_signs, np.sign(values), np.floor(values))

    def _next_switches(self, values: Floats) -> Floats:
        """Switches after a continuous change: rounding errors do not switch them to and fro.

        A comparison that has reached its border stays there until it has left it clearly, whatever way.
        """
        held, noise = self._held_switches()[:, None], self._noise[:, None]
        sign = np.sign(values)
        near = np.abs(values) <= noise
        sign = np.where(near & ((held == 0.0) | (held * sign == -1.0)), 0.0, sign)
        whole = np.floor(values)
        whole = np.where((whole < held) & (values >= held - noise), held, whole)
        return np.where(self._are_signs[:, None], sign, whole)

    def _held_switches(self) -> Floats:
        return self.parameters[self._first_switch :]

    def _hold_switches(self, values: Floats) -> None:
        self.parameters[self._first_switch :] = values

    # -- what events look at and change ---------------------------------------------------------------------

    def triggers(self) -> Sequence[bool]:
        """Whether the condition of each event holds."""
        return [bool(value) for value in self.values(self._triggers)]

    def values(self, nodes: Sequence[int]) -> Sequence[float]:
        """Values of nodes at the present."""
        if not nodes:
            return []
        table = self._evaluate(nodes, self.y[:, None], np.array([self.time]), self.parameters)
        return [float(value) for value in table[:, 0]]

    def assign(self, names: Sequence[str], values: Sequence[float]) -> None:
        """Give variables new values, all at once, in the unit they have in formulas."""
        variables, equations = self.model.document.variables, self.model.equations
        sizes = dict(zip(self._compartments, self.values(list(self._compartments.values())), strict=True))
        new = dict(zip(names, values, strict=True))
        before = self._watch_now()
        for name, value in new.items():
            # A new concentration is one in the room of before; the amount that it makes stays when the room changes.
            size = sizes[variables[name].compartment] if equations.keeps_amount(variables[name]) else 1.0
            self._put(name, value * size)
        now = dict(zip(self._compartments, self.values(list(self._compartments.values())), strict=True))
        for name in self._concentrations:
            place = variables[name].compartment
            if now[place] != sizes[place]:
                self.y[self.kernel.system.states.index(name)] *= sizes[place] / now[place]
        after = self._watch_now()
        touched = ~((before == after) | (np.isnan(before) & np.isnan(after)))
        self._hold_switches(np.where(touched, self._exact_switches(after), self._held_switches()))

    def _put(self, name: str, value: float) -> None:
        equations = self.model.equations
        column = equations.column(self.model.document.variables[name])
        if equations.is_state(self.model.document.variables[name]):
            self.y[self.kernel.system.states.index(column)] = value
        else:
            self.parameters[self.kernel.system.parameters.index(column)] = value

    # -- formulas -------------------------------------------------------------------------------------------

    def _signal(self, name: str) -> int:
        nodes = dict(self.model.system.signals)
        return nodes[name] if name in nodes else self.model.system.graph.symbol(name)

    def _in_units(self, node: int) -> int:
        """A rate per unit of the kernel's time, over the kernel's time."""
        graph = self.model.system.graph
        factor = graph.number(self.unit)
        if not graph.depends_on(node, (TIME,)):
            return graph.mul(factor, node)
        new: dict[int, int] = {}
        time = graph.symbol(TIME)
        for each in graph.reachable([node]):
            arguments = [new[argument] for argument in graph.arguments(each)]
            if each == time:
                new[each] = graph.mul(factor, time)
            else:
                new[each] = graph.apply(str(graph.ops[each][0]), arguments) if arguments else each
        return graph.mul(factor, new[node])

    def _evaluate(self, nodes: Sequence[int], y: Floats, times: Floats, parameters: Floats) -> Floats:
        """Nodes at several times: float64[len(nodes), len(times)]."""
        key = tuple(nodes)
        if key not in self._programs:
            self._programs[key] = make_program(self.model.system.graph, nodes, self._inputs)
        size = len(y)

        def load(slot: int) -> Floats:
            return y[slot] if slot < size else times if slot == size else parameters[slot - size - 1]

        return run_on_columns(self._programs[key], load, len(times))

    # -- failures -------------------------------------------------------------------------------------------

    def _check_start(self) -> None:
        sizes = self.values(list(self._compartments.values()))
        for name, size in zip(self._compartments, sizes, strict=True):
            if size <= 0.0:
                raise KernelError(f"the size of compartment '{name}' must be above 0 at the start", given=size)
        wrong = ~np.isfinite(self.y)
        if wrong.any():
            state = self.kernel.system.states[int(np.argmax(wrong))]
            value = float(self.y[int(np.argmax(wrong))])
            raise KernelError(f"the first value of '{state}' is no finite number", given=value, hint=self._lacking())

    def _fail(self) -> None:
        state = self.kernel.system.states[int(self.ens.bad_state[0])]
        why = STATUS_TEXT[int(self.ens.status[0])].replace("1e-9 day", f"{1e-9 * self.unit:.3g}")
        time = float(self.ens.now[0]) * self.unit
        raise KernelError(f"the integration ended at time {time:.6g} in '{state}': {why}", hint=self._lacking())

    def _lacking(self) -> str | None:
        lacking = [name for name, value in self.model.parameters.items() if math.isnan(value)]
        return f"without a value in the file: {', '.join(lacking[:5])}" if lacking else None


def _compartments(model: SbmlModel) -> list[str]:
    used = {v.compartment for v in model.document.variables.values() if v.kind == "species" and not v.in_amounts}
    return sorted(used)


def _kept_as_concentrations(model: SbmlModel) -> list[str]:
    variables, rates = model.document.variables, model.document.rates
    return [name for name in rates if variables[name].kind == "species" and not variables[name].in_amounts]
