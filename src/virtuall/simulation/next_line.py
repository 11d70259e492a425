"""The next line of therapy after a failure: planned, begun, ended."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.policy import for_patients, next_line_logs, next_line_wait
from virtuall.simulation import looks, samples, steps
from virtuall.simulation.state import Rounds
from virtuall.simulation.ward import note_first

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def plan(rounds: Rounds, rows: Ints, time: Floats) -> None:
    """Plan the next line of those who have none planned, no transplant behind them, and no step of a sequence ahead."""
    if not len(rows):
        return
    ward = rounds.ward
    steps.consider(rounds, rows)
    ahead = np.isfinite(ward.agenda["step"][rows])
    rows, time = rows[~ahead], time[~ahead]
    open_ = ~ward.transplanted[rows] & ~np.isfinite(ward.agenda["next_line"][rows])
    rows, time = rows[open_], time[open_]
    if not len(rows):
        return
    policy = for_patients(rounds.protocol.next_line, "next_line", ward.covariates, rows)
    wait = next_line_wait(policy, rounds.seed, ward.luck[rows], ward.lines[rows])
    ward.deciding[rows] = False
    ward.agenda["next_line"][rows] = time + wait


def begin(rounds: Rounds, rows: Ints) -> None:
    """Give it to those who are still in need of it."""
    if not len(rows):
        return
    ward, policy = rounds.ward, rounds.protocol.next_line
    rows = rows[~ward.in_remission[rows] & ~ward.transplanted[rows]]
    if not len(rows):
        return
    time, lines, late = rounds.ensemble.now[rows], ward.lines[rows], rounds.late[rows]
    own = for_patients(policy, "next_line", ward.covariates, rows)
    logs = next_line_logs(own, rounds.seed, ward.luck[rows], lines, late, rounds.protocol.legs[0].regimen.product)
    ward.lines[rows] += 1
    ward.relapsed[rows] = False
    note_first(ward, "next_line_day", rows, time)
    rounds.sets.append((policy.input, rows, logs / policy.days))
    ward.agenda["next_line_end"][rows] = time + policy.days
    ward.deciding[rows] = True
    looks.end_watch(rounds, rows)
    samples.anchor(rounds, rows, time, "next line")
    rounds.charts.write(rows, time, "next_line", "next line of therapy", ward.lines[rows], "line")


def end(rounds: Rounds, rows: Ints) -> None:
    """Nothing more is given."""
    if len(rows):
        rounds.sets.append((rounds.protocol.next_line.input, rows, np.zeros(len(rows))))
