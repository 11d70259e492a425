"""What is graded at the bedside: a scale, applied at every look at a patient to what is measured and found."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.condition_memory import Memory
from virtuall.clinic.condition_program import ConditionProgram
from virtuall.clinic.conditions import Column, compile_conditions
from virtuall.clinic.derived import condition_of
from virtuall.clinic.grading import GradeProgram, Needed, compile_scale, load_scale
from virtuall.clinic.sign import MULTIPLE
from virtuall.core.errors import InputError, VirtuallError
from virtuall.core.units import unit as read_unit
from virtuall.model.shelf import Shelf
from virtuall.texts.condition_tree import Condition
from virtuall.texts.table import Table

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
PLAIN = "1"


@dataclass(frozen=True)
class Graded:
    """One thing that is graded.

    Attributes
    ----------
    name : str
        As rules call it: ``NAME_grade``.
    title : str
        As charts call it; empty: by its kind and its scale.
    scale : str
        Name of the scale.
    over_after : float
        Days of grade 0 after which it is over.
    unseen : float
        Days without a look after which it is taken to have been over with the last sign.
    instead, when : str, Condition or None
        Another scale for the patients of whom this holds.
    """

    name: str
    title: str
    scale: str
    over_after: float
    unseen: float = math.inf
    instead: str = ""
    when: Condition | None = None


def read_graded(table: Table) -> Graded:
    """Read one ``[graded.NAME]``."""
    table.source()
    other = table.table("instead", default=None)
    return Graded(
        table.name,
        table.text("title"),
        table.text("scale"),
        table.days("over_after", low=0),
        table.days("unseen", low=0, default=math.inf),
        "" if other is None else other.text("scale"),
        None if other is None else condition_of(other, "when"),
    )


@dataclass(frozen=True)
class Sign:
    """Where a scale finds a sign: a column, and what turns its value to that of the scale.

    ``codes`` are the numbers of the scale's words by those of the column, for a category whose numbers differ.
    """

    column: str
    factor: float
    codes: tuple[float, ...] = ()

    def read(self, values: Floats) -> Floats:
        """The values of the column as the scale reads them."""
        if not self.codes:
            return values if self.factor == 1.0 else values * self.factor
        known = ~np.isnan(values)
        found = np.full(len(values), np.nan)
        found[known] = np.array(self.codes)[values[known].astype(np.int64)]
        return found


@dataclass(frozen=True, eq=False)
class Bedside:
    """A scale compiled for what a clinic measures and finds."""

    program: GradeProgram
    signs: Mapping[str, Sign]

    def evaluate(self, memory: list[Memory], index: Rows, time: Floats, seen: Mapping[str, Floats]) -> Floats:
        """Grades of n patients; NaN where they cannot be told."""
        record = {name: sign.read(seen[sign.column]) for name, sign in self.signs.items()}
        return self.program.evaluate(memory, index, time, record).grade


@dataclass(frozen=True, eq=False)
class GradedProgram:
    """One graded thing, compiled; ``choice`` says of whom the other scale is asked."""

    graded: Graded
    kind: str
    scales: tuple[Bedside, ...]
    choice: ConditionProgram

    @property
    def title(self) -> str:
        """As charts call it; a scale beside those of the bedside by what it grades and by its name."""
        return self.graded.title or f"{self.kind.replace('_', ' ')} by {self.graded.scale}"

    @property
    def columns(self) -> tuple[str, ...]:
        """What it reads."""
        own = (sign.column for scale in self.scales for sign in scale.signs.values())
        return tuple(dict.fromkeys([*own, *self.choice.columns]))

    def memory(self, patients: int) -> list[list[Memory]]:
        """The memory of patients about whom nothing is known yet."""
        return [[self.choice.memory(patients)], *(scale.program.memory(patients) for scale in self.scales)]

    def evaluate(self, memory: list[list[Memory]], index: Rows, time: Floats, seen: Mapping[str, Floats]) -> Floats:
        """Grades of n patients; NaN where they cannot be told."""
        grades = [each.evaluate(kept, index, time, seen) for each, kept in zip(self.scales, memory[1:], strict=True)]
        if len(grades) == 1:
            return grades[0]
        other = self.choice.evaluate(memory[0][0], index, time, seen, {})[0]
        return np.where(other, grades[1], grades[0])


def compile_graded(graded: Graded, columns: Mapping[str, Column], shelf: Shelf) -> GradedProgram:
    """Compile what is graded for the columns that a clinic has.

    Raises
    ------
    InputError
        When there is no such scale, it cannot be asked at every look, or it needs what nothing measures.
    """
    names = [graded.scale, *([graded.instead] if graded.instead else [])]
    scales = tuple(_bedside(name, columns, shelf) for name in names)
    choice = compile_conditions([graded.when] if graded.when else [], columns, ())
    return GradedProgram(graded, scales[0].program.scale.of, scales, choice)


def _bedside(name: str, columns: Mapping[str, Column], shelf: Shelf) -> Bedside:
    program = compile_scale(load_scale(name, shelf))
    scale = program.scale
    if scale.per != "day" or scale.counts_days or scale.score:
        raise InputError(
            f"{scale.title} is no scale for a look at a patient: it asks for days or gives a score", given=name
        )
    missing = [sign for sign, needed in scale.columns.items() if needed.required and sign not in columns]
    if missing:
        problem = f"{scale.title} needs what nothing measures or finds"
        raise InputError(problem, given=", ".join(missing), allowed=tuple(columns))
    signs = {sign: _sign(needed, columns[sign], name) for sign, needed in scale.columns.items() if sign in columns}
    return Bedside(program, signs)


def _sign(needed: Needed, column: Column, scale: str) -> Sign:
    name, kind = needed.sign.name, needed.sign.kind
    if column.kind != kind:
        raise InputError(f"{scale} reads {name} as a {kind}", given=column.kind)
    if kind == "flag":
        return Sign(name, 1.0)
    if kind == "category":
        unknown = [word for word in column.levels if word not in needed.sign.levels]
        if unknown:
            raise InputError(
                f"{scale} does not know these words of {name}", given=", ".join(unknown), allowed=needed.sign.levels
            )
        codes = tuple(float(needed.sign.levels.index(word)) for word in column.levels)
        return Sign(name, 1.0, () if codes == tuple(range(len(codes))) else codes)
    if needed.unit == MULTIPLE:
        if column.unit != PLAIN:
            raise InputError(f"{scale} reads {name} in multiples of its limit of normal", given=column.unit)
        return Sign(name, 1.0)
    try:
        return Sign(name, read_unit(column.unit).factor_to(read_unit(needed.unit)))
    except VirtuallError as error:
        raise InputError(f"{scale} reads {name} in {needed.unit}", given=column.unit) from error


def graded_scales(graded: Sequence[Graded], scales: Sequence[str]) -> tuple[Graded, ...]:
    """What is graded, and beside it these scales by their own names; over as soon as the first of all is."""
    over = min((each.over_after for each in graded), default=0.0)
    unseen = min((each.unseen for each in graded), default=math.inf)
    known = {each.scale for each in graded}
    return (*graded, *(Graded(name, "", name, over, unseen) for name in scales if name not in known))
