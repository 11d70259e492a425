"""Where a number comes from, and how far it may be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from virtuall.core.errors import TextError
from virtuall.core.position import Position

Mark = Literal["V", "M", "D", "A"]

MARKS = {
    "V": "read in the source",
    "M": "recalled, not read in the source",
    "D": "derived from figures that were read",
    "A": "assumption",
}
# The keys by which a table states them.
SOURCE_KEYS = ("source", "mark", "why")
ASSUMPTION = "assumption"
# Source keys that stand for files of the evidence, not for a publication.
SPECIAL_SOURCES = (ASSUMPTION, "structure", "feasibility")


@dataclass(frozen=True)
class Source:
    """The origin of a number.

    Attributes
    ----------
    key : str
        A key of ``references.bib``, or one of `SPECIAL_SOURCES`; several are joined by commas.
    mark : str
        One of `MARKS`: V read, M recalled, D derived, A assumption.
    why : str
        The reason for an assumption; empty otherwise or when nothing was said.
    position : Position
        Where it is stated.
    """

    key: str
    mark: Mark
    why: str
    position: Position

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys one by one."""
        return tuple(self.key.split(", "))


def checked_source(keys: tuple[str, ...], mark: str, why: str, position: Position) -> Source:
    """Return a `Source` after checking that mark and reason fit.

    Raises
    ------
    TextError
        When the mark is unknown, or an assumption has another mark than A or no reason.
    """
    if mark not in MARKS:
        meaning = ", ".join(f"{letter} = {words}" for letter, words in MARKS.items())
        raise TextError("unknown mark", given=mark, allowed=tuple(MARKS), where=position, hint=f"({meaning})")
    if ASSUMPTION in keys and mark != "A":
        raise TextError("the source `assumption` goes with the mark A only", given=mark, where=position)
    if ASSUMPTION in keys and not why.strip():
        raise TextError('an assumption needs its reason: add why = "..."', where=position)
    return Source(", ".join(keys), cast(Mark, mark), why, position)
