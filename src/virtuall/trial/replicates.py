"""Endpoints over the replicates of a trial, and over resamples that show what sampling alone would do.

A replicate is one trial of the published size. All replicates lie stacked in one frame; here each is a set of
row numbers, so that conditions are looked up once and only the columns an endpoint reads are gathered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from virtuall.core.random import uniform
from virtuall.trial.accrual import EVENT_DAYS
from virtuall.trial.endpoints import ENDPOINTS, selected
from virtuall.trial.mapping import Row

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Columns = Mapping[str, NDArray[Any]]

_ENDS = ("follow_up", "last_day")


class Group(Mapping[str, NDArray[Any]]):
    """Some rows of the stacked columns, gathered column by column when read.

    With `since`, a column of days, those who have no such day are left out and all days count from it.
    """

    def __init__(self, columns: Columns, rows: Places, since: str = "") -> None:
        self._columns, self._rows, self._since = columns, rows, since
        if since:
            self._rows = rows[np.isfinite(columns[since][rows])]
        self._gathered: dict[str, NDArray[Any]] = {}

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._gathered:
            values = self._columns[name][self._rows]
            if self._since and (name in EVENT_DAYS or name in _ENDS):
                values = values - self._columns[self._since][self._rows]
            self._gathered[name] = values
        return self._gathered[name]

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


class Stack:
    """Stacked outcomes as plain columns, with the row numbers of each replicate and of each condition.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        With columns ``patient``, ``replicate`` and ``arm``, in any order of rows.
    extra : mapping of str to array, optional
        Further columns (see `virtuall.trial.traced`), first axis patients in the order of `outcomes`.
    """

    def __init__(self, outcomes: pd.DataFrame, extra: Columns | None = None) -> None:
        numbers = outcomes["replicate"].to_numpy()
        order = np.lexsort((outcomes["patient"].to_numpy(), numbers))  # sums must not depend on the order
        self.columns: dict[str, NDArray[Any]] = {
            str(name): _plain(outcomes[name].to_numpy())[order] for name in outcomes
        }
        self.columns.update({name: values[order] for name, values in (extra or {}).items()})
        self.replicates: list[Places] = np.split(np.arange(order.size), np.flatnonzero(np.diff(numbers[order])) + 1)
        self._fits: dict[str, NDArray[np.bool_]] = {}
        self._groups: dict[tuple[str, int, str], tuple[Places, Group]] = {}
        self._earliest_of: dict[int, list[Places]] = {}

    def fits(self, conditions: Mapping[str, Any]) -> NDArray[np.bool_]:
        """Which rows fit the conditions."""
        key = repr(sorted(conditions.items()))
        if key not in self._fits:
            self._fits[key] = selected(self.columns, conditions)
        return self._fits[key]

    def group(self, rows: Places, conditions: Mapping[str, Any], since: str = "") -> Group:
        """The patients among `rows` that fit; remembered, since many endpoints ask for the same group."""
        key = (repr(sorted(conditions.items())), id(rows), since)
        if key not in self._groups:
            # The rows are kept with it: an id may be given again once its array is gone.
            self._groups[key] = (rows, Group(self.columns, rows[self.fits(conditions)[rows]], since))
        return self._groups[key][1]

    def blocks(self, row: Row) -> list[Places]:
        """Row numbers of each replicate for a row: the trial's own, its first patients, or blocks of a stated size."""
        if row.earliest is not None:
            if row.earliest not in self._earliest_of:
                self._earliest_of[row.earliest] = [self._earliest(each, row.earliest) for each in self.replicates]
            return self._earliest_of[row.earliest]
        if row.size is None:
            return self.replicates
        pool = np.flatnonzero(self.fits(_arm(row)))
        return [pool[at : at + row.size] for at in range(0, pool.size - row.size + 1, row.size)]

    def resamples(self, row: Row, seed: int, count: int) -> list[Places]:
        """As many resamples of all replicates' patients, each of the size of one replicate, arm by arm."""
        if row.size is None:
            of = self.columns["arm"][self.blocks(row)[0]]
            arms = {arm: int(np.sum(of == arm)) for arm in self._arms()}
        else:
            arms = {str(_arm(row).get("arm", "")): row.size}
        drawn = [self._drawn(arm, size, seed, count) for arm, size in arms.items()]
        return list(np.concatenate(drawn, axis=1))

    def _earliest(self, rows: Places, count: int) -> Places:
        """So many of each arm, those who were randomized first."""
        arms, days = self.columns["arm"][rows], self.columns["accrual_day"][rows]
        order = np.argsort(days, kind="stable")
        chosen = [order[arms[order] == arm][:count] for arm in self._arms()]
        return rows[np.sort(np.concatenate(chosen))]

    def _arms(self) -> list[str]:
        return [str(arm) for arm in np.unique(self.columns["arm"])]

    def _drawn(self, arm: str, size: int, seed: int, count: int) -> Places:
        pool = np.flatnonzero(self.columns["arm"] == arm) if arm else np.arange(self.columns["arm"].size)
        draws = uniform(seed, f"trial resample {arm}", np.arange(size)[None, :], np.arange(count)[:, None])
        return pool[(draws * pool.size).astype(np.int64)]


def evaluate(stack: Stack, row: Row, blocks: Sequence[Places]) -> Floats:
    """One value of a row's endpoint for each block of rows (NaN where it cannot be had)."""
    compute = ENDPOINTS[row.endpoint].compute
    values = np.empty(len(blocks))
    for place, rows in enumerate(blocks):
        groups = [stack.group(rows, row.group, row.since)]
        if ENDPOINTS[row.endpoint].groups == 2:
            groups.append(stack.group(rows, row.against, row.since))
        values[place] = compute(*groups, **row.options)
    return values


def _arm(row: Row) -> dict[str, Any]:
    return {"arm": row.group["arm"]} if "arm" in row.group else {}


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Text columns as fixed-width text: comparing objects one by one takes ten times as long."""
    return values.astype(str) if values.dtype.kind not in "biuf" else values
