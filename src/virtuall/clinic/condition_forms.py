"""Numbers of a condition program as linear forms, and comparisons as spans that a form must lie in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from virtuall.clinic.plausible import Span

# A number by its place in the program, or how long a row has been true by that row's name.
Atom = int | str
# Numbers with their factors, the first of which is 1; a single number is a form of one.
Form = tuple[tuple[Atom, float], ...]
# What rounding may have moved a bound by, of its size.
ROUNDING = 1e-9
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}
COMPARISONS = tuple(_MIRRORED)


@dataclass(frozen=True)
class Linear:
    """Factors of numbers, and a constant."""

    factors: Mapping[Atom, float]
    constant: float = 0.0

    def scaled(self, by: float) -> Linear:
        """The form times a number."""
        return Linear({atom: factor * by for atom, factor in self.factors.items()}, self.constant * by)

    def plus(self, other: Linear) -> Linear | None:
        """The sum; None when a number falls out of it, since it may be unknown or endless."""
        factors = dict(self.factors)
        for atom, factor in other.factors.items():
            factors[atom] = factors.get(atom, 0.0) + factor
        return Linear(factors, self.constant + other.constant) if all(factors.values()) else None


@dataclass(frozen=True)
class Row:
    """A truth row: an operation on other rows, or a comparison of a linear form with a bound."""

    operation: str
    inputs: tuple[int, ...] = ()
    left: Linear = field(default_factory=lambda: Linear({}))
    bound: float = 0.0

    def compared(self, operator: str) -> Row:
        """The comparison by another operator."""
        return Row(operator, (), self.left, self.bound)


def combined(operation: str, inputs: Sequence[Linear], constant: float) -> Linear | None:
    """A number from others as a linear form; None when it is none."""
    match operation:
        case "constant":
            return Linear({}, constant)
        case "negative":
            return inputs[0].scaled(-1.0)
        case "+":
            return inputs[0].plus(inputs[1])
        case "-":
            return inputs[0].plus(inputs[1].scaled(-1.0))
        case "*":
            for one, other in ((inputs[0], inputs[1]), (inputs[1], inputs[0])):
                if not one.factors and one.constant != 0:
                    return other.scaled(one.constant)
        case "/":
            if not inputs[1].factors and inputs[1].constant != 0:
                return inputs[0].scaled(1 / inputs[1].constant)
    return None


def span_of(operator: str, bound: float) -> Span:
    match operator:
        case "<" | "<=":
            return Span(high=bound, high_open=operator == "<")
        case ">" | ">=":
            return Span(low=bound, low_open=operator == ">")
        case _:
            return Span(bound, bound)


def normalized(row: Row) -> tuple[Form, Span]:
    """A comparison as a form whose first factor is 1, and the span that it must lie in."""
    atoms = sorted(row.left.factors, key=str)
    first = row.left.factors[atoms[0]]
    form = tuple((atom, row.left.factors[atom] / first) for atom in atoms)
    operator = row.operation if first > 0 else _MIRRORED[row.operation]
    span = span_of(operator, (row.bound - row.left.constant) / first)
    if abs(first) == 1 and row.left.constant == 0:
        return form, span
    size = ROUNDING * max(abs(row.bound), abs(row.left.constant)) / abs(first)
    return form, Span(span.low - size, span.high + size)
