"""What a scale derives from the signs before it grades: sums of points, yes or no, formulas, runs of days.

A derived value is a column for the conditions after it. What is unknown stays unknown, unless it makes no
difference: "at least 2 of 3" is true when 2 are true, whatever the third.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.condition_memory import Memory
from virtuall.clinic.condition_program import ConditionProgram
from virtuall.clinic.conditions import Column, compile_conditions
from virtuall.core.errors import TextError, UnitError
from virtuall.core.units import ONE, Unit
from virtuall.core.units import unit as read_unit
from virtuall.texts.condition_tree import Arithmetic, Condition, Expression, Name, Negative, Not, Number
from virtuall.texts.conditions import parse_condition
from virtuall.texts.table import Table

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]
Rows = NDArray[np.int64]

# The ways to derive a value; a text uses exactly one for each.
WAYS = ("when", "item", "formula", "run", "days")


@dataclass(frozen=True)
class Derived:
    """One derived value.

    Attributes
    ----------
    name : str
        Its name in the conditions after it.
    way : str
        One of `WAYS`: ``when`` is yes or no; ``item`` a sum of points; ``formula`` a calculation; ``run`` the longest
        stretch of days so far on which a condition held; ``days`` on how many days so far it held.
    conditions : tuple of Condition
        The condition, or one for each item; a formula stands here too.
    points : tuple of float
        Of the items.
    at_least : float or None
        The sum of points becomes yes or no: is it as much?
    apart : float
        Days without the condition that end a run; a shorter break is a part of it.
    unit : str
        Of the value.
    """

    name: str
    way: str
    conditions: tuple[Condition, ...]
    points: tuple[float, ...]
    at_least: float | None
    apart: float
    unit: str

    @property
    def column(self) -> Column:
        """How conditions read it."""
        is_flag = self.way == "when" or self.at_least is not None
        return Column(kind="flag") if is_flag else Column(self.unit)


def read_derived(table: Table) -> Derived:
    """Read one ``[derived.NAME]``."""
    table.source(required=False)
    given = [way for way in WAYS if way in table]
    if len(given) != 1:
        table.problem(f"[{table.name}] needs exactly one of {', '.join(WAYS)}", given=", ".join(given) or "none")
        given = [*given, "when"]
    way = given[0]
    items = table.tables("item")
    for each in items:
        each.text("name")
        each.source(required=False)
    conditions = tuple(condition_of(each, "when") for each in items) if items else (condition_of(table, way),)
    return Derived(
        table.name,
        way,
        conditions,
        tuple(each.number("points", default=1.0) for each in items),
        table.number("at_least", default=None),
        table.days("apart", low=0, default=1.0),
        table.unit() if way == "formula" else "d" if way in ("run", "days") else "1",
    )


def condition_of(table: Table, key: str) -> Condition:
    """Read a condition."""
    text = table.text(key)
    return parse_condition(text or "true", table.where(key))


def both_ways(conditions: tuple[Condition, ...]) -> list[Condition]:
    """The conditions, then their opposites: what is neither true nor false is unknown."""
    opposite = [Condition(each.text, Not(each.expression, each.where), each.where) for each in conditions]
    return [*conditions, *opposite]


class Step:
    """A derived value, compiled over the columns before it.

    Raises
    ------
    Problems, TextError
        When a condition or formula cannot be understood.
    """

    def __init__(self, derived: Derived, columns: Mapping[str, Column]) -> None:
        self.derived = derived
        self._columns = columns
        self._program: ConditionProgram | None = None
        if derived.way == "formula":
            nothing = {name: np.zeros(0) for name in columns}
            _formula(derived, columns, nothing)
        else:
            self._program = compile_conditions(both_ways(derived.conditions), columns, ())

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that it reads."""
        if self._program is not None:
            return self._program.columns
        return tuple(dict.fromkeys(_names(self.derived.conditions[0].expression)))

    @property
    def remembers(self) -> bool:
        """Whether what was before counts."""
        return self._program is not None and (bool(self._program.memories) or self.derived.way in ("run", "days"))

    def memory(self, patients: int) -> Memory:
        """What it remembers about patients of whom nothing is known yet."""
        if self._program is None:
            return Memory(patients)
        kept = self._program.memory(patients)
        if self.derived.way in ("run", "days"):
            for bound in ("sure", "possible"):
                kept.arrays |= {f"{bound} {what}": np.zeros(patients) for what in ("now", "gap", "best")}
        return kept

    def evaluate(
        self, memory: Memory, index: Rows, time: Floats, record: Mapping[str, Floats]
    ) -> tuple[Floats, Floats]:
        """The least and the most that the value of each patient may be; NaN where it is unknown.

        They differ only for counts of days, where something is not known about some day.
        """
        if self._program is not None and self.derived.way in ("run", "days"):
            return self._days(memory, index, time, record)
        value = self._value(memory, index, time, record)
        return value, value

    def _value(self, memory: Memory, index: Rows, time: Floats, record: Mapping[str, Floats]) -> Floats:
        if self._program is None:
            return _formula(self.derived, self._columns, record)
        truth = self._program.evaluate(memory, index, time, record, {})
        count = len(self.derived.conditions)
        true, false = truth[:count], truth[count:]
        if self.derived.way == "when":
            return _decided(true[0], false[0])
        return self._points(true, false)

    def _points(self, true: Truths, false: Truths) -> Floats:
        points = np.array(self.derived.points)[:, None]
        sure = (points * true).sum(axis=0)
        possible = (points * ~false).sum(axis=0)
        wanted = self.derived.at_least
        if wanted is None:
            return np.where((true | false).all(axis=0), sure, np.nan)
        return _decided(sure >= wanted, possible < wanted)

    def _days(self, memory: Memory, index: Rows, time: Floats, record: Mapping[str, Floats]) -> tuple[Floats, Floats]:
        """Count, with unknown days as days without and as days with the condition."""
        assert self._program is not None
        true, false = self._program.evaluate(memory, index, time, record, {})
        count = self._longest if self.derived.way == "run" else self._total
        return count(memory, index, "sure", true), count(memory, index, "possible", ~false)

    def _total(self, memory: Memory, index: Rows, bound: str, held: Truths) -> Floats:
        best = memory.arrays[f"{bound} best"]
        best[index] += held
        return np.asarray(best[index])

    def _longest(self, memory: Memory, index: Rows, bound: str, held: Truths) -> Floats:
        now, gap, best = (memory.arrays[f"{bound} {what}"] for what in ("now", "gap", "best"))
        length = np.where(held, np.where(now[index] > 0, now[index] + gap[index], 0) + 1, now[index])
        pause = np.where(held, 0, gap[index] + 1)
        length = np.where(pause >= self.derived.apart, 0, length)
        now[index], gap[index] = length, pause
        best[index] = np.maximum(best[index], length)
        return np.asarray(best[index])


