"""What the columns of conditions can hold at all: limits, whole numbers, single values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from virtuall.clinic.conditions import Column
from virtuall.clinic.event import Event
from virtuall.clinic.monitoring import Monitoring, Observable
from virtuall.texts.values import Covariate

# No draw of a count lies further above its mean: so many standard deviations, and so many cells.
_FAR, _FEW = 10, 40
# Grades of every scale.
LOWEST_GRADE, HIGHEST_GRADE = 0, 5
_COUNTS = ("cycle", "assessed_cycles", "completed_cycles", "lines")
# `cycle_days` is not among them: before the first cycle it lies infinitely far below 0.
_DAYS = ("days", "infusion_days", "held_days", "infused_days")


@dataclass(frozen=True)
class Span:
    """Numbers from `low` to `high`; a bound that is open does not belong to it."""

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False

    @property
    def empty(self) -> bool:
        """No number lies in it."""
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))

    def holds(self, value: float) -> bool:
        """Whether a number lies in it."""
        above = value > self.low or (value == self.low and not self.low_open)
        return above and (value < self.high or (value == self.high and not self.high_open))

    def meet(self, other: Span) -> Span:
        """What both have in common."""
        low = max((self.low, self.low_open), (other.low, other.low_open))
        high = min((self.high, not self.high_open), (other.high, not other.high_open))
        return Span(low[0], high[0], low[1], not high[1])


@dataclass(frozen=True)
class Range:
    """What a column can hold, beside the unknown.

    Attributes
    ----------
    low, high : float
        Both can be reached.
    whole : bool
        Only whole numbers.
    least : float
        Nothing between 0 and this: a result below the limit of detection reads 0.
    values : tuple of float
        When given, only these; for categories and flags their numbers.
    """

    low: float = -math.inf
    high: float = math.inf
    whole: bool = False
    least: float = 0.0
    values: tuple[float, ...] = ()

    def within(self, span: Span) -> Span:
        """The part of a span that the column can show."""
        found = span.meet(Span(self.low, self.high))
        if self.values:
            inside = [value for value in self.values if found.holds(value)]
            return Span(min(inside), max(inside)) if inside else Span(1.0, 0.0)
        if self.whole:
            low = math.floor(found.low) + 1 if found.low_open else _up(found.low)
            high = math.ceil(found.high) - 1 if found.high_open else _down(found.high)
            return Span(low, high)
        if self.least > 0 and not found.holds(0.0) and found.low < self.least and found.low >= 0:
            found = found.meet(Span(low=self.least))
        return found

    def words(self, unit: str, levels: Sequence[str] = ()) -> str:
        """The range for a message."""
        unit = "" if unit == "1" else f" {unit}"
        if levels:
            return ", ".join(levels[int(value)] for value in self.values)
        if self.values:
            return ", ".join(f"{value:g}" for value in self.values) + unit
        whole = "whole numbers " if self.whole else ""
        if math.isinf(self.high):
            return "anything" if math.isinf(self.low) else f"{whole}from {self.low:g}{unit} up"
        gap = f", nothing between 0 and {self.least:g}" if self.least else ""
        return f"{whole}{self.low:g} to {self.high:g}{unit}{gap}"


ANYTHING = Range()


def _up(value: float) -> float:
    return value if math.isinf(value) else math.ceil(value)


def _down(value: float) -> float:
    return value if math.isinf(value) else math.floor(value)


def plausible_ranges(
    columns: Mapping[str, Column],
    covariates: Iterable[Covariate],
    monitoring: Monitoring,
    events: Iterable[Event],
    care: Iterable[str] = (),
) -> dict[str, Range]:
    """What each column can hold.

    Parameters
    ----------
    columns : mapping of str to Column
        All that conditions may read; one of which nothing is said here can hold anything.
    covariates : iterable of Covariate
        Held to what is plausible of them.
    monitoring : Monitoring
        Observables are never negative, and lie within their limits of detection; findings have the values of their
        text; what is graded has a grade.
    events : iterable of Event
        Have the grades and consequences of their texts.
    care : iterable of str
        What may be ordered: counted, and days since.

    Returns
    -------
    dict of str to Range
        In the units of the columns.
    """
    count, days = Range(0.0, whole=True), Range(0.0)
    found = {name: _by_kind(column) for name, column in columns.items()}
    found |= dict.fromkeys(_COUNTS, count) | dict.fromkeys(_DAYS, days)
    found |= {each.name: Range(each.low, each.high) for each in covariates}
    found |= {each.name: _shown(each) for each in monitoring.observables}
    for finding in monitoring.findings:
        found[finding.name] = Range(values=tuple(sorted({0.0, *finding.values})))
    for graded in monitoring.graded:
        grades = Range(LOWEST_GRADE, HIGHEST_GRADE, whole=True)
        found |= {f"{graded.name}_grade": grades, f"{graded.name}_worst": grades, f"{graded.name}_count": count}
        found |= {f"{graded.name}_days": days, f"{graded.name}_quiet_days": days}
    for event in events:
        happening = [each for each in event.outcomes if each.share > 0]
        found[f"{event.name}_grade"] = _among(each.grade for each in happening)
        found[f"{event.name}_consequence"] = _among(each.consequence for each in happening)
        found |= {f"{event.name}_count": count, f"{event.name}_quiet_days": days}
    for product in care:
        found |= {f"{product}_doses": count, f"{product}_days": days}
    return {name: range_ for name, range_ in found.items() if name in columns}


def _by_kind(column: Column) -> Range:
    if column.kind == "number":
        return ANYTHING
    return Range(values=tuple(float(number) for number in range(len(column.levels or ("no", "yes")))))


def _shown(observable: Observable) -> Range:
    """A result below the limit reads 0; one told in whole steps may lie half a step beside, a count some cells."""
    slack = observable.step / 2
    least = max(observable.limit - slack, 0.0)
    high = observable.highest + slack
    if observable.read > 0 and math.isfinite(high):
        cells = observable.highest * observable.read
        high += (_FAR * math.sqrt(cells) + _FEW) / observable.read
    return Range(0.0, high, least=least)


def _among(values: Iterable[int]) -> Range:
    return Range(values=tuple(sorted({0.0, *map(float, values)})))
