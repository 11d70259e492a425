"""The same bits for every processor, number of lanes, share of the patients and order: all of them at once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import llvmlite.binding as binding
import numpy as np
import pytest

from virtuall.engine import compiled, host
from virtuall.engine.ensemble import Ensemble
from virtuall.engine.kernel import Kernel, build_kernel
from virtuall.engine.lanes import LaneCode
from virtuall.engine.system import System

Patients = Callable[..., np.ndarray]
COUNT = 61  # no multiple of any number of lanes
PARTS = ("y", "now", "status", "bad_state", "steps", "rejected", "recorded", "thresholds", "track")
# The levels of x86-64 by the feature that each is told by.
LEVELS = {"x86-64-v2": "sse4.2", "x86-64-v3": "avx2", "x86-64-v4": "avx512f"}


class NoFeatures:
    """Nothing beside what the name of the processor says."""

    def flatten(self) -> str:
        return ""


@pytest.fixture(params=list(LEVELS))
def processor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Code is made as for this processor, where this machine can run it."""
    host.target_machine()  # starts LLVM
    features = binding.get_host_cpu_features()
    if not binding.get_process_triple().startswith("x86_64"):
        pytest.skip("another kind of processor")
    if not features.get(LEVELS[request.param], False):
        pytest.skip(f"this machine cannot run the code of {request.param}")
    monkeypatch.setattr(binding, "get_host_cpu_name", lambda: request.param)
    monkeypatch.setattr(binding, "get_host_cpu_features", NoFeatures)
    monkeypatch.setattr(compiled, "_loaded", {})
    yield request.param


def with_lanes(kernel: Kernel, lanes: int) -> Kernel:
    other = copy.copy(kernel)
    other._mover = compiled.CompiledBackend(kernel._blueprint, kernel.rtol, cache=False, lanes=lanes)
    return other


def course(kernel: Kernel, values: np.ndarray, rows: np.ndarray) -> Ensemble:
    """These of the patients: infusion, cells added on days of their own, rings, records; one of them fails."""
    ens = kernel.start(values[rows])
    every = np.arange(len(rows))
    ens.thresholds[:] = [0.2, 0.1]
    kernel.record(ens, np.arange(0.0, 90.0, 0.7), ["cells", "kill", "neutrophils", "other"])
    days = 20.0 + rows % 7  # each patient its own
    for stop, change in ((days, {"parameters": {"infusion": 0.0}}), (days + 11.3, {"states": {"other": 0.02}})):
        advance(kernel, ens, every, stop)
        kernel.change(ens, every, **change)
    failing = np.flatnonzero(rows == 13)
    kernel.change(ens, failing, parameters={"growth": np.nan})
    advance(kernel, ens, every, np.full(len(rows), 89.5))
    return ens


def advance(kernel: Kernel, ens: Ensemble, every: np.ndarray, stop: np.ndarray) -> None:
    waiting = every
    while waiting.size:
        kernel.advance(ens, waiting, stop)
        waiting = waiting[ens.ring[waiting] >= 0]
        ens.thresholds[waiting, ens.ring[waiting]] += 0.15


@pytest.fixture(scope="module")
def values(clinic_like: System, patients: Patients) -> np.ndarray:
    return patients(clinic_like, COUNT, seed=9)


@pytest.fixture(scope="module")
def reference(clinic_like: System, values: np.ndarray) -> Ensemble:
    """By NumPy, all patients in their order."""
    found = course(build_kernel(clinic_like, "numpy"), values, np.arange(COUNT))
    assert np.flatnonzero(found.status).tolist() == [13]
    assert (found.thresholds > 0.3).any(), "clocks have rung"
    return found


def assert_same(found: Ensemble, expected: Ensemble, rows: np.ndarray) -> None:
    for part in PARTS:
        np.testing.assert_array_equal(getattr(found, part), getattr(expected, part)[rows], err_msg=part)
    fine = found.status == 0  # a failed patient takes no further step
    np.testing.assert_array_equal(found.proposal[fine], expected.proposal[rows][fine])


@pytest.mark.parametrize("lanes", [1, 16])
def test_lanes_times_shares_times_order(
    clinic_like: System, values: np.ndarray, reference: Ensemble, lanes: int
) -> None:
    kernel = with_lanes(build_kernel(clinic_like), lanes)
    mixed = np.random.default_rng(lanes).permutation(COUNT)
    for share in (1, 5, COUNT):
        for rows in np.array_split(mixed, -(-COUNT // share))[:3]:
            assert_same(course(kernel, values, rows), reference, rows)


def test_processors(clinic_like: System, values: np.ndarray, reference: Ensemble, processor: str) -> None:
    """Code made for each level of x86-64, also with two lanes."""
    kernel = build_kernel(clinic_like, cache=False)
    rows = np.arange(COUNT)
    assert_same(course(kernel, values, rows), reference, rows)
    assert_same(course(with_lanes(kernel, 2), values, rows[::-1]), reference, rows[::-1])


@pytest.mark.parametrize("processor", ["x86-64-v3"], indirect=True)
def test_the_name_of_a_processor_is_heeded(clinic_like: System, processor: str) -> None:
    """The test above would show nothing otherwise: wider registers than the oldest, and never two roundings in one."""
    kernel = build_kernel(clinic_like)
    module = LaneCode(kernel._blueprint, kernel._mover.lanes).module
    text = host.target_machine().emit_assembly(host.parsed(module))
    assert "ymm" in text and "zmm" not in text
    # v3 has an instruction for a product and a sum in one rounding; older processors could not follow
    assert "fmadd" not in text and "fmsub" not in text and "fnmadd" not in text
