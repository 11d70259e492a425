"""The state of a course of treatment, patient by patient: which cycle, infusing or not, what comes next.

Pure with respect to medicine: levels, days and steps come from the `Regimen`. All functions act on the rows that
they are given and on nobody else; times are days on each patient's own clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from virtuall.core.records import Entry, Order
from virtuall.dosing.regimen import NEVER, Regimen

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
_SAME_INSTANT = 1e-9  # day; guards a step day against the rounding of sums of days
_ALIKE = 1e-8  # day; the same after a longer sum


class Phase(IntEnum):
    """Where a patient stands in the course."""

    WAITING = 0
    INFUSING = 1
    HELD = 2
    RESTING = 3
    OFF = 4


PHASES = ("waiting", "infusing", "held", "resting", "off")


class Action(IntEnum):
    """What the course does next, at `Course.next_time`."""

    NOTHING = 0
    BEGIN_CYCLE = 1
    START = 2
    PREMEDICATE_STEP = 3
    STEP = 4
    END = 5


@dataclass
class Course:
    """Arrays over patients, changed in place by the functions below.

    ``leg`` says which of the protocol's regimens a patient is in; the functions below act on rows of one leg.
    ``begun`` and ``total_infused`` count cycles and days of every leg. ``allowed`` tells which texts of a cycle the
    patient's state allows; ``luck`` is the draw behind amounts that differ from the plan.
    """

    leg: NDArray[np.int64]
    phase: NDArray[np.int8]
    cycle: NDArray[np.int64]
    completed: NDArray[np.int64]
    infused: Floats
    since: Floats
    level: NDArray[np.int64]
    ladder: Floats
    held_at: Floats
    next_time: Floats
    next_action: NDArray[np.int8]
    begun: NDArray[np.int64]
    total_infused: Floats
    cycle_started: Floats
    infusion_ended: Floats
    restarting: NDArray[np.bool_]
    weight: Floats
    bsa: Floats
    block: NDArray[np.int64]
    allowed: NDArray[np.bool_]
    luck: Floats


def begin_course(
    regimen: Regimen,
    weight: Floats,
    bsa: Floats,
    luck: Floats | None = None,
    further: Sequence[Regimen] = (),
) -> Course:
    """A course for ``len(weight)`` patients, its first cycle due at the regimen's start; further legs may follow."""
    n = len(weight)
    legs = (regimen, *further)

    def days(value: float) -> Floats:
        return np.full(n, value)

    return Course(
        leg=np.zeros(n, np.int64),
        phase=np.zeros(n, np.int8),
        cycle=np.zeros(n, np.int64),
        completed=np.zeros(n, np.int64),
        infused=days(0.0),
        since=days(0.0),
        level=np.zeros(n, np.int64),
        ladder=days(NEVER),
        held_at=days(NEVER),
        next_time=days(regimen.start),
        next_action=np.full(n, Action.BEGIN_CYCLE, np.int8),
        begun=np.zeros((len(legs), n), np.int64),
        total_infused=np.zeros((len(legs), n)),
        cycle_started=days(NEVER),
        infusion_ended=days(NEVER),
        restarting=np.zeros(n, bool),
        weight=weight,
        bsa=bsa,
        block=np.zeros(n, np.int64),
        allowed=np.ones((max(len(each.cycles) for each in legs), n), bool),
        luck=days(0.0) if luck is None else luck,
    )


def enter_leg(course: Course, regimen: Regimen, rows: Rows, leg: int, first: Floats) -> None:
    """Go over to another regimen of the protocol, its first cycle due at ``first`` (infinite: when it is called)."""
    course.leg[rows] = leg
    course.phase[rows] = Phase.WAITING
    course.cycle[rows] = course.completed[rows] = course.block[rows] = course.level[rows] = 0
    course.infused[rows] = 0.0
    course.ladder[rows] = course.held_at[rows] = course.cycle_started[rows] = course.infusion_ended[rows] = NEVER
    course.restarting[rows] = False
    course.next_time[rows] = first
    course.next_action[rows] = Action.BEGIN_CYCLE


def infused_days(course: Course, rows: Rows, time: Floats) -> Floats:
    """Days of infusion given so far in the present cycle."""
    running = course.phase[rows] == Phase.INFUSING
    return course.infused[rows] + np.where(running, time - course.since[rows], 0.0)


