"""Formulas as they stand in a text: a small tree with the place of every word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from virtuall.core.position import Position

# Functions of formulas and how many arguments they take, fewest and most.
FUNCTIONS: dict[str, tuple[int, int | None]] = {
    "exp": (1, 1),
    "log": (1, 1),
    "sqrt": (1, 1),
    "abs": (1, 1),
    "min": (2, None),
    "max": (2, None),
    "piecewise": (3, None),
}
ARITHMETIC = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "^"}
COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}
LOGICAL = {"and": "&&", "or": "||", "not": "!"}


@dataclass(frozen=True)
class Number:
    """A plain number."""

    value: float
    position: Position


@dataclass(frozen=True)
class Symbol:
    """A name."""

    name: str
    position: Position


@dataclass(frozen=True)
class Apply:
    """An operator or function with its arguments.

    Attributes
    ----------
    operator : str
        A key of `ARITHMETIC`, `COMPARISONS`, `LOGICAL` or `FUNCTIONS`, or ``neg``.
    arguments : tuple of Formula
        The arguments. ``piecewise`` has value, condition, value, condition, ..., otherwise.
    position : Position
        The place of the operator or of the function's name.
    depth : int
        How deep the tree is below, counting itself.
    """

    operator: str
    arguments: tuple[Formula, ...]
    position: Position
    depth: int = 1

    @property
    def is_condition(self) -> bool:
        """True when the value is true or false."""
        return self.operator in COMPARISONS or self.operator in LOGICAL


Formula = Number | Symbol | Apply


def symbols_in(formula: Formula) -> Iterator[Symbol]:
    """Yield every use of a name, in the order of the text."""
    if isinstance(formula, Symbol):
        yield formula
    elif isinstance(formula, Apply):
        for argument in formula.arguments:
            yield from symbols_in(argument)


def written(formula: Formula) -> str:
    """Write a formula back as text, fully bracketed where two operators meet."""
    if isinstance(formula, Number):
        return f"{formula.value:g}"
    if isinstance(formula, Symbol):
        return formula.name
    arguments = [written(argument) for argument in formula.arguments]
    sign = {**ARITHMETIC, **COMPARISONS, **LOGICAL}.get(formula.operator)
    if sign is None and formula.operator != "neg":
        return f"{formula.operator}({', '.join(arguments)})"
    bracketed = [
        f"({text})" if isinstance(each, Apply) and each.operator not in FUNCTIONS else text
        for text, each in zip(arguments, formula.arguments, strict=True)
    ]
    if len(bracketed) == 1:
        return ("-" if formula.operator == "neg" else "!") + bracketed[0]
    return f" {sign} ".join(bracketed)
