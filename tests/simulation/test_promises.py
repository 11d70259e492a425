"""The two promises on bits, for whole simulations with their clinic (test_purity.py has the everyday part of A).

A: on one machine the bits of a patient depend on nothing but the patient, the protocol and the seed.
B: on other processors and systems the orders and events are the same, and signals agree within 1e-9.

No test can be on two machines at once. What stands for another machine here: code made for older and newer processors,
the NumPy back end, NumPy and the C library told that the processor has no wide registers, and a stored course
(tests/data/promise_b.json) that a machine of another kind, such as the one of a continuous integration, must reproduce.
On the machine where it was made the stored course shows only that results have not moved. When they move on purpose
(equations, numbers, rules, tolerances, step control), make it again and say so in the changelog:

    python tests/simulation/test_promises.py
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import os
import pickle
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import llvmlite.binding as binding
import numpy as np
import pandas as pd
import pytest

import virtuall as va
from virtuall.engine import compiled
from virtuall.engine.ensemble import Ensemble
from virtuall.engine.kernel import Kernel, build_kernel
from virtuall.model import load_system
from virtuall.simulation import simulate as module
from virtuall.simulation.bind import parameter_rows
from virtuall.simulation.protocol import Protocol
from virtuall.simulation.result import Result

COHORT, PROTOCOL, SEED = "adult_relapsed", "blinatumomab/relapsed", 17
PATIENTS, DAYS, EVERY = 32, 120.0, 5.0
STORED = Path(__file__).resolve().parent.parent / "data" / "promise_b.json"
STORED_PATIENTS = 4
LEVELS = {"x86-64-v2": "sse4.2", "x86-64-v3": "avx2", "x86-64-v4": "avx512f"}


def simulated(n: int = PATIENTS, days: float = DAYS, **settings: object) -> Result:
    patients = va.sample(COHORT, n, seed=SEED)
    return va.simulate(patients, va.load_protocol(PROTOCOL), days=days, every=EVERY, **settings)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return va.load_protocol(PROTOCOL)


@pytest.fixture(scope="module")
def usual() -> Result:
    """As anybody would run it."""
    found = simulated()
    assert not found.status.any() and len(found.events) > 20 * PATIENTS
    return found


def assert_same_bits(found: Result, expected: Result) -> None:
    pd.testing.assert_frame_equal(found.outcomes, expected.outcomes, check_exact=True)
    pd.testing.assert_frame_equal(found.events.astype(object), expected.events.astype(object), check_exact=True)
    np.testing.assert_array_equal(found.status, expected.status)
    for name in expected.signals:
        np.testing.assert_array_equal(found.signals[name].values, expected.signals[name].values, err_msg=str(name))


def assert_same_orders(found: Result, expected: Result) -> None:
    """Promise B: everything that happened is the same; days, values and signals within 1e-9."""
    ours, theirs = found.events, expected.events
    words = [name for name in theirs if name not in ("day", "value")]
    assert ours[words].astype(str).equals(theirs[words].astype(str))
    for name in ("day", "value"):
        np.testing.assert_allclose(ours[name].astype(float), theirs[name].astype(float), rtol=1e-9, err_msg=name)
    pd.testing.assert_frame_equal(found.outcomes, expected.outcomes, check_exact=False, rtol=1e-9, atol=0)
    for name in expected.signals:
        a, b = found.signals[name].values, expected.signals[name].values
        size = np.nanmax(np.abs(b), axis=1, keepdims=True)  # of the patient's own course
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
        assert np.nanmax(np.abs(a - b) / np.where(size > 0, size, 1.0)) <= 1e-9, name


@pytest.fixture
def fresh_kernels(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Kernels of this test are its own."""
    monkeypatch.setattr(compiled, "_loaded", {})
    module._kernel.cache_clear()
    yield
    module._kernel.cache_clear()


# -- promise A -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lanes", [pytest.param(1, marks=pytest.mark.slow), pytest.param(16, marks=pytest.mark.slow)])
def test_a_lanes(usual: Result, fresh_kernels: None, monkeypatch: pytest.MonkeyPatch, lanes: int) -> None:
    def narrow(*arguments: object, **named: object) -> Kernel:
        kernel = copy.copy(build_kernel(*arguments, **named))  # type: ignore[arg-type]
        kernel._mover = compiled.CompiledBackend(kernel._blueprint, kernel.rtol, cache=True, lanes=lanes)
        return kernel

    monkeypatch.setattr(module, "build_kernel", narrow)
    assert_same_bits(simulated(), usual)


