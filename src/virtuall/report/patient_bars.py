"""What lasted in one patient's course, as rows of bars: therapies, graded syndromes, support, drugs of care."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from virtuall.core.records import CARE, EFFECT, FINDING, GRADE, OVER
from virtuall.report.patient_course import Course, Making, is_premedication

MADE = "making of cells"
# Support that the ward gives, as the findings call it.
_SUPPORT = ("fluids", "vasopressors", "oxygen")
_HIGHEST = 4
_MOST = 30
_PALEST = 0.25


@dataclass(frozen=True)
class Bar:
    """A stretch of days, or a dose where it has no length; ``strength`` shades it, ``words`` stand at its begin."""

    start: float
    end: float
    strength: float = 1.0
    words: str = ""


Rows = dict[str, list[Bar]]


def bars(course: Course, entries: Sequence[Mapping[str, Any]], end: float) -> Rows:
    """Rows of bars by their names, in the order in which they are drawn.

    Parameters
    ----------
    course : Course
    entries : sequence of mapping
        The chart, up to `end`.
    end : float
        Last day that is shown.
    """
    rows: Rows = {}
    if course.makings:
        rows[MADE] = [bar for making in course.makings for bar in _way(making, end)]
    for cycle in course.cycles:
        if not cycle.dosed:
            rows.setdefault(cycle.product, []).extend(Bar(start, min(stop, end)) for start, stop in cycle.stretches)
        for dose in cycle.doses:
            rows.setdefault(dose.product, []).append(Bar(dose.day, dose.day))
    for entry in entries:
        if is_premedication(entry):
            rows.setdefault(str(entry["what"]), []).append(Bar(float(entry["day"]), float(entry["day"])))
    for name, found in {**_graded(entries, end), **_support(entries, end)}.items():
        rows[name] = found
    for entry in entries:
        if entry["kind"] == CARE:
            rows.setdefault(str(entry["what"]), []).append(Bar(float(entry["day"]), float(entry["day"])))
    return dict(list(rows.items())[:_MOST])


def _way(making: Making, end: float) -> list[Bar]:
    """From collection to the product, or to its failure, or to the end of what is shown."""
    if not math.isfinite(making.started):
        return []
    failed = making.failed[0] if making.failed is not None else end
    return [Bar(making.started, making.ready if math.isfinite(making.ready) else failed)]


def _graded(entries: Sequence[Mapping[str, Any]], end: float) -> Rows:
    """Each syndrome on each scale: darker with the grade, which is told where it rises."""
    rows: Rows = {}
    running: dict[str, Mapping[str, Any]] = {}
    for entry in entries:
        name, day = f"{entry['what']}, {entry['rule']}", float(entry["day"])
        if entry["kind"] == OVER and name in running:
            _close(rows, name, running.pop(name), day)
        elif entry["unit"] == GRADE and entry["rule"] and entry["kind"] != EFFECT:
            if name in running:
                _close(rows, name, running[name], day)
            running[name] = entry
    for name, entry in running.items():
        _close(rows, name, entry, end)
    names = {name: name.rpartition(", ")[0] for name in rows}
    single = {name: short if [*names.values()].count(short) == 1 else name for name, short in names.items()}
    return {single[name]: found for name, found in rows.items()}


def _close(rows: Rows, name: str, entry: Mapping[str, Any], day: float) -> None:
    grade = float(entry["value"])
    strength = _PALEST + (1 - _PALEST) * min(grade, _HIGHEST) / _HIGHEST
    rows.setdefault(name, []).append(Bar(float(entry["day"]), day, strength, f"{grade:.0f}"))


def _support(entries: Sequence[Mapping[str, Any]], end: float) -> Rows:
    """Support by the days on which it was given; the levels of one kind are shaded."""
    rows: Rows = {}
    for name in _SUPPORT:
        changes = [entry for entry in entries if entry["kind"] == FINDING and entry["what"] == name]
        ends = [*(float(entry["day"]) for entry in changes[1:]), end]
        most = max((float(entry["value"]) for entry in changes), default=0.0)
        found = [
            Bar(float(entry["day"]), until, _PALEST + (1 - _PALEST) * float(entry["value"]) / most)
            for entry, until in zip(changes, ends, strict=bool(changes))
            if entry["value"] > 0
        ]
        if found:
            rows[name] = found
    return rows
