"""One value in a text of the library, addressed by its keys, and what stands there replaced by something else."""

from __future__ import annotations

import tomllib
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from virtuall.core.errors import TextError
from virtuall.core.position import Position
from virtuall.core.units import unit as read_unit
from virtuall.texts.quantity import quantity
from virtuall.texts.toml_index import Path as KeyPath
from virtuall.texts.toml_text import TomlText

QUANTITY, NUMBER, FLAG, WORD, TABLE = KINDS = ("quantity", "number", "flag", "word", "table")
ON, OFF = SWITCH = ("on", "off")


@dataclass(frozen=True)
class Spot:
    """Where a value stands in a text.

    Attributes
    ----------
    text : str
        The file's relative name.
    path : tuple
        Keys and places (from 0) in the text.
    kind : str
        One of `KINDS`; a table is there or is not.
    number : float or None
        The number that stands there, in `unit`.
    word : str
        What is written there; "on" for a table.
    unit : str
        Its unit; empty for what is no number.
    plain : bool
        A number without a unit beside it in the same text, written as such.
    start, end : int
        The characters that hold it.
    """

    text: str
    path: KeyPath
    kind: str
    number: float | None
    word: str
    unit: str
    plain: bool
    start: int
    end: int


def find_spot(toml: TomlText, source: str, text: str, key: str, where: Position) -> Spot:
    """Find a value by its key: names, joined by points; in lists the name of an entry, or its number from 1.

    Parameters
    ----------
    toml, source : TomlText, str
        The text, read and as it stands.
    text : str
        Its relative name.
    key : str
        Such as ``level.starting.fixed`` or ``cycle.1.steps.2.day``.
    where : Position
        Where the key was asked for.

    Raises
    ------
    TextError
        When there is no such key (nearest one offered), or what stands there cannot vary.
    """
    path: KeyPath = ()
    value: Any = toml.data
    for part in key.split("."):
        step = _step(value, part.strip(), key, text, where)
        path, value = (*path, step), value[step]
    unit = value.get("unit") if isinstance(value, dict) else None
    if isinstance(unit, str) and "value" in value:  # {value = 28, unit = "ug/d", ...}
        path, value = (*path, "value"), value["value"]
    if isinstance(value, dict):
        return _table_spot(toml, source, text, path, key, where)
    if isinstance(value, list):
        hint = "name one of its entries: their number, from 1, behind a point"
        raise TextError(f"{key} of {text} is a list", given=key, where=where, hint=hint)
    start, end = _value_span(toml, source, path, value)
    kind, number, named = _sort(value, unit)
    written = source[start:end].strip("\"'") if isinstance(value, str) else str(value).lower()
    return Spot(text, path, kind, number, written, named, not isinstance(value, str), start, end)


def replaced(source: str, changes: Mapping[Spot, str]) -> str:
    """The text with other values in these places; lines stay where they are.

    Parameters
    ----------
    source : str
        The text that the spots were found in.
    changes : mapping of Spot to str
        What to write there, without quotes.
    """
    for spot, written in sorted(changes.items(), key=lambda each: -each[0].start):
        source = source[: spot.start] + _written(spot, written, source) + source[spot.end :]
    return source


def _written(spot: Spot, written: str, source: str) -> str:
    if spot.kind == TABLE:
        old = source[spot.start : spot.end]
        return old if written == ON else "\n" * old.count("\n")
    return written if spot.plain else f'"{written}"'


def _step(value: Any, part: str, key: str, text: str, where: Position) -> str | int:
    """The key or the place that a part of an address names."""
    if isinstance(value, dict):
        if part in value:
            return part
        raise TextError(f"{text} has no {key}", given=part, allowed=tuple(value), where=where)
    if isinstance(value, list):
        names = [_entry_name(each) for each in value]
        if part in names:
            return names.index(part)
        if part.isdecimal() and 1 <= int(part) <= len(value):
            return int(part) - 1
        allowed = [*(name for name in names if name), *(str(place + 1) for place in range(len(value)))]
        raise TextError(f"{text} has no {key}", given=part, allowed=allowed, where=where)
    raise TextError(f"{text} has no {key}: there is a plain value before {part!r}", given=key, where=where)


def _entry_name(entry: object) -> str:
    """What an entry of a list is called: by its name, or by its product."""
    if not isinstance(entry, dict):
        return ""
    return str(entry.get("name", entry.get("product", "")))


def _sort(value: Any, unit: str | None) -> tuple[str, float | None, str]:
    """Kind, number and unit of a value."""
    if isinstance(value, bool):
        return FLAG, None, ""
    if isinstance(value, int | float):
        return (NUMBER, float(value), "1") if unit is None else (QUANTITY, float(value), str(read_unit(unit)))
    if not isinstance(value, str):
        return WORD, None, ""
    try:
        found = quantity(value)
    except TextError:
        return WORD, None, ""
    return QUANTITY, found.value, found.unit


def _offset(source: str, at: Position, starts: list[int]) -> int:
    return starts[at.line - 1] + (at.column or 1) - 1


def _starts(source: str) -> list[int]:
    return [0, *(place + 1 for place, each in enumerate(source) if each == "\n")]


def _value_span(toml: TomlText, source: str, path: KeyPath, value: object) -> tuple[int, int]:
    """The characters of a value that is no table: of a key behind its equals sign, of an entry where it stands."""
    start = _offset(source, toml.where(path), _starts(source))
    if isinstance(path[-1], str):
        start = source.index("=", start) + 1
        start += len(source[start:]) - len(source[start:].lstrip(" \t"))
    for end in range(start + 1, len(source) + 1):
        if end < len(source) and source[end] not in " \t\r\n,]}#":
            continue
        try:
            if tomllib.loads(f"x = {source[start:end]}")["x"] == value:
                return start, end
        except tomllib.TOMLDecodeError:
            continue  # a quote that is not closed yet
    raise TextError("the value cannot be found in its text", given=str(path), where=toml.where(path))


def _table_spot(toml: TomlText, source: str, text: str, path: KeyPath, key: str, where: Position) -> Spot:
    starts = _starts(source)
    begin = _offset(source, toml.where(path), starts)
    if not (isinstance(path[-1], int) and source.startswith("[[", begin)):
        raise TextError(
            f"{key} of {text} is a table, a value was expected",
            given=key,
            where=where,
            hint="only an entry that is written [[...]] can be on or off",
        )
    heads = sorted(_headers(toml, source, starts))
    after = heads[bisect_right(heads, begin) :]
    own = [each for each in after if not _inside(toml, source, starts, each, path)]
    return Spot(text, path, TABLE, None, ON, "", False, begin, own[0] if own else len(source))


def _headers(toml: TomlText, source: str, starts: list[int]) -> Iterable[int]:
    """Where a header of a table begins: at the begin of a line, in a bracket."""
    for at in set(toml.positions.values()):
        place = _offset(source, at, starts)
        if at.column == 1 and source.startswith("[", place):
            yield place


def _inside(toml: TomlText, source: str, starts: list[int], head: int, path: KeyPath) -> bool:
    """Whether a header belongs to a table within the one of this path."""
    found = [each for each, at in toml.positions.items() if _offset(source, at, starts) == head]
    return any(each[: len(path)] == path and len(each) > len(path) for each in found)
