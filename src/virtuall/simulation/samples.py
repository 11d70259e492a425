"""Samples of a round and results that come back: what the clinic gets to see."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.monitoring import TIMES, Schedule, measured
from virtuall.dosing.course import Phase
from virtuall.dosing.regimen import NEVER
from virtuall.simulation.state import Rounds
from virtuall.simulation.ward import Ward

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
_SHORTLY = 1e-9  # of an interval: a stay that is over just then


def anchor(rounds: Rounds, rows: Ints, time: Floats, name: str) -> None:
    """Plan the schedules that hang on this anchor."""
    protocol, step = rounds.protocol, rounds.ward.step
    for number, schedule in enumerate(protocol.monitoring.schedules):
        if schedule.anchor == name:
            kept = np.isin(step[rows], list(protocol.schedule_steps[number])) if protocol.steps else slice(None)
            rounds.ward.samples[number, rows[kept]] = time[kept] + schedule.offset
            rounds.ward.repeats[number, rows[kept]] = 0
            rounds.ward.waiting[number, rows[kept]] = False


def take(rounds: Rounds, rows: Ints) -> None:
    """Take the samples that are due; their results are there after a while."""
    ward, now, schedules = rounds.ward, rounds.ensemble.now, rounds.protocol.monitoring.schedules
    due = ward.samples.take(rows, axis=1) <= now[rows]
    someone = due.any(axis=0)
    if not someone.any():
        return
    rows, due = rows[someone], due[:, someone]
    which, who = np.nonzero(due)
    ward.samples[which, rows[who]] = NEVER
    due &= ~_elsewhere(rounds, rows, due)
    due &= _during(ward, rows)[[TIMES.index(schedule.during) for schedule in schedules]]
    _measure(rounds, rows, due)
    for number in np.flatnonzero(due.any(axis=1)):
        these, schedule = rows[due[number]], schedules[number]
        time = now[these]
        ward.sampled[number, these] += 1
        ward.results[number, these] = time + schedule.result_after
        ward.repeats[number, these] += 1
        again = ward.repeats[number, these] < schedule.times
        ward.samples[number, these[again]] = time[again] + schedule.every
        rounds.charts.write(these, time, "sample", schedule.name)


def _elsewhere(rounds: Rounds, rows: Ints, due: Flags) -> Flags:
    """Which samples are due where these patients are not: they go on where they belong, bool[S, n].

    What belongs outside is left out while the stay lasts; what belongs on the ward waits for the next admission.
    """
    ward, now = rounds.ward, rounds.ensemble.now[rows]
    until = ward.inpatient_until[rows]
    inside = until > now
    elsewhere = np.zeros_like(due)
    for number, schedule in enumerate(rounds.protocol.monitoring.schedules):
        if schedule.where == "outside":
            elsewhere[number] = due[number] & inside
            these = elsewhere[number]
            _leave_out(ward, number, schedule, rows[these], now[these], until[these])
        elif schedule.where == "ward":
            elsewhere[number] = due[number] & ~inside
            ward.waiting[number, rows[elsewhere[number]]] = True
    return elsewhere


def _leave_out(ward: Ward, number: int, schedule: Schedule, rows: Ints, now: Floats, until: Floats) -> None:
    """The times of a schedule that fall into a stay count as if they had been kept."""
    if not np.isfinite(schedule.every):
        return
    missed = np.maximum(np.ceil((until - now) / schedule.every - _SHORTLY), 1.0)
    ward.repeats[number, rows] += missed.astype(np.int64)
    again = ward.repeats[number, rows] < schedule.times
    ward.samples[number, rows] = np.where(again, now + missed * schedule.every, NEVER)


def take_up(rounds: Rounds, rows: Ints) -> None:
    """What waited for these patients' admission is due at once."""
    ward, now = rounds.ward, rounds.ensemble.now
    for number in np.flatnonzero(ward.waiting[:, rows].any(axis=1)):
        these = rows[ward.waiting[number, rows]]
        ward.samples[number, these] = now[these]
        ward.waiting[number, these] = False


def _during(ward: Ward, rows: Ints) -> Flags:
    """Who is in each of the `TIMES`: bool[3, n]."""
    treated = ward.course.phase[rows] != Phase.OFF
    return np.stack([treated, ward.in_remission[rows], np.ones(len(rows), bool)])


def _measure(rounds: Rounds, rows: Ints, due: Flags) -> None:
    """What these samples (bool[S, n]) will tell."""
    ward, binding = rounds.ward, rounds.binding
    which, who = np.nonzero(due)
    sample, place = np.nonzero(binding.laboratory.measures[which])
    which, who = which[sample], who[sample]
    truth = rounds.kernel.signals(rounds.ensemble, rows, binding.signal_of) * binding.factor_of
    whose = rows[who]
    ward.pending[which, place, whose] = measured(
        binding.laboratory, which, place, truth[who, place], rounds.seed, ward.luck[whose], ward.sampled[which, whose]
    )


def due(rounds: Rounds, rows: Ints) -> Flags:
    """Of whom results are there now."""
    return np.asarray((rounds.ward.results.take(rows, axis=1) <= rounds.ensemble.now[rows]).any(axis=0))


def results(rounds: Rounds, rows: Ints) -> tuple[Ints, Ints]:
    """Results that are there now; who is to be judged by them, and whose marrow is known."""
    ward, now, binding = rounds.ward, rounds.ensemble.now, rounds.binding
    observables = rounds.protocol.monitoring.observables
    due = ward.results.take(rows, axis=1) <= now[rows]
    judged, marrow = np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    for number in np.flatnonzero(due.any(axis=1)):
        schedule, these = rounds.protocol.monitoring.schedules[number], rows[due[number]]
        time = now[these]
        ward.results[number, these] = NEVER
        places = np.flatnonzero(binding.laboratory.measures[number])
        values = ward.pending[number][places[:, None], these]
        ward.latest[places[:, None], these] = values
        if rounds.charts.full:
            for place, each in zip(places.tolist(), values, strict=True):
                observable = observables[place]
                rounds.charts.write(these, time, "result", observable.name, each, observable.unit, schedule.name)
        if not binding.judged.isdisjoint(schedule.observables):
            judged |= due[number]
        fed = binding.feeds[:, number]
        rounds.looked[np.ix_(fed, these)] = True
        if fed.any() or not binding.read.isdisjoint(schedule.observables):
            rounds.seen[these] = True
        if schedule.anchor == "infusion end":
            ward.assessed[these] = np.maximum(ward.assessed[these], ward.course.cycle[these])
        if schedule.anchor in ("infusion end", "next line"):
            marrow |= due[number]
    return rows[judged], rows[marrow]
