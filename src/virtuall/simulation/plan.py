"""The day-by-day plan of a protocol as it would run without any event: what is given, when, how much."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import numpy as np

from virtuall.core.errors import InputError
from virtuall.dosing.course import begin_course, perform
from virtuall.dosing.supply import Supply
from virtuall.model import load_system
from virtuall.simulation.protocol import Leg, Protocol

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("day", "cycle", "what", "product", "amount", "unit", "why")
Row = tuple[float, int, str, str, float, str, str]
_HOURS = 24


def plan(protocol: Protocol, *, weight: float, bsa: float | None = None) -> pd.DataFrame:
    """Every dose of the protocol for one patient, in the order of days from enrollment.

    Waits of a manufactured product are their medians. Of cycles with a condition the one without it is shown, then
    each other one as "or", with its condition. The steps of a sequence are alternatives: the days of each count from
    the end of its washout.

    Parameters
    ----------
    protocol : Protocol
    weight : float
        kg
    bsa : float, optional
        Body surface, m2; needed where a dose goes by it.

    Raises
    ------
    InputError
        When the weight is not plausible, or the body surface is missing or not above 0.
    """
    import pandas as pd

    known = load_system(protocol.library).covariates["weight"]
    if not known.low <= weight <= known.high:
        raise InputError("the weight is not plausible", given=weight, hint=f"{known.low:g} to {known.high:g} kg")
    if bsa is None:
        _refuse_without_surface(protocol, weight)
    elif not 0 < bsa < np.inf:
        raise InputError("bsa must be above 0", given=bsa)
    surface = np.nan if bsa is None else float(bsa)
    rows: list[Row] = []
    for number in range(max(len(protocol.steps), 1)):
        if number:
            step = protocol.steps[number]
            condition = "" if step.when is None else f"when {step.when.text}"
            rows.append((0.0, 0, f"step: {step.name}", "", step.washout, "d", f"washout, {condition}".rstrip(", ")))
            if number + 1 < len(protocol.steps) and protocol.steps[number + 1].protocol == step.protocol:
                continue  # the next one has the same days
        leg = protocol.legs[protocol.first_leg(number)]
        rows += sorted(_step(protocol, leg, 0.0, weight, surface), key=lambda row: row[0])
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _refuse_without_surface(protocol: Protocol, weight: float) -> None:
    for leg in protocol.legs:
        for level in leg.regimen.levels:
            light = level.light_per_area is not None and weight < leg.regimen.light_below
            if level.per_area is not None or light:
                problem = f"the dose '{level.name}' of {level.product} goes by body surface: give it (m2)"
                raise InputError(problem, where=leg.regimen.position)


def _step(protocol: Protocol, leg: Leg, day: float, weight: float, bsa: float) -> Iterator[Row]:
    """One therapy, with what goes before it."""
    if leg.supply is None:
        yield from _course(protocol, leg, day + leg.regimen.start, weight, bsa)
        return
    yield from _making(leg.supply, day)
    collected = day + leg.supply.collect_after
    if leg.supply.bridging is not None:
        bridging = protocol.legs[leg.bridging]
        first = collected + leg.supply.bridging.after + bridging.regimen.start
        yield from _course(protocol, bridging, first, weight, bsa, "bridging: ", cycles=1)
    ready = collected + sum(stage.floor + stage.median for stage in leg.supply.stages)
    before = protocol.legs[leg.lymphodepletion]
    ended = yield from _course(protocol, before, ready + before.regimen.start, weight, bsa, "lymphodepletion: ")
    yield from _course(protocol, leg, ended + leg.regimen.start, weight, bsa)


def _making(supply: Supply, day: float) -> Iterator[Row]:
    day += supply.collect_after
    yield day, 0, "leukapheresis", "", supply.least, "cell", "at least"
    for stage in supply.stages:
        wait = stage.floor + stage.median
        yield day, 0, stage.name, "", wait, "d", "median of the wait"
        day += wait
    yield day, 0, "product ready", "", np.nan, "", ""


def _course(
    protocol: Protocol, leg: Leg, first: float, weight: float, bsa: float, role: str = "", cycles: int | None = None
) -> Generator[Row, None, float]:
    """A regimen, then what its cycles would be under a condition; returns the day of its end."""
    ended = yield from _cycles(protocol, leg, first, weight, bsa, None, role, cycles)
    for block, text in enumerate(leg.regimen.cycles):
        if text.when is not None:
            for day, cycle, what, product, amount, unit, why in _cycles(
                protocol, leg, first, weight, bsa, block, role, cycles
            ):
                if cycle == text.first and not why.startswith("premedication"):
                    yield day, cycle, f"or: {what}", product, amount, unit, f"when {text.when.text}"
    return ended


def _cycles(
    protocol: Protocol,
    leg: Leg,
    first: float,
    weight: float,
    bsa: float,
    block: int | None,
    role: str,
    cycles: int | None,
) -> Generator[Row, None, float]:
    course = begin_course(leg.regimen, np.array([float(weight)]), np.array([float(bsa)]))
    course.next_time[:] = first
    course.allowed[:] = False
    if block is not None:
        course.allowed[block] = True
    time = np.array([first])
    while np.isfinite(course.next_time[0]) and (cycles is None or course.completed[0] < cycles):
        time = course.next_time[[0]].copy()
        orders, _ = perform(course, leg.regimen, np.array([0]), time)
        for order in orders:
            product, amount = protocol.products[order.product], float(order.values[0])
            if order.kind == "rate" and not leg.regimen.lasting and amount == 0 and order.rule == "dose is in":
                continue  # its length stands beside the dose
            unit = product.rate_unit if order.kind == "rate" else product.unit
            words = "infusion of cells" if unit == "cell" else _words(order.kind, order.over, amount)
            yield float(time[0]), int(course.cycle[0]), words, order.product, amount, unit, f"{role}{order.rule}"
    return float(time[0])


def _words(kind: str, over: float, amount: float) -> str:
    if kind == "bolus":
        return "bolus"
    if kind == "dose":
        return f"infusion over {over * _HOURS:g} h"
    return "infusion" if amount > 0 else "end of infusion"
