"""Orders: charted as they are made, and given to the model once a round."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from virtuall.core.records import Entry, Order
from virtuall.dosing.reading import GRAFT
from virtuall.dosing.regimen import NEVER
from virtuall.simulation import looks, samples
from virtuall.simulation.protocol import Leg
from virtuall.simulation.state import Rounds
from virtuall.simulation.ward import Ward, admit, note_first, settle_graft

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# An input or a state by name, whose, and the values.
Given = tuple[str, Ints, Floats]


def carry_out(rounds: Rounds, done: tuple[list[Order], list[Entry]]) -> None:
    """Chart what the course did, and keep its orders for the end of the round."""
    ward, now, charts = rounds.ward, rounds.ensemble.now, rounds.charts
    orders, entries = done
    for order in orders:
        rows, product = order.rows, rounds.protocol.products[order.product]
        if order.kind == "bolus":
            rounds.adds.append((product.state, rows, order.values))
        else:
            rate = order.values / order.over if order.kind == "dose" else order.values
            rounds.sets.append((product.input, rows, rate))
        cycle = ward.course.cycle[rows]
        unit = product.rate_unit if order.kind == "rate" else product.unit
        charts.write(rows, now[rows], "order", order.product, order.values, unit, order.rule, cycle)
        if product.kind == GRAFT:
            settle_graft(ward, rows, now[rows])
            looks.end_watch(rounds, rows)
        if order.product in rounds.protocol.main_products:
            given = order.values > 0
            note_first(ward, "infused_day", rows[given], now[rows[given]])
            if product.manufactured:  # what was known before the cells does not speak of their effect
                ward.latest[:, rows[given & (ward.days["infused_day"][rows] == now[rows])]] = np.nan
    for entry in entries:
        rows, cycle = entry.rows, ward.course.cycle[entry.rows]
        charts.write(rows, now[rows], entry.kind, entry.what, entry.values, entry.unit, entry.rule, cycle)
        if entry.kind == "infusion_start":
            fresh = rows[ward.course.cycle_started[rows] == now[rows]]
            for leg, these in by_leg(rounds, fresh):
                if leg.main:
                    samples.anchor(rounds, these, now[these], "cycle start")
                days = leg.regimen.tables.inpatient[ward.course.block[these]]
                stay(rounds, these, days)


def stay(rounds: Rounds, rows: Ints, days: Floats, keep: Callable[[Ward, Ints, Floats, Floats], None] = admit) -> None:
    """These patients are in hospital (or intensive care) from now on; for those who come the ward's looks begin."""
    ward, now = rounds.ward, rounds.ensemble.now[rows]
    come = rows[(ward.inpatient_until[rows] <= now) & (days > 0)]
    keep(ward, rows, now, days)
    samples.take_up(rounds, come)


def by_leg(rounds: Rounds, rows: Ints) -> Iterator[tuple[Leg, Ints]]:
    """These patients by the leg of the protocol that they are in."""
    legs = rounds.protocol.legs
    if len(legs) == 1:
        yield legs[0], rows
        return
    where = rounds.ward.course.leg[rows]
    for number in np.unique(where):
        yield legs[number], rows[where == number]


def give(rounds: Rounds) -> None:
    """Give the orders to the kernel: the last setting of an input stands, boluses add."""
    if not rounds.sets and not rounds.adds:
        return
    ensemble, system, n = rounds.ensemble, rounds.model.system, len(rounds.ward)
    given = rounds.sets, rounds.adds
    rounds.sets, rounds.adds = [], []
    ordered = np.zeros(n, bool)
    for _, rows, _ in (*given[0], *given[1]):
        ordered[rows] = True
    touched = (ordered & rounds.ward.active).nonzero()[0]
    if not len(touched):
        return
    place = np.full(n, -1)
    place[touched] = np.arange(len(touched))
    # by name, so that the order of changes does not depend on who else is seen in this round
    names, boluses = (sorted({name for name, _, _ in each}) for each in given)
    parameters = {name: ensemble.parameters[touched, system.parameters.index(name)] for name in names}
    states = {name: ensemble.y[touched, system.states.index(name)] for name in boluses}
    for name, rows, values in given[0]:
        here = place[rows]
        parameters[name][here[here >= 0]] = values[here >= 0]
    for name, rows, values in given[1]:
        here = place[rows]
        np.add.at(states[name], here[here >= 0], values[here >= 0])
    # the next look at the clones comes forward to the next whole day
    tomorrow, grid = np.floor(ensemble.now[touched]) + 1, rounds.ward.agenda["grid"]
    grid[touched] = np.where(np.isfinite(grid[touched]), np.minimum(grid[touched], tomorrow), NEVER)
    rounds.kernel.change(ensemble, touched, parameters=parameters, states=states)
