"""The parsed tree of a condition. Every part knows its place; places do not count when trees are compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from virtuall.core.position import Position


@dataclass(frozen=True)
class Number:
    """A number as written, with its unit as written (None: a bare number)."""

    value: float
    unit: str | None
    where: Position = field(compare=False, repr=False)


@dataclass(frozen=True)
class Name:
    """The name of an observation, or of an event where a function asks for one."""

    name: str
    where: Position = field(compare=False, repr=False)


@dataclass(frozen=True)
class Negative:
    """Minus a quantity."""

    of: Expression
    where: Position = field(compare=False, repr=False)


@dataclass(frozen=True)
class Arithmetic:
    """Two quantities joined by ``+``, ``-``, ``*`` or ``/``."""

    operator: str
    left: Expression
    right: Expression
    where: Position = field(compare=False, repr=False)


@dataclass(frozen=True)
class Comparison:
    """Two quantities compared by ``<``, ``<=``, ``>``, ``>=``, ``==`` or ``!=``."""

    operator: str
    left: Expression
    right: Expression
    where: Position = field(compare=False, repr=False)


@dataclass(frozen=True)
class Membership:
    """A category that ``is`` one word, or is ``in`` a list of words."""

    of: Expression
    levels: tuple[str, ...]
    where: Position = field(compare=False, repr=False)


@dataclass(frozen=True)
class Not:
    """The opposite of a condition; the opposite of unknown is unknown."""

    of: Expression
    where: Position = field(compare=False, repr=False)


@dataclass(frozen=True)
class And:
    """All of several conditions."""

    terms: tuple[Expression, ...]
    where: Position = field(compare=False, repr=False)


@dataclass(frozen=True)
class Or:
    """At least one of several conditions."""

    terms: tuple[Expression, ...]
    where: Position = field(compare=False, repr=False)


@dataclass(frozen=True)
class Call:
    """A function of `FUNCTIONS` with its arguments; their number and form are already checked."""

    function: str
    arguments: tuple[Expression, ...]
    where: Position = field(compare=False, repr=False)


Expression: TypeAlias = Number | Name | Negative | Arithmetic | Comparison | Membership | Not | And | Or | Call


@dataclass(frozen=True)
class Condition:
    """A condition as written and as understood.

    Attributes
    ----------
    text : str
        The words of the author.
    expression : Expression
        The parsed tree.
    where : Position
        Where the text begins.
    """

    text: str
    expression: Expression
    where: Position = field(compare=False)


def parts_of(expression: Expression) -> Iterator[Expression]:
    """Yield the expression and everything inside it, from the outside in, left to right."""
    yield expression
    match expression:
        case Negative(of=inner) | Not(of=inner) | Membership(of=inner):
            yield from parts_of(inner)
        case Arithmetic(left=left, right=right) | Comparison(left=left, right=right):
            yield from parts_of(left)
            yield from parts_of(right)
        case And(terms=inner) | Or(terms=inner) | Call(arguments=inner):
            for term in inner:
                yield from parts_of(term)


def with_flags(expression: Expression, flags: Mapping[str, Expression]) -> Expression:
    """The condition with the conditions that flags stand for in their places.

    Where a flag is not a condition by itself (in a call) it stays.
    """
    match expression:
        case Name(name=name):
            return flags.get(name, expression)
        case Not(of=inner):
            return replace(expression, of=with_flags(inner, flags))
        case And(terms=terms) | Or(terms=terms):
            return replace(expression, terms=tuple(with_flags(term, flags) for term in terms))
        case _:
            return expression
