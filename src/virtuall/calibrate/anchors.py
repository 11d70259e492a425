"""Single findings that must come out right, ``trials/anchors.toml``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from virtuall.calibrate.validation import Judged
from virtuall.model.shelf import open_shelf
from virtuall.texts.table import Table, reading

ANCHORS = "trials/anchors.toml"


@dataclass(frozen=True)
class Anchor:
    """A finding.

    Attributes
    ----------
    words : str
    targets : tuple of str
        Published rows that must all lie inside.
    median : tuple of float
        Between which numbers the simulated median must lie as well; empty for anywhere.
    """

    words: str
    targets: tuple[str, ...]
    median: tuple[float, ...] = ()


@dataclass(frozen=True)
class Anchored:
    """A finding that was looked at.

    Attributes
    ----------
    words : str
    rows : tuple of Judged
        Those that were run.
    met : bool or None
        None where a row was not run or not simulated.
    """

    words: str
    rows: tuple[Judged, ...]
    met: bool | None


def load_anchors(library: Sequence[Path | str] = ()) -> tuple[Anchor, ...]:
    """The findings of a library.

    Raises
    ------
    TextError, Problems
    """
    return read_anchors(open_shelf(library).file(ANCHORS))


def read_anchors(path: Path) -> tuple[Anchor, ...]:
    """Read ``anchors.toml``.

    Raises
    ------
    TextError, Problems
    """
    with reading(path) as table:
        return tuple(_anchor(each) for each in table.tables("anchor"))


def look_at(anchors: Iterable[Anchor], judged: Iterable[Judged]) -> tuple[Anchored, ...]:
    """Whether each finding came out right."""
    known = {each.row.target: each for each in judged}
    found = []
    for anchor in anchors:
        rows = tuple(known[target] for target in anchor.targets if target in known)
        there = len(rows) == len(anchor.targets) and all(each.row.inside is not None for each in rows)
        met = all(each.inside and _between(each, anchor.median) for each in rows) if there else None
        found.append(Anchored(anchor.words, rows, met))
    return tuple(found)


def _between(judged: Judged, bounds: Sequence[float]) -> bool:
    median = judged.row.median
    return not bounds or (median is not None and bounds[0] <= median <= bounds[1])


def _anchor(table: Table) -> Anchor:
    median = table.numbers("median", default=())
    if median and (len(median) != 2 or median[0] >= median[1]):
        table.problem("median must be two numbers, the lower first", "median")
    return Anchor(table.text("words"), table.texts("targets"), tuple(median))
