"""Samples of a round and results that come back: what the clinic gets to see."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.monitoring import PLACES, TIMES, measured
from virtuall.dosing.course import Phase
from virtuall.dosing.regimen import NEVER
from virtuall.simulation.state import Rounds
from virtuall.simulation.ward import Ward

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
_SHORTLY = 1e-9  # of an interval: a stay that is over just then
_WARD, _OUTSIDE = (PLACES.index(each) for each in ("ward", "outside"))
_TREATMENT, _REMISSION, _ALIVE = (TIMES.index(each) for each in ("treatment", "remission", "alive"))


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
    ward, table, now = rounds.ward, rounds.timetable, rounds.ensemble.now
    due = ward.samples.take(rows, axis=1) <= now[rows]
    if not np.count_nonzero(due):
        return
    which, who = due.nonzero()
    whose = rows[who]
    ward.samples[which, whose] = NEVER
    kept = ~_elsewhere(rounds, which, whose) & _during(ward, table.during[which], whose)
    which, whose = which[kept], whose[kept]
    if not len(which):
        return
    _measure(rounds, which, whose)
    time = now[whose]
    ward.sampled[which, whose] += 1
    ward.results[which, whose] = time + table.result_after[which]
    repeats = ward.repeats[which, whose] + 1
    ward.repeats[which, whose] = repeats
    next_time = np.where(repeats < table.times[which], time + table.every[which], NEVER)
    ward.samples[which, whose] = next_time
    if rounds.charts.full:
        for number in np.unique(which).tolist():
            these = which == number
            name = rounds.protocol.monitoring.schedules[number].name
            rounds.charts.write(whose[these], time[these], "sample", name)


def _elsewhere(rounds: Rounds, which: Ints, whose: Ints) -> Flags:
    """Which of these samples are due where the patients are not: they go on where they belong.

    What belongs outside is left out while the stay lasts; what belongs on the ward waits for the next admission.
    """
    ward, now = rounds.ward, rounds.ensemble.now[whose]
    until, where = ward.inpatient_until[whose], rounds.timetable.where[which]
    inside = until > now
    left_out, waits = (where == _OUTSIDE) & inside, (where == _WARD) & ~inside
    if np.count_nonzero(left_out):
        _leave_out(rounds, which[left_out], whose[left_out], now[left_out], until[left_out])
    if np.count_nonzero(waits):
        ward.waiting[which[waits], whose[waits]] = True
    return left_out | waits


def _leave_out(rounds: Rounds, which: Ints, whose: Ints, now: Floats, until: Floats) -> None:
    """The times of a schedule that fall into a stay count as if they had been kept."""
    ward, table = rounds.ward, rounds.timetable
    again = table.every[which] < NEVER
    which, whose, now, until = which[again], whose[again], now[again], until[again]
    every = table.every[which]
    missed = np.maximum(np.ceil((until - now) / every - _SHORTLY), 1.0)
    repeats = ward.repeats[which, whose] + missed.astype(np.int64)
    ward.repeats[which, whose] = repeats
    ward.samples[which, whose] = np.where(repeats < table.times[which], now + missed * every, NEVER)


def take_up(rounds: Rounds, rows: Ints) -> None:
    """What waited for these patients' admission is due at once."""
    ward, now = rounds.ward, rounds.ensemble.now
    for number in np.flatnonzero(ward.waiting[:, rows].any(axis=1)):
        these = rows[ward.waiting[number, rows]]
        ward.samples[number, these] = now[these]
        ward.waiting[number, these] = False


def _during(ward: Ward, during: Ints, whose: Ints) -> Flags:
    """Whether these patients are in these of the `TIMES`."""
    treated = (during == _TREATMENT) & (ward.course.phase[whose] != Phase.OFF)
    return treated | (during == _REMISSION) & ward.in_remission[whose] | (during == _ALIVE)


def _measure(rounds: Rounds, which: Ints, whose: Ints) -> None:
    """What these samples will tell."""
    ward, binding = rounds.ward, rounds.binding
    sample, place = binding.laboratory.measures[which].nonzero()
    rows, who = np.unique(whose, return_inverse=True)
    truth = rounds.kernel.signals(rounds.ensemble, rows, binding.signal_of) * binding.factor_of
    which, whose, who = which[sample], whose[sample], who[sample]
    ward.pending[which, place, whose] = measured(
        binding.laboratory, which, place, truth[who, place], rounds.seed, ward.luck[whose], ward.sampled[which, whose]
    )


def due(rounds: Rounds, rows: Ints) -> Flags:
    """Of whom results are there now."""
    due = rounds.ward.results.take(rows, axis=1) <= rounds.ensemble.now[rows]
    return np.asarray(np.logical_or.reduce(due, axis=0))


def results(rounds: Rounds, rows: Ints) -> tuple[Ints, Ints]:
    """Results that are there now; who is to be judged by them, and whose marrow is known."""
    ward, table, binding, now = rounds.ward, rounds.timetable, rounds.binding, rounds.ensemble.now
    due = ward.results.take(rows, axis=1) <= now[rows]
    if not np.count_nonzero(due):
        return rows[:0], rows[:0]
    which, who = due.nonzero()
    whose = rows[who]
    ward.results[which, whose] = NEVER
    sample, place = binding.laboratory.measures[which].nonzero()
    values = ward.pending[which[sample], place, whose[sample]]
    # one after the other, so that of two results of one thing the later schedule's stands
    ward.latest.reshape(-1)[place * len(ward) + whose[sample]] = values
    if rounds.charts.full:
        _chart(rounds, which, whose)
    fed, looked = binding.feeds[:, which].nonzero()
    rounds.looked[fed, whose[looked]] = True
    rounds.seen[whose[table.seen[which]]] = True
    assessed = whose[table.assesses[which]]
    ward.assessed[assessed] = np.maximum(ward.assessed[assessed], ward.course.cycle[assessed])
    return _each_once(rows, who[table.judged[which]]), _each_once(rows, who[table.decides[which]])


def _each_once(rows: Ints, places: Ints) -> Ints:
    """Those of these patients who stand at the places."""
    there = np.zeros(len(rows), bool)
    there[places] = True
    return rows[there]


def _chart(rounds: Rounds, which: Ints, whose: Ints) -> None:
    """Chart the results of these samples."""
    ward, monitoring = rounds.ward, rounds.protocol.monitoring
    for number in np.unique(which).tolist():
        these, schedule = whose[which == number], monitoring.schedules[number]
        time = rounds.ensemble.now[these]
        for place in np.flatnonzero(rounds.binding.laboratory.measures[number]).tolist():
            known, values = monitoring.observables[place], ward.pending[number, place, these]
            rounds.charts.write(these, time, "result", known.name, values, known.unit, schedule.name)
