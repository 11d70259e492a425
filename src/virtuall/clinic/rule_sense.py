"""What makes no sense in rules: conditions that never come true, that are always true, rules that contradict others.

Only what is proven is reported; see `virtuall.clinic.condition_sense`.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.condition_sense import Sense
from virtuall.clinic.conditions import Column, compile_conditions
from virtuall.clinic.plausible import ANYTHING, Range
from virtuall.clinic.rules import RANKING
from virtuall.core.errors import TextError
from virtuall.texts.condition_tree import And, Call, Condition, Expression, Name, Not, Or, parts_of
from virtuall.texts.condition_words import written
from virtuall.texts.rules import Rule

# An action after which nothing of the same thing is left to act on.
_FOR_GOOD = "stop"


@dataclass(frozen=True)
class RuleSense:
    """What was found: problems must be mended, remarks may be meant so."""

    problems: tuple[TextError, ...] = ()
    remarks: tuple[TextError, ...] = ()

    def __add__(self, other: RuleSense) -> RuleSense:
        return RuleSense((*self.problems, *other.problems), (*self.remarks, *other.remarks))


def sense_of_rules(
    rules: Sequence[Rule],
    columns: Mapping[str, Column],
    ranges: Mapping[str, Range],
    applies: NDArray[np.bool_] | None = None,
    events: Sequence[str] = (),
) -> RuleSense:
    """Find rules that make no sense.

    Parameters
    ----------
    rules : sequence of Rule
        In their order; those of one protocol.
    columns : mapping of str to Column
        What conditions may read.
    ranges : mapping of str to Range
        What the columns can hold, in their units.
    applies : bool[R, L], optional
        In which parts of a protocol each rule holds; by default all hold at the same time.
    events : sequence of str
        What ``event``, ``since`` and ``count`` may ask for.

    Returns
    -------
    RuleSense
        Problems: a rule that can never fire; one that never stands beside a higher one; two that order different
        things under one condition. Remarks: a condition that is never false.

    Raises
    ------
    Problems
        When a condition cannot be compiled, because of an unknown name for example.
    """
    together = np.ones((len(rules), 1), bool) if applies is None else applies
    found = sense_of_conditions([rule.when for rule in rules], columns, ranges, "the rule can never fire", events)
    conditions = [rule.when for rule in rules]
    sense = Sense(compile_conditions(conditions, columns, events), ranges)
    alive = [place for place in range(len(rules)) if sense.may_be((place, True))]
    return found + RuleSense(tuple(_contradictions(rules, together, sense, alive)))


def sense_of_conditions(
    conditions: Sequence[Condition],
    columns: Mapping[str, Column],
    ranges: Mapping[str, Range],
    consequence: str = "the condition can never be true",
    events: Sequence[str] = (),
) -> RuleSense:
    """Find conditions, and alternatives in them, that can never be true (problems) or never be false (remarks).

    Parameters and errors as of `sense_of_rules`; `consequence` is said of a condition that is never true.
    """
    judge = _Judge(columns, ranges, events)
    problems: list[TextError] = []
    remarks: list[TextError] = []
    for condition in conditions:
        expression = condition.expression
        if judge.never(expression):
            problems += [judge.error(consequence, *reason) for reason in judge.reasons(expression)]
            continue
        dead = list(judge.dead_parts(expression))
        problems += [
            judge.error("an alternative that can never hold", *reason)
            for part in dead
            for reason in judge.reasons(part)
        ]
        if judge.never(Not(expression, condition.where)):
            hint = "it is true at every look at a patient of whom it is known"
            problem = "the condition can never be false"
            remarks.append(TextError(problem, given=written(expression), where=condition.where, hint=hint))
    return RuleSense(tuple(problems), tuple(remarks))


@dataclass(frozen=True)
class _Judge:
    """Judges expressions one by one."""

    columns: Mapping[str, Column]
    ranges: Mapping[str, Range]
    events: Sequence[str]

    def never(self, *expressions: Expression) -> bool:
        """Whether it is proven that these are never true together."""
        conditions = [Condition("", each, each.where) for each in expressions]
        program = compile_conditions(conditions, self.columns, self.events)
        return not Sense(program, self.ranges).may_be(*((place, True) for place in range(len(conditions))))

    def dead_parts(self, expression: Expression) -> Iterator[Expression]:
        """Alternatives that can never hold within an expression that may be true."""
        match expression:
            case Or(terms=terms):
                for term in terms:
                    if self.never(term):
                        yield term
                    else:
                        yield from self.dead_parts(term)
            case And(terms=terms):
                for term in terms:
                    yield from self.dead_parts(term)
            case Call(function="for", arguments=(inner, _)):
                yield from self.dead_parts(inner)

    def reasons(self, expression: Expression) -> Iterator[tuple[Expression, Expression | None]]:
        """The smallest parts that make an expression never true; the second contradicts the first."""
        match expression:
            case Or(terms=terms):
                for term in terms:
                    yield from self.reasons(term)
            case Call(function="for", arguments=(inner, _)) if self.never(inner):
                yield from self.reasons(inner)
            case And(terms=terms):
                alone = next((term for term in terms if self.never(term)), None)
                pair = next((two for two in combinations(terms, 2) if alone is None and self.never(*two)), None)
                if alone is not None:
                    yield from self.reasons(alone)
                elif pair is not None:
                    yield pair[1], pair[0]
                else:
                    yield expression, None
            case _:
                yield expression, None

    def error(self, problem: str, part: Expression, against: Expression | None) -> TextError:
        """The message of one reason."""
        hint: str | None
        if against is not None:
            hint = f"it contradicts {written(against)!r} at {against.where}"
        elif isinstance(part, And):
            hint = "its parts contradict each other"
        else:
            hint = self._possible(part)
        return TextError(problem, given=written(part), where=part.where, hint=hint)

    def _possible(self, part: Expression) -> str | None:
        names = dict.fromkeys(each.name for each in parts_of(part) if isinstance(each, Name))
        known = [name for name in names if self.ranges.get(name, ANYTHING) != ANYTHING]
        words = [f"{name} can be {self.ranges[name].words(*_unit_and_levels(self.columns[name]))}" for name in known]
        return "; ".join(words) or None


def _unit_and_levels(column: Column) -> tuple[str, Sequence[str]]:
    return column.unit, column.levels or (("no", "yes") if column.kind == "flag" else ())


# -- rules beside each other ----------------------------------------------------------------------------------


def _contradictions(
    rules: Sequence[Rule], applies: NDArray[np.bool_], sense: Sense, alive: Sequence[int]
) -> Iterator[TextError]:
    """Rules that never stand because of a higher one about the same thing."""
    ranked = [place for place in alive if rules[place].action in RANKING]
    ranked.sort(key=lambda place: (RANKING.index(rules[place].action), -rules[place].priority, place))
    for high, low in combinations(ranked, 2):
        upper, lower = rules[high], rules[low]
        if upper.what != lower.what or upper.action == lower.action or not _overlap(upper, lower):
            continue
        if (applies[low] & ~applies[high]).any() or sense.may_be((low, True), (high, False)):
            continue
        same = not sense.may_be((high, True), (low, False))
        if same and upper.priority == lower.priority:
            yield TextError(
                f"two rules under the same condition, one says {upper.action}, the other {lower.action}",
                given=lower.name,
                where=lower.where,
                hint=f"the other is {upper.name!r} at {upper.where}, and it is the one that stands",
            )
        elif upper.while_true or upper.action == _FOR_GOOD or (same and not lower.while_true):
            yield TextError(
                "the rule can never stand: whenever it fires, a stronger one does",
                given=lower.name,
                where=lower.where,
                hint=f"{upper.name!r} at {upper.where} says {upper.action}, which goes before {lower.action}",
            )


def doubles(rules: Sequence[Rule], applies: NDArray[np.bool_] | None = None) -> list[TextError]:
    """Rules of one name that are in force at the same time, in the same part of a protocol."""
    found = []
    for place, rule in enumerate(rules):
        for earlier in range(place):
            other = rules[earlier]
            apart = applies is not None and not (applies[place] & applies[earlier]).any()
            if rule.name != other.name or rule.where == other.where or apart or not _overlap(rule, other):
                continue
            hint = f"the other stands at {other.where}; versions of a rule follow each other by valid_from and valid_to"
            problem = "two rules of one name are in force at the same time"
            found.append(TextError(problem, given=rule.name, where=rule.where, hint=hint))
    return found


def _overlap(one: Rule, other: Rule) -> bool:
    """Whether there is a day on which both rules are in force."""
    begin = max(one.valid_from or datetime.date.min, other.valid_from or datetime.date.min)
    end = min(one.valid_to or datetime.date.max, other.valid_to or datetime.date.max)
    return begin <= end