@pytest.mark.parametrize("chunk", [pytest.param(1, marks=pytest.mark.slow), 7])
def test_a_chunks(usual: Result, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(module, "CHUNK", chunk)
    assert_same_bits(simulated(), usual)


THREADS = """
import threading
import numpy as np
import virtuall as va

patients, protocol = va.sample({cohort!r}, {n}, seed={seed}), va.load_protocol({protocol!r})
usual = va.simulate(patients, protocol, days={days}, every={every})
found = []
for _ in range(2):
    work = lambda: found.append(va.simulate(patients, protocol, days={days}, every={every}))
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
assert len(found) == 6
for each in found:
    assert each.events.astype(object).equals(usual.events.astype(object))
    for name in usual.signals:
        np.testing.assert_array_equal(each.signals[name].values, usual.signals[name].values)
"""


def test_a_threads_at_once() -> None:
    """Three simulations at the same time on one kernel, in a process of their own: a wrong address would end it."""
    script = THREADS.format(cohort=COHORT, n=16, seed=SEED, protocol=PROTOCOL, days=70.0, every=EVERY)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_subset_shuffled_among_strangers(usual: Result, protocol: Protocol) -> None:
    """Every third patient, backwards, in chunks, with another record grid."""
    rows = np.arange(PATIENTS)[::-3]
    patients = va.sample(COHORT, PATIENTS, seed=SEED)
    found = va.simulate(patients[rows], protocol, days=DAYS, times=np.arange(0, DAYS, 2.5))
    pd.testing.assert_frame_equal(found.outcomes, usual.outcomes.iloc[rows].reset_index(drop=True), check_exact=True)
    for patient in patients.ids[rows]:
        ours, theirs = (
            each.events[each.events.patient == patient].reset_index(drop=True).astype(object) for each in (found, usual)
        )
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    at = np.arange(0, DAYS, EVERY)
    for name in found.signals:
        a, b = (each.signals[name].sel(time=at).values for each in (found, usual))
        np.testing.assert_array_equal(a, b[rows], err_msg=str(name))


def test_a_longer_follow_up_goes_on_from_the_same_course(usual: Result) -> None:
    """The first days do not know how long the patient will be followed."""
    half = simulated(days=DAYS / 2)
    until = half.signals.time.values
    for name in half.signals:
        a, b = half.signals[name].values, usual.signals[name].sel(time=until).values
        np.testing.assert_array_equal(a, b, err_msg=str(name))
    ours, theirs = (
        each.events[each.events.day < DAYS / 2].reset_index(drop=True).astype(object) for each in (half, usual)
    )
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    assert len(ours) > 100


@pytest.fixture(scope="module")
def resumed_and_whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ensemble, Ensemble]:
    """The kernel and patients of the shipped model, put aside in the middle of a course; and without a stop."""
    model = load_system()
    kernel = build_kernel(model.system, rtol=1e-4)
    ens = kernel.start(parameter_rows(model, va.sample(COHORT, 11, seed=SEED)))
    kernel.record(ens, np.arange(0.0, 60.0, 0.5), [name for name, _ in model.system.signals])
    every = np.arange(11)
    kernel.change(ens, every, parameters={next(iter(model.inputs)): 9.0})
    kernel.advance(ens, every, 23.4567)
    file = tmp_path_factory.mktemp("promises") / "aside"
    file.write_bytes(pickle.dumps((kernel, ens)))
    script = (
        "import pickle, sys, numpy as np\n"
        f"path = {str(file)!r}\n"
        "kernel, ens = pickle.loads(open(path, 'rb').read())\n"
        "kernel.advance(ens, np.arange(11), 60.0)\n"
        "open(path, 'wb').write(pickle.dumps(ens))\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    kernel.advance(ens, every, 60.0)
    return pickle.loads(file.read_bytes()), ens  # noqa: S301


def test_a_stopped_and_resumed_in_another_process(resumed_and_whole: tuple[Ensemble, Ensemble]) -> None:
    resumed, whole = resumed_and_whole
    for part in ("y", "now", "steps", "rejected", "track", "proposal", "status"):
        np.testing.assert_array_equal(getattr(resumed, part), getattr(whole, part), err_msg=part)


def test_a_records_go_on_in_another_process(resumed_and_whole: tuple[Ensemble, Ensemble]) -> None:
    resumed, whole = resumed_and_whole
    np.testing.assert_array_equal(resumed.recorded, whole.recorded)


# -- promise B -------------------------------------------------------------------------------------------------------


class NoFeatures:
    """Nothing beside what the name of the processor says."""

    def flatten(self) -> str:
        return ""


@pytest.mark.parametrize("processor", list(LEVELS))
def test_b_processors(usual: Result, fresh_kernels: None, monkeypatch: pytest.MonkeyPatch, processor: str) -> None:
    """More than promised: the same bits."""
    if not binding.get_process_triple().startswith("x86_64"):
        pytest.skip("another kind of processor")
    if not binding.get_host_cpu_features().get(LEVELS[processor], False):
        pytest.skip(f"this machine cannot run the code of {processor}")
    made: list[str] = []
    load = compiled._load
    monkeypatch.setattr(compiled, "_load", lambda code: made.append(processor) or load(code))
    monkeypatch.setattr(binding, "get_host_cpu_name", lambda: processor)
    monkeypatch.setattr(binding, "get_host_cpu_features", NoFeatures)
    found = simulated()
    assert made == [processor], "a kernel of its own"
    assert_same_orders(found, usual)
    assert_same_bits(found, usual)


def test_b_numpy_back_end(usual: Result) -> None:
    short = simulated(4, 20.0, backend="numpy")
    assert_same_orders(short, simulated(4, 20.0))


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the C library's switch is that of Linux")
def test_b_narrow_numpy_and_c_library(tmp_path: Path) -> None:
    """A process whose NumPy and C library keep to the oldest instructions: sampling, rules and draws included."""
    narrow = {
        "NPY_DISABLE_CPU_FEATURES": " ".join(_numpy_features()),
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL,-FMA,-FMA4,-BMI2,-SSE4_1,-SSE4_2",
    }
    if not narrow["NPY_DISABLE_CPU_FEATURES"]:
        pytest.skip("NumPy has nothing to switch off here")
    path = tmp_path / "narrow.json"
    command = [sys.executable, "-W", "ignore", __file__, str(path)]
    subprocess.run(command, check=True, env={**os.environ, **narrow})
    found, ours = json.loads(path.read_text()), json.loads(json.dumps(course()))
    assert_same_course(found, ours, rtol=1e-9)
    assert found["libraries"] != ours["libraries"], "the switches were heeded: other bits from NumPy and the C library"
    del found["libraries"], ours["libraries"]
    assert found == ours, "more than promised: the same bits"


def _numpy_features() -> list[str]:
    """What NumPy has found on this processor beyond its baseline."""
    config = np.show_config(mode="dicts")
    return list(config.get("SIMD Extensions", {}).get("found", []))  # type: ignore[union-attr]


def course() -> dict[str, object]:
    """Orders, events and signals of some patients, as plain numbers and words."""
    found = simulated(STORED_PATIENTS)
    events = found.events
    words = ["patient", "kind", "what", "unit", "rule"]
    some = np.random.default_rng(0).uniform(0.1, 5.0, 5000)
    libraries = np.concatenate([np.exp(some), np.log(some), [math.exp(x) for x in some], [math.sin(x) for x in some]])
    return {
        "made by": f"{platform.system()} {platform.machine()}, NumPy {np.__version__}",
        # what our own exp, log and pow are there for: those of the libraries differ between machines
        "libraries": hashlib.sha256(libraries.tobytes()).hexdigest(),
        "words": [" | ".join(map(str, row)) for row in events[words].astype(str).to_numpy()],
        "day": [None if np.isnan(v) else v for v in events["day"].astype(float)],
        "value": [None if np.isnan(v) else v for v in events["value"].astype(float)],
        "signals": {
            str(name): [
                [None if np.isnan(v) else v for v in row] for row in found.signals[name].values[:, ::6].tolist()
            ]
            for name in found.signals
        },
    }


def assert_same_course(found: dict, expected: dict, rtol: float) -> None:
    assert found["words"] == expected["words"]
    for name in ("day", "value"):
        a, b = (np.array(each[name], float) for each in (found, expected))
        np.testing.assert_allclose(a, b, rtol=rtol, err_msg=name)
    for name, rows in expected["signals"].items():
        a, b = np.array(found["signals"][name], float), np.array(rows, float)
        size = np.nanmax(np.abs(b), axis=1, keepdims=True)
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
        assert np.nanmax(np.abs(a - b) / np.where(size > 0, size, 1.0)) <= rtol, name


def test_b_stored_course() -> None:
    """Orders and events exactly, signals within 1e-9 of what another machine has stored."""
    assert_same_course(course(), json.loads(STORED.read_text()), rtol=1e-9)


def main(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(course(), indent=0, allow_nan=False) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else STORED)
