"""What the clinic knows and plans for every patient: plain arrays, one column a patient, changed by the rounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from virtuall.core.random import normal
from virtuall.dosing.course import Course, begin_course
from virtuall.dosing.regimen import NEVER
from virtuall.dosing.supply import SUPPLY
from virtuall.population import Population
from virtuall.simulation.bind import Binding
from virtuall.simulation.protocol import Protocol

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
TIMERS = (
    "dose",
    "review",
    "transplant",
    "transplant_end",
    "next_line",
    "next_line_end",
    "horizon",
    "supply",
    "bridging",
    "step",
    "grid",
)


@dataclass(eq=False)
class Ward:
    """The clinic's side of a simulation of N patients; K observables, S schedules, E events, F findings, G graded.

    Times are days on each patient's own clock; NaN: did not happen; infinite: not planned. ``plan`` holds every
    planned time, one row for each thing that is planned; ``agenda``, ``samples``, ``results``, ``event_end`` and the
    course's next action are rows of it by name.
    """

    ids: Ints
    luck: Ints
    active: Flags
    course: Course
    plan: Floats
    agenda: dict[str, Floats]
    samples: Floats
    results: Floats
    repeats: Ints
    waiting: Flags
    pending: Floats
    latest: Floats
    sampled: Ints
    found: Floats
    grade: Floats
    worst: Floats
    graded_since: Floats
    graded_last: Floats
    graded_count: Ints
    event_grade: Ints
    event_consequence: Ints
    event_end: Floats
    event_quiet: Floats
    event_count: Ints
    care_ends: Floats
    effects: Floats
    rank: Ints
    best: Ints
    in_remission: Flags
    relapsed: Flags
    deciding: Flags
    assessed: Ints
    lines: Ints
    transplanted: Flags
    inpatient_until: Floats
    intensive_until: Floats
    small: Flags
    cells: Floats
    net: Floats
    grid_day: Floats
    supply: Ints
    supply_stage: Ints
    collections: Ints
    remade: Ints
    out_of_specification: Flags
    phenotype: Ints
    step: Ints
    next_step: Ints
    entered: Ints
    covariates: Mapping[str, Floats]
    days: dict[str, Floats] = field(default_factory=dict)
    words: dict[str, NDArray[np.object_]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)


# Days that are counted up.
COUNTED = ("bed_days", "intensive_days")
# What happens at most once, as days; the frame of outcomes has a column for each.
FIRST_TIMES = (
    "response_day",
    "cr_day",
    "mrd_day",
    "relapse_day",
    "transplant_day",
    "next_line_day",
    "off_protocol_day",
    "collected_day",
    "product_ready_day",
    "lymphodepletion_day",
    "infused_day",
    "intensive_day",
    "death_day",
    "last_day",
)


def open_ward(
    protocol: Protocol, binding: Binding, patients: Population, bsa: Floats, clones: int, days: Floats
) -> Ward:
    """Everybody at enrollment: the first cycle due, nothing known; ``bsa``: body surface (m2); ``days``: the last."""
    n = len(patients)
    schedules, observables = len(protocol.monitoring.schedules), len(protocol.monitoring.observables)
    events, findings, graded = len(binding.events), len(binding.findings.findings), len(binding.panel.graded)

    def none(*shape: int) -> Ints:
        return np.zeros((*shape, n), np.int64)

    timers, ends = len(TIMERS), len(TIMERS) + 2 * schedules
    care = ends + events + len(protocol.care)
    plan = np.full((care + len(protocol.incidents), n), NEVER)
    agenda = dict(zip(TIMERS, plan, strict=False))
    first, further = protocol.legs[0].regimen, [leg.regimen for leg in protocol.legs[1:]]
    luck = normal(patients.seed, "amount given", patients.luck)
    course = begin_course(first, patients.columns["weight"], bsa, luck, further)
    agenda["dose"][:] = course.next_time
    course.next_time = agenda["dose"]
    ward = Ward(
        ids=patients.ids,
        luck=patients.luck,
        active=np.ones(n, bool),
        course=course,
        plan=plan,
        agenda=agenda,
        samples=plan[timers : timers + schedules],
        results=plan[timers + schedules : ends],
        repeats=none(schedules),
        waiting=np.zeros((schedules, n), bool),
        pending=np.full((schedules, observables, n), np.nan),
        latest=np.full((observables, n), np.nan),
        sampled=none(schedules),
        found=np.full((findings, n), np.nan),
        grade=np.zeros((graded, n)),
        worst=np.zeros((graded, n)),
        graded_since=np.full((graded, n), np.nan),
        graded_last=np.full((graded, n), -NEVER),
        graded_count=none(graded),
        event_grade=none(events),
        event_consequence=none(events),
        event_end=plan[ends : ends + events],
        care_ends=plan[ends + events : care],
        effects=plan[care:],
        event_quiet=np.full((events, n), -NEVER),
        event_count=none(events),
        rank=none(),
        best=none(),
        in_remission=np.zeros(n, bool),
        relapsed=np.zeros(n, bool),
        deciding=np.zeros(n, bool),
        assessed=none(),
        lines=none(),
        transplanted=np.zeros(n, bool),
        inpatient_until=np.zeros(n),
        intensive_until=np.zeros(n),
        small=np.zeros((clones, n), bool),
        cells=np.zeros((clones, n)),
        net=np.zeros((clones, n)),
        grid_day=np.zeros(n),
        supply=none(),
        supply_stage=none(),
        collections=none(),
        remade=none(),
        out_of_specification=np.zeros(n, bool),
        phenotype=np.full(n, -1),
        step=none(),
        next_step=none(),
        entered=none(max(len(protocol.steps), 1)),
        covariates=patients.columns,
    )
    ward.agenda["grid"][:] = 0.0
    ward.agenda["horizon"][:] = days
    ward.days = {name: np.full(n, np.nan) for name in FIRST_TIMES} | {name: np.zeros(n) for name in COUNTED}
    ward.entered[0] = 1
    ward.words = {
        "supply_failure": np.full(n, "", object),
        "off_protocol_reason": np.full(n, "", object),
        "death_cause": np.full(n, "", object),
        "relapse_phenotype": np.full(n, "", object),
    }
    return ward


def next_stop(ward: Ward, rows: Ints) -> Floats:
    """The earliest plan of each of these patients."""
    return np.minimum.reduce(ward.plan.take(rows, axis=1), axis=0)


def due_rows(ward: Ward, rows: Ints, times: Floats, now: Floats) -> Ints:
    """Those of these patients whose time has come; ``times`` and ``now`` of everybody."""
    return rows[times[rows] <= now[rows]]


def due_places(plans: Floats, rows: Ints, now: Floats) -> list[tuple[int, Ints]]:
    """The rows of ``plans`` that are due for some of these patients, each with those patients."""
    due = plans.take(rows, axis=1) <= now[rows]
    if not np.count_nonzero(due):
        return []
    return [(place, rows[due[place]]) for place in np.logical_or.reduce(due, axis=1).nonzero()[0].tolist()]


def note_first(ward: Ward, name: str, rows: Ints, time: Floats) -> None:
    """Note the day of what happens at most once; a day that is known stays."""
    new = np.isnan(ward.days[name][rows])
    ward.days[name][rows[new]] = time[new]


def wait_for_product(ward: Ward, rows: Ints, day: Floats) -> None:
    """These patients wait for their own product; its first collection is on this day."""
    ward.supply[rows] = SUPPLY.index("waiting")
    ward.agenda["supply"][rows] = day


def settle_graft(ward: Ward, rows: Ints, time: Floats) -> None:
    """The graft is given: no other transplant, no other next line, and no planned step of a sequence."""
    ward.transplanted[rows] = True
    note_first(ward, "transplant_day", rows, time)
    for name in ("transplant", "next_line", "step"):
        ward.agenda[name][rows] = NEVER


def leave(ward: Ward, rows: Ints, time: Floats) -> None:
    """The end of these patients' follow-up."""
    ward.active[rows] = False
    ward.days["last_day"][rows] = time
    discharge(ward, rows, time)


def admit(ward: Ward, rows: Ints, time: Floats, length: Floats) -> None:
    """Days in hospital from now on; days already counted are not counted again."""
    _stay(ward, "bed_days", ward.inpatient_until, rows, time, length)


def intensify(ward: Ward, rows: Ints, time: Floats, length: Floats) -> None:
    """Days in intensive care from now on, and so in hospital."""
    admit(ward, rows, time, length)
    note_first(ward, "intensive_day", rows, time)
    _stay(ward, "intensive_days", ward.intensive_until, rows, time, length)


def _stay(ward: Ward, counted: str, ends: Floats, rows: Ints, time: Floats, length: Floats) -> None:
    until = time + length
    start = np.maximum(time, ends[rows])
    ward.days[counted][rows] += np.maximum(until - start, 0.0)
    ends[rows] = np.maximum(ends[rows], until)


def discharge(ward: Ward, rows: Ints, time: Floats) -> None:
    """Take back days in hospital that a death or the end of follow-up leaves unused."""
    for counted, ends in zip(COUNTED, (ward.inpatient_until, ward.intensive_until), strict=True):
        ward.days[counted][rows] -= np.maximum(ends[rows] - time, 0.0)
        ends[rows] = np.minimum(ends[rows], time)
