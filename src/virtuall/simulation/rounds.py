"""Rounds: every patient goes to the next own stop; only who is due is seen; nobody's stop stops another.

One round: move to the stop -> events that rang, and ends of events -> results, findings and grades, judgments, rules on
one snapshot -> what is due (transplants, next lines, steps of a sequence, products in the making, doses, samples) ->
orders into the model -> chart. Whose samples give results at once waits for the next round: the results are looked at
there, beside those of others, and only then are the orders given. An order that changes nothing in the model does not
touch its integration, so an extra sample changes no later bit.

At most stops nothing is decided: samples are taken, or the clones are looked at. While these are the next stops of
many patients, only they go there, in short rounds, and the others wait for a round with all that is in it.
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
# A short round is made when so large a share of the patients would take part in it: fewer make more rounds than they
# make shorter.
_MANY = 0.4


def run_rounds(rounds: Rounds) -> None:
    """Go on until everybody has died, failed, or reached the end of follow-up."""
    nobody = np.empty(0, np.int64)
    waiting, rang = nobody, nobody
    for _ in range(_MOST_ROUNDS):
        goes = rounds.ward.active.copy()
        goes[waiting] = goes[rang] = False
        rows = goes.nonzero()[0]
        if not len(rows) + len(waiting) + len(rang):
            return
        stop, minor = next_stop(rounds.ward, rows)
        if np.count_nonzero(minor) >= _MANY * (len(rows) + len(waiting) + len(rang)):
            rows = _moved(rounds, rows[minor], stop[minor])
            rings = rounds.ensemble.ring[rows] >= 0
            waiting = np.concatenate([waiting, _short_round(rounds, rows[~rings])])
            rang = np.concatenate([rang, rows[rings]])
        else:
            rows = np.concatenate([rang, _moved(rounds, rows, stop)])
            waiting, rang = _one_round(rounds, rows, waiting), nobody
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


def _short_round(rounds: Rounds, rows: Ints) -> Ints:
    """Samples and looks at clones of those for whom nothing else is due; who waits for results at once."""
    samples.take(rounds, rows)
    at_once = samples.due(rounds, rows)
    _visit(rounds, rows[~at_once])
    return rows[at_once]


def _visit(rounds: Rounds, rows: Ints) -> None:
    visited = due_rows(rounds.ward, rows, rounds.ward.agenda["grid"], rounds.ensemble.now)
    if len(visited):
        clones.visit(rounds, visited)


def _one_round(rounds: Rounds, rows: Ints, waited: Ints) -> Ints:
    """Who has come to a stop, and who has waited there for results at once; who waits for such results now."""
    ward, now = rounds.ward, rounds.ensemble.now
    known = np.concatenate([waited, rows])
    rounds.seen[known] = rounds.looked[:, known] = False
    events.rang(rounds, rows)
    rows = rows[ward.active[rows]]
    events.end(rounds, rows)
    transplant.end_conditioning(rounds, _due(rounds, rows, "transplant_end"))
    next_line.end(rounds, _due(rounds, rows, "next_line_end"))
    care.end(rounds, rows)
    effects.come(rounds, rows)
    treatment.review(rounds, _due(rounds, rows, "review"))
    _learn(rounds, np.concatenate([waited, rows]))
    transplant.begin(rounds, _due(rounds, rows, "transplant"))
    next_line.begin(rounds, _due(rounds, rows, "next_line"))
    steps.begin(rounds, _due(rounds, rows, "step"))
    supply.act(rounds, _due(rounds, rows, "supply"))
    supply.bridge(rounds, _due(rounds, rows, "bridging"))
    treatment.dose(rounds, due_rows(ward, rows, ward.course.next_time, now))
    samples.take(rounds, rows)
    at_once = samples.due(rounds, rows)
    waiting, done = rows[at_once], np.concatenate([waited, rows[~at_once]])
    orders.give(rounds, waiting)
    _visit(rounds, done)
    over = due_rows(ward, done, ward.agenda["horizon"], now)
    if len(over):
        leave(ward, over, now[over])
    return waiting


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
