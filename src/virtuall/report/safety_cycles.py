"""Side effects by the cycle in which they began: of those who started a cycle, how many had which, and how bad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from virtuall.core.records import EFFECT, GRADE

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class CycleRow:
    """One effect: patients with it, and with a severe one, among those who started each cycle."""

    name: str
    any: tuple[int, ...]
    severe: tuple[int, ...]


@dataclass(frozen=True)
class CycleTable:
    """Side effects by cycle.

    Attributes
    ----------
    cycles, started : tuple of int
        The cycles shown and how many patients started each.
    severe_grade : int
    rows : tuple of CycleRow
        The most frequent first.
    """

    cycles: tuple[int, ...]
    started: tuple[int, ...]
    severe_grade: int
    rows: tuple[CycleRow, ...]


def safety_cycles(
    outcomes: pd.DataFrame, events: pd.DataFrame, *, severe_grade: int, scales: Sequence[str] = (), most: int = 4
) -> CycleTable:
    """Count side effects by cycle.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        Patients of one arm, with ``treated`` and ``cycles_started``.
    events : pandas.DataFrame
        Their charts: patient, kind, what, rule, value, unit, cycle. Graded entries count in the cycle in which they are
        charted, every effect once a patient and cycle, by its worst grade.
    severe_grade : int
    scales : sequence of str
        A trial's own scales: where events of a kind are graded on one of them, other scales are left out.
    most : int
        The last cycle shown; further ones are left out.
    """
    treated = outcomes[outcomes["treated"].astype(bool)]
    begun = treated["cycles_started"].to_numpy(np.int64)
    cycles = tuple(range(1, min(most, int(begun.max(initial=0))) + 1))
    started = tuple(int(np.count_nonzero(begun >= cycle)) for cycle in cycles)
    graded = events[(events["unit"] == GRADE) & events["patient"].isin(treated["patient"])]
    graded = graded.assign(name=_names(graded, scales)).dropna(subset=["name"])
    worst = graded.groupby(["name", "cycle", "patient"])["value"].max().reset_index()
    rows = []
    for name, entries in worst.groupby("name"):
        any_grade = tuple(int(np.count_nonzero(entries["cycle"] == cycle)) for cycle in cycles)
        bad = entries[entries["value"] >= severe_grade]
        severe = tuple(int(np.count_nonzero(bad["cycle"] == cycle)) for cycle in cycles)
        rows.append(CycleRow(str(name), any_grade, severe))
    shown = sorted((row for row in rows if any(row.any)), key=lambda row: (-sum(row.any), row.name))
    return CycleTable(cycles, started, severe_grade, tuple(shown))


def _names(graded: pd.DataFrame, scales: Sequence[str]) -> pd.Series:
    """What each entry is called: events of one kind on one scale by the shortest of their titles; NaN: left out."""
    import pandas as pd

    if graded.empty:
        return pd.Series([], graded.index, dtype=object)
    kind, what = graded["kind"].astype(object), graded["what"].astype(object)
    scale = graded["rule"].astype(object).mask(kind == EFFECT, "")
    shortest = what.groupby([kind, scale]).transform(lambda titles: min(titles, key=lambda each: (len(each), each)))
    names = what.mask(kind != EFFECT, shortest)
    own = scale.isin(list(scales))
    return names.where(own | ~kind.isin(kind[own].unique()), np.nan)
