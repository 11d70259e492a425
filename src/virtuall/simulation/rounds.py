"""Rounds: every patient goes to the next own stop; only who is due is seen; nobody's stop stops another.

One round: move to the stop -> events that rang, and ends of events -> samples -> results (of some samples at once),
findings and grades, judgments, rules on one snapshot -> what is due (transplants, next lines, steps of a sequence,
products in the making, doses) -> samples that this has begun, and what they tell at once -> orders into the model. An
order that changes nothing in the model does not touch its integration, so an extra sample changes no later bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.dosing.regimen import NEVER
from virtuall.simulation import (
    care,
    clones,
    effects,
    events,
    judgment,
    looks,
    next_line,
    orders,
    samples,
    steps,
    supply,
    transplant,
    treatment,
)
from virtuall.simulation.state import Rounds
from virtuall.simulation.ward import due_rows, leave, next_stop

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_MOST_ROUNDS = 1_000_000


def run_rounds(rounds: Rounds) -> None:
    """Go on until everybody has died, failed, or reached the end of follow-up."""
    for _ in range(_MOST_ROUNDS):
        rows = rounds.ward.active.nonzero()[0]
        if not len(rows):
            return
        _one_round(rounds, _moved(rounds, rows, next_stop(rounds.ward, rows)))
    raise RuntimeError("the rounds do not come to an end")


def _moved(rounds: Rounds, rows: Ints, stop: Floats) -> Ints:
    """Move these patients to their stop, or to a clock that rings before it; those who did not fail."""
    ward, ensemble = rounds.ward, rounds.ensemble
    stops = ensemble.now.copy()
    stops[rows] = np.maximum(stop, stops[rows])
    rounds.kernel.advance(ensemble, rows, stops)
    failed = rows[ensemble.status[rows] != 0]
    if not len(failed):
        return rows
    leave(ward, failed, ensemble.now[failed])
    rounds.charts.write(failed, ensemble.now[failed], "failure", "numerical failure")
    return rows[ensemble.status[rows] == 0]


def _one_round(rounds: Rounds, rows: Ints) -> None:
    """All that is due for those who have come to a stop."""
    ward, now = rounds.ward, rounds.ensemble.now
    rounds.seen[rows] = rounds.looked[:, rows] = False
    events.rang(rounds, rows)
    rows = rows[ward.active[rows]]
    events.end(rounds, rows)
    transplant.end_conditioning(rounds, _due(rounds, rows, "transplant_end"))
    next_line.end(rounds, _due(rounds, rows, "next_line_end"))
    care.end(rounds, rows)
    effects.come(rounds, rows)
    treatment.review(rounds, _due(rounds, rows, "review"))
    samples.take(rounds, rows)
    _learn(rounds, rows)
    transplant.begin(rounds, _due(rounds, rows, "transplant"))
    next_line.begin(rounds, _due(rounds, rows, "next_line"))
    steps.begin(rounds, _due(rounds, rows, "step"))
    supply.act(rounds, _due(rounds, rows, "supply"))
    supply.bridge(rounds, _due(rounds, rows, "bridging"))
    treatment.dose(rounds, due_rows(ward, rows, ward.course.next_time, now))
    samples.take(rounds, rows)
    again = rows[samples.due(rounds, rows)]
    rounds.seen[again] = rounds.looked[:, again] = False
    _learn(rounds, again)
    orders.give(rounds)
    clones.visit(rounds, due_rows(ward, rows, ward.agenda["grid"], now))
    over = due_rows(ward, rows, ward.agenda["horizon"], now)
    if len(over):
        leave(ward, over, now[over])


def _learn(rounds: Rounds, rows: Ints) -> None:
    """Results that are there, what is made of them, and what the rules say."""
    if not len(rows):
        return
    judged, marrow = samples.results(rounds, rows)
    looks.look(rounds, rows)
    judgment.judge(rounds, judged)
    judgment.decide(rounds, marrow)
    treatment.follow_rules(rounds, rows[rounds.seen[rows]])


def _due(rounds: Rounds, rows: Ints, name: str) -> Ints:
    """Who is due for this; it is no longer planned."""
    times = rounds.ward.agenda[name]
    due = due_rows(rounds.ward, rows, times, rounds.ensemble.now)
    if len(due):
        times[due] = NEVER
    return due
