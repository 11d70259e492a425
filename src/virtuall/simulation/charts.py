"""Charts: entries gathered round by round, made into one frame at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
FULL_ONLY = frozenset({"order", "sample", "result"})


@dataclass(eq=False)
class Charts:
    """Entries of many patients; ``full`` keeps orders, samples and results too."""

    full: bool
    rows: list[Ints] = field(default_factory=list)
    times: list[Floats] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)
    cycles: list[Ints] = field(default_factory=list)
    words: list[tuple[str, str, str, str]] = field(default_factory=list)

    def write(
        self,
        rows: Ints,
        time: Floats,
        kind: str,
        what: str,
        values: Floats | float = np.nan,
        unit: str = "",
        rule: str = "",
        cycle: Ints | int = 0,
    ) -> None:
        """Chart one entry for each of these patients."""
        if not len(rows) or (kind in FULL_ONLY and not self.full):
            return
        self.rows.append(rows)
        self.times.append(time)
        self.values.append(np.broadcast_to(np.asarray(values, np.float64), rows.shape))
        self.cycles.append(np.broadcast_to(np.asarray(cycle, np.int64), rows.shape))
        self.words.append((kind, what, unit, rule))

    def frame(self, ids: Ints) -> pd.DataFrame:
        """All entries in the order of patients and days."""
        import pandas as pd

        names = ("kind", "what", "unit", "rule")
        lengths = [len(each) for each in self.rows]
        columns: dict[str, object] = {
            "patient": ids[_joined(self.rows, np.int64)],
            "day": _joined(self.times, np.float64),
            "value": _joined(self.values, np.float64),
            "cycle": _joined(self.cycles, np.int64),
        }
        for place, name in enumerate(names):
            levels = sorted({each[place] for each in self.words})
            codes = np.array([levels.index(each[place]) for each in self.words], np.int64)
            repeated = np.repeat(codes, lengths)
            columns[name] = pd.Categorical.from_codes(repeated, pd.Index(levels))  # type: ignore[arg-type]
        frame = pd.DataFrame(columns)[["patient", "day", "kind", "what", "value", "unit", "rule", "cycle"]]
        return frame.sort_values(["patient", "day"], kind="stable", ignore_index=True)


def _joined(parts: Sequence[NDArray[np.generic]], kind: type) -> NDArray[np.generic]:
    return np.concatenate(parts) if parts else np.empty(0, kind)
