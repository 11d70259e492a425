"""A part of a condition in the words of the rule language, for messages."""

from __future__ import annotations

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


def written(expression: Expression) -> str:
    """The expression as an author would write it."""
    match expression:
        case Number(value=value, unit=unit):
            number = f"{value:.12g}"
            return number if unit is None else f"{number} {unit}"
        case Name(name=name):
            return name
        case Negative(of=inner):
            return f"-{_bracketed(inner)}"
        case Arithmetic(operator=operator, left=left, right=right):
            return f"{_bracketed(left)} {operator} {_bracketed(right)}"
        case Comparison(operator=operator, left=left, right=right):
            return f"{written(left)} {operator} {written(right)}"
        case Membership(of=inner, levels=(level,)):
            return f"{written(inner)} is {level}"
        case Membership(of=inner, levels=levels):
            return f"{written(inner)} in ({', '.join(levels)})"
        case Not(of=inner):
            return f"not {_bracketed(inner)}"
        case And(terms=terms):
            return " and ".join(map(_bracketed, terms))
        case Or(terms=terms):
            return " or ".join(map(_bracketed, terms))
        case Call(function=function, arguments=arguments):
            return f"{function}({', '.join(map(written, arguments))})"


def _bracketed(expression: Expression) -> str:
    text = written(expression)
    return f"({text})" if isinstance(expression, And | Or | Arithmetic) else text
