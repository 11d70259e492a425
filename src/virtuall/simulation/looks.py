"""Looks at patients: what is found from the latest results, and how it is graded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.graded import GradedProgram
from virtuall.clinic.monitoring import PLACES
from virtuall.core.records import FINDING, GRADE, OVER
from virtuall.dosing.regimen import NEVER
from virtuall.simulation.snapshot import snapshot
from virtuall.simulation.state import Rounds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def look(rounds: Rounds, rows: Ints) -> None:
    """Find and grade anew what new results speak of; what cannot be told stays as it was."""
    looked = rounds.looked[:, rows]
    if looked[0].any():
        _find(rounds, rows[looked[0]])
    graded = looked[1:].any(axis=0)
    if graded.any():
        _grade(rounds, rows[graded], looked[1:, graded])


def _find(rounds: Rounds, rows: Ints) -> None:
    ward, program, time = rounds.ward, rounds.binding.findings, rounds.ensemble.now[rows]
    if not program.findings:
        return
    seen = snapshot(rounds.readers, ward, rows, time, program.columns)
    found, before = program.evaluate(rounds.finding_memory, rows, time, seen), ward.found[:, rows]
    changed = (found != before) & ~np.isnan(found) & ((found != 0) | (before > 0))
    ward.found[:, rows] = np.where(np.isnan(found), before, found)
    for place in np.flatnonzero(changed.any(axis=1)):
        finding = program.findings[place]
        for value in np.unique(found[place, changed[place]]):
            these = changed[place] & (found[place] == value)
            rounds.charts.write(rows[these], time[these], FINDING, finding.name, value, finding.word(value))


def _grade(rounds: Rounds, rows: Ints, looked: Flags) -> None:
    ward, panel, time = rounds.ward, rounds.binding.panel, rounds.ensemble.now[rows]
    seen = snapshot(rounds.readers, ward, rows, time, panel.columns)
    grade = panel.evaluate(rounds.graded_memory, rows, time, seen, looked)
    known = ~np.isnan(grade)
    ward.grade[:, rows] = np.where(known, grade, ward.grade[:, rows])
    matters = known & ((grade > 0) | ~np.isnan(ward.graded_since[:, rows]))
    for place in np.flatnonzero(matters.any(axis=1)).tolist():
        these = matters[place]
        _follow(rounds, place, panel.graded[place], rows[these], time[these], grade[place, these])


def _follow(rounds: Rounds, place: int, graded: GradedProgram, rows: Ints, time: Floats, grade: Floats) -> None:
    """Begin, go on with or end the episodes of these patients."""
    ward = rounds.ward
    sick = grade > 0
    on = ~np.isnan(ward.graded_since[place, rows])
    stale = on & (time - ward.graded_last[place, rows] >= graded.graded.unseen)
    _close(rounds, place, graded, rows[stale], time[stale])
    on &= ~stale
    begins = sick & ~on
    ward.graded_since[place, rows[begins]] = time[begins]
    ward.graded_count[place, rows[begins]] += 1
    ward.worst[place, rows[begins]] = 0.0
    ward.graded_last[place, rows[sick]] = time[sick]
    worse = sick & (grade > ward.worst[place, rows])
    ward.worst[place, rows[worse]] = grade[worse]
    scale = graded.graded.scale
    cycle = ward.course.cycle[rows[worse]]
    rounds.charts.write(rows[worse], time[worse], graded.kind, graded.title, grade[worse], GRADE, scale, cycle)
    over = on & ~sick & (time - ward.graded_last[place, rows] >= graded.graded.over_after)
    _close(rounds, place, graded, rows[over], time[over])


def _close(rounds: Rounds, place: int, graded: GradedProgram, rows: Ints, time: Floats) -> None:
    """The end of an episode, charted with the days from its first sign to its last."""
    if len(rows):
        ward = rounds.ward
        lasted = ward.graded_last[place, rows] - ward.graded_since[place, rows]
        rounds.charts.write(rows, time, OVER, graded.title, lasted, "d", graded.graded.scale)
        ward.graded_since[place, rows] = np.nan
        ward.worst[place, rows] = 0.0


def end_watch(rounds: Rounds, rows: Ints) -> None:
    """Others look after these patients from now on: episodes are closed, and visits and looks on the ward end."""
    ward, time = rounds.ward, rounds.ensemble.now[rows]
    for place, graded in enumerate(rounds.binding.panel.graded):
        on = ~np.isnan(ward.graded_since[place, rows])
        _close(rounds, place, graded, rows[on], time[on])
    ward.grade[:, rows] = 0.0
    for place, finding in enumerate(rounds.binding.findings.findings):
        given = ward.found[place, rows] > 0
        rounds.charts.write(rows[given], time[given], FINDING, finding.name, 0.0, finding.word(0.0))
    ward.found[:, rows] = 0.0
    for number, schedule in enumerate(rounds.protocol.monitoring.schedules):
        if schedule.where != PLACES[0]:
            ward.samples[number, rows] = ward.results[number, rows] = NEVER
            ward.waiting[number, rows] = False
