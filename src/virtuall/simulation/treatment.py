"""The course of treatment in a round: what rules order, what the regimen has due, and the end of the protocol."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.rules import settle
from virtuall.core.random import uniform
from virtuall.dosing import course as courses
from virtuall.dosing.course import NEVER, Action, Phase
from virtuall.simulation import next_line, samples
from virtuall.simulation.orders import carry_out
from virtuall.simulation.snapshot import snapshot
from virtuall.simulation.state import Rounds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def review(rounds: Rounds, rows: Ints) -> None:
    """A held infusion is looked at every day."""
    held = rows[rounds.ward.course.phase[rows] == Phase.HELD]
    rounds.ward.agenda["review"][held] = rounds.ensemble.now[held] + 1.0
    rounds.seen[held] = True


def follow_rules(rounds: Rounds, rows: Ints) -> None:
    """Carry out what the rules say about these patients."""
    program, ward = rounds.binding.rules, rounds.ward
    if not len(rows) or not program.rules:
        return
    time = rounds.ensemble.now[rows]
    seen = snapshot(rounds.readers, ward, rows, time, program.conditions.columns)
    settled = settle(program.fire(rounds.rule_memory, rows, time, seen, {}), program.rules)
    overruled = settled.overruled
    for place in np.flatnonzero((settled.stands | overruled).any(axis=1)):
        rule, beaten, these = program.rules[place], overruled[place], settled.stands[place]
        rounds.charts.write(rows[beaten], time[beaten], "overruled", rule.action, rule=rule.name)
        who, when = rows[these], time[these]
        if not len(who):
            continue
        if rule.action == "stop":
            stop(rounds, who, when, rule.name)
        elif rule.action == "hold":
            carry_out(rounds, courses.hold(ward.course, rounds.protocol.regimen, who, when, rule.name))
            held = ward.course.phase[who] == Phase.HELD
            ward.agenda["review"][who[held]] = when[held] + 1.0
        else:
            carry_out(rounds, courses.resume(ward.course, rounds.protocol.regimen, who, when, rule.name))


def dose(rounds: Rounds, rows: Ints) -> None:
    """What the regimen has due; some leave before a further cycle."""
    if not len(rows):
        return
    ward, regimen = rounds.ward, rounds.protocol.regimen
    time, action = rounds.ensemble.now[rows], rounds.ward.course.next_action[rows]
    beginning = (action == Action.BEGIN_CYCLE) & (ward.course.cycle[rows] > 0)
    if beginning.any() and regimen.attrition > 0:
        draw = uniform(rounds.seed, "further cycle", ward.ids[rows], ward.course.cycle[rows])
        leaves = beginning & (draw < regimen.attrition)
        stop(rounds, rows[leaves], time[leaves], "no further cycle given")
        rows, time, action = rows[~leaves], time[~leaves], action[~leaves]
    ends = rows[action == Action.END]
    carry_out(rounds, courses.perform(ward.course, regimen, rows, time))
    if len(ends):
        samples.anchor(rounds, ends, rounds.ensemble.now[ends], "infusion end")
        last = ends[ward.course.next_action[ends] == Action.NOTHING]
        stop(rounds, last, rounds.ensemble.now[last], "all cycles given")


def stop(rounds: Rounds, rows: Ints, time: Floats, reason: str) -> None:
    """End the course; who is not assessed yet gets a marrow first, the others their next line."""
    ward = rounds.ward
    on = ward.course.phase[rows] != Phase.OFF
    rows, time = rows[on], time[on]
    if not len(rows):
        return
    carry_out(rounds, courses.stop(ward.course, rounds.protocol.regimen, rows, time, reason))
    _leave_protocol(rounds, rows, time, reason)
    ward.agenda["review"][rows] = NEVER
    ward.deciding[rows] = ~ward.in_remission[rows]
    assessed = (ward.assessed[rows] >= ward.course.cycle[rows]) | ward.relapsed[rows]
    ready = assessed & ~ward.in_remission[rows]
    next_line.plan(rounds, rows[ready], time[ready])
    unknown = ~assessed & ~_marrow_planned(rounds, rows)
    samples.anchor(rounds, rows[unknown], time[unknown], "infusion end")


def never_treat(rounds: Rounds, rows: Ints) -> None:
    """These patients never start: straight to the next line, and they stay in the denominators."""
    if not len(rows):
        return
    time, regimen = rounds.ensemble.now[rows], rounds.protocol.regimen
    courses.stop(rounds.ward.course, regimen, rows, time, "never treated")
    _leave_protocol(rounds, rows, time, "never treated")
    rounds.charts.write(rows, time, "stop", regimen.product, rule="never treated")
    next_line.plan(rounds, rows, time)


def _leave_protocol(rounds: Rounds, rows: Ints, time: Floats, reason: str) -> None:
    rounds.ward.days["off_protocol_day"][rows] = time
    rounds.ward.words["off_protocol_reason"][rows] = reason


def _marrow_planned(rounds: Rounds, rows: Ints) -> NDArray[np.bool_]:
    """Whose marrow after the infusion is planned, or on its way."""
    planned = np.zeros(len(rows), bool)
    for number, schedule in enumerate(rounds.protocol.monitoring.schedules):
        if schedule.anchor == "infusion end":
            planned |= np.isfinite(rounds.ward.samples[number, rows]) | np.isfinite(rounds.ward.results[number, rows])
    return planned
