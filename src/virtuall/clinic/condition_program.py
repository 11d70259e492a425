"""Array programs of conditions: every step is made for all patients whose round it is.

A condition is true, false or unknown. The compiler splits that into plain truth values: is it true, is it
false. So a program knows only true and false. Numbers and what needs a memory are one NumPy call each; comparisons
and what joins them are a table that machine code works off, so that many rules cost hardly more than a few.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virtuall.clinic import condition_memory as remember
from virtuall.clinic.condition_memory import Floats, Memory, Rows, Truths
from virtuall.core.errors import InputError
from virtuall.engine.truths import Step, Steps, numbers_for, width

_shape = operator.attrgetter("shape")
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
class TruthStep:
    """One row of truth values, after those that it reads.

    Attributes
    ----------
    operation : str
        ``known``, a comparison such as ``<`` of two columns of numbers, or ``< constant`` of one; ``happened``;
        ``and``, ``or`` and ``not`` of rows, or ``held``: has a row been true for so many days?
    inputs : tuple of int
        Columns of numbers, or rows.
    name : str
        The event that happened.
    constant : float
        What is compared with, or the days.
    key : str
        Of the memory of ``held``.
    """

    operation: str
    inputs: tuple[int, ...] = ()
    name: str = ""
    constant: float = 0.0
    key: str = ""


@dataclass(frozen=True)
class ConditionProgram:
    """Compiled conditions.

    Attributes
    ----------
    columns, events : tuple of str
        The observations and events that the conditions read; others need not be given.
    categories : frozenset of str
        The columns that hold codes.
    numbers : tuple of NumberStep
        In order; the first are the `columns`.
    truths : tuple of TruthStep
        In order, one a row.
    outputs : int64 array
        The truth row of each condition, in the order in which they were given.
    memories : tuple of (str, str)
        Key and kind of every array of the memory.
    """

    columns: tuple[str, ...]
    events: tuple[str, ...]
    categories: frozenset[str]
    numbers: tuple[NumberStep, ...]
    truths: tuple[TruthStep, ...]
    outputs: Rows
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
        usual = set(map(type, given)) <= {np.ndarray} and set(map(_shape, given)) <= {day.shape}
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
        values = numbers_for(len(self.numbers), len(rows))
        if seen:
            np.concatenate(seen, out=values[: len(seen)].reshape(-1))
        for place in self._coded:
            values[place][values[place] < 0] = np.nan
        with np.errstate(invalid="ignore", over="ignore"):
            for place in range(len(self.columns), len(self.numbers)):
                step = self.numbers[place]
                values[place] = _number(step, [values[i] for i in step.inputs], memory, rows, time, events)
        truths = np.empty((len(self.truths), width(len(rows))), bool)
        patients = truths[:, : len(rows)]
        for part in self._code:
            if isinstance(part, Steps):
                part.fill(values, truths)
                continue
            asked = self.truths[part]
            if asked.operation == "happened":
                patients[part] = events[asked.name]
            else:
                now = patients[asked.inputs[0]]
                patients[part] = remember.held(memory, asked.key, rows, time, now, asked.constant)
        return truths.take(self.outputs, axis=0)[:, : len(rows)]

    @cached_property
    def _code(self) -> tuple[int | Steps, ...]:
        """The rows that ask the memory or the events, and between them the steps for machine code."""
        found: list[int | Steps] = []
        plain: list[Step] = []
        for row, step in enumerate(self.truths):
            if step.operation in ("happened", "held"):
                found += [Steps(plain), row] if plain else [row]
                plain = []
            else:
                plain.append((step.operation, row, step.inputs, step.constant))
        return (*found, Steps(plain)) if plain else tuple(found)


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
