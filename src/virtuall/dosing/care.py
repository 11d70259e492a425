"""Doses of supportive drugs that rules order: how much, how far apart, how often."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virtuall.texts.table import reading

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_SAME_INSTANT = 1e-9  # day


@dataclass(frozen=True)
class CareDose:
    """One dose of a supportive drug (product units), and the limits to repeating it.

    Attributes
    ----------
    product : str
    fixed, per_weight, per_area : float or None
        One of them; `light` per weight stands below `light_below` (kg).
    cap : float
        Most of one dose.
    over : float
        Days of the infusion; 0 for what is given at once.
    apart : float
        Least days between two doses.
    most, within : int, float
        At most so many doses in so many days.
    most_in_all : int
    """

    product: str
    fixed: float | None
    per_weight: float | None
    per_area: float | None
    light: float | None
    light_below: float
    cap: float
    over: float
    apart: float
    most: int
    within: float
    most_in_all: int

    def amount(self, weight: Floats, bsa: Floats) -> Floats:
        """Product units for each patient: kg and m2 in."""
        if self.fixed is not None:
            return np.full_like(weight, min(self.fixed, self.cap))
        usual = bsa * self.per_area if self.per_area is not None else weight * (self.per_weight or 0.0)
        if self.light is not None:
            usual = np.where(weight < self.light_below, weight * self.light, usual)
        return np.minimum(usual, self.cap)


@dataclass(eq=False)
class Given:
    """When the doses of one drug were given: the last few of each patient, the latest first, and how many in all."""

    times: Floats
    count: Ints

    @classmethod
    def nothing(cls, dose: CareDose, patients: int) -> Given:
        """Nothing was given yet."""
        return cls(np.full((max(dose.most, 1), patients), -np.inf), np.zeros(patients, np.int64))

    def allows(self, dose: CareDose, rows: Ints, time: Floats) -> NDArray[np.bool_]:
        """Whether the limits of the drug allow a dose now."""
        apart = time - self.times[0, rows] >= dose.apart - _SAME_INSTANT
        often = time - self.times[-1, rows] >= dose.within - _SAME_INSTANT if dose.most else np.ones(len(rows), bool)
        left = self.count[rows] < (dose.most_in_all or np.inf)
        return np.asarray(apart & often & left)

    def note(self, rows: Ints, time: Floats) -> None:
        """A dose is given."""
        self.times[1:, rows] = self.times[:-1, rows]
        self.times[0, rows] = time
        self.count[rows] += 1


def read_care(path: Path, unit: str, infused: bool) -> CareDose:
    """Read ``support/*/care.toml``; `unit` is the product's, `infused` whether it is given over a time."""
    with reading(path) as text:
        table = text.table("dose")
        table.source()
        fixed = table.amount("fixed", unit, low=0, default=None)
        per_weight = table.amount("per_weight", f"{unit}/kg", low=0, default=None)
        per_area = table.amount("per_area", f"{unit}/m^2", low=0, default=None)
        if sum(each is not None for each in (fixed, per_weight, per_area)) != 1:
            table.problem("a dose is one of fixed, per_weight and per_area")
        light = table.amount("light", f"{unit}/kg", low=0, default=None)
        below = table.amount("light_below", "kg", low=0, default=None)
        if (light is None) != (below is None):
            table.problem("light and light_below go together", "light")
        most = table.integer("most", low=1, default=0)
        over = table.days("over", low=0, default=0.0)
        if infused != (over > 0):
            table.problem("an infusion takes a time, and nothing else does", "over", given=f"{over:g} d")
        return CareDose(
            path.parent.name,
            fixed,
            per_weight,
            per_area,
            light,
            below or 0.0,
            table.amount("cap", unit, low=0, default=math.inf),
            over,
            table.days("apart", low=0),
            most,
            table.days("within", low=0, default=math.inf) if most else math.inf,
            table.integer("most_in_all", low=1, default=0),
        )
