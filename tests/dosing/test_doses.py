"""Regimens of doses: amounts over a while, several products, alternatives of a cycle, and what a text may not say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import virtuall as va
from virtuall.core.errors import VirtuallError
from virtuall.dosing import course as courses
from virtuall.dosing.reading import Product, RegimenText, read_regimen

HEAD = """
[regimen]
title = "A regimen"
product = "main"
use = "test"
valid_from = 2020-01-01
start = "1 d"
follow_up = "90 d"
rules = []
monitoring = ["m"]
response = "r"
source = "assumption"
mark = "A"
why = "a test"
"""
LEVELS = """
[[level]]
name = "high"
per_area = "2 mg/m^2"
over = "1 h"

[[level]]
name = "low"
per_weight = "0.01 mg/kg"
cap = "1 mg"
over = "1 h"

[[level]]
name = "helper"
product = "helper"
fixed = "10 mg"
over = "2 h"
"""
CYCLE = """
[[cycle]]
cycles = [1, 2]
rest = "7 d"
inpatient = "0 d"
steps = [{ day = "0 d", level = "high" }, { day = "0 d", level = "helper" }, { day = "7 d", level = "low" }]
"""
PRODUCTS = {
    "main": Product("main", "Main", "infusion", "R_main", "", "mg", (), "", False),
    "helper": Product("helper", "Helper", "infusion", "R_helper", "", "mg", (), "", False),
    "cells": Product("cells", "Cells", "cells", "", "C", "cell", (), "", True),
    "pill": Product("pill", "Pill", "bolus", "", "A_pill", "mg", (), "", False),
}
Read = Callable[[str], RegimenText]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def of(text: str) -> RegimenText:
        path = tmp_path / "therapies" / "main" / "regimens" / "own.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return read_regimen(path, PRODUCTS)

    return of


def given(text: RegimenText, weight: float, bsa: float) -> list[tuple[float, str, str, float, float]]:
    """Day from the first dose, product, kind, amount and hours of every order."""
    course = courses.begin_course(text.regimen, np.array([weight]), np.array([bsa]))
    rows, found = np.array([0]), []
    while np.isfinite(course.next_time[0]):
        time = course.next_time[rows].copy()
        for order in courses.perform(course, text.regimen, rows, time)[0]:
            found.append((time[0] - 1.0, order.product, order.kind, float(order.values[0]), order.over * 24))
    return found


def test_doses_begin_and_end_on_time(read: Read) -> None:
    found = given(read(HEAD + LEVELS + CYCLE), 50.0, 1.5)
    begins = [each for each in found if each[2] == "dose"]
    ends = [each for each in found if each[2] == "rate"]
    assert [(round(day, 6), *rest) for day, *rest in begins[:3]] == [
        (0.0, "main", "dose", 3.0, 1.0),
        (0.0, "helper", "dose", 10.0, 2.0),
        (7.0, "main", "dose", 0.5, 1.0),
    ]
    assert [(round(day * 24, 6), product, value) for day, product, _, value, _ in ends[:3]] == [
        (1.0, "main", 0.0),
        (2.0, "helper", 0.0),
        (169.0, "main", 0.0),
    ]
    assert len(begins) == 6 and len(ends) == 6, "nothing is taken down twice"
    second = begins[3][0]
    assert second == pytest.approx(7 + 1 / 24 + 7), "the next cycle begins after the rest"


def test_a_cap_holds(read: Read) -> None:
    low = [each for each in given(read(HEAD + LEVELS + CYCLE), 180.0, 2.2) if each[1:3] == ("main", "dose")][1]
    assert low[3] == 1.0


def test_a_hold_takes_down_what_runs_and_nothing_else(read: Read) -> None:
    text = read(HEAD + LEVELS + CYCLE)
    course = courses.begin_course(text.regimen, np.array([50.0]), np.array([1.5]))
    row, first = np.array([0]), np.array([1.0])
    courses.perform(course, text.regimen, row, first)
    courses.perform(course, text.regimen, row, course.next_time[row].copy())  # the main dose is in after 1 h
    orders, _ = courses.hold(course, text.regimen, row, first + 1.5 / 24, "test")
    assert [(order.product, order.values[0]) for order in orders] == [("helper", 0.0)]
    orders, _ = courses.resume(course, text.regimen, row, first + 3.0, "test")
    assert orders == [], "a dose that was cut off is not given again"
    assert course.next_time[0] == pytest.approx(1.0 + 3.0 + 0.5 / 24) or course.next_time[0] > 4.0


def test_the_first_text_whose_condition_holds_is_given(read: Read) -> None:
    other = CYCLE.replace("cycles = [1, 2]", 'cycles = [2, 2]\nwhen = "in_remission"').replace('"high"', '"low"')
    text = read(HEAD + LEVELS + other + CYCLE)
    course = courses.begin_course(text.regimen, np.array([50.0, 50.0]), np.array([1.5, 1.5]))
    course.allowed[0] = [True, False]
    rows, amounts = np.array([0, 1]), []
    while np.isfinite(course.next_time).any():
        orders, _ = courses.perform(course, text.regimen, rows, course.next_time.copy())
        amounts += [order.values.tolist() for order in orders if order.product == "main" and order.kind == "dose"]
    firsts = {tuple(each) for each in amounts}
    assert (3.0, 3.0) in firsts, "the first cycle is the same for both"
    assert (0.5,) in firsts and (3.0,) in firsts, "the second is not"


def test_a_bolus_on_the_last_day_is_given(read: Read) -> None:
    level = '[[level]]\nname = "split"\nproduct = "pill"\nfixed = "5 mg"\n'
    steps = 'steps = [{ day = "0 d", level = "split" }, { day = "9 d", level = "split" }]'
    cycle = f'[[cycle]]\ncycles = [1, 1]\nrest = "7 d"\ninpatient = "0 d"\n{steps}\n'
    found = given(read(HEAD + level + cycle), 50.0, 1.5)
    assert [(round(day, 6), kind, value) for day, _, kind, value, _ in found] == [
        (0.0, "bolus", 5.0),
        (9.0, "bolus", 5.0),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('{ day = "7 d"', '{ day = "0.02 d"'), "begins before the one before is in"),
        (('over = "1 h"\n\n[[level]]\nname = "low"', '\n[[level]]\nname = "low"'), "is given over a time"),
        (('fixed = "10 mg"', 'fixed = "10 mg"\nper_area = "1 mg/m^2"'), "one of fixed, per_area and per_weight"),
        (('per_area = "2 mg/m^2"', 'per_area = "2 mg/kg"'), "mg"),
        (('steps = [{ day = "0 d", level = "high" }', 'steps = [{ day = "1 d", level = "high" }'), None),
        (('rest = "7 d"', 'rest = "7 d"\ninfusion = "3 d"'), "ends before its last dose is in"),
        (("cycles = [1, 2]", "cycles = [2, 2]"), "must run from 1 without gap"),
        (("cycles = [1, 2]", 'cycles = [1, 2]\nwhen = "in_remission"'), "needs one without it"),
        (('"helper" }', '"helpers" }'), "helper"),
        (('product = "main"', 'product = "cells"'), "made from the patient's own cells"),
        (('product = "helper"\nfixed = "10 mg"', 'product = "pill"\nfixed = "10 mg"'), "is given at once"),
    ],
)
def test_what_a_regimen_may_not_say(read: Read, change: tuple[str, str], message: str | None) -> None:
    whole = HEAD + LEVELS + CYCLE
    assert change[0] in whole
    if message is None:
        read(whole.replace(*change))  # the helper still begins on day 0
        return
    with pytest.raises(VirtuallError, match=message):
        read(whole.replace(*change))


def test_a_dose_by_surface_needs_a_surface() -> None:
    protocol = va.load_protocol("inotuzumab/relapsed")
    with pytest.raises(VirtuallError, match="goes by body surface"):
        va.plan(protocol, weight=70)
    for weight in (0.0, 400.0, float("nan")):
        with pytest.raises(VirtuallError, match="weight is not plausible"):
            va.plan(protocol, weight=weight, bsa=1.8)


def test_after_the_last_cycle_nothing_can_be_held(read: Read) -> None:
    text = read(HEAD + LEVELS + CYCLE)
    course = courses.begin_course(text.regimen, np.array([50.0]), np.array([1.5]))
    row = np.array([0])
    while np.isfinite(course.next_time[0]):
        courses.perform(course, text.regimen, row, course.next_time[row].copy())
    assert courses.hold(course, text.regimen, row, np.array([60.0]), "test") == ([], [])
    assert courses.resume(course, text.regimen, row, np.array([61.0]), "test") == ([], [])
