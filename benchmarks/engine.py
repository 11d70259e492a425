"""Work against precision of the kernel, for any System and schedule.

``python benchmarks/engine.py`` runs a made-up system of 46 states; ``report`` takes any other:

    report(model.system, parameters, changes, days=365.0, names=["..."])

Error: largest difference over the record grid from a run at a far smaller tolerance, divided by the largest
value of the signal; the worst of all patients and signals. Times are the best of several runs on one core.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from virtuall.engine import compiled
from virtuall.engine.ensemble import Ensemble
from virtuall.engine.graph import Graph
from virtuall.engine.kernel import Kernel, build_kernel
from virtuall.engine.system import System

TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6)
TRUTH = 1e-9
YEAR = 365.0


@dataclass(frozen=True)
class Change:
    """At a day, for every patient: a parameter is set, or something is added to a state."""

    day: float
    name: str
    value: float
    adds: bool = False


@dataclass(frozen=True)
class Row:
    """One tolerance: error (worst and median patient), milliseconds and steps per patient-year."""

    rtol: float
    worst: float
    median: float
    milliseconds: float
    steps: float


def run(
    kernel: Kernel, parameters: np.ndarray, changes: Sequence[Change], days: float, names: Sequence[str]
) -> Ensemble:
    """Run all patients with daily records."""
    ens = kernel.start(parameters)
    every = np.arange(len(parameters))
    kernel.record(ens, np.arange(0.0, days + 1.0), names)
    for day in sorted({change.day for change in changes} | {days}):
        kernel.advance(ens, every, day)
        for change in (each for each in changes if each.day == day):
            if change.adds:
                place = kernel.system.states.index(change.name)
                kernel.change(ens, every, states={change.name: ens.y[:, place] + change.value})
            else:
                kernel.change(ens, every, parameters={change.name: change.value})
    return ens


def measure(
    system: System,
    parameters: np.ndarray,
    changes: Sequence[Change],
    days: float,
    names: Sequence[str],
    tolerances: Sequence[float] = TOLERANCES,
    repeats: int = 5,
) -> list[Row]:
    """Error and time at several tolerances. The truth is computed for the first 32 patients."""
    few = parameters[:32]
    truth = run(build_kernel(system, rtol=TRUTH), few, changes, days, names).recorded
    size = np.maximum(np.abs(truth).max(axis=1), np.finfo(float).tiny)
    rows = []
    for rtol in tolerances:
        kernel = build_kernel(system, rtol=rtol)
        error = (np.abs(run(kernel, few, changes, days, names).recorded - truth).max(axis=1) / size).max(
            axis=1
        )
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            ens = run(kernel, parameters, changes, days, names)
            seconds.append(time.perf_counter() - start)
        years = len(parameters) * days / YEAR
        tried = (ens.steps + ens.rejected).sum() / years
        rows.append(Row(rtol, error.max(), float(np.median(error)), min(seconds) / years * 1e3, tried))
    return rows


def start_seconds(system: System) -> tuple[float, float]:
    """Seconds to build a kernel: compiled, and found in the cache."""
    import os

    known, before = dict(compiled._loaded), os.environ.get("VIRTUALL_CACHE")
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VIRTUALL_CACHE"] = folder
        for _ in range(2):
            compiled._loaded.clear()
            start = time.perf_counter()
            build_kernel(system)
            seconds.append(time.perf_counter() - start)
    if before is None:
        del os.environ["VIRTUALL_CACHE"]
    else:
        os.environ["VIRTUALL_CACHE"] = before
    compiled._loaded.update(known)
    return seconds[0], seconds[1]


def report(
    system: System, parameters: np.ndarray, changes: Sequence[Change], days: float, names: Sequence[str]
) -> None:
    """Print what `start_seconds` and `measure` find."""
    cold, warm = start_seconds(system)
    print(f"{len(system.states)} states, {len(parameters)} patients, {days:g} days, {len(changes)} changes")
    print(f"kernel: {cold:.2f} s compiled, {warm:.3f} s from the cache")
    print(f"{'rtol':>8} {'worst':>9} {'median':>9} {'ms/patient-year':>16} {'steps/year':>11}")
    for row in measure(system, parameters, changes, days, names):
        print(
            f"{row.rtol:8.0e} {row.worst:9.1e} {row.median:9.1e} {row.milliseconds:16.3f} {row.steps:11.0f}"
        )


def example() -> System:
    """46 made-up states: 10 populations that hinder each other, each with an input and a delay chain."""
    g = Graph()
    states, rates, initial = [], [], []
    one = g.number(1.0)
    sizes = [g.symbol(f"x{k}") for k in range(10)]
    for k, x in enumerate(sizes):
        signal = g.symbol(f"d{k}")
        others = g.add(sizes[(k + 1) % 10], sizes[(k + 3) % 10])
        growth = g.div(g.symbol("growth"), g.add(one, others))
        loss = g.mul(g.symbol("loss"), g.add(one, g.div(signal, g.add(signal, one))))
        source = g.mul(g.symbol("source"), g.call("exp", g.neg(x)))
        states.append(f"x{k}")
        rates.append(g.add(g.sub(g.mul(growth, x), g.mul(g.mul(loss, x), x)), source))
        initial.append(g.number(0.1 * (k + 1)))
        states.append(f"d{k}")
        rates.append(g.sub(g.symbol("input"), g.mul(g.symbol("clearance"), signal)))
        initial.append(g.number(0.0))
    last = sizes[0]
    for k in range(26):
        delay = g.symbol(f"t{k}")
        states.append(f"t{k}")
        rates.append(g.mul(g.symbol("turnover"), g.sub(last, delay)))
        initial.append(g.number(0.1))
        last = delay
    names = ("growth", "loss", "source", "input", "clearance", "turnover")
    scales = tuple(0.001 for _ in states)
    return System(g, tuple(states), names, tuple(rates), tuple(initial), scales=scales)


def main() -> None:
    """Measure the example."""
    rng = np.random.default_rng(0)
    typical = np.array([0.5, 0.2, 0.01, 0.0, 9.0, 0.9])
    parameters = typical * np.exp(0.3 * rng.standard_normal((400, len(typical))))
    changes = [
        Change(day, "input", value)
        for start in range(0, 350, 40)
        for day, value in ((float(start), 20.0), (start + 7.0, 0.0))
    ]
    report(example(), parameters, changes, YEAR, ["x0", "x5", "d3", "t0", "t25"])


if __name__ == "__main__":
    main()
