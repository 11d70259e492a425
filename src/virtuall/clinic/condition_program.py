"""Array programs of conditions: every step is one NumPy call over all patients whose round it is.

A condition is true, false or unknown. The compiler splits that into plain truth values: is it true, is it
false. So a program knows only true and false. Comparisons of one kind stand in neighboring rows and are made in
one call, and so are logical steps of one kind and depth: many rules cost hardly more calls than a few.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virtuall.clinic import condition_memory as remember
from virtuall.clinic.condition_memory import Floats, Memory, Rows, Truths
from virtuall.core.errors import InputError

_COMPARE: dict[str, np.ufunc] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
}
_EDGES = "true before"
# Patients worked on at once: the truth values of some hundred conditions then stay in the processor's cache.
_BLOCK = 2048


@dataclass(frozen=True)
class NumberStep:
    """One column of numbers from earlier columns, an observation or an event; `key` names its memory."""

    operation: str
    inputs: tuple[int, ...] = ()
    name: str = ""
    constant: float = 0.0
    key: str = ""


@dataclass(frozen=True)
class ThresholdStep:
    """Rows first, first + 1, ...: each compares a column of numbers with a constant."""

    operator: str
    columns: Rows
    thresholds: Floats
    first: int


@dataclass(frozen=True)
class LeafStep:
    """Rows first, first + 1, ...: straight from the numbers of a line of `inputs` (``known``, a comparison of two
    columns), or each from an event of `names`."""

    operation: str
    inputs: Rows
    names: tuple[str, ...]
    first: int


@dataclass(frozen=True)
class LogicStep:
    """Rows first, first + 1, ...: each joins the rows of a line of `inputs` by ``and``, ``or`` or ``not``.

    A line that joins fewer rows than another repeats its last.
    """

    operation: str
    inputs: Rows
    first: int

    @cached_property
    def columns(self) -> list[Rows]:
        """The first inputs of all lines, the second, and so on."""
        return list(np.ascontiguousarray(self.inputs.T))


@dataclass(frozen=True)
class HeldStep:
    """One row: has another row been true for `window` days?"""

    input: int
    window: float
    key: str
    row: int


@dataclass(frozen=True)
class ConditionProgram:
    """Compiled conditions.

    Attributes
    ----------
    columns, events : tuple of str
        The observations and events that the conditions read; others need not be given.
    categories : frozenset of str
        The columns that hold codes.
    numbers, thresholds, leaves, logic : tuple of steps
        The program, in order; the first numbers are the `columns`.
    outputs : int64 array
        The truth row of each condition, in the order in which they were given.
    rows : int
        Number of truth rows.
    memories : tuple of (str, str)
        Key and kind of every array of the memory.
    """

    columns: tuple[str, ...]
    events: tuple[str, ...]
    categories: frozenset[str]
    numbers: tuple[NumberStep, ...]
    thresholds: tuple[ThresholdStep, ...]
    leaves: tuple[LeafStep, ...]
    logic: tuple[LogicStep | HeldStep, ...]
    outputs: Rows
    rows: int
    memories: tuple[tuple[str, str], ...]

    def memory(self, patients: int) -> Memory:
        """Return the memory of patients about whom nothing is known yet."""
        edges: NDArray[Any] = np.zeros((patients, len(self.outputs)), bool)
        kept = {key: remember.new_array(kind, patients) for key, kind in self.memories}
        return Memory(patients, {**kept, _EDGES: edges})

    def evaluate(
        self,
        memory: Memory,
        index: Rows,
        time: ArrayLike,
        snapshot: Mapping[str, ArrayLike],
        happened: Mapping[str, ArrayLike],
    ) -> Truths:
        """Say which conditions are true, and remember what this round adds.

        To be called once for every round of a patient, in the order of time.

        Parameters
        ----------
        memory : Memory
            Of this program; changed in place for the patients of `index` only.
        index : int64 array (patients due,)
            Rows of the memory, each at most once.
        time : float or float64 array (patients due,)
            Day of each patient.
        snapshot : mapping of str to array (patients due,)
            Observations in the units of their columns. Unknown is NaN, for categories a code below zero.
        happened : mapping of str to bool array (patients due,)
            Events of this round; an event that is not mentioned happened to nobody.

        Returns
        -------
        bool array (conditions, patients due)
            True where the condition is true; false where it is false or unknown.

        Raises
        ------
        InputError
            If an observation that a condition reads is missing or has a wrong length.
        """
        index = np.asarray(index, np.int64)
        due = len(index)
        day = np.asarray(time, np.float64)
        if day.shape != (due,):
            day = np.broadcast_to(day, (due,))
        given: list[Any] = [snapshot.get(name) for name in self.columns]
        usual = all(type(each) is np.ndarray and each.shape == day.shape for each in given)
        seen = given if usual else [self._column(name, snapshot, due) for name in self.columns]
        events = {name: self._event(name, happened, due) for name in self.events}
        if due <= _BLOCK:
            return self._block(memory, index, day, seen, events)
        result = np.empty((len(self.outputs), due), bool)
        for start in range(0, due, _BLOCK):
            part = slice(start, start + _BLOCK)
            happening = {name: these[part] for name, these in events.items()}
            result[:, part] = self._block(memory, index[part], day[part], [each[part] for each in seen], happening)
        return result

    def risen(self, memory: Memory, index: Rows, truth: Truths) -> Truths:
        """Say which conditions have become true: true now, and not at the patient's round before.

        `truth` is what `evaluate` returned for the same `index`. To be called once a round.
        """
        return remember.risen(memory, _EDGES, np.asarray(index, np.int64), truth)

    @cached_property
    def _coded(self) -> tuple[int, ...]:
        """Places of the categories."""
        return tuple(place for place, name in enumerate(self.columns) if name in self.categories)

    def _column(self, name: str, snapshot: Mapping[str, ArrayLike], due: int) -> NDArray[Any]:
        if name not in snapshot:
            raise InputError("the snapshot lacks an observation of the rules", given=name, allowed=snapshot)
        values = np.asarray(snapshot[name])
        if values.shape != (due,):
            raise InputError(f"the observation {name} must have shape ({due},)", given=values.shape)
        return values

    def _event(self, name: str, happened: Mapping[str, ArrayLike], due: int) -> Truths:
        values = np.asarray(happened[name], bool) if name in happened else np.zeros(due, bool)
        if values.shape != (due,):
            raise InputError(f"the event {name} must have shape ({due},)", given=values.shape)
        return values

    def _block(
        self,
        memory: Memory,
        rows: Rows,
        time: Floats,
        seen: Sequence[NDArray[Any]],
        events: Mapping[str, Truths],
    ) -> Truths:
        values = np.empty((len(self.numbers), len(rows)))
        if seen:
            np.concatenate(seen, out=values[: len(seen)].reshape(-1))
        for place in self._coded:
            values[place][values[place] < 0] = np.nan
        with np.errstate(invalid="ignore", over="ignore"):
            for place in range(len(self.columns), len(self.numbers)):
                step = self.numbers[place]
                values[place] = _number(step, [values[i] for i in step.inputs], memory, rows, time, events)
        truths = np.empty((self.rows, len(rows)), bool)
        for group in self.thresholds:
            out = truths[group.first : group.first + len(group.columns)]
            _COMPARE[group.operator](values.take(group.columns, axis=0), group.thresholds[:, None], out=out)
        for leaf in self.leaves:
            truths[leaf.first : leaf.first + len(leaf.inputs)] = _leaf(leaf, values, events)
        for deed in self.logic:
            if isinstance(deed, HeldStep):
                now = truths[deed.input]
                truths[deed.row] = remember.held(memory, deed.key, rows, time, now, deed.window)
            else:
                _join(deed, truths, truths[deed.first : deed.first + len(deed.inputs)])
        return truths.take(self.outputs, axis=0)


def _number(
    step: NumberStep,
    inputs: list[Floats],
    memory: Memory,
    rows: Rows,
    time: Floats,
    events: Mapping[str, Truths],
) -> Floats | float:
    key, window = step.key, step.constant
    match step.operation:
        case "constant":
            return step.constant
        case "+":
            return inputs[0] + inputs[1]
        case "-":
            return inputs[0] - inputs[1]
        case "*":
            return inputs[0] * inputs[1]
        case "/":
            return np.divide(inputs[0], inputs[1], out=np.full(len(rows), np.nan), where=inputs[1] != 0)
        case "negative":
            return -inputs[0]
        case "elapsed":
            return remember.elapsed(memory, key, rows, time, events[step.name])
        case "total":
            return remember.total(memory, key, rows, events[step.name])
        case "recent":
            return remember.recent(memory, key, rows, time, events[step.name], window)
        case "first":
            return remember.first(memory, key, rows, inputs[0])
        case "last":
            return remember.last(memory, key, rows, inputs[0])
        case "highest":
            return remember.highest(memory, key, rows, inputs[0])
        case "highest_within":
            return remember.highest_within(memory, key, rows, time, inputs[0], window)
    raise AssertionError(step.operation)


def _leaf(step: LeafStep, values: Floats, events: Mapping[str, Truths]) -> Truths:
    if step.operation == "happened":
        return np.array([events[name] for name in step.names])
    first = values.take(step.inputs[:, 0], axis=0)
    if step.operation == "known":
        return ~np.isnan(first)
    return np.asarray(_COMPARE[step.operation](first, values.take(step.inputs[:, 1], axis=0)))


def _join(step: LogicStep, truths: Truths, out: Truths) -> None:
    first, *others = step.columns
    found = truths.take(first, axis=0)
    if step.operation == "not":
        np.logical_not(found, out=out)
        return
    join = np.logical_and if step.operation == "and" else np.logical_or
    for each in others[:-1]:
        join(found, truths.take(each, axis=0), out=found)
    join(found, truths.take(others[-1] if others else first, axis=0), out=out)
