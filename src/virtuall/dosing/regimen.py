"""A regimen read from its text: dose levels, cycles, premedication, interruption and restart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virtuall.core.position import Position

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Level:
    """One rate of infusion, fixed or by body surface (with a cap), in the product's unit a day."""

    name: str
    fixed: float | None
    per_area: float | None
    cap: float | None
    light_per_area: float | None
    light_cap: float | None

    def rate(self, weight: Floats, bsa: Floats, light_below: float) -> Floats:
        """Rate for each patient: kg and m2 in, product units a day out."""
        usual = self._scaled(self.per_area, self.cap, bsa) if self.fixed is None else np.full_like(bsa, self.fixed)
        if self.light_per_area is None:
            return usual
        return np.where(weight < light_below, self._scaled(self.light_per_area, self.light_cap, bsa), usual)

    @staticmethod
    def _scaled(per_area: float | None, cap: float | None, bsa: Floats) -> Floats:
        rate = bsa * (per_area or 0.0)
        return rate if cap is None else np.minimum(rate, cap)


@dataclass(frozen=True)
class Step:
    """From this infusion day of the cycle on, this level."""

    day: float
    level: int


@dataclass(frozen=True)
class Cycle:
    """Cycles first..last: steps by infusion day, days of infusion, days of rest, days in hospital."""

    first: int
    last: int
    steps: tuple[Step, ...]
    infusion: float
    rest: float
    inpatient: float


@dataclass(frozen=True)
class Premedication:
    """A bolus some time before a start, a step up or a restart."""

    product: str
    amount: float
    unit: str
    lead: float
    before: frozenset[str]
    first_start_only: bool


@dataclass(frozen=True)
class Restart:
    """After an interruption: the level, how long, and from which length a new cycle begins."""

    level: int
    days: float
    then: int
    new_cycle_after: float


@dataclass(frozen=True)
class Regimen:
    """Everything about one way to give one product."""

    name: str
    title: str
    product: str
    start: float
    levels: tuple[Level, ...]
    light_below: float
    cycles: tuple[Cycle, ...]
    premedication: tuple[Premedication, ...]
    restart: Restart | None
    attrition: float
    position: Position

    @property
    def number_of_cycles(self) -> int:
        return max(cycle.last for cycle in self.cycles)

    def cycle(self, number: int) -> Cycle:
        """The block that holds a cycle number (1-based)."""
        return next(cycle for cycle in self.cycles if cycle.first <= number <= cycle.last)
