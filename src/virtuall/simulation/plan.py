"""The day-by-day plan of a protocol as it would run without any event: what is given, when, how much."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from virtuall.core.errors import InputError
from virtuall.dosing.course import Course, begin_course, perform
from virtuall.simulation.protocol import Protocol

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("day", "cycle", "what", "product", "amount", "unit", "why")


def plan(protocol: Protocol, *, weight: float, bsa: float) -> pd.DataFrame:
    """Every dose of the protocol for one patient, in the order of days from enrollment.

    Parameters
    ----------
    protocol : Protocol
    weight : float
        kg
    bsa : float
        Body surface, m2.

    Raises
    ------
    InputError
        When weight or body surface is not above 0.
    """
    import pandas as pd

    for name, value in (("weight", weight), ("bsa", bsa)):
        if not 0 < value < np.inf:
            raise InputError(f"{name} must be above 0", given=value)
    course = begin_course(protocol.legs[0].regimen, np.array([float(weight)]), np.array([float(bsa)]))
    rows: list[tuple[float, int, str, str, float, str, str]] = []
    while np.isfinite(course.next_time[0]):
        rows += _next(course, protocol)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _next(course: Course, protocol: Protocol) -> list[tuple[float, int, str, str, float, str, str]]:
    time = course.next_time[[0]].copy()
    orders, _ = perform(course, protocol.regimen, np.array([0]), time)
    found = []
    for order in orders:
        unit = protocol.products[order.product].unit
        amount = float(order.values[0])
        what = "bolus" if order.kind == "bolus" else "infusion" if amount > 0 else "end of infusion"
        found.append((float(time[0]), int(course.cycle[0]), what, order.product, amount, unit, order.rule))
    return found
