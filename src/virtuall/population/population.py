"""Virtual patients as columns of numbers; patients carry an id, not a position."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from virtuall.core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Population:
    """Virtual patients of one cohort.

    Attributes
    ----------
    cohort : str
        Name of the cohort.
    seed : int
        Seed of every draw for these patients, in sampling and in simulation.
    ids : int64[N]
        Who they are; a patient with the same cohort, seed and id is the same patient.
    columns : mapping of str to float64[N]
        Covariates, individual numbers, and numbers that the cohort sets, in the units of the model.
    units : mapping of str to str
        Unit of each column.
    luck : int64[N]
        Whose draws they have: their own, unless others lend theirs. Patients with the same luck and the same numbers
        have the same fate, so parameter sets can be compared in the same patients.
    """

    cohort: str
    seed: int
    ids: NDArray[np.int64]
    columns: Mapping[str, NDArray[np.float64]]
    units: Mapping[str, str]
    luck: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        if len(self.luck) != len(self.ids):
            object.__setattr__(self, "luck", self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, which: int | slice | NDArray[np.integer] | NDArray[np.bool_] | list[int]) -> Population:
        """Some of the patients: ``patients[5:13]``, an index array, a mask, or one position."""
        if isinstance(which, (int, np.integer)):
            if not -len(self) <= which < len(self):
                raise InputError("no patient at this position", given=int(which), hint=f"{len(self)} patients")
            which = [int(which)]
        columns = {name: column[which] for name, column in self.columns.items()}
        return Population(self.cohort, self.seed, self.ids[which], columns, self.units, self.luck[which])

    def __getattr__(self, name: str) -> NDArray[np.float64]:
        columns = self.__dict__.get("columns", {})
        if name in columns:
            return columns[name]
        raise AttributeError(name)

    def changed(self, **numbers: float | NDArray[np.float64]) -> Population:
        """The same patients with some columns set: ``patients.changed(weight=50.0)``.

        Raises
        ------
        InputError
            When a column does not exist (nearest match offered).
        """
        columns = dict(self.columns)
        for name, value in numbers.items():
            if name not in columns:
                raise InputError("no such column", given=name, allowed=sorted(columns))
            columns[name] = np.broadcast_to(np.asarray(value, np.float64), len(self)).copy()
        return Population(self.cohort, self.seed, self.ids, columns, self.units, self.luck)

    def frame(self) -> pd.DataFrame:
        """All columns as a pandas frame, one row a patient, indexed by id."""
        import pandas as pd

        return pd.DataFrame(dict(self.columns), index=pd.Index(self.ids, name="patient"))
