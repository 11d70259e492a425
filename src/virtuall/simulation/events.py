"""Events of a round: clocks that rang, and events that are over."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.event import outcome
from virtuall.core.arithmetic import log
from virtuall.core.random import keyed_uniform, keys
from virtuall.core.records import GRADE, OVER
from virtuall.dosing.regimen import NEVER
from virtuall.simulation.state import Rounds
from virtuall.simulation.ward import due_places, leave

Ints = NDArray[np.int64]


def rang(rounds: Rounds, rows: Ints) -> None:
    """Deaths, and events that begin with a grade, a consequence and a length; their clocks are wound up again."""
    from scipy.special import ndtri

    ward, ensemble, known = rounds.ward, rounds.ensemble, rounds.binding.events
    rows = rows[ensemble.ring[rows] >= 0]
    if not len(rows):
        return
    which, time = ensemble.ring[rows].astype(np.int64), ensemble.now[rows]
    occurrence = ward.event_count[which, rows]
    key = keys(rounds.seed, rounds.event_purposes).reshape(-1, len(known))[:, which]
    draws = keyed_uniform(key, ward.luck[rows], occurrence + [[0], [0], [1]])
    spread, more = ndtri(draws[1]), -log(draws[2])
    for number in sorted(set(which.tolist())):
        event, here = known[number], which == number
        these, at = rows[here], time[here]
        if event.fatal:
            ward.days["death_day"][these] = at
            ward.words["death_cause"][these] = event.fatal
            rounds.charts.write(these, at, "death", event.fatal)
            leave(ward, these, at)
            continue
        grade, consequence, duration = outcome(event, draws[0, here], spread[here])
        ward.event_count[number, these] += 1
        ensemble.thresholds[these, number] += more[here]
        ward.event_grade[number, these] = grade
        ward.event_consequence[number, these] = consequence
        ward.event_end[number, these] = at + duration
        cycle = ward.course.cycle[these]
        rounds.charts.write(these, at, event.kind, event.title, grade, GRADE, cycle=cycle)
        rounds.seen[these] = rounds.looked[:, these] = True


def end(rounds: Rounds, rows: Ints) -> None:
    """Events that are over."""
    ward, now = rounds.ward, rounds.ensemble.now
    for number, these in due_places(ward.event_end, rows, now):
        ward.event_grade[number, these] = 0
        ward.event_consequence[number, these] = 0
        ward.event_quiet[number, these] = now[these]
        ward.event_end[number, these] = NEVER
        rounds.charts.write(these, now[these], OVER, rounds.binding.events[number].title)
        rounds.seen[these] = rounds.looked[:, these] = True
