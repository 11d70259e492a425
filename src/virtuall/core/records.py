"""What the parts hand each other: orders to the model and entries in the chart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Kinds of entries that more than one part of the program knows: a dose that a rule ordered, a lesser effect of a drug,
# a change of what is found, the end of an event; and the unit of the entries that are graded events.
CARE, EFFECT, FINDING, OVER = "care", "effect", "finding", "resolved"
GRADE = "grade"

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Order:
    """One order for several patients at their own present times.

    ``rate`` sets the product's rate of infusion (product units a day) until the next order; ``dose`` infuses an
    amount (product units) ``over`` so many days; ``bolus`` adds an amount at once. Every order carries the rule that
    caused it.
    """

    rows: Rows
    product: str
    kind: str
    values: Floats
    rule: str
    over: float = 0.0


@dataclass(frozen=True)
class Entry:
    """One entry in the charts of several patients: what kind, what it was about, value, unit, and why."""

    rows: Rows
    kind: str
    what: str
    values: Floats
    unit: str
    rule: str
