"""Rounds: every patient goes to the next own stop; only who is due is seen; nobody's stop stops another.

One round: move to the stop -> events that rang -> what is due (ends of events, doses, samples, results, reviews,
transplants, next lines) -> rules on one snapshot -> orders into the model -> chart. An order that changes nothing in
the model does not touch its integration, so an extra sample changes no later bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic import policy as policies
from virtuall.clinic.event import drawn
from virtuall.clinic.monitoring import measured
from virtuall.clinic.rules import settle
from virtuall.core.random import exponential, uniform
from virtuall.core.records import Entry, Order
from virtuall.dosing import course as courses
from virtuall.dosing.course import NEVER, Action, Phase
from virtuall.simulation import clones
from virtuall.simulation.state import Rounds
from virtuall.simulation.ward import Ward, admit, discharge, next_stop

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
_MOST_ROUNDS = 1_000_000


def run_rounds(rounds: Rounds) -> None:
    """Go on until everybody has died, failed, or reached the end of follow-up."""
    ward, ensemble = rounds.ward, rounds.ensemble
    for _ in range(_MOST_ROUNDS):
        rows = np.flatnonzero(ward.active)
        if not len(rows):
            return
        stop = ensemble.now.copy()
        stop[rows] = np.maximum(next_stop(ward, rows), ensemble.now[rows])
        rounds.kernel.advance(ensemble, rows, stop)
        failed = rows[ensemble.status[rows] != 0]
        if len(failed):
            _leave(rounds, failed, ensemble.now[failed])
            rounds.charts.write(failed, ensemble.now[failed], "failure", "numerical failure")
            rows = rows[ensemble.status[rows] == 0]
        _one_round(rounds, rows)
    raise RuntimeError("the rounds do not come to an end")


def _one_round(rounds: Rounds, rows: Ints) -> None:
    ward, now = rounds.ward, rounds.ensemble.now
    rounds.seen[rows] = False
    _events_rang(rounds, rows)
    rows = rows[ward.active[rows]]
    _events_end(rounds, rows)
    _due(rounds, rows, ward.agenda["transplant_end"], _end_conditioning)
    _due(rounds, rows, ward.agenda["next_line_end"], _end_next_line)
    _results(rounds, rows)
    _due(rounds, rows, ward.agenda["review"], _review)
    _follow_rules(rounds, rows[rounds.seen[rows]])
    _due(rounds, rows, ward.agenda["transplant"], _transplant)
    _due(rounds, rows, ward.agenda["next_line"], _next_line)
    due = rows[ward.course.next_time[rows] <= now[rows]]
    if len(due):
        _dose(rounds, due)
    _sample(rounds, rows)
    _apply(rounds)
    due = rows[ward.agenda["grid"][rows] <= now[rows]]
    if len(due):
        clones.visit(rounds, due)
    due = rows[ward.agenda["horizon"][rows] <= now[rows]]
    if len(due):
        _leave(rounds, due, now[due])


def _due(rounds: Rounds, rows: Ints, times: Floats, act) -> None:  # type: ignore[no-untyped-def]
    due = rows[times[rows] <= rounds.ensemble.now[rows]]
    if len(due):
        times[due] = NEVER
        act(rounds, due, rounds.ensemble.now[due])


def _leave(rounds: Rounds, rows: Ints, time: Floats) -> None:
    rounds.ward.active[rows] = False
    rounds.ward.days["last_day"][rows] = time
    discharge(rounds.ward, rows, time)


# ---- events


def _events_rang(rounds: Rounds, rows: Ints) -> None:
    ward, ensemble = rounds.ward, rounds.ensemble
    rang = rows[ensemble.ring[rows] >= 0]
    for number in np.unique(ensemble.ring[rang]):
        event, these = rounds.binding.events[number], rang[ensemble.ring[rang] == number]
        time = ensemble.now[these]
        if event.fatal:
            ward.days["death_day"][these] = time
            ward.words["death_cause"][these] = event.fatal
            rounds.charts.write(these, time, "death", event.fatal)
            _leave(rounds, these, time)
            continue
        occurrence = ward.event_count[number, these]
        grade, consequence, duration = drawn(event, rounds.seed, ward.ids[these], occurrence)
        ward.event_count[number, these] += 1
        more = exponential(rounds.seed, f"clock {event.name}", ward.ids[these], occurrence + 1)
        ensemble.thresholds[these, number] += more
        ward.event_grade[number, these] = grade
        ward.event_consequence[number, these] = consequence
        ward.event_end[number, these] = time + duration
        rounds.charts.write(
            these, time, event.kind, event.title, grade.astype(float), "grade", cycle=ward.course.cycle[these]
        )
        rounds.seen[these] = True


def _events_end(rounds: Rounds, rows: Ints) -> None:
    ward, now = rounds.ward, rounds.ensemble.now
    for number, event in enumerate(rounds.binding.events):
        over = rows[ward.event_end[number, rows] <= now[rows]]
        if len(over):
            ward.event_grade[number, over] = 0
            ward.event_consequence[number, over] = 0
            ward.event_quiet[number, over] = now[over]
            ward.event_end[number, over] = NEVER
            rounds.charts.write(over, now[over], "resolved", event.title)
            rounds.seen[over] = True


# ---- samples and results


def _anchor(rounds: Rounds, rows: Ints, time: Floats, anchor: str) -> None:
    """Plan the schedules that hang on this anchor."""
    for number, schedule in enumerate(rounds.protocol.monitoring.schedules):
        if schedule.anchor == anchor:
            rounds.ward.samples[number, rows] = time + schedule.offset
            rounds.ward.repeats[number, rows] = 0


def _sample(rounds: Rounds, rows: Ints) -> None:
    ward, now = rounds.ward, rounds.ensemble.now
    names = [each.name for each in rounds.protocol.monitoring.observables]
    for number, schedule in enumerate(rounds.protocol.monitoring.schedules):
        due = rows[ward.samples[number, rows] <= now[rows]]
        if not len(due):
            continue
        ward.samples[number, due] = NEVER
        due = due[_during(ward, due, schedule.during)]
        if not len(due):
            continue
        places = [names.index(name) for name in schedule.observables]
        truth = rounds.kernel.signals(rounds.ensemble, due, [rounds.binding.signal_of[p] for p in places])
        factors = np.array([[rounds.binding.factor_of[p]] for p in places])
        observables = [rounds.protocol.monitoring.observables[p] for p in places]
        ward.pending[number][np.ix_(places, due)] = measured(
            observables, truth.T * factors, rounds.seed, schedule.name, ward.ids[due], ward.sampled[number, due]
        )
        ward.sampled[number, due] += 1
        ward.results[number, due] = now[due] + schedule.result_after
        ward.repeats[number, due] += 1
        again = ward.repeats[number, due] < schedule.times
        ward.samples[number, due[again]] = now[due[again]] + schedule.every
        rounds.charts.write(due, now[due], "sample", schedule.name)


def _during(ward: Ward, rows: Ints, when: str) -> Flags:
    if when == "treatment":
        return np.asarray(ward.course.phase[rows] != Phase.OFF)
    if when == "remission":
        return ward.in_remission[rows]
    return np.ones(len(rows), bool)


def _results(rounds: Rounds, rows: Ints) -> None:
    ward, now = rounds.ward, rounds.ensemble.now
    observables = rounds.protocol.monitoring.observables
    judged: list[Ints] = []
    marrow: list[Ints] = []
    for number, schedule in enumerate(rounds.protocol.monitoring.schedules):
        due = rows[ward.results[number, rows] <= now[rows]]
        if not len(due):
            continue
        ward.results[number, due] = NEVER
        for place, observable in enumerate(observables):
            if observable.name in schedule.observables:
                values = ward.pending[number, place, due]
                ward.latest[place, due] = values
                rounds.charts.write(
                    due, now[due], "result", observable.name, values, observable.unit, schedule.name
                )
        if not rounds.binding.read.isdisjoint(schedule.observables):
            judged.append(due)
            rounds.seen[due] = True
        if schedule.anchor == "infusion end":
            ward.assessed[due] = np.maximum(ward.assessed[due], ward.course.cycle[due])
        if schedule.anchor in ("infusion end", "next line"):
            marrow.append(due)
    if judged:
        _judge(rounds, np.unique(np.concatenate(judged)))
    if marrow:
        _decide(rounds, np.unique(np.concatenate(marrow)))


def _snapshot(rounds: Rounds, rows: Ints, wanted: frozenset[str]) -> dict[str, Floats]:
    ward, now = rounds.ward, rounds.ensemble.now[rows]
    course = ward.course
    values: dict[str, Floats] = {
        each.name: ward.latest[place, rows] for place, each in enumerate(rounds.protocol.monitoring.observables)
    }
    held = course.phase[rows] == Phase.HELD
    values |= {
        "cycle": course.cycle[rows].astype(float),
        "assessed_cycles": ward.assessed[rows].astype(float),
        "completed_cycles": course.completed[rows].astype(float),
        "lines": ward.lines[rows].astype(float),
        "days": now,
        "infusion_days": courses.infused_days(course, rows, now),
        "held_days": np.where(held, now - np.where(held, course.held_at[rows], 0.0), 0.0),
        "phase": course.phase[rows].astype(float),
        "response": ward.rank[rows].astype(float),
        "relapsed": ward.relapsed[rows].astype(float),
        "in_remission": ward.in_remission[rows].astype(float),
    }
    for number, event in enumerate(rounds.binding.events):
        if not event.fatal:
            values[f"{event.name}_consequence"] = ward.event_consequence[number, rows].astype(float)
            values[f"{event.name}_grade"] = ward.event_grade[number, rows].astype(float)
            values[f"{event.name}_count"] = ward.event_count[number, rows].astype(float)
            values[f"{event.name}_quiet_days"] = now - ward.event_quiet[number, rows]
    return {name: values[name] for name in wanted}


# ---- response


def _judge(rounds: Rounds, rows: Ints) -> None:
    """Response, residual disease and relapse from what is known now."""
    ward, response, now = rounds.ward, rounds.protocol.response, rounds.ensemble.now
    if not response.levels:
        return
    time = now[rows]
    program = rounds.binding.judgments
    truth = program.evaluate(
        rounds.judgment_memory, rows, time, _snapshot(rounds, rows, frozenset(program.columns)), {}
    )
    levels = len(response.levels)
    rank = np.zeros(len(rows), np.int64)
    for place in range(levels - 1, -1, -1):
        rank = np.where(truth[place], levels - place, rank)
    place = levels
    negative = np.zeros(len(rows), bool)
    if response.mrd_negative is not None:
        negative, place = truth[place], place + 1
    relapse = truth[place] if response.relapse is not None else np.zeros(len(rows), bool)

    gone = ward.in_remission[rows] & relapse
    _relapse(rounds, rows[gone], time[gone])
    better = ~relapse & (rank > ward.rank[rows])
    fresh = better & ~ward.in_remission[rows]
    ward.rank[rows[better]] = rank[better]
    own = ward.lines[rows] == 0
    ward.best[rows[better & own]] = np.maximum(ward.best[rows[better & own]], rank[better & own])
    _first(ward, "response_day", rows[fresh & own], time[fresh & own])
    top = better & own & (rank == levels)
    _first(ward, "cr_day", rows[top], time[top])
    for level in np.unique(rank[better]):
        these = better & (rank == level)
        word = response.ranks[level]
        rounds.charts.write(rows[these], time[these], "response", word, cycle=ward.course.cycle[rows[these]])
    if fresh.any():
        _remission(rounds, rows[fresh], time[fresh])
    clean = negative & own & ward.in_remission[rows]
    _first(ward, "mrd_day", rows[clean], time[clean])


def _first(ward: Ward, name: str, rows: Ints, time: Floats) -> None:
    new = np.isnan(ward.days[name][rows])
    ward.days[name][rows[new]] = time[new]


def _remission(rounds: Rounds, rows: Ints, time: Floats) -> None:
    ward = rounds.ward
    ward.in_remission[rows] = True
    ward.relapsed[rows] = False
    ward.deciding[rows] = False
    ward.agenda["next_line"][rows] = NEVER
    _anchor(rounds, rows, time, "remission")
    wait = policies.transplant_wait(
        rounds.protocol.transplant, rounds.seed, ward.ids[rows], rounds.earlier_transplant[rows], ward.lines[rows]
    )
    ward.agenda["transplant"][rows] = np.where(ward.transplanted[rows], NEVER, time + wait)


def _relapse(rounds: Rounds, rows: Ints, time: Floats) -> None:
    if not len(rows):
        return
    ward = rounds.ward
    own = rows[ward.lines[rows] == 0]
    cells = rounds.kernel.signals(
        rounds.ensemble, rows, ["leukemia_cells_cd19_positive", "leukemia_cells_cd19_negative"]
    )
    negative = cells[:, 1] > cells[:, 0]
    new = np.isnan(ward.days["relapse_day"][rows]) & (ward.lines[rows] == 0)
    ward.words["relapse_phenotype"][rows[new]] = np.where(negative[new], "CD19-negative", "CD19-positive")
    _first(ward, "relapse_day", own, rounds.ensemble.now[own])
    for word, these in (("CD19-positive", ~negative), ("CD19-negative", negative)):
        rounds.charts.write(rows[these], time[these], "relapse", word)
    ward.in_remission[rows] = False
    ward.relapsed[rows] = True
    ward.rank[rows] = 0
    ward.agenda["transplant"][rows] = NEVER
    off = ward.course.phase[rows] == Phase.OFF
    _plan_next_line(rounds, rows[off], time[off])


def _decide(rounds: Rounds, rows: Ints) -> None:
    """Who is off treatment, assessed, and not in remission goes to the next line."""
    ward = rounds.ward
    waiting = (ward.course.phase[rows] == Phase.OFF) & ward.deciding[rows] & ~ward.in_remission[rows]
    _plan_next_line(rounds, rows[waiting], rounds.ensemble.now[rows[waiting]])


def _plan_next_line(rounds: Rounds, rows: Ints, time: Floats) -> None:
    ward = rounds.ward
    open_ = ~ward.transplanted[rows] & ~np.isfinite(ward.agenda["next_line"][rows])
    rows, time = rows[open_], time[open_]
    wait = policies.next_line_wait(rounds.protocol.next_line, rounds.seed, ward.ids[rows], ward.lines[rows])
    ward.deciding[rows] = False
    ward.agenda["next_line"][rows] = time + wait


# ---- rules and treatment


def _review(rounds: Rounds, rows: Ints, time: Floats) -> None:
    """A held infusion is looked at every day."""
    held = rounds.ward.course.phase[rows] == Phase.HELD
    rounds.ward.agenda["review"][rows[held]] = time[held] + 1.0
    rounds.seen[rows[held]] = True


def _follow_rules(rounds: Rounds, rows: Ints) -> None:
    program = rounds.binding.rules
    if not len(rows) or not program.rules:
        return
    time = rounds.ensemble.now[rows]
    snapshot = _snapshot(rounds, rows, frozenset(program.conditions.columns))
    settled = settle(program.fire(rounds.rule_memory, rows, time, snapshot, {}), program.rules)
    for place, rule in enumerate(program.rules):
        beaten = settled.overruled[place]
        rounds.charts.write(rows[beaten], time[beaten], "overruled", rule.action, rule=rule.name)
        these = settled.stands[place]
        if not these.any():
            continue
        who, when = rows[these], time[these]
        if rule.action == "stop":
            _stop(rounds, who, when, rule.name)
        elif rule.action == "hold":
            _carry_out(rounds, courses.hold(rounds.ward.course, rounds.protocol.regimen, who, when, rule.name))
            held = rounds.ward.course.phase[who] == Phase.HELD
            rounds.ward.agenda["review"][who[held]] = when[held] + 1.0
        else:
            _carry_out(rounds, courses.resume(rounds.ward.course, rounds.protocol.regimen, who, when, rule.name))


def _stop(rounds: Rounds, rows: Ints, time: Floats, reason: str) -> None:
    """End the course; who is not assessed yet gets a marrow first, the others their next line."""
    ward = rounds.ward
    on = ward.course.phase[rows] != Phase.OFF
    rows, time = rows[on], time[on]
    if not len(rows):
        return
    _carry_out(rounds, courses.stop(ward.course, rounds.protocol.regimen, rows, time, reason))
    ward.agenda["review"][rows] = NEVER
    ward.days["off_protocol_day"][rows] = time
    ward.words["off_protocol_reason"][rows] = reason
    ward.deciding[rows] = ~ward.in_remission[rows]
    assessed = (ward.assessed[rows] >= ward.course.cycle[rows]) | ward.relapsed[rows]
    ready = assessed & ~ward.in_remission[rows]
    _plan_next_line(rounds, rows[ready], time[ready])
    planned = np.zeros(len(rows), bool)
    for number, schedule in enumerate(rounds.protocol.monitoring.schedules):
        if schedule.anchor == "infusion end":
            planned |= np.isfinite(ward.samples[number, rows]) | np.isfinite(ward.results[number, rows])
    unknown = ~assessed & ~planned
    _anchor(rounds, rows[unknown], time[unknown], "infusion end")


def _carry_out(rounds: Rounds, done: tuple[list[Order], list[Entry]]) -> None:
    orders, entries = done
    ward, now = rounds.ward, rounds.ensemble.now
    for order in orders:
        product = rounds.protocol.products[order.product]
        kind, symbol = (rounds.sets, product.input) if order.kind == "rate" else (rounds.adds, product.state)
        kind.append((symbol, order.rows, order.values))
        unit = product.unit
        rounds.charts.write(
            order.rows, now[order.rows], "order", order.product, order.values, unit, order.rule,
            ward.course.cycle[order.rows],
        )  # fmt: skip
    for entry in entries:
        rounds.charts.write(
            entry.rows, now[entry.rows], entry.kind, entry.what, entry.values, entry.unit, entry.rule,
            ward.course.cycle[entry.rows],
        )  # fmt: skip
        if entry.kind == "infusion_start":
            fresh = entry.rows[ward.course.cycle_started[entry.rows] == now[entry.rows]]
            _anchor(rounds, fresh, now[fresh], "cycle start")
            stay = ward.course.tables.inpatient[ward.course.cycle[fresh]]
            admit(ward, fresh, now[fresh], stay)


def _dose(rounds: Rounds, rows: Ints) -> None:
    ward, regimen = rounds.ward, rounds.protocol.regimen
    time = rounds.ensemble.now[rows]
    action = ward.course.next_action[rows]
    beginning = (action == Action.BEGIN_CYCLE) & (ward.course.cycle[rows] > 0)
    if beginning.any() and regimen.attrition > 0:
        cycle = ward.course.cycle[rows]
        leaves = beginning & (
            uniform(rounds.seed, "further cycle", ward.ids[rows], cycle) < regimen.attrition
        )
        _stop(rounds, rows[leaves], time[leaves], "no further cycle given")
        rows, time, action = rows[~leaves], time[~leaves], action[~leaves]
    ends = rows[action == Action.END]
    _carry_out(rounds, courses.perform(ward.course, regimen, rows, time))
    if len(ends):
        _anchor(rounds, ends, rounds.ensemble.now[ends], "infusion end")
        last = ends[ward.course.next_action[ends] == Action.NOTHING]
        _stop(rounds, last, rounds.ensemble.now[last], "all cycles given")


def never_treat(rounds: Rounds, rows: Ints) -> None:
    """These patients never start: straight to the next line, and they stay in the denominators."""
    if not len(rows):
        return
    ward = rounds.ward
    time = rounds.ensemble.now[rows]
    courses.stop(ward.course, rounds.protocol.regimen, rows, time, "never treated")
    ward.days["off_protocol_day"][rows] = time
    ward.words["off_protocol_reason"][rows] = "never treated"
    rounds.charts.write(rows, time, "stop", rounds.protocol.regimen.product, rule="never treated")
    _plan_next_line(rounds, rows, time)


# ---- transplant and next line


def _transplant(rounds: Rounds, rows: Ints, time: Floats) -> None:
    ward, policy = rounds.ward, rounds.protocol.transplant
    ready = ward.in_remission[rows] & ~ward.transplanted[rows]
    rows, time = rows[ready], time[ready]
    if not len(rows):
        return
    _stop(rounds, rows, time, "transplant")
    ward.transplanted[rows] = True
    _first(ward, "transplant_day", rows, time)
    ward.agenda["next_line"][rows] = NEVER
    ward.agenda["transplant_end"][rows] = time + policy.conditioning_days
    rounds.sets.append((policy.conditioning_input, rows, np.full(len(rows), 1 / policy.conditioning_days)))
    rounds.sets.append((policy.graft_input, rows, np.ones(len(rows))))
    admit(ward, rows, time, np.full(len(rows), policy.inpatient))
    rounds.charts.write(rows, time, "transplant", "allogeneic transplant")


def _end_conditioning(rounds: Rounds, rows: Ints, time: Floats) -> None:
    rounds.sets.append((rounds.protocol.transplant.conditioning_input, rows, np.zeros(len(rows))))


def _next_line(rounds: Rounds, rows: Ints, time: Floats) -> None:
    ward, policy = rounds.ward, rounds.protocol.next_line
    ready = ~ward.in_remission[rows] & ~ward.transplanted[rows]
    rows, time = rows[ready], time[ready]
    if not len(rows):
        return
    logs = policies.next_line_logs(
        policy, rounds.seed, ward.ids[rows], ward.lines[rows], rounds.late[rows], rounds.protocol.regimen.product
    )
    ward.lines[rows] += 1
    ward.relapsed[rows] = False
    _first(ward, "next_line_day", rows, time)
    rounds.sets.append((policy.input, rows, logs / policy.days))
    ward.agenda["next_line_end"][rows] = time + policy.days
    ward.deciding[rows] = True
    _anchor(rounds, rows, time, "next line")
    rounds.charts.write(rows, time, "next_line", "next line of therapy", ward.lines[rows].astype(float), "line")


def _end_next_line(rounds: Rounds, rows: Ints, time: Floats) -> None:
    rounds.sets.append((rounds.protocol.next_line.input, rows, np.zeros(len(rows))))


# ---- orders into the model


def _apply(rounds: Rounds) -> None:
    """Give the round's orders to the kernel: the last setting of an input stands, boluses add."""
    if not rounds.sets and not rounds.adds:
        return
    ensemble, system = rounds.ensemble, rounds.model.system
    touched = np.unique(np.concatenate([rows for _, rows, _ in (*rounds.sets, *rounds.adds)]))
    touched = touched[rounds.ward.active[touched]]
    place = np.full(len(rounds.ward), -1)
    place[touched] = np.arange(len(touched))
    parameters: dict[str, Floats] = {}
    states: dict[str, Floats] = {}
    for name, rows, values in rounds.sets:
        column = parameters.setdefault(name, ensemble.parameters[touched, system.parameters.index(name)].copy())
        kept = place[rows] >= 0
        column[place[rows[kept]]] = values[kept]
    for name, rows, values in rounds.adds:
        column = states.setdefault(name, ensemble.y[touched, system.states.index(name)].copy())
        kept = place[rows] >= 0
        np.add.at(column, place[rows[kept]], values[kept])
    rounds.sets.clear()
    rounds.adds.clear()
    if len(touched):
        tomorrow = np.floor(ensemble.now[touched]) + 1
        grid = rounds.ward.agenda["grid"]
        grid[touched] = np.where(np.isfinite(grid[touched]), np.minimum(grid[touched], tomorrow), NEVER)
        rounds.kernel.change(ensemble, touched, parameters=parameters, states=states)
