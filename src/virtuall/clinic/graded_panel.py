"""All that is graded at the bedside, at once: scales that only compare what is seen share one program of conditions.

A scale joins when it remembers nothing, derives nothing but flags, and reads every sign as those before it do. The
conditions that its flags stand for take their places, and for every grade it is asked whether one of its criteria
holds. Any other scale is asked by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.condition_memory import Memory
from virtuall.clinic.condition_program import ConditionProgram
from virtuall.clinic.conditions import Column, compile_conditions
from virtuall.clinic.derived import both_ways
from virtuall.clinic.graded import Bedside, GradedProgram, Sign
from virtuall.clinic.grading import DAY, Scale
from virtuall.texts.condition_tree import Condition, Expression, Name, Or, parts_of, with_flags

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Truths = NDArray[np.bool_]
# How a sign is read: as which column, and where from; a number is taken for one that nothing measures.
Read = tuple[Column, Sign | float]
_NOTHING = Memory(0)


@dataclass(frozen=True, eq=False)
class Shared:
    """S scales in one program.

    Attributes
    ----------
    program : ConditionProgram
        Whether a criterion of each of W grades of each scale holds, whether none does, then the choices.
    levels : int8[S, W, 1]
        The grades; a scale with fewer repeats its lowest.
    signs : mapping of str to Sign
    absent : mapping of str to float
        What is taken for signs that nothing measures.
    """

    program: ConditionProgram
    levels: NDArray[np.int8]
    signs: Mapping[str, Sign]
    absent: Mapping[str, float]

    def evaluate(self, index: Rows, time: Floats, seen: Mapping[str, Floats]) -> tuple[Floats, Truths]:
        """Grades by each scale, float64[S, n], NaN where they cannot be told; and which choices hold."""
        n, (scales, most, _) = len(index), self.levels.shape
        record = {name: np.full(n, value) for name, value in self.absent.items()}
        for name, sign in self.signs.items():
            record[name] = sign.read(seen[sign.column])
        record[DAY] = time
        truth = self.program.evaluate(_NOTHING, index, time, record, {})
        asked = scales * most
        true, false = truth[: 2 * asked].reshape(2, scales, most, n)
        certain = np.maximum.reduce(self.levels * true, axis=1, initial=0)
        possible = np.maximum.reduce(self.levels * ~(true | false), axis=1, initial=0)
        return np.where(possible > certain, np.nan, certain), truth[2 * asked :]


@dataclass(frozen=True, eq=False)
class Panel:
    """G graded things.

    Attributes
    ----------
    graded : tuple of GradedProgram
    columns : tuple of str
        What they read.
    shared : Shared
    scale : mapping of int to int
        The shared scale of each graded thing; the others are asked by themselves.
    instead : mapping of int to (int, int)
        The other scale of those that have one, and the choice that says of whom it is asked.
    """

    graded: tuple[GradedProgram, ...]
    columns: tuple[str, ...]
    shared: Shared
    scale: Mapping[int, int]
    instead: Mapping[int, tuple[int, int]]

    @cached_property
    def alone(self) -> tuple[int, ...]:
        """What is asked by itself."""
        return tuple(place for place in range(len(self.graded)) if place not in self.scale)

    @cached_property
    def unseen(self) -> Floats:
        """Days without a look after which an episode is taken to have been over, of each graded thing."""
        return np.array([each.graded.unseen for each in self.graded], np.float64)

    @cached_property
    def over_after(self) -> Floats:
        """Days of grade 0 after which an episode is over, of each graded thing."""
        return np.array([each.graded.over_after for each in self.graded], np.float64)

    @cached_property
    def _together(self) -> Rows:
        return np.array(list(self.scale), np.int64)

    @cached_property
    def _scales(self) -> Rows:
        return np.array(list(self.scale.values()), np.int64)

    def memory(self, patients: int) -> dict[int, list[list[Memory]]]:
        """The memory of patients about whom nothing is known yet."""
        return {place: self.graded[place].memory(patients) for place in self.alone}

    def evaluate(
        self,
        memory: Mapping[int, list[list[Memory]]],
        index: Rows,
        time: Floats,
        seen: Mapping[str, Floats],
        looked: Truths,
    ) -> Floats:
        """Grades of n patients, float64[G, n], from one look; NaN where they cannot be told.

        ``looked``, bool[G, n], says who is graded for what; nobody is graded, and nothing is remembered, elsewhere.
        """
        found = np.empty(looked.shape)
        if self.scale:
            grades, chosen = self.shared.evaluate(index, time, seen)
            found[self._together] = grades[self._scales]
            for place, (other, choice) in self.instead.items():
                np.copyto(found[place], grades[other], where=chosen[choice])
        found[~looked] = np.nan
        for place in self.alone:
            these, each = looked[place], self.graded[place]
            found[place] = np.nan
            if these.any():
                own = {name: seen[name][these] for name in each.columns}
                found[place, these] = each.evaluate(memory[place], index[these], time[these], own)
        return found


def compile_panel(graded: Sequence[GradedProgram], columns: Mapping[str, Column]) -> Panel:
    """Compile all that is graded for the columns that a clinic has."""
    reads: dict[str, Read] = {DAY: (Column("d"), Sign(DAY, 1.0))}
    scale: dict[int, int] = {}
    instead: dict[int, tuple[int, int]] = {}
    scales: list[dict[int, Condition]] = []
    choices: list[Condition] = []
    for place, each in enumerate(graded):
        levels = [_levels(part.program.scale) for part in each.scales]
        more = _reads_of(each, columns)
        if more is None or not all(levels) or any(reads.get(name, read) != read for name, read in more.items()):
            continue
        reads |= more
        scale[place] = len(scales)
        if each.graded.when is not None:
            instead[place] = len(scales) + 1, len(choices)
            choices.append(each.graded.when)
        scales += levels
    read = tuple(dict.fromkeys(name for each in graded for name in each.columns))
    return Panel(tuple(graded), read, _shared(scales, choices, reads), scale, instead)


def _levels(scale: Scale) -> dict[int, Condition]:
    """The grades of a scale, each with: one of its criteria holds. Nothing when the scale does not allow it."""
    flags: dict[str, Expression] = {}
    for each in scale.derived:
        if each.way != "when":
            return {}
        flags[each.name] = with_flags(each.conditions[0].expression, flags)
    levels: dict[int, Condition] = {}
    for criterion in scale.criteria:
        when, before = criterion.when, levels.get(criterion.grade)
        term = with_flags(when.expression, flags)
        if any(isinstance(part, Name) and part.name in flags for part in parts_of(term)):
            return {}
        terms = before.expression.terms if before is not None and isinstance(before.expression, Or) else ()
        levels[criterion.grade] = Condition(when.text, Or((*terms, term), when.where), when.where)
    return levels


def _reads_of(graded: GradedProgram, columns: Mapping[str, Column]) -> dict[str, Read] | None:
    """How its scales and its choice read the signs; None when they do not agree, or remember something."""
    reads: dict[str, Read] = {name: (columns[name], Sign(name, 1.0)) for name in graded.choice.columns}
    remember = graded.choice.memories != ()
    for bedside in graded.scales:
        remember = remember or _remembers(bedside)
        for name, needed in bedside.program.scale.columns.items():
            read = needed.column, bedside.signs.get(name, needed.absent)
            if reads.setdefault(name, read) != read:
                return None
    return None if remember else reads


def _remembers(bedside: Bedside) -> bool:
    program = bedside.program
    return bool(program.criteria.memories) or any(step.remembers for step in program.steps)


def _shared(
    scales: Sequence[Mapping[int, Condition]], choices: Sequence[Condition], reads: Mapping[str, Read]
) -> Shared:
    most = max((len(levels) for levels in scales), default=0)
    filled = [[*levels, *[min(levels)] * (most - len(levels))] for levels in scales]
    asked = tuple(levels[grade] for levels, grades in zip(scales, filled, strict=True) for grade in grades)
    columns = {name: column for name, (column, _) in reads.items()}
    program = compile_conditions([*both_ways(asked), *choices], columns, ())
    needed = {name: reads[name][1] for name in program.columns if name != DAY}
    return Shared(
        program,
        np.array(filled, np.int8).reshape(len(scales), most, 1),
        {name: read for name, read in needed.items() if isinstance(read, Sign)},
        {name: read for name, read in needed.items() if not isinstance(read, Sign)},
    )
