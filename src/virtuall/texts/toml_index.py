"""Find the place of every key in a TOML text; ``tomllib`` gives the values but no places.

The text is known to be valid TOML when it comes here, so the scanner only has to find where things begin and
end.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from virtuall.core.position import Position

Path = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^\s,\]}#]+(?:[ T]\d\d:[^\s,\]}#]*)?")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")


def index_toml(text: str, file: str) -> Mapping[Path, Position]:
    """Return the position of every key, table and array element of a valid TOML text.

    Parameters
    ----------
    text : str
        A text that ``tomllib`` accepts.
    file : str
        The file's name for the positions.

    Returns
    -------
    mapping of tuple to Position
        Keyed by the path of keys and array indices, for example ``("step", 0, "dose")``; ``()`` is the text.
    """
    scanner = _Scanner(text, file)
    scanner.document()
    return scanner.found


@dataclass
class _Scanner:
    text: str
    file: str
    at: int = 0
    found: dict[Path, Position] = field(default_factory=dict)
    counts: dict[Path, int] = field(default_factory=dict)
    starts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.starts = [0, *(match.end() for match in re.finditer("\n", self.text))]
        self.found[()] = Position(self.file, 1)

    def note(self, path: Path, offset: int) -> None:
        line = bisect.bisect_right(self.starts, offset)
        self.found.setdefault(path, Position(self.file, line, offset - self.starts[line - 1] + 1))

    def skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def document(self) -> None:
        table: Path = ()
        self.skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)
            self.skip(_BLANK)

    def header(self) -> Path:
        start = self.at
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        keys = self.key()
        self.at = self.text.index("]", self.at) + (2 if is_array else 1)
        path: Path = ()
        for number, key in enumerate(keys):
            path = (*path, key)
            if number == len(keys) - 1:
                break
            self.note(path, start)
            if path in self.counts:
                path = (*path, self.counts[path] - 1)
        self.note(path, start)
        if is_array:
            self.counts[path] = self.counts.get(path, 0) + 1
            path = (*path, self.counts[path] - 1)
            self.note(path, start)
        return path

    def key(self) -> list[str]:
        """Read a key, which may be dotted and quoted."""
        keys = []
        while True:
            self.skip(_SPACE)
            if self.text[self.at] in "\"'":
                start = self.at
                self.string()
                keys.append(self.text[start + 1 : self.at - 1])
            else:
                match = _BARE.match(self.text, self.at)
                assert match is not None
                keys.append(match.group())
                self.at = match.end()
            self.skip(_SPACE)
            if self.text[self.at] != ".":
                return keys
            self.at += 1

    def pair(self, table: Path) -> None:
        start = self.at
        path = table
        for key in self.key():
            path = (*path, key)
            self.note(path, start)
        self.at += 1  # the equals sign
        self.skip(_SPACE)
        self.value(path)

    def value(self, path: Path) -> None:
        character = self.text[self.at]
        if character in "\"'":
            self.string()
        elif character == "[":
            self.array(path)
        elif character == "{":
            self.inline_table(path)
        else:
            self.skip(_SCALAR)

    def array(self, path: Path) -> None:
        self.at += 1
        number = 0
        while True:
            self.skip(_BLANK)
            if self.text[self.at] == "]":
                self.at += 1
                return
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self.note((*path, number), self.at)
            self.value((*path, number))
            number += 1

    def inline_table(self, path: Path) -> None:
        self.at += 1
        while True:
            self.skip(_BLANK)
            if self.text[self.at] == "}":
                self.at += 1
                return
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self.pair(path)

    def string(self) -> None:
        quote = self.text[self.at]
        escapes = quote == '"'
        if self.text.startswith(quote * 3, self.at):
            self.at += 3
            while not self.text.startswith(quote * 3, self.at):
                self.at += 2 if escapes and self.text[self.at] == "\\" else 1
            self.at += 3
            while self.text.startswith(quote, self.at):  # up to two quotes may end a long string
                self.at += 1
            return
        self.at += 1
        while self.text[self.at] != quote:
            self.at += 2 if escapes and self.text[self.at] == "\\" else 1
        self.at += 1
