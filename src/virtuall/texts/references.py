"""Read the references (``references.bib``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from virtuall.core.errors import Problems, TextError, VirtuallError
from virtuall.core.position import Position
from virtuall.texts.file import read_text, shown

_ENTRY = re.compile(r"^\s*@(?P<kind>\w+)\s*\{\s*(?P<key>[^,\s]+)\s*,", re.MULTILINE)
_FIELD = re.compile(r"\s*(?P<name>[\w-]+)\s*=\s*")


@dataclass(frozen=True)
class Reference:
    """One entry of the references.

    Attributes
    ----------
    key : str
        What texts write as ``source``.
    kind : str
        ``article``, ``misc`` and so on.
    fields : mapping of str to str
        The entry's fields, lower-case names.
    position : Position
        Where it stands.
    """

    key: str
    kind: str
    fields: Mapping[str, str]
    position: Position

    @property
    def words(self) -> str:
        """Author, title, journal and year, as far as they are known."""
        parts = (self.fields.get(name, "") for name in ("author", "title", "journal", "year"))
        return ". ".join(part for part in parts if part)


def read_references(path: Path) -> dict[str, Reference]:
    """Read a BibTeX file: entries with braced, quoted or plain fields.

    Raises
    ------
    TextError
        When the file cannot be read.
    Problems
        When a key stands twice or an entry does not end.
    """
    text, file = read_text(path), shown(path)
    found: dict[str, Reference] = {}
    problems: list[VirtuallError] = []
    for match in _ENTRY.finditer(text):
        if match["kind"].lower() in ("comment", "string", "preamble"):
            continue
        position = Position(file, text.count("\n", 0, match.start("key")) + 1)
        try:
            fields = _fields(text, match.end(), position)
        except TextError as error:
            problems.append(error)
            continue
        key = match["key"]
        if key in found:
            problems.append(
                TextError(f"{key} is given twice; first at {found[key].position}", where=position)
            )
        found.setdefault(key, Reference(key, match["kind"].lower(), fields, position))
    if problems:
        raise Problems(problems)
    return found


def _fields(text: str, at: int, where: Position) -> dict[str, str]:
    fields: dict[str, str] = {}
    while True:
        match = _FIELD.match(text, at)
        if match is None:
            rest = text[at:].lstrip(" \t\r\n,")
            if rest.startswith("}"):
                return fields
            raise TextError("the entry does not end, or a field is not written name = {...}", where=where)
        value, at = _value(text, match.end(), where)
        fields[match["name"].lower()] = " ".join(value.split())
        at = re.compile(r"\s*,?").match(text, at).end()  # type: ignore[union-attr]


def _value(text: str, at: int, where: Position) -> tuple[str, int]:
    if at < len(text) and text[at] == "{":
        depth = 0
        for end in range(at, len(text)):
            depth += (text[end] == "{") - (text[end] == "}")
            if depth == 0:
                return text[at + 1 : end], end + 1
        raise TextError("a bracket is not closed", where=where)
    if at < len(text) and text[at] == '"':
        end = text.find('"', at + 1)
        if end < 0:
            raise TextError("a quote is not closed", where=where)
        return text[at + 1 : end], end + 1
    match = re.compile(r"[^,}\s]+").match(text, at)
    if match is None:
        raise TextError("a field has no value", where=where)
    return match.group(), match.end()
