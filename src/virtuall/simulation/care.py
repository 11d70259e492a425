"""Supportive drugs that rules order, within their limits, and stays in hospital and in intensive care."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.core.records import CARE, Order
from virtuall.dosing.regimen import NEVER
from virtuall.simulation import orders
from virtuall.simulation.orders import carry_out
from virtuall.simulation.state import Rounds
from virtuall.simulation.ward import admit, due_places, intensify
from virtuall.texts.rules import Rule

Ints = NDArray[np.int64]


def order(rounds: Rounds, product: str, rows: Ints, rule: str) -> None:
    """Give one dose to those whom the limits allow it."""
    dose, given = rounds.protocol.care[product], rounds.given[product]
    rows = rows[given.allows(dose, rows, rounds.ensemble.now[rows])]
    if not len(rows):
        return
    time, course = rounds.ensemble.now[rows], rounds.ward.course
    given.note(rows, time)
    kind = "dose" if dose.over else "bolus"
    amount = dose.amount(course.weight[rows], course.bsa[rows])
    carry_out(rounds, ([Order(rows, product, kind, amount, rule, dose.over)], []))
    unit = rounds.protocol.products[product].unit
    rounds.charts.write(rows, time, CARE, product, amount, unit, rule, course.cycle[rows])
    if dose.over:
        rounds.ward.care_ends[rounds.care_place[product], rows] = time + dose.over


def stay(rounds: Rounds, rule: Rule, rows: Ints, days: float) -> None:
    """Keep these patients in hospital, or in intensive care, for so long from now."""
    ward, now = rounds.ward, rounds.ensemble.now
    ends = ward.inpatient_until if rule.action == "admit" else ward.intensive_until
    come = rows[ends[rows] <= now[rows]]
    if len(come):
        rounds.charts.write(come, now[come], rule.action, "", days, "d", rule.name, ward.course.cycle[come])
    orders.stay(rounds, rows, np.full(len(rows), days), admit if rule.action == "admit" else intensify)


def end(rounds: Rounds, rows: Ints) -> None:
    """Infusions of supportive drugs that are in."""
    ends, products = rounds.ward.care_ends, tuple(rounds.care_place)
    for place, these in due_places(ends, rows, rounds.ensemble.now):
        ends[place, these] = NEVER
        carry_out(rounds, ([Order(these, products[place], "rate", np.zeros(len(these)), "dose is in")], []))
