"""Compile conditions of rules to array programs: names, units and kinds are checked here, once.

Example::

    columns = {"neutrophils": Column("cell/uL"), "response": Column(kind="category", levels=("none", "CR"))}
    condition = parse_condition("for(neutrophils < 500 cell/uL, 7 d) and response is CR", where)
    program = compile_conditions([condition], columns, events=())
    memory = program.memory(patients)
    truth = program.evaluate(memory, index, time, snapshot, happened)  # bool (conditions, patients due)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from virtuall.clinic.condition_builder import Builder
from virtuall.clinic.condition_memory import SAME_INSTANT
from virtuall.clinic.condition_program import ConditionProgram
from virtuall.clinic.condition_values import DAY, IN_WORDS, WRITE_IS, Column, Value, Values, is_condition
from virtuall.core.errors import Problems, TextError, VirtuallError
from virtuall.texts.condition_tree import (
    And,
    Call,
    Comparison,
    Condition,
    Expression,
    Membership,
    Not,
    Or,
)

__all__ = ["Column", "compile_conditions"]

_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def compile_conditions(
    conditions: Sequence[Condition], columns: Mapping[str, Column], events: Sequence[str]
) -> ConditionProgram:
    """Compile conditions to one program that shares what they have in common.

    Parameters
    ----------
    conditions : sequence of Condition
        The conditions, from `virtuall.texts.conditions.parse_condition`.
    columns : mapping of str to Column
        The observations that may be read.
    events : sequence of str
        The events that may be asked for.

    Returns
    -------
    ConditionProgram

    Raises
    ------
    Problems
        With every error: an unknown name, word or unit, a wrong dimension, a missing unit, a quantity where a
        condition is needed. Each names its place.
    """
    compiler = _Compiler(columns, frozenset(events))
    outputs, problems = [], []
    for condition in conditions:
        try:
            outputs.append(compiler.true(condition.expression))
        except VirtuallError as error:
            problems.append(error)
    if problems:
        raise Problems(problems)
    return compiler.builder.program(outputs)


class _Compiler:
    """Gives a tree its meaning, building the program node by node."""

    def __init__(self, columns: Mapping[str, Column], events: frozenset[str]) -> None:
        self.builder = Builder()
        self._values = Values(columns, events, self.builder)

    # -- conditions: when is it true, when is it false (neither: unknown) ------------------------------------

    def true(self, expression: Expression) -> str:
        """Return the row that says whether an expression is true."""
        return self._truth(expression, True)

    def _truth(self, expression: Expression, wanted: bool) -> str:
        """Return the row that says whether an expression is true, or whether it is false."""
        build = self.builder
        match expression:
            case And(terms=terms):
                return build.join("and" if wanted else "or", [self._truth(term, wanted) for term in terms])
            case Or(terms=terms):
                return build.join("or" if wanted else "and", [self._truth(term, wanted) for term in terms])
            case Not(of=inner):
                return self._truth(inner, not wanted)
            case Comparison(operator=operator):
                return self._comparison(expression, operator if wanted else _OPPOSITE[operator])
            case Membership():
                return self._membership(expression, wanted)
            case Call(function="event", arguments=(name,)):
                row = build.leaf("happened", name=self._values.event(name))
                return row if wanted else build.opposite(row)
            case Call(function="known", arguments=(inner,)):
                row = self._known(inner)
                return row if wanted else build.opposite(row)
            case Call(function="for", arguments=(inner, window)):
                row = build.held(self._truth(inner, True), self._values.days(window))
                return row if wanted else build.join("and", [self._known(inner), build.opposite(row)])
            case _:
                return self._flag(expression, wanted)

    def _known(self, expression: Expression) -> str:
        if is_condition(expression):
            return self.builder.join("or", [self._truth(expression, True), self._truth(expression, False)])
        return self.builder.leaf("known", (self._values.value(expression).node,))

    def _flag(self, expression: Expression, wanted: bool) -> str:
        value = self._values.value(expression)
        if value.kind == "flag":
            return self.builder.compare("==", value.node, 1.0 if wanted else 0.0)
        hint = "compare it, for example by <" if value.kind == "number" else WRITE_IS
        raise TextError(
            f"a condition is needed here, this is {IN_WORDS[value.kind]}", where=expression.where, hint=hint
        )

    def _membership(self, expression: Membership, wanted: bool) -> str:
        value = self._values.value(expression.of)
        if value.kind != "category" or value.column is None:
            raise TextError("'is' and 'in' are for categories", given=IN_WORDS[value.kind], where=expression.of.where)
        levels = value.column.levels
        for level in expression.levels:
            if level not in levels:
                raise TextError("unknown category", given=level, allowed=levels, where=expression.where)
        build = self.builder
        codes = [float(levels.index(level)) for level in expression.levels]
        row = build.join("or", [build.compare("==", value.node, code) for code in codes])
        if wanted:
            return row
        return build.join("and", [build.leaf("known", (value.node,)), build.opposite(row)])

    def _comparison(self, expression: Comparison, operator: str) -> str:
        left = self._values.quantity(expression.left, "compared")
        right = self._values.quantity(expression.right, "compared")
        left, right = self._values.alike(left, right, expression.where)
        if left.literal is not None:
            left, right, operator = right, left, _MIRRORED[operator]
        return self._compared(operator, left, right)

    def _compared(self, operator: str, left: Value, right: Value) -> str:
        """Compare two quantities of one unit; two instants a tenth of a millisecond apart are the same."""
        if left.unit.same_dimension(DAY):
            slack = Fraction(SAME_INSTANT) * DAY.factor / left.unit.factor
            earlier, later = self._values.moved(right, -slack), self._values.moved(right, slack)
        else:
            earlier = later = right
        one = self._single_comparison
        match operator:
            case "<" | ">=":
                return one(operator, left, earlier)
            case "<=" | ">":
                return one(operator, left, later)
            case "==":
                if earlier is later:
                    return one("==", left, right)
                return self.builder.join("and", [one(">=", left, earlier), one("<=", left, later)])
            case _:
                return self.builder.join("or", [one("<", left, earlier), one(">", left, later)])

    def _single_comparison(self, operator: str, left: Value, right: Value) -> str:
        if right.literal is not None:
            return self.builder.compare(operator, left.node, float(right.literal))
        return self.builder.leaf(operator, (left.node, right.node))
