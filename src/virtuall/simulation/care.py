"""Supportive drugs that rules order, within their limits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.core.records import Order
from virtuall.dosing.regimen import NEVER
from virtuall.simulation.orders import carry_out
from virtuall.simulation.state import Rounds

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
    if dose.over:
        rounds.ward.care_ends[rounds.care_place[product], rows] = time + dose.over


def end(rounds: Rounds, rows: Ints) -> None:
    """Infusions of supportive drugs that are in."""
    now = rounds.ensemble.now
    for product, place in rounds.care_place.items():
        ends = rounds.ward.care_ends[place]
        these = rows[ends[rows] <= now[rows]]
        if len(these):
            ends[these] = NEVER
            carry_out(rounds, ([Order(these, product, "rate", np.zeros(len(these)), "dose is in")], []))
