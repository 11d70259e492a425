"""Quantities, categories and flags in conditions: their kinds and units, checked and brought together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from virtuall.clinic.condition_builder import Builder
from virtuall.core.errors import TextError, UnitError
from virtuall.core.position import Position
from virtuall.core.units import ONE, Unit, difference
from virtuall.core.units import unit as read_unit
from virtuall.texts.condition_tree import (
    And,
    Arithmetic,
    Call,
    Comparison,
    Expression,
    Membership,
    Name,
    Negative,
    Not,
    Number,
    Or,
)

Kind = Literal["number", "category", "flag"]

DAY = read_unit("d")
IN_WORDS: dict[Kind, str] = {"number": "a quantity", "category": "a category", "flag": "a yes or no"}
WRITE_IS = "write: is, followed by one of its words"
_LIMITS = {"ULN": "upper", "LLN": "lower"}


@dataclass(frozen=True)
class Column:
    """What a rule may read about a patient.

    Attributes
    ----------
    unit : str
        Unit of a number; ``1`` for a plain number such as a grade.
    kind : "number", "category" or "flag"
        A flag is yes or no (1 or 0, NaN unknown).
    levels : tuple of str
        The words of a category; a value is an index into them, below zero when unknown.
    worse : "high", "low" or None
        The direction in which `worst` looks.
    upper_normal, lower_normal : float, str or None
        Limits of normal, in `unit`, or the name of the column that holds them for each patient.
    """

    unit: str = "1"
    kind: Kind = "number"
    levels: tuple[str, ...] = ()
    worse: Literal["high", "low"] | None = None
    upper_normal: float | str | None = None
    lower_normal: float | str | None = None


@dataclass(frozen=True)
class Value:
    """A compiled value: its number (see `Builder`), its kind and unit, and the observation that it is about.

    `literal` is the number as written when the value is one; `bare` when no unit was written anywhere in it.
    """

    node: str
    kind: Kind
    unit: Unit
    column: Column | None = None
    literal: Fraction | None = None
    bare: bool = False


class Values:
    """Compiles the parts of conditions that have a value.

    Parameters
    ----------
    columns : mapping of str to Column
        The observations that may be read.
    events : frozenset of str
        The events that may be asked for.
    builder : Builder
        Where the nodes go.
    """

    def __init__(self, columns: Mapping[str, Column], events: frozenset[str], builder: Builder) -> None:
        self._columns = columns
        self._events = events
        self._build = builder

    def quantity(self, expression: Expression, deed: str) -> Value:
        """Compile what must be a quantity, because it is `deed` (compared, calculated with)."""
        if is_condition(expression):
            raise TextError(f"a condition cannot be {deed}", where=expression.where)
        value = self.value(expression)
        if value.kind != "number":
            raise TextError(
                f"{IN_WORDS[value.kind]} cannot be {deed}",
                where=expression.where,
                hint=WRITE_IS if value.kind == "category" else None,
            )
        return value

    def value(self, expression: Expression) -> Value:
        """Compile a quantity, category or flag."""
        match expression:
            case Number(value=value, unit=text, where=where):
                unit = ONE if text is None else _unit(text, where)
                literal = Fraction(repr(value))
                return Value(self._build.constant(value), "number", unit, None, literal, bare=text is None)
            case Name(name=name, where=where):
                return self._observation(name, where)
            case Negative(of=inner):
                plus = self.quantity(inner, "given a sign")
                if plus.literal is not None:
                    return self._literal(plus, -plus.literal, plus.unit)
                return replace(plus, node=self._build.number("negative", plus.node), column=None)
            case Arithmetic():
                return self._arithmetic(expression)
            case Call(function=function) if function in _FUNCTIONS:
                return _FUNCTIONS[function](self, expression)
            case _:
                raise TextError("a quantity is needed here, this is a condition", where=expression.where)

    def _observation(self, name: str, where: Position) -> Value:
        column = self._columns.get(name)
        if column is None:
            if name in self._events:
                hint = f"write event({name}), since({name}) or count({name})"
                raise TextError("an event cannot stand by itself", given=name, where=where, hint=hint)
            raise TextError("unknown observation", given=name, allowed=tuple(self._columns), where=where)
        node = self._build.read(name, column.kind == "category")
        return Value(node, column.kind, _unit(column.unit, where), column)

    def event(self, expression: Expression) -> str:
        """Return the name of a known event."""
        assert isinstance(expression, Name)  # the reader has seen to it
        if expression.name not in self._events:
            allowed = tuple(sorted(self._events))
            raise TextError("unknown event", given=expression.name, allowed=allowed, where=expression.where)
        return expression.name

    def days(self, expression: Expression) -> float:
        """Return a length of time in days."""
        assert isinstance(expression, Number) and expression.unit is not None
        unit = _unit(expression.unit, expression.where)
        if not unit.same_dimension(DAY):
            hint = "write for example 3 d or 8 h"
            raise UnitError("a length of time is needed", given=expression.unit, where=expression.where, hint=hint)
        return float(Fraction(repr(expression.value)) * unit.factor / DAY.factor)

    def _arithmetic(self, expression: Arithmetic) -> Value:
        left = self.quantity(expression.left, "calculated with")
        right = self.quantity(expression.right, "calculated with")
        operator = expression.operator
        if operator in "+-":
            left, right = self.alike(left, right, expression.where)
            unit = left.unit
        else:
            unit = left.unit * right.unit if operator == "*" else left.unit / right.unit
        node = self._build.number(operator, left.node, right.node)
        bare = left.bare and right.bare
        if left.literal is not None and right.literal is not None:
            if operator == "/" and right.literal == 0:
                raise TextError("division by zero", where=expression.where)
            literal = _calculated(operator, left.literal, right.literal)
            return self._plain(self._literal(replace(left, bare=bare), literal, unit))
        return self._plain(Value(node, "number", unit, bare=bare))

    def _plain(self, value: Value) -> Value:
        """Turn a pure number of another scale (mg/g, percent) to a plain number."""
        if value.unit.dimensions or value.unit.is_plain:
            return replace(value, unit=value.unit if value.unit.dimensions else ONE)
        return self._in_unit(value, ONE)

    def _literal(self, value: Value, literal: Fraction, unit: Unit) -> Value:
        return replace(value, node=self._build.constant(float(literal)), literal=literal, unit=unit)

    def moved(self, value: Value, by: Fraction) -> Value:
        """Add a constant, in the unit of the value."""
        if value.literal is not None:
            return self._literal(value, value.literal + by, value.unit)
        return replace(value, node=self._build.number("+", value.node, self._build.constant(float(by))))

    def _in_unit(self, value: Value, unit: Unit) -> Value:
        """Convert; a literal exactly, so that 500 cell/uL and 0.5e9 cell/L are the very same threshold."""
        if value.unit.same(unit):
            return replace(value, unit=unit)
        factor = value.unit.factor / unit.factor
        if value.literal is not None:
            return self._literal(value, value.literal * factor, unit)
        return replace(value, node=self._scaled(value.node, float(factor)), unit=unit)

    def _scaled(self, node: str, factor: float) -> str:
        return self._build.number("*", node, self._build.constant(factor))

    def alike(self, left: Value, right: Value, where: Position) -> tuple[Value, Value]:
        """Bring two quantities to one unit: that of the observation, where the other side is a number."""
        left, right = self._from_limits(left, right, where), self._from_limits(right, left, where)
        for one, other in ((left, right), (right, left)):
            if one.bare and not other.unit.is_plain:
                raise UnitError(
                    "a number without a unit meets a quantity with one",
                    given="a plain number" if one.literal is None else f"{float(one.literal):g}",
                    where=where,
                    hint=f"the other side is in {other.unit}: write the unit after the number",
                )
        if not left.unit.same_dimension(right.unit):
            raise UnitError(
                "the two sides do not measure the same kind of thing",
                given=f"{left.unit} and {right.unit}",
                where=where,
                hint=difference(right.unit, left.unit),
            )
        if left.literal is not None:
            return self._in_unit(left, right.unit), right
        return left, self._in_unit(right, left.unit)

    def _from_limits(self, value: Value, other: Value, where: Position) -> Value:
        """Turn multiples of a limit of normal to the unit of the observation on the other side."""
        name = next((each for each in _LIMITS if value.unit.same_dimension(read_unit(each))), None)
        if name is None or value.unit.same_dimension(other.unit):
            return value
        column = other.column
        limit = None if column is None else column.upper_normal if name == "ULN" else column.lower_normal
        if limit is None or column is None:
            raise UnitError(
                f"no {_LIMITS[name]} limit of normal is known for the other side",
                given=name,
                where=where,
                hint="a limit is stated with an observation; first, last, highest, lowest of it have it too",
            )
        unit = _unit(column.unit, where)
        multiple = self._in_unit(value, read_unit(name))
        if isinstance(limit, str):
            of_patient = self._observation(limit, where)
            _, of_patient = self.alike(Value("", "number", unit), of_patient, where)
            return Value(self._build.number("*", multiple.node, of_patient.node), "number", unit)
        if multiple.literal is not None:
            return self._literal(multiple, multiple.literal * Fraction(repr(float(limit))), unit)
        return Value(self._scaled(multiple.node, float(limit)), "number", unit)

    # -- functions that give a value -------------------------------------------------------------------------

    def _since(self, call: Call) -> Value:
        return Value(self._build.remembered("elapsed", name=self.event(call.arguments[0])), "number", DAY)

    def _count(self, call: Call) -> Value:
        event = self.event(call.arguments[0])
        if len(call.arguments) == 1:
            return Value(self._build.remembered("total", name=event), "number", ONE)
        window = self.days(call.arguments[1])
        return Value(self._build.remembered("recent", name=event, window=window), "number", ONE)

    def _kept(self, call: Call) -> Value:
        (argument,) = call.arguments
        if is_condition(argument):
            raise TextError(f"{call.function} takes an observation, not a condition", where=argument.where)
        value = self._observed(self.value(argument), call)
        return replace(value, node=self._build.remembered(call.function, value.node))

    def _extreme(self, call: Call) -> Value:
        value = self._observed(self.quantity(call.arguments[0], f"given to {call.function}"), call)
        window = self.days(call.arguments[1]) if len(call.arguments) == 2 else None
        high = call.function == "highest"
        if call.function == "worst":
            if value.column is None or value.column.worse is None:
                raise TextError(
                    "worst needs an observation of which the bad direction is declared",
                    where=call.arguments[0].where,
                    hint="write highest or lowest",
                )
            high = value.column.worse == "high"
        build = self._build
        node = value.node if high else build.number("negative", value.node)
        if window is None:
            node = build.remembered("highest", node)
        else:
            node = build.remembered("highest_within", node, window=window)
        return replace(value, node=node if high else build.number("negative", node))

    def _observed(self, value: Value, call: Call) -> Value:
        if value.literal is not None:
            raise TextError(f"{call.function} takes an observation, not a number", where=call.arguments[0].where)
        return value


_FUNCTIONS: dict[str, Callable[[Values, Call], Value]] = {
    "since": Values._since,
    "count": Values._count,
    "first": Values._kept,
    "last": Values._kept,
    "highest": Values._extreme,
    "lowest": Values._extreme,
    "worst": Values._extreme,
}


def is_condition(expression: Expression) -> bool:
    """True for what is a condition by its form; a name may be a flag, which only its column tells."""
    if isinstance(expression, Call):
        return expression.function not in _FUNCTIONS
    return isinstance(expression, Comparison | Membership | Not | And | Or)


def _calculated(operator: str, left: Fraction, right: Fraction) -> Fraction:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            return left / right


def _unit(text: str, where: Position) -> Unit:
    try:
        return read_unit(text, where=where)
    except UnitError as error:
        hint = error.hint
        if hint is None and "/" in text:
            hint = "a unit has no spaces; put spaces around the sign of a division"
        allowed = error.allowed
        raise UnitError(error.problem, given=error.given, allowed=allowed, where=where, hint=hint) from None
