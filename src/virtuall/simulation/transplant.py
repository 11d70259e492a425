"""Transplant in remission: conditioning, graft."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.simulation import looks, treatment
from virtuall.simulation.state import Rounds
from virtuall.simulation.ward import admit, settle_graft

Ints = NDArray[np.int64]


def begin(rounds: Rounds, rows: Ints) -> None:
    """Those who are still in remission leave the protocol and are conditioned."""
    if not len(rows):
        return
    ward, policy = rounds.ward, rounds.protocol.transplant
    rows = rows[ward.in_remission[rows] & ~ward.transplanted[rows]]
    if not len(rows):
        return
    time = rounds.ensemble.now[rows]
    treatment.stop(rounds, rows, time, "transplant")
    settle_graft(ward, rows, time)
    looks.end_watch(rounds, rows)
    ward.agenda["transplant_end"][rows] = time + policy.conditioning_days
    rounds.sets.append((policy.conditioning_input, rows, np.full(len(rows), 1 / policy.conditioning_days)))
    rounds.sets.append((policy.graft_input, rows, np.ones(len(rows))))
    admit(ward, rows, time, np.full(len(rows), policy.inpatient))
    rounds.charts.write(rows, time, "transplant", "allogeneic transplant")


def end_conditioning(rounds: Rounds, rows: Ints) -> None:
    """The conditioning is over."""
    if len(rows):
        rounds.sets.append((rounds.protocol.transplant.conditioning_input, rows, np.zeros(len(rows))))
