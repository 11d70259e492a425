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
    looked = rounds.looked.take(rows, axis=1)
    found = looked[0]
    if np.count_nonzero(found):
        _find(rounds, rows[found])
    graded = np.logical_or.reduce(looked[1:], axis=0)
    if np.count_nonzero(graded):
        _grade(rounds, rows[graded], looked[1:, graded])


def _find(rounds: Rounds, rows: Ints) -> None:
    ward, program, time = rounds.ward, rounds.binding.findings, rounds.ensemble.now[rows]
    if not program.findings:
        return
    seen = snapshot(rounds.readers, ward, rows, time, program.columns)
    found, before = program.evaluate(rounds.finding_memory, rows, time, seen), ward.found.take(rows, axis=1)
    changed = (found != before) & ~np.isnan(found) & ((found != 0) | (before > 0))
    ward.found[:, rows] = np.where(np.isnan(found), before, found)
    if not np.count_nonzero(changed):
        return
    for place in np.logical_or.reduce(changed, axis=1).nonzero()[0].tolist():
        finding, these = program.findings[place], changed[place]
        who, values = rows[these], found[place, these]
        for value in sorted(set(values.tolist())):
            same = values == value
            rounds.charts.write(who[same], time[these][same], FINDING, finding.name, value, finding.word(value))


def _grade(rounds: Rounds, rows: Ints, looked: Flags) -> None:
    ward, panel, time = rounds.ward, rounds.binding.panel, rounds.ensemble.now[rows]
    seen = snapshot(rounds.readers, ward, rows, time, panel.columns)
    grade = panel.evaluate(rounds.graded_memory, rows, time, seen, looked)
    known = ~np.isnan(grade)
    ward.grade[:, rows] = np.where(known, grade, ward.grade.take(rows, axis=1))
    matters = known & ((grade > 0) | ~np.isnan(ward.graded_since.take(rows, axis=1)))
    if np.count_nonzero(matters):
        place, who = matters.nonzero()
        _follow(rounds, place, rows[who], time[who], grade[place, who])


def _follow(rounds: Rounds, place: Ints, rows: Ints, time: Floats, grade: Floats) -> None:
    """Begin, go on with or end the episodes of these graded things in these patients."""
    ward, panel = rounds.ward, rounds.binding.panel
    sick = grade > 0
    since, last = ward.graded_since[place, rows], ward.graded_last[place, rows]
    on = ~np.isnan(since)
    quiet = time - last
    stale = on & (quiet >= panel.unseen[place])
    on &= ~stale
    begins = sick & ~on
    over = on & ~sick & (quiet >= panel.over_after[place])
    worst = np.where(begins | stale, 0.0, ward.worst[place, rows])
    worse = sick & (grade > worst)
    ended = stale | over
    lasted = last - since
    ward.graded_since[place, rows] = np.where(begins, time, np.where(ended, np.nan, since))
    ward.graded_count[place, rows] += begins
    ward.graded_last[place, rows] = np.where(sick, time, last)
    ward.worst[place, rows] = np.where(worse, grade, np.where(over, 0.0, worst))
    told = worse | ended
    for number in sorted(set(place[told].tolist())):
        here, graded = place == number, panel.graded[number]
        _chart_end(rounds, graded, here & stale, rows, time, lasted)
        these = here & worse
        who, cycle = rows[these], ward.course.cycle[rows[these]]
        scale = graded.graded.scale
        rounds.charts.write(who, time[these], graded.kind, graded.title, grade[these], GRADE, scale, cycle)
        _chart_end(rounds, graded, here & over, rows, time, lasted)


def _chart_end(rounds: Rounds, graded: GradedProgram, these: Flags, rows: Ints, time: Floats, lasted: Floats) -> None:
    """Chart the end of episodes with the days from the first sign to the last."""
    rounds.charts.write(rows[these], time[these], OVER, graded.title, lasted[these], "d", graded.graded.scale)


def _close(rounds: Rounds, place: int, graded: GradedProgram, rows: Ints, time: Floats) -> None:
    """The end of these patients' episodes."""
    if len(rows):
        ward = rounds.ward
        lasted = ward.graded_last[place, rows] - ward.graded_since[place, rows]
        _chart_end(rounds, graded, np.ones(len(rows), bool), rows, time, lasted)
        ward.graded_since[place, rows] = np.nan
        ward.worst[place, rows] = 0.0


def end_watch(rounds: Rounds, rows: Ints) -> None:
    """Others look after these patients from now on: episodes are closed, and visits and looks on the ward end."""
    ward, time = rounds.ward, rounds.ensemble.now[rows]
    on = ~np.isnan(ward.graded_since.take(rows, axis=1))
    for place in np.logical_or.reduce(on, axis=1).nonzero()[0].tolist():
        _close(rounds, place, rounds.binding.panel.graded[place], rows[on[place]], time[on[place]])
    ward.grade[:, rows] = 0.0
    given = ward.found.take(rows, axis=1) > 0
    for place in np.logical_or.reduce(given, axis=1).nonzero()[0].tolist():
        finding, these = rounds.binding.findings.findings[place], given[place]
        rounds.charts.write(rows[these], time[these], FINDING, finding.name, 0.0, finding.word(0.0))
    ward.found[:, rows] = 0.0
    for number, schedule in enumerate(rounds.protocol.monitoring.schedules):
        if schedule.where != PLACES[0]:
            ward.samples[number, rows] = ward.results[number, rows] = NEVER
            ward.waiting[number, rows] = False
