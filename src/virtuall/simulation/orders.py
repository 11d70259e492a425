"""Orders: charted as they are made, and given to the model once a round."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.core.records import Entry, Order
from virtuall.dosing.course import NEVER
from virtuall.simulation import samples
from virtuall.simulation.state import Rounds
from virtuall.simulation.ward import admit

Floats = NDArray[np.float64]


def carry_out(rounds: Rounds, done: tuple[list[Order], list[Entry]]) -> None:
    """Chart what the course did, and keep its orders for the end of the round."""
    ward, now, charts = rounds.ward, rounds.ensemble.now, rounds.charts
    orders, entries = done
    for order in orders:
        rows, product = order.rows, rounds.protocol.products[order.product]
        if order.kind == "rate":
            rounds.sets.append((product.input, rows, order.values))
        else:
            rounds.adds.append((product.state, rows, order.values))
        cycle = ward.course.cycle[rows]
        charts.write(rows, now[rows], "order", order.product, order.values, product.unit, order.rule, cycle)
    for entry in entries:
        rows, cycle = entry.rows, ward.course.cycle[entry.rows]
        charts.write(rows, now[rows], entry.kind, entry.what, entry.values, entry.unit, entry.rule, cycle)
        if entry.kind == "infusion_start":
            fresh = rows[ward.course.cycle_started[rows] == now[rows]]
            samples.anchor(rounds, fresh, now[fresh], "cycle start")
            admit(ward, fresh, now[fresh], ward.course.tables.inpatient[ward.course.cycle[fresh]])


def give(rounds: Rounds) -> None:
    """Give the round's orders to the kernel: the last setting of an input stands, boluses add."""
    if not rounds.sets and not rounds.adds:
        return
    ensemble, system = rounds.ensemble, rounds.model.system
    ordered = np.zeros(len(rounds.ward), bool)
    for _, rows, _ in (*rounds.sets, *rounds.adds):
        ordered[rows] = True
    touched = np.flatnonzero(ordered & rounds.ward.active)
    place = np.full(len(rounds.ward), -1)
    place[touched] = np.arange(len(touched))
    parameters: dict[str, Floats] = {}
    states: dict[str, Floats] = {}
    for name, rows, values in rounds.sets:
        if name not in parameters:
            parameters[name] = ensemble.parameters[touched, system.parameters.index(name)]
        here = place[rows]
        parameters[name][here[here >= 0]] = values[here >= 0]
    for name, rows, values in rounds.adds:
        if name not in states:
            states[name] = ensemble.y[touched, system.states.index(name)]
        here = place[rows]
        np.add.at(states[name], here[here >= 0], values[here >= 0])
    rounds.sets.clear()
    rounds.adds.clear()
    if len(touched):
        # the next look at the clones comes forward to the next whole day
        tomorrow, grid = np.floor(ensemble.now[touched]) + 1, rounds.ward.agenda["grid"]
        grid[touched] = np.where(np.isfinite(grid[touched]), np.minimum(grid[touched], tomorrow), NEVER)
        rounds.kernel.change(ensemble, touched, parameters=parameters, states=states)
