"""Scales: texts that turn the signs of a day into a grade, and the pure function that applies them.

A scale is a list of criteria, the highest grade first; the first that is true gives the grade. A criterion of a
higher grade that is neither true nor false leaves the grade unknown: nothing is ever guessed downwards. The same
program grades the table of anybody and a simulated patient, day after day, many patients at once::

    program = compile_scale(load_scale("astct_crs", shelf, signs))
    memory = program.memory(patients)
    grades = program.evaluate(memory, index, day, record)     # once a day, in the order of days
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.condition_memory import Memory
from virtuall.clinic.condition_program import ConditionProgram
from virtuall.clinic.conditions import Column, compile_conditions
from virtuall.clinic.derived import Derived, Step, both_ways, condition_of, read_derived
from virtuall.clinic.sign import DAILY, MULTIPLE, SIGNS, Sign, read_signs
from virtuall.core.errors import InputError
from virtuall.model.shelf import Shelf
from virtuall.texts.condition_tree import Condition
from virtuall.texts.source import Source
from virtuall.texts.table import Table, reading

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]
Rows = NDArray[np.int64]
GRADINGS = "grading/*.toml"
# What is graded.
KINDS = (
    "crs",
    "icans",
    "neurologic",
    "counts",
    "liver",
    "kidney",
    "laboratory",
    "heart",
    "vod",
    "infection",
    "infusion",
    "general",
    "blood",
    "macrophages",
)
PER = ("day", "patient")
# What grades mean in most scales.
GRADES = ("mild", "moderate", "severe", "life-threatening", "death")
# The day of the record, counted from what the text of a scale says.
DAY = "day"


@dataclass(frozen=True)
class Needed:
    """A sign as a scale needs it.

    Attributes
    ----------
    sign : Sign
        The sign.
    unit : str
        The unit in which the scale reads it.
    daily : str
        Which of several values of a day counts.
    required : bool
        A table must have it.
    absent : float
        What is taken when a table does not have it, NaN for unknown; of a category the number of the word.
    """

    sign: Sign
    unit: str
    daily: str
    required: bool
    absent: float

    @property
    def column(self) -> Column:
        """How conditions read it."""
        return self.sign.column(self.unit)


@dataclass(frozen=True)
class Criterion:
    """One way to have a grade; of a score, a band (then `grade` is 0)."""

    grade: int
    name: str
    when: Condition
    source: Source


@dataclass(frozen=True)
class Scale:
    """A scale.

    Attributes
    ----------
    name, title, of, version : str
        What the text is called, what it is, what it grades, in which version.
    refused : str
        Why the scale must not be used; empty otherwise.
    per : "day" or "patient"
        Whether every day has a grade, or the whole record of a patient one.
    first, last : float
        The days of a record that count.
    score : str
        The derived value that is given instead of a grade; empty otherwise.
    columns : mapping of str to Needed
        The signs.
    derived : tuple of Derived
        In the order in which they are computed.
    criteria : tuple of Criterion
        From the highest grade down.
    source : Source
        Of the whole.
    """

    name: str
    title: str
    of: str
    version: str
    refused: str
    per: str
    first: float
    last: float
    score: str
    columns: Mapping[str, Needed]
    derived: tuple[Derived, ...]
    criteria: tuple[Criterion, ...]
    source: Source

    @property
    def counts_days(self) -> bool:
        """Whether days without a row matter."""
        return any(each.way in ("run", "days") for each in self.derived)


@dataclass(frozen=True, eq=False)
class Grades:
    """What a scale says of n patients on a day.

    Attributes
    ----------
    grade : float64[n]
        The grade, or the score; NaN where unknown.
    true, unknown : bool[criteria, n]
        Which criteria hold, and which cannot be told.
    """

    grade: Floats
    true: Truths
    unknown: Truths


# -- reading --------------------------------------------------------------------------------------------------


def read_scale(path: Path, signs: Mapping[str, Sign]) -> Scale:
    """Read a scale and make sure that its conditions can be understood.

    Raises
    ------
    Problems
        With every error of the text.
    """
    with reading(path) as text:
        scale = _scale(path.stem, text, signs)
        if not text.problems and not scale.refused:
            compile_scale(scale)
    return scale


def _scale(name: str, text: Table, signs: Mapping[str, Sign]) -> Scale:
    head = text.table("scale")
    refused = head.text("refused", default="")
    columns = {key: _needed(table, signs) for key, table in text.named("column").items()}
    derived = tuple(read_derived(table) for table in text.named("derived").values())
    score = head.text("score", default="")
    if score and score not in {each.name for each in derived}:
        head.problem("a score is one of the derived values", "score", given=score)
    grades, bands = text.tables("grade"), text.tables("band")
    if refused and (columns or grades):
        head.problem("a refused scale grades nothing", "refused")
    if not refused and bool(score) == bool(grades):
        head.problem("a scale has either [[grade]] or a score, with or without [[band]]")
    if bands and not score:
        head.problem("a [[band]] belongs to a score")
    criteria = [_criterion(table, table.integer("grade", low=1, high=len(GRADES))) for table in grades]
    for above, below, table in zip(criteria, criteria[1:], grades[1:], strict=False):
        if below.grade > above.grade:
            table.problem("the highest grade stands first", "grade", given=below.grade)
    return Scale(
        name,
        head.text("title"),
        head.choice("of", KINDS),
        head.text("version"),
        refused,
        head.choice("per", PER, default="day"),
        head.days("first", default=-np.inf),
        head.days("last", default=np.inf),
        score,
        {each.sign.name: each for each in columns.values()},
        derived,
        (*criteria, *(_criterion(table, 0) for table in bands)),
        head.source(),
    )


def _criterion(table: Table, grade: int) -> Criterion:
    return Criterion(grade, table.text("name"), condition_of(table, "when"), table.source())


def _needed(table: Table, signs: Mapping[str, Sign]) -> Needed:
    sign = signs.get(table.name)
    if sign is None:
        table.problem("unknown sign", given=table.name, allowed=tuple(signs))
        sign = replace(next(iter(signs.values())), name=table.name)
    unit = table.text("unit", default=sign.unit)
    if unit not in (sign.unit, *((MULTIPLE,) if sign.upper else ())):
        table.problem(
            "a scale reads a sign in its base unit or in multiples of its limit of normal", "unit", given=unit
        )
    optional = table.flag("optional", default=False)
    absent = np.nan
    if "absent" in table:
        if sign.kind == "number":
            absent = table.number("absent")
        elif sign.kind == "flag":
            absent = float(table.flag("absent"))
        else:
            absent = float(sign.levels.index(table.choice("absent", sign.levels)))
    required = not optional and "absent" not in table
    return Needed(sign, unit, table.choice("daily", DAILY, default=sign.daily), required, absent)


# -- applying -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class GradeProgram:
    """A compiled scale. It remembers what its conditions and runs of days need, apart for each patient."""

    scale: Scale
    steps: tuple[Step, ...]
    criteria: ConditionProgram
    reads: tuple[tuple[str, ...], ...]

    def memory(self, patients: int) -> list[Memory]:
        """What is remembered about patients of whom nothing is known yet."""
        return [*(step.memory(patients) for step in self.steps), self.criteria.memory(patients)]

    def evaluate(self, memory: list[Memory], index: Rows, day: Floats, record: Mapping[str, Floats]) -> Grades:
        """Grade one day of n patients; to be called once a day, in the order of days.

        Parameters
        ----------
        memory : list of Memory
            From `memory`; changed in place for the patients of `index` only.
        index : int64[n]
            Rows of the memory, each at most once.
        day : float64[n]
            The days.
        record : mapping of str to float64[n]
            The columns of the scale in the unit of their `Needed`; flags 1 and 0, categories by number; NaN unknown.
            One that is not required may be left out and is taken as its text says.

        Returns
        -------
        Grades
        """
        absent = {
            name: np.full(len(index), needed.absent)
            for name, needed in self.scale.columns.items()
            if not needed.required and name not in record
        }
        seen = {**absent, **record, DAY: day}
        least, most = dict(seen), dict(seen)
        alike = True
        for step, kept in zip(self.steps, memory, strict=False):
            name = step.derived.name
            least[name], most[name] = step.evaluate(kept, index, day, seen)
            differ = least[name] < most[name]
            alike = alike and not differ.any()
            seen[name] = np.where(differ, np.nan, least[name])
        count = len(self.scale.criteria)
        truth = self.criteria.evaluate(memory[-1], index, day, least, {})
        if not alike:  # a criterion is decided where it makes no difference how many days it were
            truth &= self.criteria.evaluate(memory[-1], index, day, most, {})
        true, unknown = truth[:count], ~(truth[:count] | truth[count:])
        if self.scale.score:
            return Grades(np.asarray(seen[self.scale.score], np.float64), true, unknown)
        levels = np.array([each.grade for each in self.scale.criteria], np.float64)[:, None]
        certain = (levels * true).max(axis=0, initial=0.0)
        possible = (levels * unknown).max(axis=0, initial=0.0)
        return Grades(np.where(possible > certain, np.nan, certain), true, unknown)


def compile_scale(scale: Scale) -> GradeProgram:
    """Compile a scale.

    Raises
    ------
    InputError
        When the scale is refused.
    Problems
        When a condition cannot be understood.
    """
    if scale.refused:
        raise InputError(f"{scale.title} is not used here: {scale.refused}", given=scale.name)
    columns = {name: needed.column for name, needed in scale.columns.items()} | {DAY: Column("d")}
    steps = []
    for each in scale.derived:
        steps.append(Step(each, dict(columns)))
        columns[each.name] = each.column
    whens = tuple(each.when for each in scale.criteria)
    reads = tuple(compile_conditions([when], columns, ()).columns for when in whens)
    return GradeProgram(scale, tuple(steps), compile_conditions(both_ways(whens), columns, ()), reads)


# -- finding --------------------------------------------------------------------------------------------------


def scale_names(shelf: Shelf) -> tuple[str, ...]:
    """The scales of a library."""
    return tuple(sorted(path.stem for path in shelf.matching(GRADINGS).values()))


def load_scales(name: str, shelf: Shelf) -> tuple[Scale, ...]:
    """The scale of a name, or all whose names begin with it: ``ctcae_v5`` is every scale of that version.

    Raises
    ------
    InputError
        When there is none, or it is refused; with the reason, or the nearest name.
    """
    signs = shelf.file(SIGNS)
    paths = {path.stem: path for path in shelf.matching(GRADINGS).values()}
    wanted = "_".join(name.lower().replace("-", " ").replace("/", " ").replace("_", " ").split())
    refused = next((each for each in _beginnings(wanted) if each in paths), "")
    if refused and refused != wanted:
        whole = _read_once(paths[refused], _changed(paths[refused]), signs, _changed(signs))
        if whole.refused:
            compile_scale(whole)
    chosen = [wanted] if wanted in paths else [each for each in paths if each.startswith(f"{wanted}_")]
    if not chosen:
        raise InputError("the library has no such scale", given=name, allowed=tuple(sorted(paths)))
    scales = tuple(_read_once(paths[each], _changed(paths[each]), signs, _changed(signs)) for each in sorted(chosen))
    for scale in scales:
        if scale.refused:
            compile_scale(scale)
    return scales


def known_signs(shelf: Shelf) -> dict[str, Sign]:
    """The signs of a library, read again only when their text has changed."""
    path = shelf.file(SIGNS)
    return _signs_once(path, _changed(path))


def load_scale(name: str, shelf: Shelf) -> Scale:
    """One scale by its full name.

    Raises
    ------
    InputError
        When there is none, or the name stands for several.
    """
    found = load_scales(name, shelf)
    if len(found) > 1:
        raise InputError("several scales begin like this", given=name, allowed=tuple(each.name for each in found))
    return found[0]


@cache
def _read_once(path: Path, changed: int, signs: Path, signs_changed: int) -> Scale:
    """Read a scale, again only when its text or that of the signs has changed."""
    return read_scale(path, _signs_once(signs, signs_changed))


@cache
def _signs_once(path: Path, changed: int) -> dict[str, Sign]:
    return read_signs(path)


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns


def _beginnings(name: str) -> Iterator[str]:
    """``ctcae_v6_fever``, ``ctcae_v6``, ``ctcae``."""
    while name:
        yield name
        name = name.rpartition("_")[0]
