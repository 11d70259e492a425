"""A regimen read from its text: dose levels, cycles, premedication, interruption and restart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from virtuall.core.arithmetic import exp
from virtuall.core.position import Position
from virtuall.texts.condition_tree import Condition

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
NEVER = np.inf


@dataclass(frozen=True)
class Level:
    """What a step gives of one product: fixed, by body surface or by weight, perhaps capped.

    Without ``over`` (d) it is a rate in product units a day that lasts until the next step; with it an amount in
    product units, given over that time; 0 is at once. ``spread`` (log sd) says how far the amount that a patient
    really gets differs from the plan, within ``least`` and ``most`` on the same basis.
    """

    name: str
    product: str
    fixed: float | None
    per_area: float | None
    per_weight: float | None
    cap: float | None
    light_per_area: float | None
    light_cap: float | None
    over: float | None
    spread: float
    least: float
    most: float

    def given(self, weight: Floats, bsa: Floats, light_below: float, luck: Floats) -> Floats:
        """Product units (a day, for a lasting rate) for each patient: kg, m2 and a standard normal draw in."""
        usual = self._scaled(self._basis(luck), self.cap, self._size(weight, bsa))
        if self.light_per_area is None:
            return usual
        return np.where(weight < light_below, self._scaled(self.light_per_area, self.light_cap, bsa), usual)

    def _basis(self, luck: Floats) -> float | Floats:
        basis = next(each for each in (self.fixed, self.per_area, self.per_weight) if each is not None)
        return np.clip(basis * exp(self.spread * luck), self.least, self.most) if self.spread else basis

    def _size(self, weight: Floats, bsa: Floats) -> Floats:
        if self.fixed is not None:
            return np.ones_like(bsa)
        return bsa if self.per_area is not None else weight

    @staticmethod
    def _scaled(basis: float | Floats, cap: float | None, size: Floats) -> Floats:
        given = np.asarray(size * basis)
        return given if cap is None else np.minimum(given, cap)


@dataclass(frozen=True)
class Step:
    """From this day of the cycle on: levels that begin, products whose dose is in."""

    day: float
    levels: tuple[int, ...]
    ends: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cycle:
    """Cycles first..last: steps by infusion day, days of infusion, days of rest, days in hospital.

    Several may stand for the same number: the first whose condition holds when the cycle begins is given.
    """

    first: int
    last: int
    steps: tuple[Step, ...]
    infusion: float
    rest: float
    inpatient: float
    when: Condition | None


@dataclass(frozen=True)
class Premedication:
    """A bolus some time before a start, a step up (or a further dose) or a restart."""

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
class Tables:
    """The cycles of a regimen (B texts, at most W steps each) as arrays, so that many patients are looked up at once.

    Attributes
    ----------
    covers : bool[C + 1, B]
        Which text may stand for which cycle number.
    unconditional : bool[B]
        Which text needs no condition.
    infusion, rest, inpatient : float64[B]
    step_days : float64[B, W]
        Infinite where there is no step.
    step_levels : int64[B, W]
        The first level of the step, -1 where none begins.
    """

    covers: Flags
    unconditional: Flags
    infusion: Floats
    rest: Floats
    inpatient: Floats
    step_days: Floats
    step_levels: Ints


@dataclass(frozen=True)
class Regimen:
    """Everything about one way to give one product, with others that go with it."""

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
    boluses: frozenset[str]
    stays: frozenset[str]
    position: Position

    @property
    def number_of_cycles(self) -> int:
        return max(cycle.last for cycle in self.cycles)

    @cached_property
    def lasting(self) -> bool:
        """One product at rates that last from step to step, such as a continuous infusion."""
        one = all(each.product == self.product and each.over is None for each in self.levels)
        return one and self.product not in self.boluses | self.stays

    @cached_property
    def products(self) -> tuple[str, ...]:
        """What is given, the main product first, premedication aside."""
        return tuple(dict.fromkeys((self.product, *(level.product for level in self.levels))))

    @cached_property
    def tables(self) -> Tables:
        """The cycles as arrays."""
        width = max(len(each.steps) for each in self.cycles)
        step_days = np.full((len(self.cycles), width), NEVER)
        step_levels = np.full((len(self.cycles), width), -1, np.int64)
        for row, cycle in enumerate(self.cycles):
            for column, step in enumerate(cycle.steps):
                step_days[row, column] = step.day
                step_levels[row, column] = step.levels[0] if step.levels else -1
        numbers = range(self.number_of_cycles + 1)
        return Tables(
            covers=np.array([[each.first <= number <= each.last for each in self.cycles] for number in numbers]),
            unconditional=np.array([each.when is None for each in self.cycles]),
            infusion=np.array([each.infusion for each in self.cycles]),
            rest=np.array([each.rest for each in self.cycles]),
            inpatient=np.array([each.inpatient for each in self.cycles]),
            step_days=step_days,
            step_levels=step_levels,
        )
