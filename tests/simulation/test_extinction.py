"""The grid of small clones against the closed form and against exact (Gillespie) simulation."""

from __future__ import annotations

import numpy as np

from virtuall.core.counts import poisson
from virtuall.core.random import uniform
from virtuall.simulation.extinction import next_number, transition, whole

PARTS = ("lines", "spread", "entry")


def run(n: int, cells: float, birth: float, death: float, days: float, step: float) -> np.ndarray:
    generator = np.random.default_rng(3)
    state = np.full(n, cells)
    for _ in range(round(days / step)):
        net = np.full(n, (birth - death) * step)
        draws = generator.random((2, n))
        state = transition(state, net, np.exp(net), np.full(n, birth), np.full(n, step), draws[0], draws[1])
    return state


def exact_extinction(cells: float, birth: float, death: float, days: float) -> float:
    growth = np.exp((birth - death) * days)
    return float((death * (growth - 1) / (birth * growth - death)) ** cells)


def test_extinction_is_exact_at_any_step() -> None:
    """10,000 cells killed for two weeks: an explicit leap cures two to five times too many."""
    exact = exact_extinction(1e4, 0.081, 0.677, 14)
    for step in (1.0, 0.5):
        found = (run(4000, 1e4, 0.081, 0.677, 14, step) == 0).mean()
        assert abs(found - exact) < 4 * np.sqrt(exact * (1 - exact) / 4000)


def test_mean_and_spread_of_a_growing_clone() -> None:
    birth, death, days, cells = 0.12, 0.05, 10, 20.0
    state = run(20_000, cells, birth, death, days, 1.0)
    growth = np.exp((birth - death) * days)
    variance = cells * (birth + death) / (birth - death) * growth * (growth - 1)
    assert abs(state.mean() - cells * growth) < 4 * np.sqrt(variance / 20_000)
    assert abs(state.var() / variance - 1) < 0.06
    assert abs((state == 0).mean() - exact_extinction(cells, birth, death, days)) < 0.005
    assert np.array_equal(state, np.rint(state))


def test_against_gillespie_with_a_refuge() -> None:
    """Two types: a refuge Q wakes into cycling L, which is killed. Exact by single events; ours by days."""
    generator = np.random.default_rng(4)
    birth, death, wake, start, days = 0.08, 0.35, 0.012, (60, 40), 40.0
    cured = 0
    for _ in range(1500):
        (cycling, refuge), time = start, 0.0
        while cycling + refuge:
            rates = np.array([birth * cycling, death * cycling, wake * refuge])
            time += generator.exponential(1 / rates.sum())
            if time > days:
                break
            what = generator.choice(3, p=rates / rates.sum())
            cycling += (1, -1, 1)[what]
            refuge -= what == 2
        cured += cycling == 0
    n = 3000
    ids = np.arange(n)
    cycling, refuge = np.full(n, float(start[0])), np.full(n, float(start[1]))
    ones = np.ones(n)
    net = birth - death
    for day in range(1, int(days) + 1):
        entering = refuge * wake * (np.exp(net) - np.exp(-wake)) / (net + wake)
        mean_l, mean_q = cycling * np.exp(net) + entering, refuge * np.exp(-wake)
        grown = np.exp(net) * ones
        draws = uniform(1, PARTS, ids, day)
        cycling = next_number(draws, cycling, mean_l, net * ones, grown, birth * ones, ones)
        stay = np.exp(-wake)
        out = -wake * ones
        draws = uniform(2, PARTS, ids, day)
        refuge = next_number(draws, refuge, mean_q, out, stay * ones, 0 * ones, ones)
    exact, ours = cured / 1500, (cycling == 0).mean()
    assert abs(exact - ours) < 4 * np.sqrt(0.25 / 1500 + 0.25 / n), (exact, ours)


def test_whole_numbers_and_entries_keep_the_mean() -> None:
    draws = np.random.default_rng(0).random(50_000)
    assert abs(whole(draws, np.full(50_000, 7.3)).mean() - 7.3) < 0.01
    assert abs(poisson(np.full(50_000, 0.04), draws).mean() - 0.04) < 0.004