def perform(course: Course, regimen: Regimen, rows: Rows, time: Floats) -> tuple[list[Order], list[Entry]]:
    """Do what is due for these rows at these times; returns the orders and chart entries."""
    orders: list[Order] = []
    entries: list[Entry] = []
    action = course.next_action[rows]
    for kind, act in (
        (Action.BEGIN_CYCLE, _begin_cycle),
        (Action.START, _start),
        (Action.PREMEDICATE_STEP, _premedicate_step),
        (Action.STEP, _step),
        (Action.END, _end),
    ):
        due = action == kind
        if due.any():
            act(course, regimen, rows[due], time[due], orders, entries)
    return orders, entries


def _begin_cycle(
    course: Course, regimen: Regimen, rows: Rows, time: Floats, orders: list[Order], entries: list[Entry]
) -> None:
    _next_cycle(course, regimen, rows)
    course.ladder[rows] = NEVER
    course.level[rows] = regimen.tables.step_levels[course.block[rows], 0]
    course.restarting[rows] = False
    _prepare_start(course, regimen, rows, time, "start", orders, entries)


def _next_cycle(course: Course, regimen: Regimen, rows: Rows) -> None:
    """Count the cycle, and choose the first of its texts that the patient's state allows."""
    course.cycle[rows] += 1
    course.begun[course.leg[rows], rows] += 1
    course.infused[rows] = 0.0
    allowed = course.allowed[: len(regimen.cycles), rows].T | regimen.tables.unconditional
    fitting = regimen.tables.covers[course.cycle[rows]] & allowed
    course.block[rows] = fitting.argmax(axis=1)


def _prepare_start(
    course: Course,
    regimen: Regimen,
    rows: Rows,
    time: Floats,
    occasion: str,
    orders: list[Order],
    entries: list[Entry],
) -> None:
    """Premedicate and start after the lead time, or start at once."""
    lead = _premedicate(regimen, rows, course.cycle[rows], occasion, orders)
    course.phase[rows] = np.where(lead > 0, course.phase[rows], Phase.WAITING)
    course.next_action[rows] = Action.START
    course.next_time[rows] = time + lead
    at_once = lead <= 0
    if at_once.any():
        _start(course, regimen, rows[at_once], time[at_once], orders, entries)


def _premedicate(regimen: Regimen, rows: Rows, cycle: NDArray[np.int64], occasion: str, orders: list[Order]) -> Floats:
    """Order the boluses of an occasion; the lead time (day) of each row."""
    lead = np.zeros(len(rows))
    for drug in regimen.premedication:
        if occasion not in drug.before:
            continue
        given = (cycle == 1) | (not drug.first_start_only) if occasion == "start" else np.ones(len(rows), bool)
        lead = np.where(given, np.maximum(lead, drug.lead), lead)
        if given.any():
            amount = np.full(int(given.sum()), drug.amount)
            orders.append(Order(rows[given], drug.product, "bolus", amount, f"premedication before {occasion}"))
    return lead


def _start(
    course: Course, regimen: Regimen, rows: Rows, time: Floats, orders: list[Order], entries: list[Entry]
) -> None:
    restart = course.restarting[rows]
    first = ~restart
    course.phase[rows] = Phase.INFUSING
    course.since[rows] = time
    course.cycle_started[rows[first]] = time[first]
    course.infusion_ended[rows] = NEVER
    if regimen.restart is not None:
        course.ladder[rows[restart]] = time[restart] + regimen.restart.days
    course.restarting[rows] = False
    if regimen.lasting:
        _set_rate(course, regimen, rows, "start of infusion", orders)
    else:
        _give(course, regimen, rows[first], np.zeros(int(first.sum()), np.int64), orders)
    entries.append(Entry(rows, "infusion_start", regimen.product, course.cycle[rows].astype(float), "cycle", ""))
    _schedule(course, regimen, rows, time)


def _set_rate(course: Course, regimen: Regimen, rows: Rows, rule: str, orders: list[Order]) -> None:
    level = course.level[rows]
    for number, text in enumerate(regimen.levels):
        these = rows[level == number]
        if len(these):
            rate = text.given(course.weight[these], course.bsa[these], regimen.light_below, course.luck[these])
            orders.append(Order(these, regimen.product, "rate", rate, f"{rule}: {text.name}"))


def _give(course: Course, regimen: Regimen, rows: Rows, place: Rows, orders: list[Order]) -> None:
    """Carry out steps of a regimen of doses: what begins, and what is in. ``place``: which step of its cycle."""
    for block, number in sorted(set(zip(course.block[rows].tolist(), place.tolist(), strict=True))):
        these = rows[(course.block[rows] == block) & (place == number)]
        step = regimen.cycles[block].steps[number]
        for product in step.ends:
            orders.append(Order(these, product, "rate", np.zeros(len(these)), "dose is in"))
        for level in (regimen.levels[each] for each in step.levels):
            sizes = (course.weight[these], course.bsa[these], regimen.light_below, course.luck[these])
            kind = "bolus" if level.product in regimen.boluses else "dose" if level.over else "rate"
            orders.append(Order(these, level.product, kind, level.given(*sizes), level.name, level.over or 0.0))


