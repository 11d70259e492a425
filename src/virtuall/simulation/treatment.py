"""The course of treatment in a round: what rules order, what the regimen has due, and the end of the protocol."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.rules import settle
from virtuall.core.random import uniform
from virtuall.dosing import course as courses
from virtuall.dosing.course import Action, Phase
from virtuall.dosing.regimen import NEVER
from virtuall.dosing.supply import SUPPLY
from virtuall.simulation import care, effects, next_line, samples
from virtuall.simulation.choices import allow_cycles
from virtuall.simulation.orders import by_leg, carry_out
from virtuall.simulation.protocol import LYMPHODEPLETION, STAYS, Leg
from virtuall.simulation.snapshot import snapshot
from virtuall.simulation.state import Rounds
from virtuall.simulation.ward import note_first
from virtuall.texts.rules import Rule

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def review(rounds: Rounds, rows: Ints) -> None:
    """A held infusion is looked at every day."""
    if not len(rows):
        return
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
    applies = rounds.binding.rule_applies.take(ward.course.leg[rows], axis=1)
    fired = program.fire(rounds.rule_memory, rows, time, seen, {}, applies)
    if not np.count_nonzero(fired):
        return
    settled = settle(fired, program.rules)
    for place in np.logical_or.reduce(fired, axis=1).nonzero()[0].tolist():
        rule, beaten, these = program.rules[place], settled.overruled_by[place] >= 0, settled.stands[place]
        if np.count_nonzero(beaten):
            rounds.charts.write(rows[beaten], time[beaten], "overruled", rule.action, rule=rule.name)
        if np.count_nonzero(these):
            _obey(rounds, place, rule, rows[these])


def _obey(rounds: Rounds, place: int, rule: Rule, rows: Ints) -> None:
    ward, now, of_main = rounds.ward, rounds.ensemble.now, rounds.binding.rule_of_main[place]
    if rule.action in STAYS:
        care.stay(rounds, rule, rows, rounds.binding.rule_lasts[place])
        return
    if rule.action == "stop" and of_main:
        stop(rounds, rows, now[rows], rule.name)
        return
    if rule.action == "order":
        care.order(rounds, rule.what, rows, rule.name)
        return
    for leg, who in by_leg(rounds, rows):
        when = now[who]
        if rule.action == "stop":
            _finish(rounds, leg, who, when, rule.name)
        elif rule.action == "hold":
            carry_out(rounds, courses.hold(ward.course, leg.regimen, who, when, rule.name))
            held = ward.course.phase[who] == Phase.HELD
            ward.agenda["review"][who[held]] = when[held] + 1.0
        else:
            allow_cycles(rounds, who)
            carry_out(rounds, courses.resume(ward.course, leg.regimen, who, when, rule.name))
            effects.plan(rounds, leg, who)


def dose(rounds: Rounds, rows: Ints) -> None:
    """What the regimen has due; some leave before a further cycle."""
    if len(rows):
        for leg, these in by_leg(rounds, rows):
            _dose(rounds, leg, these)


def _dose(rounds: Rounds, leg: Leg, rows: Ints) -> None:
    ward, regimen = rounds.ward, leg.regimen
    time, action = rounds.ensemble.now[rows], rounds.ward.course.next_action[rows]
    beginning = (action == Action.BEGIN_CYCLE) & (ward.course.cycle[rows] > 0)
    if beginning.any() and regimen.attrition > 0:
        purpose = "further cycle" if leg is rounds.protocol.legs[0] else f"further cycle, {regimen.name}"
        draw = uniform(rounds.seed, purpose, ward.luck[rows], ward.course.cycle[rows])
        leaves = beginning & (draw < regimen.attrition)
        _end(rounds, leg, rows[leaves], time[leaves], "no further cycle given")
        rows, time, action = rows[~leaves], time[~leaves], action[~leaves]
    begins = rows[action == Action.BEGIN_CYCLE]
    _note_begin(rounds, leg, begins)
    allow_cycles(rounds, begins)
    ends = rows[action == Action.END]
    carry_out(rounds, courses.perform(ward.course, regimen, rows, time))
    effects.plan(rounds, leg, rows)
    if len(ends):
        if leg.main:
            samples.anchor(rounds, ends, rounds.ensemble.now[ends], "infusion end")
        last = ends[ward.course.next_action[ends] == Action.NOTHING]
        _end(rounds, leg, last, rounds.ensemble.now[last], "all cycles given")


def _note_begin(rounds: Rounds, leg: Leg, rows: Ints) -> None:
    """What was known before the cells does not speak of their effect."""
    ward, now = rounds.ward, rounds.ensemble.now
    if leg.name == LYMPHODEPLETION:
        note_first(ward, "lymphodepletion_day", rows, now[rows])
    if leg.main and leg.supply is not None:
        fresh = rows[ward.supply[rows] != SUPPLY.index("given")]
        ward.supply[fresh] = SUPPLY.index("given")


def _end(rounds: Rounds, leg: Leg, rows: Ints, time: Floats, reason: str) -> None:
    if leg.main:
        stop(rounds, rows, time, reason)
    else:
        _finish(rounds, leg, rows, time, reason)


def _finish(rounds: Rounds, leg: Leg, rows: Ints, time: Floats, reason: str) -> None:
    """The end of what goes before the therapy: after lymphodepletion the cells, after bridging the wait."""
    if not len(rows):
        return
    carry_out(rounds, courses.stop(rounds.ward.course, leg.regimen, rows, time, reason))
    place = rounds.protocol.first_leg(leg.step)
    main = rounds.protocol.legs[place].regimen
    first = time + main.start if leg.name == LYMPHODEPLETION else np.full(len(rows), NEVER)
    courses.enter_leg(rounds.ward.course, main, rows, place, first)


def stop(rounds: Rounds, rows: Ints, time: Floats, reason: str) -> None:
    """End the course; who is not assessed yet gets a marrow first, the others their next line."""
    ward = rounds.ward
    on = ward.course.phase[rows] != Phase.OFF
    rows, time = rows[on], time[on]
    if not len(rows):
        return
    for leg, these in by_leg(rounds, rows):
        carry_out(rounds, courses.stop(ward.course, leg.regimen, these, rounds.ensemble.now[these], reason))
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
    time, regimen = rounds.ensemble.now[rows], rounds.protocol.legs[0].regimen
    courses.stop(rounds.ward.course, regimen, rows, time, "never treated")
    _leave_protocol(rounds, rows, time, "never treated")
    rounds.charts.write(rows, time, "stop", regimen.product, rule="never treated")
    next_line.plan(rounds, rows, time)


def _leave_protocol(rounds: Rounds, rows: Ints, time: Floats, reason: str) -> None:
    ward = rounds.ward
    ward.days["off_protocol_day"][rows] = time
    ward.words["off_protocol_reason"][rows] = reason
    ward.agenda["supply"][rows] = ward.agenda["bridging"][rows] = NEVER


def _marrow_planned(rounds: Rounds, rows: Ints) -> NDArray[np.bool_]:
    """Whose marrow after the infusion is planned, or on its way."""
    planned = np.zeros(len(rows), bool)
    for number, schedule in enumerate(rounds.protocol.monitoring.schedules):
        if schedule.anchor == "infusion end":
            planned |= np.isfinite(rounds.ward.samples[number, rows]) | np.isfinite(rounds.ward.results[number, rows])
    return planned
