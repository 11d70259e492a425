"""Made-up systems of any number of states, like the trial model: drugs, chains of cells, feedback, saturation."""

from __future__ import annotations

import numpy as np
from work import Change, Work, make_work

from virtuall.engine.graph import Graph
from virtuall.engine.system import System

BLOCK = 10
SPREAD, SEED = 0.3, 5


def made_up_system(states: int) -> System:
    """Blocks of ten states: a drug that drives effects, a growing population that it kills, a chain with feedback.

    Each block is bound to the one before it by a saturating factor, so the Jacobian is sparse, with fill.
    """
    g = Graph()
    names: list[str] = []
    rates: list[int] = []
    parameters: list[str] = ["dose"]
    one = g.number(1.0)

    def parameter(name: str) -> int:
        parameters.append(name)
        return g.symbol(name)

    before = one
    for block in range(states // BLOCK):
        own = [f"{word}{block}" for word in ("drug", "effect", "cells", "rest", "p", "q", "r", "s", "blood", "signal")]
        drug, effect, cells, rest, p, q, r, s, blood, signal = (g.symbol(name) for name in own)
        k = {name: parameter(f"{name}{block}") for name in ("clear", "turn", "grow", "kill", "move", "chain", "power")}
        killing = g.div(g.mul(k["kill"], effect), g.add(effect, g.add(one, g.mul(g.number(0.1), cells))))
        feedback = g.pow(g.div(one, g.add(blood, g.number(1e-3))), k["power"])
        total = g.add(cells, rest)
        room = g.sub(one, g.div(total, g.number(100.0)))
        bound = g.div(before, g.add(before, one))
        names += own
        rates += [
            g.sub(g.mul(g.symbol("dose"), bound), g.mul(k["clear"], drug)),
            g.mul(k["turn"], g.sub(drug, effect)),
            g.sub(
                g.add(g.mul(g.mul(k["grow"], cells), room), g.mul(k["move"], rest)),
                g.mul(g.add(killing, k["move"]), cells),
            ),
            g.sub(g.mul(k["move"], cells), g.mul(g.add(k["move"], g.mul(g.number(0.2), killing)), rest)),
            g.mul(k["chain"], g.sub(g.mul(p, feedback), p)),
            *(g.mul(k["chain"], g.sub(a, b)) for a, b in ((p, q), (q, r), (r, s), (s, blood))),
            g.sub(g.mul(g.number(20.0), g.mul(killing, cells)), g.mul(g.number(8.0), signal)),
        ]
        before = signal
    first = {"cells": 10.0, "rest": 3.0, "p": 1.0, "q": 1.0, "r": 1.0, "s": 1.0, "blood": 1.0}
    initial = tuple(g.number(first.get(name.rstrip("0123456789"), 0.0)) for name in names)
    return System(g, tuple(names), tuple(parameters), tuple(rates), initial, scales=(1e-3,) * len(names))


VALUES = {"clear": 8.0, "turn": 1.2, "grow": 0.2, "kill": 1.5, "move": 0.05, "chain": 0.9, "power": 0.17}


def made_up_work(states: int, patients: int) -> Work:
    """A year with ten courses of the drug."""
    system = made_up_system(states)
    luck = np.random.default_rng(SEED)
    rows = np.array([[VALUES.get(name.rstrip("0123456789"), 0.0) for name in system.parameters]] * patients)
    rows *= np.exp(SPREAD * luck.standard_normal(rows.shape))
    changes = [Change(float(day + 7 * on), "dose", 10.0 * (1 - on)) for day in range(0, 350, 35) for on in (0, 1)]
    return make_work(f"made up, {states} states", system, rows, changes, np.arange(366.0), "patient-year")
