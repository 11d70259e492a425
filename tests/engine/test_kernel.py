"""The kernel from outside: same bits whatever lies around, exact zeros, clocks, records, failures, errors."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable

import numpy as np
import pytest

from virtuall.core.errors import InputError, KernelError
from virtuall.engine import compiled
from virtuall.engine.ensemble import Ensemble
from virtuall.engine.kernel import BACKENDS, Kernel, build_kernel
from virtuall.engine.system import System

MakeSystem = Callable[..., System]
Patients = Callable[..., np.ndarray]
NAMES = ["drug", "cells", "other", "kill", "neutrophils", "H_death"]
GRID = np.arange(0.0, 120.5, 0.5)


def treat(kernel: Kernel, values: np.ndarray, *, grid: np.ndarray = GRID, extra: tuple[float, ...] = ()) -> Ensemble:
    """Infusion for 28 days, cells of another kind on day 60, clocks that ring, until day 120."""
    ens = kernel.start(values)
    every = np.arange(len(values))
    ens.thresholds[:] = [0.3, 0.15]
    kernel.record(ens, grid, NAMES)
    changes = {28.0: {"parameters": {"infusion": 0.0}}, 60.0: {"states": {"other": 0.01}}}
    for stop in sorted({*changes, 120.0, *extra}):
        waiting = every
        while waiting.size:
            kernel.advance(ens, waiting, stop)
            waiting = waiting[ens.ring[waiting] >= 0]
            ens.thresholds[waiting, ens.ring[waiting]] += 0.2
        if stop in changes:
            kernel.change(ens, every, **changes[stop])
    return ens


PARTS = (
    "y",
    "now",
    "status",
    "steps",
    "rejected",
    "recorded",
    "thresholds",
    "track",
    "before",
    "after",
    "proposal",
)


def assert_same(a: Ensemble, b: Ensemble, rows: object = slice(None), parts: tuple[str, ...] = PARTS) -> None:
    for part in parts:
        np.testing.assert_array_equal(getattr(a, part)[rows], getattr(b, part), err_msg=part)


@pytest.fixture(scope="module")
def kernel(clinic_like: System) -> Kernel:
    return build_kernel(clinic_like)


@pytest.fixture(scope="module")
def treated(kernel: Kernel, clinic_like: System, patients: Patients) -> Ensemble:
    return treat(kernel, patients(clinic_like, 200))


def test_both_back_ends_give_the_same_bits(clinic_like: System, patients: Patients, treated: Ensemble) -> None:
    reference = treat(build_kernel(clinic_like, "numpy"), patients(clinic_like, 200)[:24])
    for part in PARTS:
        np.testing.assert_array_equal(getattr(treated, part)[:24], getattr(reference, part), err_msg=part)
    assert (treated.thresholds > 0.35).any(), "some clock has rung"


@pytest.mark.parametrize("rows", [[17], [3, 4, 5, 6, 7, 8, 9, 10], list(range(100, 151))])
def test_neighbors_do_not_matter(
    kernel: Kernel, clinic_like: System, patients: Patients, treated: Ensemble, rows: list[int]
) -> None:
    assert_same(treated, treat(kernel, patients(clinic_like, 200)[rows]), rows)


def test_order_does_not_matter(kernel: Kernel, clinic_like: System, patients: Patients, treated: Ensemble) -> None:
    rows = np.random.default_rng(0).permutation(200)
    assert_same(treated, treat(kernel, patients(clinic_like, 200)[rows]), rows)


@pytest.mark.parametrize("lanes", [1, 2, 4])
def test_lanes_do_not_matter(
    clinic_like: System, patients: Patients, treated: Ensemble, lanes: int, kernel: Kernel
) -> None:
    narrow = copy.copy(kernel)
    narrow._mover = compiled.CompiledBackend(kernel._blueprint, kernel.rtol, cache=False, lanes=lanes)
    assert_same(treated, treat(narrow, patients(clinic_like, 200)[:20]), slice(0, 20))


def test_stops_that_change_nothing_do_not_matter(
    kernel: Kernel, clinic_like: System, patients: Patients, treated: Ensemble
) -> None:
    extra = tuple(np.random.default_rng(1).uniform(0.001, 119, 60)) + tuple(np.arange(1.0, 120.0))
    assert_same(treated, treat(kernel, patients(clinic_like, 200)[:40], extra=extra), slice(0, 40))


def test_recording_does_not_matter(kernel: Kernel, clinic_like: System, patients: Patients, treated: Ensemble) -> None:
    other = treat(kernel, patients(clinic_like, 200)[:16], grid=np.array([0.25, 7.0, 33.3, 119.0]))
    assert_same(treated, other, slice(0, 16), tuple(part for part in PARTS if part != "recorded"))
    day = list(GRID).index(7.0)
    np.testing.assert_array_equal(other.recorded[:, 1], treated.recorded[:16, day])


def test_threads_do_not_matter(kernel: Kernel, clinic_like: System, patients: Patients, treated: Ensemble) -> None:
    values, results = patients(clinic_like, 200), {}

    def work(start: int) -> None:
        results[start] = treat(kernel, values[start : start + 50])

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 200, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for start, result in results.items():
        assert_same(treated, result, slice(start, start + 50))


def test_every_patient_has_its_own_stop(kernel: Kernel, clinic_like: System, patients: Patients) -> None:
    values = patients(clinic_like, 12)
    stops = np.linspace(1.0, 25.0, 12)
    ens = kernel.start(values)
    kernel.advance(ens, np.arange(12), stops)
    np.testing.assert_array_equal(ens.now, stops)
    for k in (0, 7):
        alone = kernel.start(values[[k]])
        kernel.advance(alone, [0], stops[[k]])
        np.testing.assert_array_equal(alone.y[0], ens.y[k])


def test_absent_population_stays_exactly_zero(treated: Ensemble) -> None:
    before = GRID <= 60.0
    other = treated.recorded[:, :, NAMES.index("other")]
    assert not other[:, before].view(np.int64).any(), "every bit is zero"
    assert (other[:, ~before] > 0).all()


def test_zero_stays_zero_when_what_was_added_is_taken_back(
    kernel: Kernel, clinic_like: System, patients: Patients
) -> None:
    ens = kernel.start(patients(clinic_like, 3))
    kernel.advance(ens, [0, 1, 2], 5.0)
    kernel.change(ens, [1], states={"other": 1.0})
    kernel.advance(ens, [0, 1, 2], 10.0)
    kernel.change(ens, [1], states={"other": 0.0})
    kernel.advance(ens, [0, 1, 2], 90.0)
    assert not ens.y[:, clinic_like.states.index("other")].view(np.int64).any()


def test_tiny_states_become_zero(make_system: MakeSystem) -> None:
    system = make_system({"x": "-5*x"}, {"x": 1})
    for backend in BACKENDS:
        kernel = build_kernel(system, backend)
        ens = kernel.start(np.zeros((1, 0)))
        kernel.advance(ens, [0], 30000.0)
        assert ens.y[0, 0] == 0.0 and ens.status[0] == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_clocks_ring_when_the_hazard_says(make_system: MakeSystem, backend: str) -> None:
    system = make_system({"x": "-k*x", "H": "x", "G": "0.5"}, {"x": 1, "H": 0, "G": 0}, ("k",), clocks=("H", "G"))
    kernel = build_kernel(system, backend, rtol=1e-9)
    k = np.linspace(0.05, 0.5, 20)
    ens = kernel.start(k[:, None])
    ens.thresholds[:] = [0.9, np.inf]
    every = np.arange(20)
    kernel.advance(ens, every, 40.0)
    np.testing.assert_array_equal(ens.ring, 0)
    np.testing.assert_allclose(ens.now, -np.log(1 - 0.9 * k) / k, rtol=1e-7)
    np.testing.assert_allclose(ens.y[:, 1], 0.9, rtol=1e-12)
    ens.thresholds[:, 0] += 0.05
    kernel.advance(ens, every, 40.0)
    np.testing.assert_allclose(ens.now, -np.log(1 - 0.95 * k) / k, rtol=1e-7)
    ens.thresholds[:] = [np.inf, 0.5 * 30]
    kernel.advance(ens, every, 40.0)
    np.testing.assert_allclose(ens.now, 30.0, rtol=1e-9)
    np.testing.assert_array_equal(ens.ring, 1)
    ens.thresholds[:] = np.inf
    kernel.advance(ens, every, 40.0)
    np.testing.assert_array_equal(ens.ring, -1)
    np.testing.assert_array_equal(ens.now, 40.0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_rings_within_one_step_come_in_order(make_system: MakeSystem, backend: str) -> None:
    system = make_system({"a": "1", "b": "2"}, {"a": 0, "b": 0}, clocks=("a", "b"))
    kernel = build_kernel(system, backend)
    ens = kernel.start(np.zeros((1, 0)))
    kernel.advance(ens, [0], 100.0)  # long steps by now
    ens.thresholds[0] = [103.0, 205.0]
    rings = []
    for _ in range(2):
        kernel.advance(ens, [0], 150.0)
        rings.append((int(ens.ring[0]), float(ens.now[0])))
        ens.thresholds[0, ens.ring[0]] = np.inf
    assert [ring for ring, _ in rings] == [1, 0]
    np.testing.assert_allclose([time for _, time in rings], [102.5, 103.0], rtol=1e-9)
    kernel.advance(ens, [0], 150.0)
    assert ens.ring[0] == -1 and ens.now[0] == 150.0


@pytest.mark.parametrize("backend", BACKENDS)
def test_ring_and_stop_do_not_disturb_each_other(make_system: MakeSystem, backend: str) -> None:
    """A stop before the ring, in the same step, leaves the bits of the ring as they are."""
    system = make_system({"x": "-0.1*x", "H": "x"}, {"x": 1, "H": 0}, clocks=("H",))
    kernel = build_kernel(system, backend)
    times = []
    for stops in ([50.0], [*np.arange(0.1, 50, 0.37), 50.0]):
        ens = kernel.start(np.zeros((1, 0)))
        ens.thresholds[:] = 7.0
        for stop in stops:
            if ens.ring[0] < 0:
                kernel.advance(ens, [0], max(stop, ens.now[0]))
        times.append((ens.now[0], *ens.y[0]))
    assert times[0] == times[1]


def test_start_and_change_and_signals(make_system: MakeSystem) -> None:
    system = make_system(
        {"x": "a - k*x"},
        {"x": "2*a"},
        ("k", "half_life", "a"),
        constants={"k": "log(2)/half_life"},
        signals={"level": "x/a", "clock_time": "time + 0*x"},
    )
    for backend in BACKENDS:
        kernel = build_kernel(system, backend, rtol=1e-8)
        ens = kernel.start([[np.nan, 2.0, 3.0], [np.nan, 4.0, 5.0]], time=10.0)
        np.testing.assert_allclose(ens.parameters[:, 0], np.log(2) / np.array([2.0, 4.0]), rtol=1e-15)
        np.testing.assert_array_equal(ens.y[:, 0], [6.0, 10.0])
        np.testing.assert_array_equal(kernel.signals(ens, [1, 0], ["level", "x"]), [[2.0, 10.0], [2.0, 6.0]])
        kernel.change(ens, [0, 1], parameters={"a": 0.0, "half_life": 1.0})
        assert ens.parameters[0, 0] == np.log(2) / 2, "constants are computed once"
        kernel.advance(ens, [0, 1], np.array([14.0, 18.0]))
        np.testing.assert_allclose(ens.y[:, 0], [6.0 / 4, 10.0 / 4], rtol=1e-6)
        kernel.change(ens, [1], states={"x": [7.0]})
        assert ens.y[1, 0] == 7.0 and ens.y[0, 0] != 7.0
        assert kernel.signals(ens, [1], ["clock_time"])[0, 0] == 18.0


@pytest.mark.parametrize("backend", BACKENDS)
def test_record_fills_what_was_reached(make_system: MakeSystem, backend: str) -> None:
    system = make_system({"x": "-k*x"}, {"x": 1}, ("k",), signals={"twice": "2*x"})
    kernel = build_kernel(system, backend, rtol=1e-8)
    ens = kernel.start([[0.1], [0.2]])
    kernel.record(ens, [0.0, 1.0, 2.5, 9.0], ["twice", "x"])
    assert ens.recorded[0, 0].tolist() == [2.0, 1.0] and np.isnan(ens.recorded[:, 1:]).all()
    kernel.advance(ens, [0, 1], np.array([2.5, 2.0]))
    np.testing.assert_allclose(ens.recorded[0, :3, 1], np.exp([0, -0.1, -0.25]), rtol=1e-7)
    assert np.isnan(ens.recorded[0, 3]).all() and np.isnan(ens.recorded[1, 2:]).all()
    np.testing.assert_array_equal(ens.recorded[0, :3, 0], 2 * ens.recorded[0, :3, 1])
    kernel.change(ens, [0], states={"x": 5.0})
    kernel.advance(ens, [0, 1], 9.0)
    assert ens.recorded[0, 2, 1] < 1.0, "the value before the change"
    np.testing.assert_allclose(ens.recorded[:, 3, 1], [5 * np.exp(-0.65), np.exp(-1.8)], rtol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_failures_end_with_a_code_and_leave_others_alone(make_system: MakeSystem, backend: str) -> None:
    system = make_system({"calm": "-calm", "wild": "k*wild*wild"}, {"calm": 1, "wild": 1}, ("k",))
    kernel = build_kernel(system, backend)
    ens = kernel.start([[0.0], [0.25], [np.nan], [0.001]])
    kernel.record(ens, [1.0, 5.0], ["wild"])
    kernel.advance(ens, np.arange(4), 10.0)
    assert ens.status.tolist()[::3] == [0, 0]
    assert ens.status[1] in (1, 2) and ens.now[1] == pytest.approx(4.0, rel=1e-3)
    assert ens.status[2] == 2 and ens.now[2] == 0.0
    assert ens.bad_state.tolist() == [-1, 1, 1, -1]
    assert np.isfinite(ens.y[[0, 1, 3]]).all()
    np.testing.assert_array_equal(ens.now[[0, 3]], 10.0)
    assert np.isnan(ens.recorded[1, 1, 0]) and ens.recorded[1, 0, 0] == pytest.approx(1 / 0.75, rel=1e-4)
    before = ens.steps + ens.rejected
    kernel.advance(ens, np.arange(4), 20.0)
    assert ens.now[1] < 10.0 and (ens.steps + ens.rejected)[1] == before[1], "it stays where it failed"


@pytest.mark.parametrize("backend", BACKENDS)
def test_too_many_steps(make_system: MakeSystem, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from virtuall.engine import lane_step, lanes, reference

    for module in (lane_step, lanes, reference):
        monkeypatch.setattr(module, "MOST_STEPS", 20)
    system = make_system({"x": "v", "v": "-10000*x + 0*time"}, {"x": 1, "v": 0})
    kernel = build_kernel(system, backend, cache=False)
    compiled._loaded.clear()
    kernel = build_kernel(system, backend, cache=False)
    ens = kernel.start(np.zeros((2, 0)))
    kernel.advance(ens, [0, 1], 1000.0)
    assert ens.status.tolist() == [3, 3] and (ens.steps + ens.rejected).tolist() == [20, 20]
    compiled._loaded.clear()


def test_a_long_program_is_cut_into_functions(make_system: MakeSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    from virtuall.engine import lane_stages, llvm

    monkeypatch.setattr(llvm, "LARGEST_FUNCTION", 20)
    monkeypatch.setattr(lane_stages, "_ROWS_AT_ONCE", 3)
    size = 12
    rates = {}
    for n in range(size):
        choice = f"(0.1 if x{(n + 1) % size} < 0.5 and k > 1 else 0.2)"
        rates[f"x{n}"] = f"-x{n}*(1 + x{(n + 5) % size}) + {choice}/(k + x{n})"
    system = make_system(rates, {name: 1 / (1 + n) for n, name in enumerate(rates)}, ("k",))
    results = []
    for backend in BACKENDS:
        compiled._loaded.clear()
        kernel = build_kernel(system, backend, cache=False)
        ens = kernel.start([[0.5], [1.5], [2.5]])
        kernel.advance(ens, [0, 1, 2], 30.0)
        results.append(ens.y)
    compiled._loaded.clear()
    np.testing.assert_array_equal(*results)


def test_a_kernel_travels(kernel: Kernel, clinic_like: System, patients: Patients, treated: Ensemble) -> None:
    copied = pickle.loads(pickle.dumps(kernel))  # noqa: S301
    assert_same(treated, treat(copied, patients(clinic_like, 200)[:4]), slice(0, 4))
    ens = kernel.start(patients(clinic_like, 4))
    kernel.advance(ens, np.arange(4), 13.3)
    resumed = pickle.loads(pickle.dumps(ens))  # noqa: S301
    for each in (ens, resumed):
        kernel.advance(each, np.arange(4), 50.0)
    np.testing.assert_array_equal(ens.y, resumed.y)


def test_wrong_calls_say_why(kernel: Kernel, clinic_like: System, patients: Patients) -> None:
    values = patients(clinic_like, 2)
    with pytest.raises(InputError, match="shape"):
        kernel.start(values[:, 1:])
    ens = kernel.start(values, time=5.0)
    with pytest.raises(InputError, match="patient row 1"):
        kernel.advance(ens, [0, 1], np.array([6.0, 4.0]))
    with pytest.raises(InputError, match="stop"):
        kernel.advance(ens, [0, 1], np.inf)
    for outside in (2, -1):
        with pytest.raises(InputError, match="rows"):
            kernel.advance(ens, [outside], 6.0)
    with pytest.raises(InputError, match="did you mean 'infusion'"):
        kernel.change(ens, [0], parameters={"infusio": 1.0})
    with pytest.raises(InputError, match="did you mean 'cells'"):
        kernel.signals(ens, [0], ["cell"])
    with pytest.raises(InputError, match="increasing"):
        kernel.record(ens, [2.0, 1.0], ["cells"])
    with pytest.raises(InputError, match="back end"):
        build_kernel(clinic_like, "cuda")
    with pytest.raises(InputError, match="rtol"):
        build_kernel(clinic_like, rtol=0.0)


def test_wrong_systems_say_why(make_system: MakeSystem) -> None:
    with pytest.raises(KernelError, match="rate of 'x'"):
        make_system({"x": "y"}, {"x": 0})
    with pytest.raises(KernelError, match="initial value of 'x'"):
        make_system({"x": "x"}, {"x": "x"})
    with pytest.raises(KernelError, match="unique"):
        make_system({"x": "x"}, {"x": 0}, ("x",))
    with pytest.raises(KernelError, match="scale"):
        make_system({"x": "x"}, {"x": 0}, scales={"x": 0.0})
    with pytest.raises(KernelError, match="clock"):
        make_system({"x": "x"}, {"x": 0}, clocks=("y",))


def test_fingerprint_follows_what_decides(make_system: MakeSystem) -> None:
    one = make_system({"x": "-k*x"}, {"x": 1}, ("k",))
    same = make_system({"x": "-k*x"}, {"x": 1}, ("k",))
    others = [
        make_system({"x": "-k*x*x"}, {"x": 1}, ("k",)),
        make_system({"x": "-k*x"}, {"x": 2}, ("k",)),
        make_system({"x": "-k*x"}, {"x": 1}, ("k",), scales={"x": 2.0}),
        make_system({"x": "-k*x"}, {"x": 1}, ("k",), clocks=("x",)),
        make_system({"x": "-k*x"}, {"x": 1}, ("k",), signals={"s": "x"}),
    ]
    assert one.fingerprint() == same.fingerprint()
    assert len({one.fingerprint(), *(other.fingerprint() for other in others)}) == 6
