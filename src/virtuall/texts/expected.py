"""Say in plain words what a parser expected."""

from __future__ import annotations

from typing import Any

from virtuall.core.errors import TextError
from virtuall.core.position import Position

_STARTS_FORMULA = {"NUMBER", "LPAR", "MINUS", "BANG"}
_OPERATORS = {"PLUS", "MINUS", "STAR", "SLASH", "CARET", "COMPARISON", "AND", "OR"}
_WORDS = {
    "NAME": "a name",
    "SEMICOLON": "';'",
    "LPAR": "'('",
    "RPAR": "')'",
    "COMMA": "','",
    "COLON": "':'",
    "EQUAL": "'='",
    "QUOTE": '"\'"',
    "MODEL": "'model'",
    "END": "'end'",
    "SPECIES": "'species'",
    "HAS": "'has'",
    "NUMBER": "a number",
    "PLUS": "'+'",
    "CARET": "'^'",
    "DEFINES": "':='",
    "ARROW": "'->'",
    "$END": "the end of the text",
}


def unexpected_character(error: Any, file: str) -> TextError:
    """Return the error for a character that begins no word."""
    return TextError(
        "a character that has no meaning here",
        given=error.char,
        where=Position(file, error.line, error.column),
    )


def unexpected_word(error: Any, text: str, file: str) -> TextError:
    """Return the error for a word that does not fit, with what would have fitted."""
    expected = set(error.accepts or error.expected)
    if error.token.type == "$END":
        lines = text.rstrip().split("\n")
        where = Position(file, len(lines), len(lines[-1]) + 1)
        return TextError("the text ends too early", where=where, hint=f"expected {_words(expected)}")
    where = Position(file, error.token.line, error.token.column)
    hint = f"expected {_words(expected)}"
    if error.token.type in ("AND", "OR"):
        hint += "; && and || together need brackets"
    before = _line_before(text, error.token)
    if "SEMICOLON" in expected and before:
        hint += f"; is the ';' missing at the end of line {before}?"
    return TextError("this word does not fit here", given=str(error.token), where=where, hint=hint)


def _words(expected: set[str]) -> str:
    rest = set(expected)
    words = []
    if len(rest & _OPERATORS) > 2:
        rest -= _OPERATORS
        words.append("an operator")
    if rest >= _STARTS_FORMULA:
        rest -= _STARTS_FORMULA | {"NAME"}
        words.append("a formula")
    known = {_WORDS[each] for each in rest if each in _WORDS}
    return " or ".join(sorted(known) + words)


def _line_before(text: str, token: Any) -> int | None:
    """Return the line of the last word before a token that is the first of its own line."""
    lines = text.split("\n")
    if lines[token.line - 1][: token.column - 1].strip():
        return None
    for number in range(token.line - 1, 0, -1):
        if lines[number - 1].partition("//")[0].partition("#")[0].strip():
            return number
    return None
