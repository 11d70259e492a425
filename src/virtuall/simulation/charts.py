"""Charts: entries gathered round by round as blocks of columns, made into one frame at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = tuple[str, str, str, str]
WORDS = ("kind", "what", "unit", "rule")
FULL_ONLY = frozenset({"order", "sample", "result"})


@dataclass(eq=False)
class Charts:
    """Entries of many patients; ``full`` keeps orders, samples and results too.

    A block is one entry in the charts of several patients; its words are the same for all of them.
    """

    full: bool
    rows: list[Ints] = field(default_factory=list)
    times: list[Floats] = field(default_factory=list)
    values: list[Floats | Ints | float] = field(default_factory=list)
    cycles: list[Ints | int] = field(default_factory=list)
    words: list[Words] = field(default_factory=list)

    def write(
        self,
        rows: Ints,
        time: Floats,
        kind: str,
        what: str,
        values: Floats | Ints | float = np.nan,
        unit: str = "",
        rule: str = "",
        cycle: Ints | int = 0,
    ) -> None:
        """Chart one entry for each of these patients. The arrays are kept: they must not change any more."""
        if not len(rows) or (kind in FULL_ONLY and not self.full):
            return
        self.rows.append(rows)
        self.times.append(time)
        self.values.append(values)
        self.cycles.append(cycle)
        self.words.append((kind, what, unit, rule))

    def entries(self, ids: Ints) -> Entries:
        """All entries as columns, patient by patient in the order of writing, which is that of time.

        The blocks are given up.
        """
        lengths = np.array([len(each) for each in self.rows], np.int64)
        rows, day = _joined(self.rows, np.int64), _joined(self.times, np.float64)
        value, cycle = _filled(self.values, lengths, np.float64), _filled(self.cycles, lengths, np.int64)
        levels = sorted(set(self.words))
        place = {words: number for number, words in enumerate(levels)}
        words = np.repeat(np.array([place[each] for each in self.words], np.int32), lengths)
        for blocks in (self.rows, self.times, self.values, self.cycles, self.words):
            blocks.clear()
        rank = np.empty(len(ids), np.min_scalar_type(len(ids)))  # small whole numbers are sorted fast
        rank[np.argsort(ids, kind="stable")] = np.arange(len(ids))
        order = np.argsort(rank[rows], kind="stable")
        return Entries(ids[rows[order]], day[order], value[order], cycle[order], words[order], tuple(levels))


@dataclass(frozen=True, eq=False)
class Entries:
    """Entries of charts as columns of M entries; ``words`` numbers the ``levels``."""

    patient: Ints
    day: Floats
    value: Floats
    cycle: Ints
    words: NDArray[np.int32]
    levels: tuple[Words, ...]


def events_frame(parts: Sequence[Entries]) -> pd.DataFrame:
    """One frame of the entries of several groups of patients, one group after the other."""
    import pandas as pd

    def together(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(each, name) for each in parts])

    columns: dict[str, Any] = {name: together(name) for name in ("patient", "day", "value", "cycle")}
    for place, name in enumerate(WORDS):
        known = sorted({words[place] for each in parts for words in each.levels})
        number = {word: code for code, word in enumerate(known)}
        codes = [np.array([number[words[place]] for words in each.levels], np.int64)[each.words] for each in parts]
        columns[name] = pd.Categorical.from_codes(np.concatenate(codes), pd.Index(known, dtype=object))  # type: ignore[arg-type]
    return pd.DataFrame(columns)[["patient", "day", "kind", "what", "value", "unit", "rule", "cycle"]]


def _filled(parts: Sequence[NDArray[Any] | float], lengths: Ints, kind: type) -> NDArray[Any]:
    """One column of blocks, each an array or one number for all of the block."""
    column: NDArray[Any] = np.empty(int(lengths.sum()), kind)
    begin = 0
    for part, length in zip(parts, lengths.tolist(), strict=True):
        column[begin : begin + length] = part
        begin += length
    return column


def _joined(parts: Sequence[NDArray[np.generic]], kind: type) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, kind)
