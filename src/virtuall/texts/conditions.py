"""Conditions of rules: the grammar and the reader.

The language is described for readers in ``docs/reference/rules.md``. Here a text becomes a tree
(`virtuall.texts.condition_tree`); `virtuall.clinic.conditions` gives the tree its meaning.
Nothing in a text is ever run by Python.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from virtuall.core.errors import TextError
from virtuall.core.position import Position
from virtuall.texts.condition_tree import (
    And,
    Arithmetic,
    Call,
    Comparison,
    Condition,
    Expression,
    Membership,
    Name,
    Negative,
    Not,
    Number,
    Or,
)

if TYPE_CHECKING:
    from lark import Lark, Token, UnexpectedInput


@dataclass(frozen=True)
class Signature:
    """What a function takes, in order; the last `optional` of them may be left out."""

    takes: tuple[str, ...]
    optional: int = 0

    def __str__(self) -> str:
        required = len(self.takes) - self.optional
        words = [*self.takes[:required], *(f"[{word}]" for word in self.takes[required:])]
        return f"({', '.join(words)})"


FUNCTIONS: dict[str, Signature] = {
    "for": Signature(("condition", "duration")),
    "since": Signature(("event",)),
    "count": Signature(("event", "duration"), optional=1),
    "event": Signature(("event",)),
    "known": Signature(("value",)),
    "first": Signature(("value",)),
    "last": Signature(("value",)),
    "highest": Signature(("value", "duration"), optional=1),
    "lowest": Signature(("value", "duration"), optional=1),
    "worst": Signature(("value", "duration"), optional=1),
    "in_state": Signature(("state",)),
}

# `in_state(resting)` is short for `state is resting`.
_STATE = "state"

_GRAMMAR = r"""
?start: disjunction
?disjunction: conjunction | conjunction ("or" conjunction)+ -> or_
?conjunction: negation | negation ("and" negation)+ -> and_
?negation: comparison | "not" negation -> not_
?comparison: sum
    | sum (COMPARE sum)+            -> compare
    | sum "is" level                -> is_
    | sum "is" "not" level          -> is_not
    | sum "in" "(" levels ")"       -> is_
    | sum "not" "in" "(" levels ")" -> is_not
levels: level ("," level)*
level: NAME | STRING
?sum: product | sum SUM product -> arithmetic
?product: factor | product PRODUCT factor -> arithmetic
?factor: atom | "-" factor -> negative
?atom: "(" disjunction ")"
    | NUMBER (UNIT | STRING)?                         -> number
    | NAME                                            -> name
    | NAME "(" (disjunction ("," disjunction)*)? ")"  -> call

