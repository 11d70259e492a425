"""Sequences: which therapy follows, planned when a patient is off the one before, and begun after the washout."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.dosing.course import Phase, enter_leg
from virtuall.dosing.regimen import NEVER
from virtuall.simulation.choices import choose
from virtuall.simulation.state import Rounds
from virtuall.simulation.ward import wait_for_product

Ints = NDArray[np.int64]


def consider(rounds: Rounds, rows: Ints) -> None:
    """Plan the first step that is open to those who are off treatment, assessed, and have none planned."""
    ward, steps = rounds.ward, rounds.protocol.steps
    if not steps or not len(rows):
        return
    known = ward.in_remission[rows] | ward.relapsed[rows] | (ward.assessed[rows] >= ward.course.cycle[rows])
    free = known & (ward.course.phase[rows] == Phase.OFF) & ~np.isfinite(ward.agenda["step"][rows])
    rows = rows[free]
    if not len(rows):
        return
    truth, time = choose(rounds, rows), rounds.ensemble.now[rows]
    names = [step.name for step in steps]
    for number, step in enumerate(steps):
        place = rounds.binding.choice_of.get(("step", number, 0))
        if place is None:
            continue
        before = np.isin(ward.step[rows], [names.index(each) for each in step.after])
        left = ward.entered[number, rows] < (step.most or np.inf)
        opens = truth[place] & before & left & ~np.isfinite(ward.agenda["step"][rows])
        ward.agenda["step"][rows[opens]] = time[opens] + step.washout
        ward.agenda["next_line"][rows[opens]] = NEVER
        ward.next_step[rows[opens]] = number


def begin(rounds: Rounds, rows: Ints) -> None:
    """Go over to the planned step."""
    ward, protocol = rounds.ward, rounds.protocol
    for number, step in enumerate(protocol.steps):
        these = rows[ward.next_step[rows] == number]
        if not len(these):
            continue
        time = rounds.ensemble.now[these]
        ward.step[these] = number
        ward.entered[number, these] += 1
        ward.assessed[these] = 0
        ward.deciding[these] = ward.relapsed[these] = False
        rounds.charts.write(these, time, "step", step.name, rule=step.protocol)
        begin_step(rounds, these, number)


def begin_step(rounds: Rounds, rows: Ints, number: int) -> None:
    """The main leg of a step: its first cycle, or the making of its product."""
    protocol, ward = rounds.protocol, rounds.ward
    place = protocol.first_leg(number)
    leg, time = protocol.legs[place], rounds.ensemble.now[rows]
    first = time + leg.regimen.start if leg.supply is None else np.full(len(rows), NEVER)
    enter_leg(ward.course, leg.regimen, rows, place, first)
    if leg.supply is not None:
        wait_for_product(ward, rows, time + leg.supply.collect_after)
