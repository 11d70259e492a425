"""Lesser effects: planned when a cycle begins, charted when their day comes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.incident import begins, grade_of
from virtuall.core.records import EFFECT, GRADE
from virtuall.dosing.course import Action
from virtuall.dosing.regimen import NEVER
from virtuall.simulation.protocol import Leg
from virtuall.simulation.state import Rounds
from virtuall.simulation.ward import due_places

Ints = NDArray[np.int64]


def plan(rounds: Rounds, leg: Leg, rows: Ints) -> None:
    """Plan what this cycle brings to those in whom it has just begun."""
    ward, course = rounds.ward, rounds.ward.course
    waits = course.next_action[rows] == Action.START  # the drug runs only after its premedication
    time = np.where(waits, course.next_time[rows], rounds.ensemble.now[rows])
    for place, incident in enumerate(rounds.protocol.incidents):
        if incident.product in leg.regimen.products and len(rows):
            cycle = ward.course.cycle[rows]
            ward.effects[place, rows] = time + begins(incident, rounds.seed, ward.luck[rows], cycle)


def forget(rounds: Rounds, leg: Leg, rows: Ints) -> None:
    """Of those who stop between premedication and drug nothing comes: the drug of this cycle never ran."""
    ward, course = rounds.ward, rounds.ward.course
    never_ran = rows[(course.next_action[rows] == Action.START) & ~course.restarting[rows]]
    for place, incident in enumerate(rounds.protocol.incidents):
        if incident.product in leg.regimen.products:
            ward.effects[place, never_ran] = NEVER


def come(rounds: Rounds, rows: Ints) -> None:
    """Chart the effects whose day has come."""
    ward, now = rounds.ward, rounds.ensemble.now
    for place, these in due_places(ward.effects, rows, now):
        incident = rounds.protocol.incidents[place]
        cycle = ward.course.cycle[these]
        grade = grade_of(incident, rounds.seed, ward.luck[these], cycle)
        ward.effects[place, these] = NEVER
        rounds.charts.write(these, now[these], EFFECT, incident.title, grade, GRADE, incident.product, cycle)