COMPARE: "<=" | ">=" | "==" | "!=" | "<" | ">"
SUM: "+" | "-"
PRODUCT: "*" | "/"
NUMBER: /[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?/
UNIT: /(%|[A-Za-zµμ°][A-Za-z0-9_µμ]*)(\^-?[0-9]+)?([*\/][A-Za-zµμ°][A-Za-z0-9_µμ]*(\^-?[0-9]+)?)*/
NAME: /[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*/
STRING: /"[^"\n]*"/ | /'[^'\n]*'/
%ignore /[ \t\r\n]+/
%ignore /#[^\n]*/
"""

_WORDS = {
    "COMPARE": "a comparison such as <",
    "SUM": "+ or -",
    "PRODUCT": "* or /",
    "NUMBER": "a number",
    "UNIT": "a unit",
    "NAME": "a name",
    "STRING": "a quoted word",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": ",",
    "MINUS": "-",
    "$END": "the end",
}

_HINTS = {
    "=": "write == for equal quantities and 'is' for categories",
    "&": "write 'and'",
    "|": "write 'or'",
    "!": "write 'not'",
    "≥": "write >=",
    "≤": "write <=",
    "^": "powers are not part of the language",
    "[": "write a list in round brackets",
}


@lru_cache(maxsize=1)
def _parser() -> Lark:
    from lark import Lark

    return Lark(_GRAMMAR, parser="lalr", propagate_positions=True, maybe_placeholders=False)


def parse_condition(text: str, where: Position) -> Condition:
    """Read a condition.

    Parameters
    ----------
    text : str
        The condition, on one or more lines.
    where : Position
        Where its first character stands; errors and parts of the tree carry places counted from there.

    Returns
    -------
    Condition

    Raises
    ------
    TextError
        If the text is not a condition: a wrong word, an unknown function, a wrong number of arguments.
    """
    from lark import UnexpectedInput

    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        raise _unreadable(text, error, where) from None
    return Condition(text, _Reader(where).read(tree), where)


def _shift(start: Position, line: int, column: int) -> Position:
    """Place of (line, column) of a text, both counted from 1, that begins at `start`."""
    return Position(start.file, start.line + line - 1, column if line > 1 else start.column + column - 1)


class _Reader:
    """Turns lark's tree into ours, adding the place of the text in its file."""

    def __init__(self, start: Position) -> None:
        self._start = start

    def read(self, tree: Any) -> Expression:
        found: Expression = getattr(self, f"_read_{tree.data}")(tree, self._place(tree.meta))
        return found

    def _place(self, spot: Any) -> Position:
        return _shift(self._start, spot.line, spot.column)

    def _read_number(self, tree: Any, where: Position) -> Expression:
        number, *unit = tree.children
        if float(number) == float("inf"):
            raise TextError("a number is too large", given=str(number), where=where)
        return Number(float(number), _word(unit[0]) if unit else None, where)

    def _read_name(self, tree: Any, where: Position) -> Expression:
        return Name(str(tree.children[0]), where)

    def _read_negative(self, tree: Any, where: Position) -> Expression:
        inner = self.read(tree.children[0])
        if isinstance(inner, Number):  # so that -5 degC is a temperature and not minus a temperature
            return Number(-inner.value, inner.unit, where)
        return Negative(inner, where)

    def _read_arithmetic(self, tree: Any, where: Position) -> Expression:
        left, operator, right = tree.children
        return Arithmetic(str(operator), self.read(left), self.read(right), self._place(operator))

    def _read_compare(self, tree: Any, where: Position) -> Expression:
        operators = tree.children[1::2]
        sides = [self.read(side) for side in tree.children[0::2]]
        if len(operators) > 1 and {str(operator)[0] for operator in operators} not in ({"<"}, {">"}):
            raise TextError(
                "a chain of comparisons must go one way",
                given=" ".join(map(str, operators)),
                where=self._place(operators[1]),
                hint="write 1 <= x < 2, or join two comparisons by 'and'",
            )
        pairs = tuple(
            Comparison(str(operator), sides[i], sides[i + 1], self._place(operator))
            for i, operator in enumerate(operators)
        )
        return pairs[0] if len(pairs) == 1 else And(pairs, where)

    def _read_is_(self, tree: Any, where: Position) -> Expression:
        of, levels = tree.children
        chosen = levels.children if levels.data == "levels" else [levels]
        words = tuple(_word(level.children[0]) for level in chosen)
        return Membership(self.read(of), words, self._place(levels.meta))

    def _read_is_not(self, tree: Any, where: Position) -> Expression:
        return Not(self._read_is_(tree, where), where)

    def _read_not_(self, tree: Any, where: Position) -> Expression:
        return Not(self.read(tree.children[0]), where)

    def _read_and_(self, tree: Any, where: Position) -> Expression:
        return And(tuple(map(self.read, tree.children)), where)

    def _read_or_(self, tree: Any, where: Position) -> Expression:
        return Or(tuple(map(self.read, tree.children)), where)

    def _read_call(self, tree: Any, where: Position) -> Expression:
        function, *arguments = tree.children
        call = Call(str(function), tuple(map(self.read, arguments)), where)
        _check_call(call)
        if call.function == "in_state":
            (state,) = call.arguments
            assert isinstance(state, Name)
            return Membership(Name(_STATE, where), (state.name,), state.where)
        return call


def _word(token: Token) -> str:
    return token[1:-1] if token.type == "STRING" else str(token)


def _check_call(call: Call) -> None:
    signature = FUNCTIONS.get(call.function)
    if signature is None:
        raise TextError("unknown function", given=call.function, allowed=FUNCTIONS, where=call.where)
    fewest, most = len(signature.takes) - signature.optional, len(signature.takes)
    given = len(call.arguments)
    if not fewest <= given <= most:
        hint = f"write {call.function}{signature}"
        raise TextError("wrong number of arguments", given=given, where=call.where, hint=hint)
    for argument, wanted in zip(call.arguments, signature.takes, strict=False):
        fits = {
            "duration": isinstance(argument, Number) and argument.unit is not None and argument.value > 0,
            "event": isinstance(argument, Name),
            "state": isinstance(argument, Name),
        }
        if not fits.get(wanted, True):
            example = {"duration": " such as 3 d or 8 h", "event": ", written as a bare name"}.get(wanted, "")
            article = "an" if wanted == "event" else "a"
            raise TextError(
                f"{call.function}{signature} takes {article} {wanted} here{example}",
                given=_brief(argument),
                where=argument.where,
            )


def _brief(expression: Expression) -> str:
    match expression:
        case Number(value=value, unit=unit):
            return f"{value:g}" if unit is None else f"{value:g} {unit}"
        case Name(name=name):
            return name
        case Call(function=function):
            return f"{function}(...)"
        case _:
            return "an expression"


def _unreadable(text: str, error: UnexpectedInput, start: Position) -> TextError:
    from lark import UnexpectedCharacters, UnexpectedToken

    accepts: Iterable[str] | None
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        given, line, column, accepts = str(error.token), error.token.line, error.token.column, error.accepts
    elif isinstance(error, UnexpectedCharacters):
        given, line, column, accepts = error.char, error.line, error.column, error.allowed
    else:
        lines = text.split("\n")
        given, line, column = "the end of the condition", len(lines), len(lines[-1]) + 1
        accepts = getattr(error, "accepts", None)
    expected = sorted({_WORDS.get(name, name.lower()) for name in accepts or ()})
    return TextError(
        f"this cannot stand here; expected {', '.join(expected)}" if expected else "this cannot stand here",
        given=given,
        where=_shift(start, line or 1, column or 1),
        hint=_HINTS.get(given[:1]),
    )
