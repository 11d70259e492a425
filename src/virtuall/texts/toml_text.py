"""Read a TOML text with the place of every key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from virtuall.core.errors import TextError
from virtuall.core.position import Position
from virtuall.texts.file import read_text, shown
from virtuall.texts.toml_index import Path as KeyPath
from virtuall.texts.toml_index import index_toml

_PLACE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)")


@dataclass(frozen=True)
class TomlText:
    """A TOML text.

    Attributes
    ----------
    file : str
        The file as shown in messages.
    data : dict
        The values as ``tomllib`` gives them.
    positions : mapping of tuple to Position
        The place of every key path, see `index_toml`.
    """

    file: str
    data: dict[str, Any]
    positions: Mapping[KeyPath, Position]

    def where(self, path: KeyPath) -> Position:
        """Return the place of a key path, or of the nearest enclosing one."""
        while path not in self.positions:
            path = path[:-1]
        return self.positions[path]


def read_toml(path: Path) -> TomlText:
    """Read a TOML file.

    Raises
    ------
    TextError
        When the file cannot be read, or is no valid TOML (with file, line and column).
    """
    return parse_toml(read_text(path), shown(path))


def parse_toml(text: str, file: str) -> TomlText:
    """Read TOML from a string; `file` names it in messages.

    Raises
    ------
    TextError
        When the text is no valid TOML (with file, line and column).
    """
    try:
        data = tomllib.loads(text)
        return TomlText(file, data, index_toml(text, file))
    except tomllib.TOMLDecodeError as error:
        raise _error(str(error), text, file) from None
    except RecursionError:
        raise TextError("brackets are nested too deeply", where=file) from None


def _error(message: str, text: str, file: str) -> TextError:
    lines = text.split("\n")
    match = _PLACE.search(message)
    line, column = len(lines), len(lines[-1]) + 1
    if match and match[1]:
        line, column = int(match[1]), int(match[2])
    problem = _PLACE.sub("", message)
    shown_line = lines[line - 1].strip()
    if problem.startswith(("Cannot overwrite", "Cannot declare", "Cannot mutate")):
        name = shown_line.partition("=")[0].strip()
        first = next((n for n, each in enumerate(lines, 1) if each.partition("=")[0].strip() == name), line)
        also = f"; the first is on line {first}" if first != line else ""
        return TextError(f"{name} is given twice{also}", where=Position(file, line))
    return TextError(
        f"not valid TOML: {problem}", given=shown_line or None, where=Position(file, line, column)
    )