def _decided(true: Truths, false: Truths) -> Floats:
    return np.where(true, 1.0, np.where(false, 0.0, np.nan))


def _names(expression: Expression) -> list[str]:
    match expression:
        case Name(name=name):
            return [name]
        case Negative(of=inner):
            return _names(inner)
        case Arithmetic(left=left, right=right):
            return _names(left) + _names(right)
        case _:
            return []


def _formula(derived: Derived, columns: Mapping[str, Column], record: Mapping[str, Floats]) -> Floats:
    values, unit = _amount(derived.conditions[0].expression, columns, record)
    wanted = read_unit(derived.unit)
    if not unit.same_dimension(wanted):
        where = derived.conditions[0].where
        raise UnitError("the formula has another unit", given=str(unit), where=where, hint=f"{wanted} is declared")
    return np.asarray(values * unit.factor_to(wanted), np.float64)


def _amount(expression: Expression, columns: Mapping[str, Column], record: Mapping[str, Floats]) -> tuple[Any, Unit]:
    match expression:
        case Number(value=value, unit=written):
            return value, ONE if written is None else read_unit(written, where=expression.where)
        case Name(name=name, where=where):
            if name not in columns:
                raise TextError("unknown observation", given=name, allowed=tuple(columns), where=where)
            if columns[name].kind != "number":
                raise TextError("a formula calculates with quantities", given=name, where=where)
            return record[name], read_unit(columns[name].unit)
        case Negative(of=inner):
            value, unit = _amount(inner, columns, record)
            return -value, unit
        case Arithmetic(operator=operator, left=left, right=right, where=where):
            a, one = _amount(left, columns, record)
            b, other = _amount(right, columns, record)
            if operator in "+-":
                if not one.same_dimension(other):
                    raise UnitError("the two sides do not measure the same kind of thing", where=where)
                b = b * other.factor_to(one)
                return (a + b if operator == "+" else a - b), one
            if operator == "*":
                return a * b, one * other
            bottom = np.asarray(b, np.float64)
            shape = np.broadcast_shapes(np.shape(a), bottom.shape)
            return np.divide(a, bottom, out=np.full(shape, np.nan), where=bottom != 0), one / other
        case _:
            raise TextError("a formula is a calculation with quantities", where=expression.where)