def _running(course: Course, regimen: Regimen, rows: Rows, time: Floats, slack: float) -> dict[str, Rows]:
    """Who of these has which product running, so long (d) before now."""
    if regimen.lasting:
        return {regimen.product: rows}
    reached = _reached(course, regimen, rows, infused_days(course, rows, time) - slack)
    found: dict[str, list[Rows]] = {}
    for block, number in sorted(set(zip(course.block[rows].tolist(), reached.tolist(), strict=True))):
        on: dict[str, None] = {}
        for step in regimen.cycles[block].steps[: number + 1]:
            on |= dict.fromkeys(regimen.levels[each].product for each in step.levels)
            on = {product: None for product in on if product not in step.ends}
        for product in on:
            if product not in regimen.boluses | regimen.stays:
                found.setdefault(product, []).append(rows[(course.block[rows] == block) & (reached == number)])
    return {product: np.concatenate(parts) for product, parts in found.items()}


def _reached(course: Course, regimen: Regimen, rows: Rows, infused: Floats) -> Rows:
    """The last step of the cycle that these days of infusion have reached."""
    reached = regimen.tables.step_days[course.block[rows]] <= infused[:, None] + _ALIKE
    return np.asarray(np.maximum(reached.sum(axis=1) - 1, 0))


def _schedule(course: Course, regimen: Regimen, rows: Rows, time: Floats) -> None:
    """Set the next action of infusing rows: a step, its premedication, or the end."""
    infused = infused_days(course, rows, time)
    block = course.block[rows]
    end = time + (regimen.tables.infusion[block] - infused)
    step_days = regimen.tables.step_days[block]
    ahead = np.where(step_days > infused[:, None] + _SAME_INSTANT, step_days, NEVER)
    planned = time + (ahead.min(axis=1) - infused)
    on_ladder = np.isfinite(course.ladder[rows])
    step = np.where(on_ladder, course.ladder[rows], planned)
    most = max((drug.lead for drug in regimen.premedication if "step" in drug.before), default=0.0)
    begins = on_ladder | (regimen.tables.step_levels[block, ahead.argmin(axis=1)] >= 0)
    lead = np.where(begins, most, 0.0)
    # a dose, or what ends one, comes before the end of the infusion even at the same instant
    slack = -_SAME_INSTANT if regimen.lasting else _SAME_INSTANT
    stepping = step < end + slack
    premedicated = np.where(lead > 0, Action.PREMEDICATE_STEP, Action.STEP)
    course.next_action[rows] = np.where(stepping, premedicated, Action.END)
    course.next_time[rows] = np.where(stepping, np.maximum(step - lead, time), end)


def _premedicate_step(
    course: Course, regimen: Regimen, rows: Rows, time: Floats, orders: list[Order], entries: list[Entry]
) -> None:
    lead = _premedicate(regimen, rows, course.cycle[rows], "step", orders)
    course.next_action[rows] = Action.STEP
    course.next_time[rows] = time + lead


def _step(
    course: Course, regimen: Regimen, rows: Rows, time: Floats, orders: list[Order], entries: list[Entry]
) -> None:
    reached = _reached(course, regimen, rows, infused_days(course, rows, time))
    if not regimen.lasting:
        _give(course, regimen, rows, reached, orders)
        _schedule(course, regimen, rows, time)
        return
    planned = regimen.tables.step_levels[course.block[rows], reached]
    on_ladder = np.isfinite(course.ladder[rows])
    then = regimen.restart.then if regimen.restart is not None else 0
    course.level[rows] = np.where(on_ladder, then, planned)
    course.ladder[rows] = NEVER
    _set_rate(course, regimen, rows, "step", orders)
    _schedule(course, regimen, rows, time)


def _end(course: Course, regimen: Regimen, rows: Rows, time: Floats, orders: list[Order], entries: list[Entry]) -> None:
    _pause(course, regimen, rows, time, "end of infusion", orders, entries, slack=0.0)
    course.completed[rows] += 1
    course.infusion_ended[rows] = time
    course.phase[rows] = Phase.RESTING
    last = course.cycle[rows] >= regimen.number_of_cycles
    course.next_action[rows] = np.where(last, Action.NOTHING, Action.BEGIN_CYCLE)
    course.next_time[rows] = np.where(last, NEVER, time + regimen.tables.rest[course.block[rows]])


