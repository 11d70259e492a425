"""The state of a course of treatment, patient by patient: which cycle, infusing or not, what comes next.

Pure with respect to medicine: levels, days and steps come from the `Regimen`. All functions act on the rows that
they are given and on nobody else; times are days on each patient's own clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from virtuall.core.records import Entry, Order
from virtuall.dosing.regimen import Regimen

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
NEVER = np.inf
_SAME_INSTANT = 1e-9  # day; guards a step day against the rounding of sums of days


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
    """Arrays over patients, changed in place by the functions below."""

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
    total_infused: Floats
    cycle_started: Floats
    infusion_ended: Floats
    restarting: NDArray[np.bool_]
    weight: Floats
    bsa: Floats
    tables: _Tables = field(repr=False)


@dataclass(frozen=True)
class _Tables:
    """The regimen's cycles as arrays over the cycle number, so that rows of patients can be looked up at once."""

    infusion: Floats
    rest: Floats
    inpatient: Floats
    step_days: Floats
    step_levels: NDArray[np.int64]


def begin_course(regimen: Regimen, weight: Floats, bsa: Floats) -> Course:
    """A course for ``len(weight)`` patients, its first cycle due at the regimen's start."""
    n = len(weight)

    def days(value: float) -> Floats:
        return np.full(n, value)

    return Course(
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
        total_infused=days(0.0),
        cycle_started=days(NEVER),
        infusion_ended=days(NEVER),
        restarting=np.zeros(n, bool),
        weight=weight,
        bsa=bsa,
        tables=_tables(regimen),
    )


def _tables(regimen: Regimen) -> _Tables:
    numbers = range(1, regimen.number_of_cycles + 1)
    blocks = [regimen.cycle(1), *(regimen.cycle(number) for number in numbers)]  # index 0 is never read
    width = max(len(block.steps) for block in blocks)
    step_days = np.full((len(blocks), width), NEVER)
    step_levels = np.zeros((len(blocks), width), np.int64)
    for row, block in enumerate(blocks):
        for column, step in enumerate(block.steps):
            step_days[row, column], step_levels[row, column] = step.day, step.level
    return _Tables(
        infusion=np.array([block.infusion for block in blocks]),
        rest=np.array([block.rest for block in blocks]),
        inpatient=np.array([block.inpatient for block in blocks]),
        step_days=step_days,
        step_levels=step_levels,
    )


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
    course.cycle[rows] += 1
    course.infused[rows] = 0.0
    course.ladder[rows] = NEVER
    course.level[rows] = course.tables.step_levels[course.cycle[rows], 0]
    course.restarting[rows] = False
    _prepare_start(course, regimen, rows, time, "start", orders, entries)


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


def _premedicate(
    regimen: Regimen, rows: Rows, cycle: NDArray[np.int64], occasion: str, orders: list[Order]
) -> Floats:
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
    _set_rate(course, regimen, rows, "start of infusion", orders)
    entries.append(Entry(rows, "infusion_start", regimen.product, course.cycle[rows].astype(float), "cycle", ""))
    _schedule(course, regimen, rows, time)


def _set_rate(course: Course, regimen: Regimen, rows: Rows, rule: str, orders: list[Order]) -> None:
    level = course.level[rows]
    for number, text in enumerate(regimen.levels):
        these = rows[level == number]
        if len(these):
            rate = text.rate(course.weight[these], course.bsa[these], regimen.light_below)
            orders.append(Order(these, regimen.product, "rate", rate, f"{rule}: {text.name}"))


def _schedule(course: Course, regimen: Regimen, rows: Rows, time: Floats) -> None:
    """Set the next action of infusing rows: a step, its premedication, or the end."""
    infused = infused_days(course, rows, time)
    cycle = course.cycle[rows]
    end = time + (course.tables.infusion[cycle] - infused)
    step_days = course.tables.step_days[cycle]
    ahead = np.where(step_days > infused[:, None] + _SAME_INSTANT, step_days, NEVER)
    planned = time + (ahead.min(axis=1) - infused)
    on_ladder = np.isfinite(course.ladder[rows])
    step = np.where(on_ladder, course.ladder[rows], planned)
    lead = max((drug.lead for drug in regimen.premedication if "step" in drug.before), default=0.0)
    stepping = step < end - _SAME_INSTANT
    course.next_action[rows] = np.where(
        stepping, Action.PREMEDICATE_STEP if lead > 0 else Action.STEP, Action.END
    )
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
    infused = infused_days(course, rows, time)
    cycle = course.cycle[rows]
    reached = course.tables.step_days[cycle] <= infused[:, None] + 10 * _SAME_INSTANT
    planned = course.tables.step_levels[cycle, np.maximum(reached.sum(axis=1) - 1, 0)]
    on_ladder = np.isfinite(course.ladder[rows])
    then = regimen.restart.then if regimen.restart is not None else 0
    course.level[rows] = np.where(on_ladder, then, planned)
    course.ladder[rows] = NEVER
    _set_rate(course, regimen, rows, "step", orders)
    _schedule(course, regimen, rows, time)


def _end(
    course: Course, regimen: Regimen, rows: Rows, time: Floats, orders: list[Order], entries: list[Entry]
) -> None:
    _pause(course, regimen, rows, time, "end of infusion", orders, entries)
    course.completed[rows] += 1
    course.infusion_ended[rows] = time
    course.phase[rows] = Phase.RESTING
    last = course.cycle[rows] >= regimen.number_of_cycles
    course.next_action[rows] = np.where(last, Action.NOTHING, Action.BEGIN_CYCLE)
    course.next_time[rows] = np.where(last, NEVER, time + course.tables.rest[course.cycle[rows]])


def _pause(
    course: Course,
    regimen: Regimen,
    rows: Rows,
    time: Floats,
    rule: str,
    orders: list[Order],
    entries: list[Entry],
) -> None:
    """Take the infusion down and count its days."""
    running = course.phase[rows] == Phase.INFUSING
    given = np.where(running, time - course.since[rows], 0.0)
    course.infused[rows] += given
    course.total_infused[rows] += given
    stopped = rows[running]
    if len(stopped):
        orders.append(Order(stopped, regimen.product, "rate", np.zeros(len(stopped)), rule))
        entries.append(Entry(stopped, "infusion_stop", regimen.product, course.infused[stopped], "d", rule))


def hold(course: Course, regimen: Regimen, rows: Rows, time: Floats, rule: str) -> tuple[list[Order], list[Entry]]:
    """Interrupt: the infusion stops (or the next cycle waits) until `resume` or `stop`."""
    orders: list[Order] = []
    entries: list[Entry] = []
    rows, time = _where(rows, time, ~np.isin(course.phase[rows], (Phase.HELD, Phase.OFF)))
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
    rows, time = _where(rows, time, course.phase[rows] == Phase.HELD)
    if not len(rows):
        return orders, entries
    entries.append(Entry(rows, "resume", regimen.product, time - course.held_at[rows], "d", rule))
    long = np.zeros(len(rows), bool)
    if regimen.restart is not None:
        long = time - course.held_at[rows] > regimen.restart.new_cycle_after
    waiting = course.next_action[rows] == Action.BEGIN_CYCLE
    never_started = course.cycle[rows] == 0
    anew = waiting | never_started
    if anew.any():
        _begin_cycle(course, regimen, rows[anew], time[anew], orders, entries)
    again = ~anew
    if again.any():
        these, at = rows[again], time[again]
        new_cycle = long[again] & (course.cycle[these] < regimen.number_of_cycles)
        course.cycle[these[new_cycle]] += 1
        course.infused[these[new_cycle]] = 0.0
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
