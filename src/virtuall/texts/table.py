"""Read typed values out of a TOML text, with errors that name the file, the line and the nearest right word.

Every reader of a TOML text is written with `reading`::

    def read_product(path: Path) -> Product:
        with reading(path) as table:
            name = table.text("name")
            kind = table.choice("kind", ("infusion", "dose", "cells"))
            length = table.quantity("length", "d", default=None)      # Quantity | None, converted to days
            valid_from = table.date("valid_from")
            rates = [Rate(step.text("name"), float(step.quantity("rate", "ug/d", sourced=True)))
                     for step in table.tables("step")]
        return Product(name, kind, length, valid_from, tuple(rates))

All errors of a text are collected: a missing or wrong value is noted and a stand-in is returned, so
that the reader goes on; at the end of the ``with`` block every key that nobody asked for is noted too, and
`Problems` is raised when anything was noted. Rules over several values are noted by `Table.problem`. Code
after the block sees sound values only.

Numbers are written as text with a unit, ``"28 ug/d"``, or as a table
``{value = 28, unit = "ug/d", source = "label2024", mark = "V"}``. A quantity without a source of its own has
the source of the nearest enclosing table that states ``source``, ``mark`` (and ``why`` for an assumption), or
else of the first table of the text.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, overload

from virtuall.core.errors import Problems, TextError, VirtuallError
from virtuall.core.position import Position
from virtuall.core.units import unit as read_unit
from virtuall.texts.quantity import Quantity, quantity
from virtuall.texts.source import MARKS, Source, checked_source
from virtuall.texts.toml_index import Path as KeyPath
from virtuall.texts.toml_text import TomlText, read_toml

T = TypeVar("T")


class _Required:
    """Marks a key without a default."""


_REQUIRED = _Required()
_WORDS = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a table",
    datetime.date: "a date",
    datetime.datetime: "a date with a time of day",
}


@contextmanager
def reading(text: Path | TomlText) -> Iterator[Table]:
    """Open a TOML text as a `Table`; at the end refuse keys that nobody asked for.

    Raises
    ------
    TextError
        When the file cannot be read or is no TOML.
    Problems
        With every error of the text, in the order of its lines.
    """
    table = Table(read_toml(text) if isinstance(text, Path) else text)
    try:
        yield table
    except VirtuallError as error:
        table.note(error)
    except Exception as error:
        # The block went on with stand-ins after a noted problem; what they caused is no news.
        if table.problems:
            raise _sorted_problems(table) from error
        raise
    table.finish()


class Table:
    """One table of a TOML text. Made by `reading`, `table`, `tables` and `named`."""

    def __init__(
        self,
        text: TomlText,
        path: KeyPath = (),
        data: dict[str, Any] | None = None,
        parent: Table | None = None,
    ) -> None:
        self._text = text
        self._path = path
        self._data = text.data if data is None else data
        self._parent = parent
        self._asked: dict[str, None] = {}
        self._children: dict[KeyPath, Table] = {}
        self._source: Source | None = None
        self._source_read = False
        self._holds_quantities = False
        self.problems: list[VirtuallError] = [] if parent is None else parent.problems

    # where and what

    @property
    def name(self) -> str:
        """The table's own key; empty for the whole text."""
        names = [key for key in self._path if isinstance(key, str)]
        return names[-1] if names else ""

    @property
    def file(self) -> str:
        """The file as shown in messages."""
        return self._text.file

    def where(self, key: str | None = None) -> Position:
        """Return the place of a key, or of the table itself."""
        return self._text.where(self._path if key is None else (*self._path, key))

    def keys(self) -> tuple[str, ...]:
        """Return the keys that are given, in the order of the text."""
        return tuple(self._data)

    def __contains__(self, key: str) -> bool:
        return key in self._data

    # plain values

    @overload
    def text(self, key: str) -> str: ...
    @overload
    def text(self, key: str, *, default: T) -> str | T: ...
    def text(self, key: str, *, default: Any = _REQUIRED) -> Any:
        """Return a text that is not blank."""
        value = self._typed(key, (str,), default, "")
        if isinstance(value, str) and key in self._data and value is self._data[key] and not value.strip():
            self.problem(f"{key} is blank", key)
        return value

    @overload
    def flag(self, key: str) -> bool: ...
    @overload
    def flag(self, key: str, *, default: T) -> bool | T: ...
    def flag(self, key: str, *, default: Any = _REQUIRED) -> Any:
        """Return true or false."""
        return self._typed(key, (bool,), default, False)

    @overload
    def integer(self, key: str, *, low: int | None = ..., high: int | None = ...) -> int: ...
    @overload
    def integer(self, key: str, *, low: int | None = ..., high: int | None = ..., default: T) -> int | T: ...
    def integer(
        self, key: str, *, low: int | None = None, high: int | None = None, default: Any = _REQUIRED
    ) -> Any:
        """Return a whole number within low..high."""
        value = self._typed(key, (int,), default, low or 0)
        return self._within(key, value, low, high)

    @overload
    def number(self, key: str, *, low: float | None = ..., high: float | None = ...) -> float: ...
    @overload
    def number(
        self, key: str, *, low: float | None = ..., high: float | None = ..., default: T
    ) -> float | T: ...
    def number(
        self, key: str, *, low: float | None = None, high: float | None = None, default: Any = _REQUIRED
    ) -> Any:
        """Return a finite plain number within low..high. Numbers with a unit are read by `quantity`."""
        value = self._typed(key, (int, float), default, math.nan)
        if key not in self._data or not isinstance(value, int | float):
            return value
        if math.isinf(value) or (math.isnan(value) and isinstance(self._data[key], float)):
            self.problem(f"{key} must be a finite number", key, given=self._data[key])
        return self._within(key, float(value), low, high)

    @overload
    def choice(self, key: str, allowed: Sequence[str]) -> str: ...
    @overload
    def choice(self, key: str, allowed: Sequence[str], *, default: T) -> str | T: ...
    def choice(self, key: str, allowed: Sequence[str], *, default: Any = _REQUIRED) -> Any:
        """Return one of the allowed words."""
        value = self._typed(key, (str,), default, allowed[0])
        if isinstance(value, str) and key in self._data and value not in allowed:
            self.problem(f"{key} is not one of the words for it", key, given=value, allowed=allowed)
            return allowed[0]
        return value

    @overload
    def date(self, key: str) -> datetime.date: ...
    @overload
    def date(self, key: str, *, default: T) -> datetime.date | T: ...
    def date(self, key: str, *, default: Any = _REQUIRED) -> Any:
        """Return a date, written plainly as 2024-12-06."""
        return self._typed(key, (datetime.date,), default, datetime.date.min)

    @overload
    def texts(self, key: str, *, allowed: Sequence[str] | None = ...) -> tuple[str, ...]: ...
    @overload
    def texts(self, key: str, *, allowed: Sequence[str] | None = ..., default: T) -> tuple[str, ...] | T: ...
    def texts(self, key: str, *, allowed: Sequence[str] | None = None, default: Any = _REQUIRED) -> Any:
        """Return a list of texts."""
        values = self._list(key, (str,), default)
        if allowed is not None and isinstance(values, tuple):
            for place, value in enumerate(values):
                if value not in allowed and key in self._data:
                    self._problem_at(
                        (*self._path, key, place), f"{key} names an unknown word", value, allowed
                    )
        return values

    @overload
    def numbers(self, key: str) -> tuple[float, ...]: ...
    @overload
    def numbers(self, key: str, *, default: T) -> tuple[float, ...] | T: ...
    def numbers(self, key: str, *, default: Any = _REQUIRED) -> Any:
        """Return a list of plain finite numbers."""
        values = self._list(key, (int, float), default)
        if key not in self._data:
            return values
        if any(not math.isfinite(value) for value in values):
            self.problem(f"{key} must hold finite numbers", key)
        return tuple(float(value) for value in values)

    # numbers with a unit

    def unit(self, key: str = "unit") -> str:
        """Return a unit such as ``ug/d`` in its normal spelling."""
        given = self.text(key)
        try:
            return str(read_unit(given, where=self.where(key)))
        except VirtuallError as error:
            if key in self._data:
                self.note(error)
            return "1"

    @overload
    def quantity(
        self,
        key: str,
        unit: str | None = ...,
        *,
        low: float | None = ...,
        high: float | None = ...,
        sourced: bool = ...,
    ) -> Quantity: ...
    @overload
    def quantity(
        self,
        key: str,
        unit: str | None = ...,
        *,
        low: float | None = ...,
        high: float | None = ...,
        sourced: bool = ...,
        default: T,
    ) -> Quantity | T: ...
    def quantity(
        self,
        key: str,
        unit: str | None = None,
        *,
        low: float | None = None,
        high: float | None = None,
        sourced: bool = False,
        default: Any = _REQUIRED,
    ) -> Any:
        """Return a number with its unit.

        Parameters
        ----------
        key : str
            The key.
        unit : str, optional
            Convert to this unit; another dimension is an error. Without it any unit will do.
        low, high : float, optional
            Limits (both allowed), in `unit`.
        sourced : bool
            Require source and mark, on the number itself or on an enclosing table.
        default : object, optional
            What to return when the key is absent.
        """
        self._expect_sources()
        stand_in = Quantity(math.nan if low is None else low, unit or "1", self.where(key))
        if key not in self._data:
            return self._absent(key, default, stand_in)
        self._asked[key] = None
        try:
            found = self._quantity(self._data[key], key, unit)
        except VirtuallError as error:
            self.note(error)
            return stand_in
        if sourced and found.source is None:
            self._unsourced(key)
        self._within(key, found.value, low, high, unit)
        return found

    @overload
    def quantities(
        self, key: str, unit: str | None = ..., *, sourced: bool = ...
    ) -> tuple[Quantity, ...]: ...
    @overload
    def quantities(
        self, key: str, unit: str | None = ..., *, sourced: bool = ..., default: T
    ) -> tuple[Quantity, ...] | T: ...
    def quantities(
        self, key: str, unit: str | None = None, *, sourced: bool = False, default: Any = _REQUIRED
    ) -> Any:
        """Return a list of numbers with units, as `quantity` reads each of them."""
        self._expect_sources()
        if key not in self._data:
            return self._absent(key, default, ())
        self._asked[key] = None
        values = self._data[key]
        if not isinstance(values, list):
            self._wrong_type(key, values, (list,))
            return ()
        found = []
        for place, value in enumerate(values):
            try:
                found.append(self._quantity(value, key, unit, place))
            except VirtuallError as error:
                self.note(error)
        if sourced and any(each.source is None for each in found):
            self._unsourced(key)
        return tuple(found)

    @overload
    def amount(
        self, key: str, unit: str, *, low: float | None = ..., high: float | None = ..., sourced: bool = ...
    ) -> float: ...
    @overload
    def amount(
        self,
        key: str,
        unit: str,
        *,
        low: float | None = ...,
        high: float | None = ...,
        sourced: bool = ...,
        default: T,
    ) -> float | T: ...
    def amount(
        self,
        key: str,
        unit: str,
        *,
        low: float | None = None,
        high: float | None = None,
        sourced: bool = True,
        default: Any = _REQUIRED,
    ) -> Any:
        """Return the plain value of `quantity` in this unit, or the default; a source is asked for."""
        found = self.quantity(key, unit, low=low, high=high, sourced=sourced, default=default)
        return found.value if isinstance(found, Quantity) else found

    @overload
    def days(self, key: str, *, low: float | None = ..., high: float | None = ...) -> float: ...
    @overload
    def days(
        self, key: str, *, low: float | None = ..., high: float | None = ..., default: T
    ) -> float | T: ...
    def days(
        self, key: str, *, low: float | None = None, high: float | None = None, default: Any = _REQUIRED
    ) -> Any:
        """Return a length of time, written ``"7 d"`` or ``"48 h"``, in days."""
        return self.amount(key, "d", low=low, high=high, sourced=False, default=default)

    @overload
    def source(self) -> Source: ...
    @overload
    def source(self, *, required: bool) -> Source | None: ...
    def source(self, *, required: bool = True) -> Source | None:
        """Return the table's ``source``, ``mark`` and ``why``, or those of the nearest enclosing table."""
        found = self._own_source()
        if found is None:
            found = self._head_source() if self._parent is None else self._parent.source(required=False)
        if found is None and required:
            missing = [key for key in ("source", "mark") if key not in self._data]
            self.problem(f"{self._called()} needs {' and '.join(missing)}")
            return Source("", "A", "", self.where())
        return found

    # tables within the table

    @overload
    def table(self, key: str) -> Table: ...
    @overload
    def table(self, key: str, *, default: T) -> Table | T: ...
    def table(self, key: str, *, default: Any = _REQUIRED) -> Any:
        """Return the table ``[key]``."""
        value = self._typed(key, (dict,), default, {})
        return self._child(value, key) if isinstance(value, dict) else value

    def tables(self, key: str, *, at_least: int = 0) -> tuple[Table, ...]:
        """Return the tables ``[[key]]``, in order; none when the key is absent."""
        self._asked[key] = None
        values = self._data.get(key, [])
        if not isinstance(values, list) or any(not isinstance(value, dict) for value in values):
            self.problem(f"{key} must be a list of tables, written [[{key}]]", key)
            return ()
        if len(values) < at_least:
            self.problem(f"{self._called()} needs at least {at_least} [[{key}]]", key)
        return tuple(self._child(value, key, place) for place, value in enumerate(values))

    def named(self, key: str) -> dict[str, Table]:
        """Return the tables ``[key.NAME]`` by their names, in order; none when the key is absent."""
        return self.table(key).children() if key in self._data else self._none(key)

    def children(self) -> dict[str, Table]:
        """Return every key of this table as a table of its own."""
        found = {}
        for key in self.keys():
            value = self._typed(key, (dict,), _REQUIRED, None)
            if value is not None:
                found[key] = self._child(value, key)
        return found

    # problems

    def problem(
        self,
        problem: str,
        key: str | None = None,
        *,
        given: object = None,
        allowed: Sequence[str] = (),
        hint: str | None = None,
    ) -> None:
        """Note a problem at a key, or at the table itself."""
        self.note(TextError(problem, given=given, allowed=allowed, where=self.where(key), hint=hint))

    def note(self, error: VirtuallError) -> None:
        """Note an error made elsewhere."""
        self.problems.extend(error.problems if isinstance(error, Problems) else [error])

    def finish(self) -> None:
        """Refuse keys that nobody asked for, here and in the tables within; raise what was noted."""
        self._refuse_leftovers()
        if self.problems and self._parent is None:
            raise _sorted_problems(self)

    # inner workings

    def _refuse_leftovers(self) -> None:
        if self._holds_quantities:
            self._own_source()
        for key in self._data:
            if key not in self._asked:
                place = f"in [{self.name}]" if self._path else "here"
                self.problem(f"unknown key {place}", key, given=key, allowed=tuple(self._asked))
        for keys, child in self._children.items():
            if keys[0] in self._asked:
                child._refuse_leftovers()

    def _child(self, data: dict[str, Any], *keys: str | int) -> Table:
        # One object for each table, however often it is asked for: it remembers which keys were read.
        if keys not in self._children:
            self._children[keys] = Table(self._text, (*self._path, *keys), data, self)
        return self._children[keys]

    def _none(self, key: str) -> dict[str, Table]:
        self._asked[key] = None
        return {}

    def _called(self) -> str:
        return f"[{'.'.join(str(key) for key in self._path)}]" if self._path else "the text"

    def _absent(self, key: str, default: Any, stand_in: Any) -> Any:
        self._asked[key] = None
        if default is not _REQUIRED:
            return default
        self.problem(f"{self._called()} needs the key {key!r}")
        return stand_in

    def _typed(self, key: str, kinds: tuple[type, ...], default: Any, stand_in: Any) -> Any:
        if key not in self._data:
            return self._absent(key, default, stand_in)
        self._asked[key] = None
        value = self._data[key]
        # bool is an int and datetime a date for Python, not for people: types are compared exactly.
        if type(value) in kinds:
            return value
        self._wrong_type(key, value, kinds)
        return stand_in

    def _wrong_type(self, key: str, value: object, kinds: tuple[type, ...]) -> None:
        wanted = _WORDS[kinds[-1]]
        found = _WORDS.get(type(value), "something else")
        self.problem(
            f"{key} must be {wanted}, not {found}", key, given=value if not isinstance(value, dict) else None
        )

    def _list(self, key: str, kinds: tuple[type, ...], default: Any) -> Any:
        values = self._typed(key, (list,), default, [])
        if key not in self._data or not isinstance(values, list):
            return values if not isinstance(values, list) else tuple(values)
        for value in values:
            if type(value) not in kinds:
                self.problem(
                    f"{key} must hold {_WORDS[kinds[-1]].removeprefix('a ')}s only", key, given=value
                )
                return ()
        return tuple(values)

    def _within(
        self, key: str, value: Any, low: float | None, high: float | None, unit: str | None = None
    ) -> Any:
        if not isinstance(value, int | float) or key not in self._data:
            return value
        words = "" if unit in (None, "1") else f" {unit}"
        if low is not None and value < low:
            self.problem(f"{key} must be at least {low:g}{words}", key, given=self._data[key])
        if high is not None and value > high:
            self.problem(f"{key} must be at most {high:g}{words}", key, given=self._data[key])
        return value

    def _quantity(self, value: object, key: str, unit: str | None, *place: int) -> Quantity:
        where = self._text.where((*self._path, key, *place))
        source = self.source(required=False)
        if isinstance(value, dict):
            return self._inline_quantity(value, unit, key, *place)
        if type(value) in (int, float):
            value = repr(value)
        if not isinstance(value, str):
            raise TextError(f"{key} must be a number with a unit", given=value, where=where)
        found = quantity(value, unit, where=where)
        return Quantity(found.value, found.unit, where, value, source)

    def _inline_quantity(self, value: dict[str, Any], unit: str | None, *keys: str | int) -> Quantity:
        inner = self._child(value, *keys)
        number, named = inner.number("value"), inner.unit()
        inner.text("doc", default="")
        given = f"{number:g} {named}"
        found = Quantity(number, named, inner.where(), given, inner.source(required=False))
        return found if unit is None or math.isnan(number) else found.to(unit)

    def _own_source(self) -> Source | None:
        if not self._source_read:
            self._source_read = True
            self._source = self._read_source()
        return self._source

    def _read_source(self) -> Source | None:
        if "source" not in self._data and "mark" not in self._data:
            return None
        known = len(self.problems)
        is_list = isinstance(self._data.get("source"), list)
        keys = self.texts("source") if is_list else (self.text("source"),)
        mark, why = self.text("mark"), self.text("why", default="")
        if not keys:
            self.problem("source names nothing", "source")
        if len(self.problems) == known:
            try:
                return checked_source(keys, mark, why, self.where("source" if mark in MARKS else "mark"))
            except TextError as error:
                self.note(error)
        return Source(", ".join(keys), "A", why, self.where("source"))

    def _head_source(self) -> Source | None:
        """The source that the first table of a text states for the whole text."""
        key, head = next(
            ((key, each) for key, each in self._data.items() if isinstance(each, dict)), ("", {})
        )
        if self._parent is not None or "value" in head or "distribution" in head:
            return None
        return self._child(head, key)._own_source() if head else None

    def _expect_sources(self) -> None:
        """Source and mark may stand on any table that holds, itself or further in, numbers with a unit."""
        self._holds_quantities = True
        if self._parent is not None:
            self._parent._expect_sources()

    def _unsourced(self, key: str) -> None:
        self.problem(
            f"{key} needs a source and a mark", key, hint='add source = "..." and mark = "V", "M", "D" or "A"'
        )

    def _problem_at(self, path: KeyPath, problem: str, given: str, allowed: Sequence[str]) -> None:
        self.note(TextError(problem, given=given, allowed=allowed, where=self._text.where(path)))

    def _problem_list(self) -> tuple[VirtuallError, ...]:
        unique = {str(error): error for error in self.problems}
        return tuple(sorted(unique.values(), key=_line))


def _line(error: VirtuallError) -> tuple[int, int]:
    return (error.where.line, error.where.column) if isinstance(error.where, Position) else (0, 0)


def _sorted_problems(table: Table) -> Problems:
    return Problems(table._problem_list())
