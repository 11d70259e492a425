"""Response, residual disease and relapse, judged from results; who goes on to the next line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.policy import for_patients, transplant_wait
from virtuall.dosing.course import Phase
from virtuall.dosing.regimen import NEVER
from virtuall.dosing.supply import SUPPLY
from virtuall.simulation import next_line, samples, steps
from virtuall.simulation.orders import by_leg
from virtuall.simulation.snapshot import snapshot
from virtuall.simulation.state import Rounds
from virtuall.simulation.ward import note_first

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
# Signals that tell of which kind a relapse is.
_PHENOTYPES = ("leukemia_cells_cd19_positive", "leukemia_cells_cd19_negative")
# Nobody is judged while a product is in the making.
_JUDGED = np.array([each in ("none", "failed", "given") for each in SUPPLY], bool)


def judge(rounds: Rounds, rows: Ints) -> None:
    """Response, residual disease and relapse from what is known now."""
    ward, response = rounds.ward, rounds.protocol.response
    if not len(rows) or not response.levels:
        return
    rows = rows[_JUDGED[ward.supply[rows]]]
    if not len(rows):
        return
    time = rounds.ensemble.now[rows]
    rank, negative, relapse = _verdicts(rounds, rows, time)
    levels = len(response.levels)
    gone = ward.in_remission[rows] & relapse
    _relapse(rounds, rows[gone], time[gone])
    better = ~relapse & (rank > ward.rank[rows])
    fresh = better & ~ward.in_remission[rows]
    ward.rank[rows[better]] = rank[better]
    own = ward.lines[rows] == 0
    ward.best[rows[better & own]] = np.maximum(ward.best[rows[better & own]], rank[better & own])
    note_first(ward, "response_day", rows[fresh & own], time[fresh & own])
    top = better & own & (rank == levels)
    note_first(ward, "cr_day", rows[top], time[top])
    for level in sorted(set(rank[better].tolist())):
        these = better & (rank == level)
        word, cycle = response.ranks[level], ward.course.cycle[rows[these]]
        rounds.charts.write(rows[these], time[these], "response", word, cycle=cycle)
    _remission(rounds, rows[fresh], time[fresh])
    clean = negative & own & ward.in_remission[rows]
    note_first(ward, "mrd_day", rows[clean], time[clean])
    steps.consider(rounds, rows)


def _verdicts(rounds: Rounds, rows: Ints, time: Floats) -> tuple[Ints, Flags, Flags]:
    """Rank of the response, no residual disease, relapse."""
    response, program = rounds.protocol.response, rounds.binding.judgments
    seen = snapshot(rounds.readers, rounds.ward, rows, time, program.columns)
    truth = program.evaluate(rounds.judgment_memory, rows, time, seen, {})
    place = levels = len(response.levels)
    rank = np.zeros(len(rows), np.int64)
    for level in range(levels - 1, -1, -1):
        rank = np.where(truth[level], levels - level, rank)
    negative = np.zeros(len(rows), bool)
    if response.mrd_negative is not None:
        negative, place = truth[place], place + 1
    relapse = truth[place] if response.relapse is not None else np.zeros(len(rows), bool)
    return rank, negative, relapse


def _remission(rounds: Rounds, rows: Ints, time: Floats) -> None:
    if not len(rows):
        return
    ward = rounds.ward
    ward.in_remission[rows] = True
    ward.relapsed[rows] = False
    ward.deciding[rows] = False
    ward.agenda["next_line"][rows] = NEVER
    samples.anchor(rounds, rows, time, "remission")
    for leg, these in by_leg(rounds, rows):
        policy, own = rounds.protocol.transplant, leg.transplant_referred
        policy = for_patients(policy, "transplant", ward.covariates, these)
        if own is not None:
            referred = ward.covariates.get(f"{leg.regimen.product}/transplant_referred")
            policy = replace(policy, referred=own if referred is None else referred[these])
        earlier, lines = rounds.earlier_transplant[these], ward.lines[these]
        wait = transplant_wait(policy, rounds.seed, ward.luck[these], earlier, lines)
        planned = rounds.ensemble.now[these] + wait
        ward.agenda["transplant"][these] = np.where(ward.transplanted[these], NEVER, planned)


def _relapse(rounds: Rounds, rows: Ints, time: Floats) -> None:
    if not len(rows):
        return
    ward = rounds.ward
    own = ward.lines[rows] == 0
    cells = rounds.kernel.signals(rounds.ensemble, rows, _PHENOTYPES)
    negative = cells[:, 1] > rounds.protocol.response.cd19_negative_from * cells.sum(axis=1)
    new = np.isnan(ward.days["relapse_day"][rows]) & own
    ward.words["relapse_phenotype"][rows[new]] = np.where(negative[new], "CD19-negative", "CD19-positive")
    ward.phenotype[rows] = negative
    note_first(ward, "relapse_day", rows[own], time[own])
    for word, these in (("CD19-positive", ~negative), ("CD19-negative", negative)):
        rounds.charts.write(rows[these], time[these], "relapse", word)
    ward.in_remission[rows] = False
    ward.relapsed[rows] = True
    ward.rank[rows] = 0
    ward.agenda["transplant"][rows] = NEVER
    off = ward.course.phase[rows] == Phase.OFF
    next_line.plan(rounds, rows[off], time[off])


def decide(rounds: Rounds, rows: Ints) -> None:
    """Who is off treatment, assessed, and not in remission goes to the next line."""
    if not len(rows):
        return
    ward = rounds.ward
    waiting = rows[(ward.course.phase[rows] == Phase.OFF) & ward.deciding[rows] & ~ward.in_remission[rows]]
    next_line.plan(rounds, waiting, rounds.ensemble.now[waiting])
