"""Choices that are due: which text of a cycle, who is ready, which step follows. They look at the present only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.simulation.snapshot import snapshot
from virtuall.simulation.state import Rounds

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def choose(rounds: Rounds, rows: Ints) -> Flags:
    """Which conditions of the protocol's choices hold for these patients now, bool[C, n]."""
    program, time = rounds.binding.choices, rounds.ensemble.now[rows]
    seen = snapshot(rounds.readers, rounds.ward, rows, time, program.columns)
    return np.asarray(program.evaluate(rounds.choice_memory, rows, time, seen, {}))


def holds(rounds: Rounds, rows: Ints, what: str, number: int, otherwise: bool) -> Flags:
    """Whether one choice holds; ``otherwise`` where the protocol states no condition for it."""
    place = rounds.binding.choice_of.get((what, number, 0))
    return np.full(len(rows), otherwise) if place is None else choose(rounds, rows)[place]


def allow_cycles(rounds: Rounds, rows: Ints) -> None:
    """Note which texts of the next cycle these patients may get."""
    course, choice_of = rounds.ward.course, rounds.binding.choice_of
    wanted = {key[1:]: place for key, place in choice_of.items() if key[0] == "cycle"}
    if not wanted or not len(rows):
        return
    truth, leg = choose(rounds, rows), course.leg[rows]
    course.allowed[:, rows] = False
    for (number, block), place in wanted.items():
        here = leg == number
        course.allowed[block, rows[here]] = truth[place, here]
