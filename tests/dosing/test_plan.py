"""The label's schedule, day by day, as the texts give it."""

from __future__ import annotations

import numpy as np
import pytest

import virtuall as va
from virtuall.core.errors import InputError, VirtuallError
from virtuall.dosing import course as courses
from virtuall.dosing.course import Phase


def infusions(name: str, weight: float = 70.0, bsa: float = 1.8) -> list[tuple[float, int, float]]:
    rows = va.plan(va.load_protocol(name), weight=weight, bsa=bsa)
    rows = rows[rows["what"] != "bolus"]
    return [(round(d, 3), int(c), float(a)) for d, c, a in zip(rows.day, rows.cycle, rows.amount, strict=True)]


def test_relapsed_schedule() -> None:
    found = infusions("blinatumomab/relapsed")
    start = found[0][0]
    days = [(round(day - start, 3), cycle, rate) for day, cycle, rate in found]
    assert days[:3] == [(0.0, 1, 9.0), (7.0, 1, 28.0), (28.0, 1, 0.0)]
    assert days[3][0] == pytest.approx(42, abs=0.1) and days[3][1:] == (2, 28.0)
    assert max(cycle for _, cycle, _ in days) == 9
    starts = {cycle: day for day, cycle, rate in days if rate == 28.0 and cycle > 1}
    assert starts[7] - starts[6] == pytest.approx(84, abs=0.1), "continued cycles have 56 days off"
    assert starts[5] - starts[4] == pytest.approx(42, abs=0.1)


def test_light_patients_are_dosed_by_body_surface() -> None:
    assert [rate for *_, rate in infusions("blinatumomab/relapsed", 40.0, 1.3)[:2]] == pytest.approx([6.5, 19.5])
    assert [rate for *_, rate in infusions("blinatumomab/relapsed", 44.0, 2.0)[:2]] == pytest.approx([9.0, 28.0])


def test_premedication_an_hour_before_starts_and_steps() -> None:
    rows = va.plan(va.load_protocol("blinatumomab/relapsed"), weight=70, bsa=1.8)
    bolus = rows[rows["what"] == "bolus"]
    assert list(bolus.amount[:2]) == [20.0, 20.0] and len(bolus) == 10
    assert rows.day[1] - rows.day[0] == pytest.approx(1 / 24)


def held_for(days: float) -> tuple[courses.Course, float]:
    regimen = va.load_protocol("blinatumomab/relapsed").regimen
    course = courses.begin_course(regimen, np.array([70.0]), np.array([1.8]))
    row = np.array([0])

    def go_until(day: float) -> None:
        while course.next_time[0] <= day:
            courses.perform(course, regimen, row, course.next_time[row].copy())

    go_until(12.0)
    courses.hold(course, regimen, row, np.array([12.0]), "test")
    assert course.phase[0] == Phase.HELD and not np.isfinite(course.next_time[0])
    courses.resume(course, regimen, row, np.array([12.0 + days]), "test")
    go_until(12.0 + days + 0.1)
    assert regimen.levels[course.level[0]].name == "starting"
    begun = course.since[0]
    go_until(begun + 7.1)
    assert regimen.levels[course.level[0]].name == "full"
    while course.phase[0] == Phase.INFUSING:
        courses.perform(course, regimen, row, course.next_time[row].copy())
    return course, begun


def test_a_short_interruption_finishes_the_cycle_and_a_long_one_begins_a_new_one() -> None:
    course, begun = held_for(3.0)
    assert course.cycle[0] == 1
    assert course.infusion_ended[0] - begun == pytest.approx(28 - (12 - 2 - 1 / 24))
    course, begun = held_for(9.0)
    assert course.cycle[0] == 2
    assert course.infusion_ended[0] - begun == pytest.approx(28)


def test_bad_input_is_refused() -> None:
    with pytest.raises(VirtuallError, match="blinatumomab/relapsed"):
        va.load_protocol("blinatumomab/relapse")
    with pytest.raises(InputError, match="weight"):
        va.plan(va.load_protocol("blinatumomab/relapsed"), weight=0, bsa=1.8)
    with pytest.raises(InputError, match="at least 1"):
        va.sample("adult_relapsed", 0, seed=1)
    with pytest.raises(InputError, match="at least 1"):
        va.sample("adult_relapsed", -3, seed=1)
    with pytest.raises(VirtuallError, match="adult_relapsed"):
        va.sample("adult_relapse", 5, seed=1)
    patients = va.sample("adult_relapsed", 2, seed=1)
    with pytest.raises(InputError, match="weight"):
        patients.changed(wieght=3)
    with pytest.raises(InputError, match="platelets"):
        va.simulate(patients, va.load_protocol("blinatumomab/relapsed"), record=["platelet"])
