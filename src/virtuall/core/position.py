"""Where in a text something stands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Position:
    """A place in a text file.

    Attributes
    ----------
    file : str
        Path of the file, as a person would type it.
    line : int
        Line, counted from 1.
    column : int
        Column, counted from 1.
    """

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"
