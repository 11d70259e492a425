"""Random systems with all operations: both back ends give the same bits, failures included."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from virtuall.core.errors import KernelError
from virtuall.engine.kernel import build_kernel
from virtuall.engine.system import System

LEAVES = ["{x}", "{y}", "p", "q", "time", "0.3", "2", "{x}*{y}"]
BRANCHES = [
    "({a} + {b})",
    "({a} - {b})",
    "({a}*{b})",
    "({a}/(1 + {b}*{b}))",
    "exp(-({a})**2)",
    "log(1 + abs({a}))",
    "sqrt(0.1 + ({a})**2)",
    "(0.1 + abs({a}))**(p*0.3)",
    "min({a}, {b})",
    "max({a}, {b})",
    "({a} if {b} < 1 and not {a} <= 0.2 or {b} > 5 else {b})",
]


def formula(rng: np.random.Generator, states: list[str], depth: int) -> str:
    if depth == 0:
        return str(rng.choice(LEAVES)).format(x=rng.choice(states), y=rng.choice(states))
    a, b = (formula(rng, states, depth - 1) for _ in range(2))
    return str(rng.choice(BRANCHES)).format(a=a, b=b)


@pytest.mark.parametrize("seed", range(6))
def test_random_systems(make_system: Callable[..., System], seed: int) -> None:
    rng = np.random.default_rng(seed)
    states = [f"s{k}" for k in range(int(rng.integers(1, 8)))]
    rates = {name: f"-0.5*{name} + 0.2*{formula(rng, states, 3)}" for name in states}
    signals = {"seen": formula(rng, states, 3), "again": "seen*2 + time"}
    initial = {name: round(float(rng.uniform(-1, 2)), 2) for name in states}
    system = make_system(rates, initial, ("p", "q"), signals=signals, clocks=tuple(states[:1]))
    values = rng.uniform(0, 3, (11, 2))
    results = []
    for backend in ("llvm", "numpy"):
        kernel = build_kernel(system, backend)
        ens = kernel.start(values)
        ens.thresholds[:] = 0.7
        kernel.record(ens, np.linspace(0, 20, 33), [*states, "again", "seen"])
        for stop in (3.0, 3.7, 20.0):
            kernel.advance(ens, np.arange(11), stop)
            kernel.change(ens, np.flatnonzero(ens.ring >= 0), parameters={"q": 0.5})
            ens.thresholds[ens.ring >= 0] += 1.0
        results.append((ens, kernel.signals(ens, np.arange(11), ["seen", states[-1]])))
    for part in (
        "now",
        "y",
        "status",
        "bad_state",
        "ring",
        "steps",
        "rejected",
        "recorded",
        "track",
        "fixed",
    ):
        np.testing.assert_array_equal(*(getattr(ens, part) for ens, _ in results), err_msg=part)
    np.testing.assert_array_equal(results[0][1], results[1][1])


def test_arrays_of_another_kind_are_refused(make_system: Callable[..., System]) -> None:
    kernel = build_kernel(make_system({"x": "-x"}, {"x": 1}, clocks=("x",)))
    for wrong in (np.zeros((2, 1), np.float32), np.zeros((4, 1))[::2], np.zeros((1, 1))):
        ens = kernel.start(np.zeros((2, 0)))
        ens.thresholds = wrong
        with pytest.raises(KernelError, match="'thresholds'"):
            kernel.advance(ens, [0, 1], 1.0)