def _pause(
    course: Course,
    regimen: Regimen,
    rows: Rows,
    time: Floats,
    rule: str,
    orders: list[Order],
    entries: list[Entry],
    slack: float = 2 * _ALIKE,
) -> None:
    """Take the infusion down and count its days; a step due within the slack may not have been carried out."""
    running = course.phase[rows] == Phase.INFUSING
    given = np.where(running, time - course.since[rows], 0.0)
    stopped = rows[running]
    on = _running(course, regimen, stopped, time[running], slack)
    course.infused[rows] += given
    course.total_infused[course.leg[rows], rows] += given
    for product, those in on.items():
        if len(those):
            orders.append(Order(those, product, "rate", np.zeros(len(those)), rule))
    if len(stopped):
        entries.append(Entry(stopped, "infusion_stop", regimen.product, course.infused[stopped], "d", rule))


def hold(course: Course, regimen: Regimen, rows: Rows, time: Floats, rule: str) -> tuple[list[Order], list[Entry]]:
    """Interrupt: the infusion stops (or the next cycle waits) until `resume` or `stop`."""
    orders: list[Order] = []
    entries: list[Entry] = []
    done = (course.phase[rows] == Phase.RESTING) & (course.cycle[rows] >= regimen.number_of_cycles)
    rows, time = _where(rows, time, ~np.isin(course.phase[rows], (Phase.HELD, Phase.OFF)) & ~done)
    if not len(rows):
        return orders, entries
    _pause(course, regimen, rows, time, rule, orders, entries)
    resting = course.phase[rows] == Phase.RESTING
    course.phase[rows] = Phase.HELD
    course.held_at[rows] = time
    course.next_action[rows] = np.where(resting, Action.BEGIN_CYCLE, Action.NOTHING)
    course.next_time[rows] = NEVER
    entries.append(Entry(rows, "hold", regimen.product, course.cycle[rows].astype(float), "cycle", rule))
    return orders, entries


def resume(course: Course, regimen: Regimen, rows: Rows, time: Floats, rule: str) -> tuple[list[Order], list[Entry]]:
    """Restart after a hold: the same cycle after a short one, a new cycle after a long one."""
    orders: list[Order] = []
    entries: list[Entry] = []
    # Who is on the way back already, after a premedication, keeps the phase but not the day of the hold.
    rows, time = _where(rows, time, (course.phase[rows] == Phase.HELD) & (course.held_at[rows] < NEVER))
    if not len(rows):
        return orders, entries
    entries.append(Entry(rows, "resume", regimen.product, time - course.held_at[rows], "d", rule))
    long = np.zeros(len(rows), bool)
    if regimen.restart is not None:
        long = time - course.held_at[rows] > regimen.restart.new_cycle_after
    waiting = course.next_action[rows] == Action.BEGIN_CYCLE
    never_started = course.cycle[rows] == 0
    # held in the rest between cycles: the next one does not come before that rest is over
    due = np.where(never_started, time, course.infusion_ended[rows] + regimen.tables.rest[course.block[rows]])
    resting = waiting & (due > time)
    course.phase[rows[resting]] = Phase.RESTING
    course.next_action[rows[resting]] = Action.BEGIN_CYCLE
    course.next_time[rows[resting]] = due[resting]
    anew = (waiting | never_started) & ~resting
    if anew.any():
        _begin_cycle(course, regimen, rows[anew], time[anew], orders, entries)
    again = ~(anew | resting)
    if again.any():
        these, at = rows[again], time[again]
        new_cycle = long[again] & (course.cycle[these] < regimen.number_of_cycles)
        _next_cycle(course, regimen, these[new_cycle])
        course.cycle_started[these[new_cycle]] = at[new_cycle]
        if regimen.restart is not None:
            course.level[these] = regimen.restart.level
        course.restarting[these] = True
        _prepare_start(course, regimen, these, at, "restart", orders, entries)
    course.held_at[rows] = NEVER
    return orders, entries


def stop(course: Course, regimen: Regimen, rows: Rows, time: Floats, rule: str) -> tuple[list[Order], list[Entry]]:
    """End the course for good."""
    orders: list[Order] = []
    entries: list[Entry] = []
    rows, time = _where(rows, time, course.phase[rows] != Phase.OFF)
    if not len(rows):
        return orders, entries
    _pause(course, regimen, rows, time, rule, orders, entries)
    course.phase[rows] = Phase.OFF
    course.next_action[rows] = Action.NOTHING
    course.next_time[rows] = NEVER
    entries.append(Entry(rows, "stop", regimen.product, course.cycle[rows].astype(float), "cycle", rule))
    return orders, entries


def _where(rows: Rows, time: Floats, these: NDArray[np.bool_]) -> tuple[Rows, Floats]:
    return rows[these], time[these]
