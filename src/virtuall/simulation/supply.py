"""Products made of a patient's own cells: collection, manufacture and what bridges it, and who gets to the infusion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.dosing import course as courses
from virtuall.dosing.course import Phase
from virtuall.dosing.regimen import NEVER
from virtuall.dosing.supply import (
    SUPPLY,
    Supply,
    collected,
    is_bridged,
    misses_specification,
    stage_days,
    stage_fails,
)
from virtuall.simulation import samples, treatment
from virtuall.simulation.choices import holds
from virtuall.simulation.orders import by_leg, carry_out
from virtuall.simulation.protocol import MAIN, Leg
from virtuall.simulation.state import Rounds
from virtuall.simulation.ward import note_first, wait_for_product

Ints = NDArray[np.int64]
WAITING, MAKING, READY, FAILED = (SUPPLY.index(each) for each in ("waiting", "making", "ready", "failed"))


def begin(rounds: Rounds, rows: Ints) -> None:
    """At enrollment: who waits for a product of their own cells, waits for its collection first."""
    ward, first = rounds.ward, rounds.protocol.legs[0]
    if first.supply is not None:
        ward.course.next_time[rows] = NEVER
        wait_for_product(ward, rows, np.full(len(rows), first.supply.collect_after))


def act(rounds: Rounds, rows: Ints) -> None:
    """What is due with the products of these patients."""
    ward = rounds.ward
    for place, leg in enumerate(rounds.protocol.legs):
        if leg.supply is None or not len(rows):
            continue
        these = rows[ward.step[rows] == leg.step]
        state = ward.supply[these]
        _collect(rounds, leg.supply, these[state == WAITING])
        _make(rounds, leg.supply, these[state == MAKING])
        _look(rounds, leg, place, these[ward.supply[these] == READY])


def _collect(rounds: Rounds, supply: Supply, rows: Ints) -> None:
    if not len(rows):
        return
    ward, now = rounds.ward, rounds.ensemble.now
    cells = rounds.kernel.signals(rounds.ensemble, rows, (supply.collects,))[:, 0]
    bag = collected(supply, rounds.seed, ward.luck[rows], ward.collections[rows], cells)
    ward.collections[rows] += 1
    rounds.charts.write(rows, now[rows], "leukapheresis", "cells collected", bag, "cell")
    short = bag < supply.least
    again = short & (ward.collections[rows] < supply.most_collections)
    ward.agenda["supply"][rows[again]] = now[rows[again]] + supply.again_after
    _fail(rounds, rows[short & ~again], "leukapheresis")
    rows = rows[~short]
    if not len(rows):
        return
    note_first(ward, "collected_day", rows, now[rows])
    samples.anchor(rounds, rows, now[rows], "collection")
    if supply.keeps:
        kept = rounds.kernel.signals(rounds.ensemble, rows, tuple(signal for signal, _ in supply.keeps))
        for column, (_, name) in enumerate(supply.keeps):
            rounds.sets.append((name, rows, kept[:, column].copy()))
    ward.supply[rows] = MAKING
    ward.supply_stage[rows] = 0
    _start_stage(rounds, supply, rows)
    bridged = rows[is_bridged(supply, rounds.seed, ward.luck[rows])]
    if supply.bridging is not None:
        ward.agenda["bridging"][bridged] = now[bridged] + supply.bridging.after


def _start_stage(rounds: Rounds, supply: Supply, rows: Ints) -> None:
    ward, now = rounds.ward, rounds.ensemble.now
    for number in np.unique(ward.supply_stage[rows]):
        these = rows[ward.supply_stage[rows] == number]
        days = stage_days(supply.stages[number], rounds.seed, ward.luck[these], ward.remade[these])
        ward.agenda["supply"][these] = now[these] + days
        rounds.charts.write(these, now[these], "manufacture", supply.stages[number].name, days, "d")


def _make(rounds: Rounds, supply: Supply, rows: Ints) -> None:
    """The end of a stage: a failure, the next stage, or the product."""
    if not len(rows):
        return
    ward, now = rounds.ward, rounds.ensemble.now
    going: list[Ints] = []
    at = ward.supply_stage[rows]
    for number in np.unique(at):
        stage, these = supply.stages[number], rows[at == number]
        fails = stage_fails(stage, rounds.seed, ward.luck[these], ward.remade[these])
        again = fails & (ward.remade[these] < stage.again)
        rounds.charts.write(these[fails], now[these[fails]], "manufacture failed", stage.name)
        ward.remade[these[again]] += 1
        _fail(rounds, these[fails & ~again], "manufacture")
        ward.supply_stage[these[~fails]] += 1
        going += [these[again], these[~fails]]
    rows = np.sort(np.concatenate(going))
    made = ward.supply_stage[rows] == len(supply.stages)
    _start_stage(rounds, supply, rows[~made])
    rows = rows[made]
    if len(rows):
        ward.supply[rows] = READY
        ward.out_of_specification[rows] = misses_specification(supply, rounds.seed, ward.luck[rows])
        note_first(ward, "product_ready_day", rows, now[rows])
        rounds.charts.write(rows, now[rows], "product ready", "product", ward.out_of_specification[rows].astype(float))
        samples.anchor(rounds, rows, now[rows], "product ready")


def _look(rounds: Rounds, leg: Leg, place: int, rows: Ints) -> None:
    """Who is ready goes on to lymphodepletion and infusion; the others are looked at again, for so long."""
    if not len(rows) or leg.supply is None:
        return
    ward, now, supply = rounds.ward, rounds.ensemble.now, leg.supply
    ready = holds(rounds, rows, "ready", place, otherwise=True)
    late = ~ready & (now[rows] - ward.days["product_ready_day"][rows] >= supply.within)
    _fail(rounds, rows[late], "not fit")
    waits = rows[~ready & ~late]
    ward.agenda["supply"][waits] = now[waits] + supply.review
    rows = rows[ready]
    if not len(rows):
        return
    ward.agenda["bridging"][rows] = NEVER
    for other, these in by_leg(rounds, rows):
        if not other.main:
            carry_out(rounds, courses.stop(ward.course, other.regimen, these, now[these], "the product is there"))
    skips = holds(rounds, rows, "skip", place, otherwise=False)
    for number, these in ((leg.lymphodepletion, rows[~skips]), (place, rows[skips])):
        regimen = rounds.protocol.legs[number].regimen
        courses.enter_leg(ward.course, regimen, these, number, now[these] + regimen.start)


def bridge(rounds: Rounds, rows: Ints) -> None:
    """Bridging therapy begins for who still waits."""
    if not len(rows):
        return
    ward, legs, now = rounds.ward, rounds.protocol.legs, rounds.ensemble.now
    rows = rows[(ward.course.phase[rows] == Phase.WAITING) & (ward.supply[rows] == MAKING)]
    for leg, these in by_leg(rounds, rows):
        if leg.name == MAIN and leg.bridging >= 0:
            regimen = legs[leg.bridging].regimen
            courses.enter_leg(ward.course, regimen, these, leg.bridging, now[these] + regimen.start)


def _fail(rounds: Rounds, rows: Ints, why: str) -> None:
    """No product for these patients: they leave the protocol uninfused and stay in its denominators."""
    if not len(rows):
        return
    ward, time = rounds.ward, rounds.ensemble.now[rows]
    ward.supply[rows] = FAILED
    ward.words["supply_failure"][rows] = why
    rounds.charts.write(rows, time, "no product", why)
    treatment.stop(rounds, rows, time, f"no product: {why}")
