"""Lesser effects: planned when the drug of a cycle begins, charted when their day comes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.incident import begins, grade_of
from virtuall.core.records import EFFECT, GRADE
from virtuall.dosing.course import Phase
from virtuall.dosing.regimen import NEVER
from virtuall.simulation.protocol import Leg
from virtuall.simulation.state import Rounds
from virtuall.simulation.ward import due_places

Ints = NDArray[np.int64]


def plan(rounds: Rounds, leg: Leg, rows: Ints) -> None:
    """Plan what this cycle brings to those in whom its drug runs for the first time now."""
    ward, course, now = rounds.ward, rounds.ward.course, rounds.ensemble.now
    runs = (course.phase[rows] == Phase.INFUSING) & (course.since[rows] == now[rows])
    rows = rows[runs & (course.infused[rows] == 0)]
    known = rounds.protocol.incidents
    own = np.array([each.product in leg.regimen.products for each in known], bool).nonzero()[0]
    if len(rows) and len(own):
        days = begins([known[place] for place in own], rounds.seed, ward.luck[rows], course.cycle[rows])
        ward.effects[np.ix_(own, rows)] = now[rows] + days


def come(rounds: Rounds, rows: Ints) -> None:
    """Chart the effects whose day has come."""
    ward, now = rounds.ward, rounds.ensemble.now
    for place, these in due_places(ward.effects, rows, now):
        incident = rounds.protocol.incidents[place]
        cycle = ward.course.cycle[these]
        grade = grade_of(incident, rounds.seed, ward.luck[these], cycle)
        ward.effects[place, these] = NEVER
        rounds.charts.write(these, now[these], EFFECT, incident.title, grade, GRADE, incident.product, cycle)
