"""Visits of the extinction grid: small clones move by whole cells, on fixed patient days."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.core.arithmetic import exp, log
from virtuall.dosing.course import NEVER
from virtuall.simulation.extinction import next_number, whole
from virtuall.simulation.state import Rounds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# A large clone is looked at again before it could have become small if it fell twice as fast as now (and at least
# this fast, 1/d), at most after so many days; every order brings the next look forward to the next whole day.
_SLOWEST_FALL = 0.1
_LONGEST_WAIT = 14.0
# A small clone moves every day, or every few days while its rates, integrated over them, stay below this.
_CHANGE_IN_A_STEP = 0.75
_LONGEST_STEP = 7.0


def visit(rounds: Rounds, rows: Ints) -> None:
    """Look at the clones of these patients; move the small ones; plan the next visit."""
    ward, ensemble, model = rounds.ward, rounds.ensemble, rounds.model
    states = list(model.clones)
    names = [name for state in states for name in (model.clones[state].birth, model.clones[state].loss)]
    rates = rounds.kernel.signals(ensemble, rows, names)
    time = ensemble.now[rows]
    day = np.rint(time).astype(np.int64)
    step = time - ward.grid_day[rows]
    changed: dict[str, Floats] = {}
    alive = np.zeros(len(rows), bool)
    wait = np.full(len(rows), NEVER)
    pace = np.zeros(len(rows))
    for place, state in enumerate(states):
        clone = model.clones[state]
        cells = ensemble.y[rows, model.system.states.index(state)]
        birth, net = rates[:, 2 * place], rates[:, 2 * place] - rates[:, 2 * place + 1]
        moved = _moved(rounds, state, place, rows, day, cells, birth, net, step)
        small = ward.small[place, rows]
        entering = ~small & (moved > 0) & (moved < clone.threshold)
        moved = np.where(entering, whole(rounds.seed, state, ward.ids[rows], day, moved), moved)
        leaving = small & (moved > 2 * clone.threshold)
        small = (small | entering) & ~leaving
        ward.small[place, rows] = small
        ward.cells[place, rows] = moved
        ward.net[place, rows] = net
        if not np.array_equal(moved, cells):
            changed[state] = moved
        alive |= small & (moved > 0)
        pace = np.where(small & (moved > 0), np.maximum(pace, np.maximum(np.abs(net), birth)), pace)
        large = ~small & (moved > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.floor(log(np.where(large, moved / clone.threshold, 1.0)) / np.maximum(2 * -net, _SLOWEST_FALL))
        wait = np.where(large, np.minimum(wait, np.clip(reach, 1.0, _LONGEST_WAIT)), wait)
    with np.errstate(divide="ignore"):
        steps = np.clip(np.floor(_CHANGE_IN_A_STEP / pace), 1.0, _LONGEST_STEP)
    wait = np.where(alive, np.minimum(wait, steps), wait)
    fed = ward.small[:, rows].any(axis=0) & np.isfinite(wait)  # an empty clone that another one may feed
    wait = np.where(fed, np.minimum(wait, _LONGEST_STEP), wait)
    ward.grid_day[rows] = time
    # not a number: the kernel ends this patient with a code
    ward.agenda["grid"][rows] = np.where(np.isnan(wait), NEVER, time + wait)
    if changed:
        touched = np.zeros(len(rows), bool)
        for state, moved in changed.items():
            touched |= moved != ensemble.y[rows, model.system.states.index(state)]
        rounds.kernel.change(
            ensemble, rows[touched], parameters={}, states={state: m[touched] for state, m in changed.items()}
        )


def _moved(
    rounds: Rounds,
    state: str,
    place: int,
    rows: Ints,
    day: Ints,
    cells: Floats,
    birth: Floats,
    net: Floats,
    step: Floats,
) -> Floats:
    """Cells of one clone after the day: by whole numbers where it was small."""
    ward = rounds.ward
    was = ward.small[place, rows] & (step > 0) & ((ward.cells[place, rows] > 0) | (cells > 0))
    moved = cells.copy()
    if not was.any():
        return moved
    these = rows[was]
    before, mean = ward.cells[place, these], cells[was]
    integral = (net[was] + ward.net[place, these]) / 2 * step[was]
    with np.errstate(divide="ignore", invalid="ignore"):
        shrunk = np.where(before > 0, mean / np.where(before > 0, before, 1.0), 1.0)
    growth = exp(integral)
    # fewer than the rates explain: the rest went elsewhere (into another clone)
    lost = (before > 0) & (shrunk < growth)
    if lost.any():
        integral, growth = np.where(lost, log(shrunk), integral), np.where(lost, shrunk, growth)
    moved[was] = next_number(
        rounds.seed, state, ward.ids[these], day[was], before, mean, integral, growth, birth[was], step[was]
    )
    return moved
