"""What our engine's time depends on: record grid, cores, patients, states, stops; and how long it takes to start."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from clock import best_in_turns, best_of, cores, on_one_core, wall_seconds
from full_model import DAYS, full_model
from made_up import made_up_work
from ours import in_threads, run_kernel
from table import Row, Section, show, table
from work import Work

from virtuall.engine.kernel import build_kernel

RTOL = 1e-4
PATIENTS = (1, 8, 64, 512, 1024, 10_000)
HOURLY = 5  # signals that are recorded every hour
STATES = (10, 30, 100, 300)
STOPS = (0.0, 1.0, 4.0, 24.0)  # a day, beside the changes
MOST_HOURLY, LEAST_CORES, MOST_COMPILE, MOST_LOAD, MOST_HELP = 1.5, 1.8, 5.0, 0.1, 0.3


def costs_section(quick: bool) -> Section:
    """All of these."""
    turns = 3 if quick else 7
    rows = [hourly(turns), *starts(2 if quick else 5)]
    rows[1:1] = two_cores(turns)
    tables = [patients_table(quick), states_table(quick), stops_table(turns)]
    return Section(
        "What the time depends on",
        f"The shipped model with its schedule, rtol {RTOL:g}, daily records of all states unless said otherwise; "
        "one core.",
        tuple(tables),
        tuple(rows),
    )


def hourly(turns: int) -> Row:
    """Hourly records beside daily ones."""
    work = full_model(512)
    kernel = build_kernel(work.system, rtol=RTOL)
    names = [name for name, _ in work.system.signals if name not in work.system.states][:HOURLY]
    dense = np.arange(0.0, DAYS + 1e-9, 1.0 / 24.0)
    with on_one_core():
        daily, each_hour, states = best_in_turns(
            [
                lambda: run_kernel(kernel, work, names),
                lambda: run_kernel(kernel, work, names, dense),
                lambda: run_kernel(kernel, work),
            ],
            turns,
        )
    return Row(
        f"hourly records of {len(names)} signals beside daily ones ({show(each_hour / 512 * 1e3)} against "
        f"{show(daily / 512 * 1e3)} ms a patient-year; daily, all states: {show(states / 512 * 1e3)})",
        f"{each_hour / daily:.2f} times",
        f"< {MOST_HOURLY:g} times",
        each_hour / daily < MOST_HOURLY,
    )


def two_cores(turns: int) -> list[Row]:
    """The kernel in two threads."""
    if cores() < 2:
        return [Row("2 cores against 1", "only one core here")]
    work = full_model(4096)
    kernel = build_kernel(work.system, rtol=RTOL)
    one, two = best_in_turns(
        [lambda: in_threads(kernel, work, 1), lambda: in_threads(kernel, work, 2)], turns, wall_seconds
    )
    return [
        Row(
            f"kernel, 4096 patients in 2 threads against 1 ({one:.2f} s, {two:.2f} s)",
            f"{one / two:.2f} times",
            f">= {LEAST_CORES:g} times",
            one / two >= LEAST_CORES,
        )
    ]


def starts(repeats: int) -> list[Row]:
    """Cold compile, warm load, and the command line."""
    work = full_model(1)
    cold, warm = start_seconds(work, repeats)
    command = Path(sys.executable).with_name("virtuall")
    helped = best_of(
        lambda: subprocess.run([str(command), "--help"], check=True, stdout=subprocess.DEVNULL),
        repeats + 3,
        wall_seconds,
    )
    return [
        Row("cold compile of the shipped model (s)", f"{cold:.2f}", f"< {MOST_COMPILE:g}", cold < MOST_COMPILE),
        Row("the same found in the cache (s)", f"{warm:.3f}", f"< {MOST_LOAD:g}", warm < MOST_LOAD),
        Row("`virtuall --help` (s)", f"{helped:.2f}", f"< {MOST_HELP:g}", helped < MOST_HELP),
    ]


def start_seconds(work: Work, repeats: int) -> tuple[float, float]:
    """Seconds to build a kernel in a fresh process with an empty cache, and again from the cache."""
    text = (
        "import time; from virtuall.model import load_system; from virtuall.engine.kernel import build_kernel\n"
        "import virtuall.engine.compiled\n"
        "system = load_system().system; begin = time.perf_counter(); build_kernel(system)\n"
        "print(time.perf_counter() - begin)"
    )
    cold, warm = [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            environment = os.environ | {"VIRTUALL_CACHE": folder}
            for found in (cold, warm):
                done = subprocess.run(
                    [sys.executable, "-c", text], env=environment, capture_output=True, text=True, check=True
                )
                found.append(float(done.stdout))
    return min(cold), min(warm)


def patients_table(quick: bool) -> str:
    """Cost against patients."""
    body = []
    for patients in PATIENTS[:-1] if quick else PATIENTS:
        work = full_model(patients)
        kernel = build_kernel(work.system, rtol=RTOL)
        assert work.pieces
        with on_one_core():
            seconds = best_of(lambda kernel=kernel, work=work: run_kernel(kernel, work), 1 if patients > 2000 else 5)
        body.append([str(patients), show(seconds), show(seconds / patients * 1e3)])
    return table(("patients", "seconds", "ms a patient-year"), body)


def states_table(quick: bool) -> str:
    """Cost against states: made-up systems, chains of cells and drugs with feedback, as the trial model has them."""
    body = []
    for states in STATES[:-1] if quick else STATES:
        work = made_up_work(states, 256)
        begin = time.perf_counter()
        kernel = build_kernel(work.system, rtol=RTOL, cache=False)
        built = time.perf_counter() - begin
        with on_one_core():
            seconds = best_of(lambda kernel=kernel, work=work: run_kernel(kernel, work), 3)
        ens = run_kernel(kernel, work)
        steps = float((ens.steps + ens.rejected).mean())
        nonzeros, kept = len(work.blueprint.entries), len(work.blueprint.elimination.slots)
        body.append(
            [
                str(states),
                f"{nonzeros} ({kept})",
                f"{built:.2f}",
                show(seconds / 256 * 1e3),
                show(steps),
                show(seconds / 256 / steps * 1e6),
                show(seconds / 256 / steps / states * 1e9),
            ]
        )
    head = (
        "states",
        "Jacobian (with fill)",
        "compile (s)",
        "ms a patient-year",
        "steps",
        "us a step",
        "ns a step and state",
    )
    return table(head, body)


def stops_table(turns: int) -> str:
    """Cost against stops: the call returns and begins again, and nothing is changed."""
    work = full_model(512)
    kernel = build_kernel(work.system, rtol=RTOL)
    every = np.arange(512)

    def run(a_day: float) -> None:
        ens = kernel.start(work.rows)
        for piece in work.pieces:
            settings = {change.name: change.value for change in piece.changes if not change.adds}
            states = {work.system.states[k]: ens.y[:, k] + amount for k, amount in piece.additions(work.system.states)}
            kernel.change(ens, every, parameters=settings, states=states)
            count = max(int((piece.end - piece.begin) * a_day), 1) if a_day else 1
            for stop in np.linspace(piece.begin, piece.end, count + 1)[1:]:
                kernel.advance(ens, every, stop)

    with on_one_core():
        found = best_in_turns([lambda a_day=a_day: run(a_day) for a_day in STOPS], turns)
    body = [
        [f"{a_day:g}", show(seconds / 512 * 1e3), f"{seconds / found[0]:.2f}"]
        for a_day, seconds in zip(STOPS, found, strict=True)
    ]
    return table(("idle stops a day", "ms a patient-year, nothing recorded", "times none"), body)
