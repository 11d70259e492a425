"""Visits of the extinction grid: small clones move by whole cells, on fixed patient days.

Arrays are float64[C, n]: C clones of n patients.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.core.arithmetic import exp, log
from virtuall.core.random import keyed_uniform, keys
from virtuall.dosing.regimen import NEVER
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
    if not len(rows):
        return
    ward, ensemble, clones = rounds.ward, rounds.ensemble, rounds.binding.clones
    count = len(clones.states)
    rates = rounds.kernel.signals(ensemble, rows, clones.rates).T
    birth, net = rates[:count], rates[:count] - rates[count:]
    time = ensemble.now[rows]
    day = np.rint(time).astype(np.int64)
    cells = ensemble.y[rows[:, None], clones.columns].T
    moved = _moved(rounds, rows, day, cells, birth, net, time - ward.grid_day[rows])

    threshold = clones.thresholds[:, None]
    small = ward.small.take(rows, axis=1)
    entering = ~small & (moved > 0) & (moved < threshold)
    if np.count_nonzero(entering):
        which, who = entering.nonzero()
        key = keys(rounds.seed, clones.rounding)[which]
        moved[which, who] = whole(keyed_uniform(key, ward.luck[rows[who]], day[who]), moved[which, who])
    small = (small | entering) & ~(small & (moved > 2 * threshold))
    ward.small[:, rows] = small
    ward.cells[:, rows] = moved
    ward.net[:, rows] = net
    ward.grid_day[rows] = time
    wait = _wait(small, moved, threshold, birth, net)
    # not a number: the kernel ends this patient with a code
    ward.agenda["grid"][rows] = np.where(np.isnan(wait), NEVER, time + wait)

    differs = moved != cells
    if np.count_nonzero(differs):
        touched, some = np.logical_or.reduce(differs, axis=0), np.logical_or.reduce(differs, axis=1).tolist()
        states = {state: moved[place, touched] for place, state in enumerate(clones.states) if some[place]}
        rounds.kernel.change(ensemble, rows[touched], parameters={}, states=states)


def _wait(small: NDArray[np.bool_], cells: Floats, threshold: Floats, birth: Floats, net: Floats) -> Floats:
    """Days until each patient's clones are looked at again."""
    present = cells > 0
    alive, large = small & present, ~small & present
    pace = np.maximum.reduce(np.where(alive, np.maximum(np.abs(net), birth), 0.0), axis=0, initial=0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.floor(log(np.where(large, cells / threshold, 1.0)) / np.maximum(2 * -net, _SLOWEST_FALL))
        steps = np.minimum(np.maximum(np.floor(_CHANGE_IN_A_STEP / pace), 1.0), _LONGEST_STEP)
    reach = np.minimum(np.maximum(reach, 1.0), _LONGEST_WAIT)
    wait = np.minimum.reduce(np.where(large, reach, NEVER), axis=0, initial=NEVER)
    wait = np.where(np.logical_or.reduce(alive, axis=0), np.minimum(wait, steps), wait)
    fed = np.logical_or.reduce(small, axis=0) & np.isfinite(wait)  # an empty clone that another one may feed
    return np.asarray(np.where(fed, np.minimum(wait, _LONGEST_STEP), wait))


def _moved(rounds: Rounds, rows: Ints, day: Ints, cells: Floats, birth: Floats, net: Floats, step: Floats) -> Floats:
    """Cells of the clones after the step: by whole numbers where they were small."""
    ward, moved = rounds.ward, cells.copy()
    earlier = ward.cells.take(rows, axis=1)
    was = ward.small.take(rows, axis=1) & (step > 0) & ((earlier > 0) | (cells > 0))
    if not np.count_nonzero(was):
        return moved
    which, who = was.nonzero()
    before, mean, days = earlier[was], cells[was], step[who]
    integral = (net[was] + ward.net[which, rows[who]]) / 2 * days
    with np.errstate(divide="ignore", invalid="ignore"):
        shrunk = np.where(before > 0, mean / np.where(before > 0, before, 1.0), 1.0)
    growth = exp(integral)
    # fewer than the rates explain: the rest went elsewhere (into another clone)
    lost = (before > 0) & (shrunk < growth)
    if np.count_nonzero(lost):
        integral, growth = np.where(lost, log(shrunk), integral), np.where(lost, shrunk, growth)
    key = keys(rounds.seed, rounds.binding.clones.moving).reshape(-1, len(cells))[:, which]
    draws = keyed_uniform(key, ward.luck[rows[who]], day[who])
    moved[was] = next_number(draws, before, mean, integral, growth, birth[was], days)
    return moved
