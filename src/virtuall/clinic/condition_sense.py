"""Can a compiled condition come true at all? Does one imply another? Answered by intervals, never by examples.

The search looks at one moment of one patient: every number that a program reads or remembers is unknown, or lies in
what its column can hold. "No" is proven; "maybe" is all that is left. What the search does not understand may be true.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from virtuall.clinic.condition_forms import (
    COMPARISONS,
    ROUNDING,
    Atom,
    Form,
    Linear,
    Row,
    combined,
    normalized,
    span_of,
)
from virtuall.clinic.condition_program import ConditionProgram, TruthStep
from virtuall.clinic.plausible import ANYTHING, Range, Span

# Steps after which the search gives up: the answer is then "maybe".
_MOST_STEPS = 20_000
_OTHERWISE = {"<": (">=",), "<=": (">",), ">": ("<=",), ">=": ("<",), "==": ("<", ">")}
_COUNTED = frozenset({"total", "recent"})
_KEPT = frozenset({"first", "last", "highest", "highest_within"})


@dataclass(frozen=True)
class _Fact:
    """A row is true, or it is not."""

    row: int
    wanted: bool


@dataclass(frozen=True)
class _Unknown:
    """A number is unknown."""

    atom: Atom


# What is to hold: a row, a comparison, or that something is unknown.
_Claim = _Fact | Row | _Unknown
_Choices = tuple[tuple[_Claim, ...], ...]


@dataclass
class _Facts:
    """What is taken for true on one path of the search."""

    rows: dict[int, bool] = field(default_factory=dict)
    spans: dict[Form, Span] = field(default_factory=dict)
    known: dict[Atom, bool] = field(default_factory=dict)

    def copy(self) -> _Facts:
        return _Facts(dict(self.rows), dict(self.spans), dict(self.known))

    def note_known(self, atoms: Iterable[Atom], value: bool) -> bool:
        """Note that numbers are known, or unknown; False when it was otherwise."""
        return all(self.known.setdefault(atom, value) == value for atom in atoms)


class Sense:
    """Answers about the conditions of one program.

    Parameters
    ----------
    program : ConditionProgram
        Compiled conditions.
    ranges : mapping of str to Range
        What its columns can hold; one that is not named can hold anything.
    """

    def __init__(self, program: ConditionProgram, ranges: Mapping[str, Range]) -> None:
        self._outputs: list[int] = program.outputs.tolist()
        self._ranges: dict[Atom, Range] = {}
        self._numbers = self._linear_numbers(program, ranges)
        self._rows = self._definitions(program)
        self._steps = 0

    def may_be(self, *conditions: tuple[int, bool]) -> bool:
        """Whether conditions, by their numbers, may be true (or not true) at one time. False is proven."""
        self._steps = 0
        return self._search([_Fact(self._outputs[number], wanted) for number, wanted in conditions], (), _Facts())

    # -- reading the program ----------------------------------------------------------------------------------

    def _linear_numbers(self, program: ConditionProgram, ranges: Mapping[str, Range]) -> list[Linear]:
        found: list[Linear] = []
        for place, step in enumerate(program.numbers):
            inputs = [found[each] for each in step.inputs]
            linear = combined(step.operation, inputs, step.constant)
            if linear is None:
                self._ranges[place] = self._range_of(step.operation, inputs, ranges.get(step.name, ANYTHING))
                linear = Linear({place: 1.0})
            found.append(linear)
        return found

    def _range_of(self, operation: str, inputs: Sequence[Linear], column: Range) -> Range:
        if operation == "read":
            return column
        if operation == "elapsed":
            return Range(0.0)
        if operation in _COUNTED:
            return Range(0.0, whole=True)
        if operation in _KEPT:
            (of,) = inputs
            if of.constant == 0 and list(of.factors.values()) == [1.0]:
                return self._ranges[next(iter(of.factors))]
            span = self._span(of, {})
            return Range(span.low, span.high)
        if operation in ("*", "/") and all(self._span(each, {}).low >= 0 for each in inputs):
            return Range(0.0)
        return ANYTHING

    def _definitions(self, program: ConditionProgram) -> dict[int, Row]:
        return {row: self._definition(step) for row, step in enumerate(program.truths)}

    def _definition(self, step: TruthStep) -> Row:
        if step.operation in ("and", "or", "not"):
            return Row(step.operation, step.inputs)
        if step.operation == "held":
            return Row("held", step.inputs, Linear({f"duration of {step.inputs[0]}": 1.0}), step.constant)
        numbers = [self._numbers[each] for each in step.inputs]
        if step.operation == "known":
            return Row("known", (), numbers[0])
        if step.operation in COMPARISONS:
            difference = numbers[0].plus(numbers[1].scaled(-1.0))
            return Row("anything") if difference is None else Row(step.operation, (), difference)
        operator, with_constant, _ = step.operation.partition(" constant")
        return Row(operator, (), numbers[0], step.constant) if with_constant else Row("anything")

    # -- the search -------------------------------------------------------------------------------------------

    def _search(self, agenda: list[_Claim], choices: _Choices, facts: _Facts) -> bool:
        """Whether all of the agenda, and one way of every choice, may hold beside the facts."""
        while agenda:
            self._steps += 1
            claim = agenda.pop()
            if isinstance(claim, _Unknown):
                if not facts.note_known([claim.atom], False):
                    return False
            elif isinstance(claim, Row):
                if not self._compare(claim, facts):
                    return False
            elif facts.rows.setdefault(claim.row, claim.wanted) != claim.wanted:
                return False
            else:
                certain, choice = _meaning(self._rows[claim.row], claim.wanted)
                if choice is not None:
                    choices = (*choices, choice)
                agenda += certain
        if not choices or self._steps > _MOST_STEPS:
            return True
        first, *others = sorted(choices, key=len)
        return any(self._search([way], tuple(others), facts.copy()) for way in first)

    def _compare(self, row: Row, facts: _Facts) -> bool:
        """Note a comparison; False when it cannot hold beside what is noted."""
        if row.operation == "known":
            return facts.note_known(row.left.factors, True)
        if not row.left.factors:
            return span_of(row.operation, row.bound).holds(row.left.constant)
        if not facts.note_known(row.left.factors, True):
            return False
        form, span = normalized(row)
        found = facts.spans.get(form, Span()).meet(span)
        if len(form) == 1:
            found = self._ranges.get(form[0][0], ANYTHING).within(found)
        facts.spans[form] = found
        forms = [each for each in facts.spans.items() if len(each[0]) > 1]
        possible = (self._span(Linear(dict(each)), facts.spans).meet(known) for each, known in forms)
        return not found.empty and not any(each.empty for each in possible)

    def _span(self, of: Linear, spans: Mapping[Form, Span]) -> Span:
        """What a linear form can be while its numbers lie in these spans."""
        lows, highs, low_open, high_open = [of.constant], [of.constant], False, False
        for atom, factor in of.factors.items():
            span = self._ranges.get(atom, ANYTHING).within(spans.get(((atom, 1.0),), Span()))
            if factor < 0:
                span = Span(span.high, span.low, span.high_open, span.low_open)
            lows.append(span.low * factor)
            highs.append(span.high * factor)
            low_open, high_open = low_open or span.low_open, high_open or span.high_open
        low = -math.inf if -math.inf in lows else math.fsum(lows)
        high = math.inf if math.inf in highs else math.fsum(highs)
        if all(abs(factor) == 1 for factor in of.factors.values()):  # sums are rounded once, no sign is lost
            return Span(low, high, low_open, high_open)
        size = ROUNDING * max((abs(each) for each in (*lows, *highs) if math.isfinite(each)), default=0.0)
        return Span(low - size, high + size)


def _meaning(row: Row, wanted: bool) -> tuple[list[_Claim], tuple[_Claim, ...] | None]:
    """What certainly holds when a row is true (or is not), and ways of which one holds."""
    below: list[_Claim] = [_Fact(each, wanted != (row.operation == "not")) for each in row.inputs]
    match row.operation, wanted:
        case "anything", _:
            return [], None
        case ("not", _) | ("and", True) | ("or", False):
            return below, None
        case ("and", False) | ("or", True):
            return [], tuple(below)
        case "held", True:
            return [*below, row.compared(">=")], None
        case "held", False:
            return [row.compared("<")], None
        case _, True:
            return [row], None
    ways: list[_Claim] = [_Unknown(atom) for atom in row.left.factors]
    ways += [row.compared(operator) for operator in _OTHERWISE.get(row.operation, ())]
    return [], tuple(ways)
