"""Hostile numbers: each ends with a code for that patient alone, or a clear error; the others keep their bits."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from virtuall.core.errors import InputError
from virtuall.engine.ensemble import FINE, NOT_FINITE, STATUS_TEXT, STEP_TOO_SMALL, TOO_MANY_STEPS, Ensemble
from virtuall.engine.kernel import BACKENDS, Kernel, build_kernel
from virtuall.engine.system import System
from virtuall.engine.tableau import GAMMA

MakeSystem = Callable[..., System]
END = 20.0
# A rate that goes wrong where k is 1, and the codes that may come of it.
HOSTILE = {
    "explodes": ("k*x*x", {STEP_TOO_SMALL, NOT_FINITE}),
    "overflows": ("exp(exp(x + 6)) if k > 0.5 else 0*x", {NOT_FINITE, STEP_TOO_SMALL}),
    "log of a negative": ("log(x - 2) if k > 0.5 else -x", {NOT_FINITE}),
    "root of a negative": ("sqrt(x - 2) if k > 0.5 else -x", {NOT_FINITE}),
    "power of a negative": ("(x - 2)**(0.3*k) if k > 0.5 else -x", {NOT_FINITE}),
    "division by zero": ("k/(x - x*k) - 0.1*x", {NOT_FINITE}),
    "zero by zero": ("0*x + k*((x - x*k)/(x - x*k))", {NOT_FINITE}),
    "zero by zero of parameters": ("-x + (k - k*k)/(1 - k)", {NOT_FINITE}),
    "infinite parameter": ("-x + k/(1 - k)", {NOT_FINITE}),
    "log of zero on the way": ("-k*(1 + log(x)*log(x)) - 0.01*x", {STEP_TOO_SMALL, NOT_FINITE}),
    "jumps of the slope": ("k*(1e9 if x < 1.5 else -1e9) - 0.1*x", {STEP_TOO_SMALL, TOO_MANY_STEPS}),
    "root at its end": ("-k*sqrt(x)", {STEP_TOO_SMALL, NOT_FINITE}),
}


def one_of(rates: list[str], which: str) -> str:
    """The rate with the number of a parameter."""
    text = rates[-1]
    for k in reversed(range(len(rates) - 1)):
        text = f"(({rates[k]}) if {which} <= {k} else {text})"
    return text


@pytest.fixture(scope="module")
def hostile(make_system: MakeSystem) -> System:
    """A state that is calm, one with any of the hostile rates (calm where k is 0), one that sees both."""
    rate = one_of([text for text, _ in HOSTILE.values()], "which")
    return make_system({"y": "-0.3*y", "x": rate, "z": "x*0 + y - z"}, {"y": 2, "x": "1 + 0*k", "z": 0}, ("k", "which"))


def run(kernel: Kernel, rows: np.ndarray) -> Ensemble:
    ens = kernel.start(rows)
    kernel.record(ens, np.arange(0.0, END, 1.5), ["x", "y", "z"])
    kernel.advance(ens, np.arange(len(rows)), END)
    return ens


def test_hostile_rates(hostile: System) -> None:
    """Patients in trouble among calm ones: codes, the same on both back ends, and everybody else as if alone."""
    which = np.repeat(np.arange(len(HOSTILE)), 3)
    k = np.tile([0.0, 1.0, 0.0], len(HOSTILE))
    rows = np.column_stack([k, which])
    ill, well = np.flatnonzero(k == 1), np.flatnonzero(k != 1)
    results = []
    for backend in BACKENDS:
        kernel = build_kernel(hostile, backend)
        begin = time.perf_counter()
        ens = run(kernel, rows)
        results.append(ens)
        assert time.perf_counter() - begin < 60, "ends in time"
        for row in ill:
            name, (_, codes) = list(HOSTILE.items())[which[row]]
            assert int(ens.status[row]) in codes, (name, STATUS_TEXT[int(ens.status[row])])
        assert (ens.status[well] == FINE).all() and (ens.now[well] == END).all()
        assert np.isfinite(ens.y).all(), "the last good state"
        assert (ens.now[ill] < END).all() and (ens.bad_state[ill] >= 0).all() and (ens.bad_state[well] == -1).all()
        reached = np.arange(0.0, END, 1.5)[None, :] <= ens.now[ill, None]
        assert not np.isfinite(ens.recorded[ill][~reached]).any() and np.isfinite(ens.recorded[ill][reached]).all()
        alone = run(kernel, rows[well])
        for part in ("y", "steps", "rejected", "recorded", "track"):
            np.testing.assert_array_equal(getattr(alone, part), getattr(ens, part)[well], err_msg=part)
    for part in ("y", "now", "status", "bad_state", "steps", "rejected", "recorded"):
        np.testing.assert_array_equal(*(getattr(ens, part) for ens in results), err_msg=part)


@pytest.mark.parametrize("backend", BACKENDS)
def test_any_number_in_parameters_and_states(clinic_like: System, patients: Callable, backend: str) -> None:
    """Each parameter and each state in turn gets a hostile value, one patient each; one patient is left in peace."""
    system, kernel = clinic_like, build_kernel(clinic_like, backend)
    hostile = [np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324]
    cases = [(name, value) for name in (*system.parameters, *system.states) for value in hostile]
    values = np.repeat(patients(system, 1), len(cases) + 1, axis=0)
    alone = kernel.start(values[:1])
    for row, (name, value) in enumerate(cases):
        if name in system.parameters:
            values[row, system.parameters.index(name)] = value
    with np.errstate(all="ignore"):
        ens = kernel.start(values)
        kernel.advance(ens, np.arange(len(values)), 3.0)
        for row, (name, value) in enumerate(cases):
            if name in system.states:
                kernel.change(ens, [row], states={name: value})
        kernel.advance(ens, np.arange(len(values)), 9.0)
    kernel.advance(alone, [0], 3.0)
    kernel.advance(alone, [0], 9.0)
    assert set(ens.status.tolist()) <= set(STATUS_TEXT) and ens.status[-1] == FINE
    np.testing.assert_array_equal(ens.y[-1], alone.y[0])
    ended = (ens.status == FINE) & (ens.ring < 0)
    assert (ens.now[ended] == 9.0).all() and np.isfinite(ens.y[ended]).all(), "who is fine is finite"
    constants = {name for name, _ in system.constants}
    ill = [row for row, (name, value) in enumerate(cases) if name not in constants and np.isnan(value)]
    assert (ens.status[ill] == NOT_FINITE).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_silent_clock_never_rings(make_system: MakeSystem, backend: str) -> None:
    """Whatever is put into it: else a caller who raises thresholds until nothing rings would never end."""
    system = make_system({"x": "-x", "H": "0.1"}, {"x": 1, "H": 0}, clocks=("H",))
    kernel = build_kernel(system, backend)
    ens = kernel.start(np.zeros((1, 0)))
    kernel.advance(ens, [0], 1.0)
    kernel.change(ens, [0], states={"H": np.inf})
    kernel.advance(ens, [0], 2.0)
    assert ens.ring[0] == -1 and ens.status[0] == NOT_FINITE


def test_negative_states_are_no_failure(make_system: MakeSystem) -> None:
    """The engine does not know what a state means: below zero it goes on as the equations say."""
    system = make_system({"x": "-k*x", "n": "-1"}, {"x": -3, "n": 0}, ("k",))
    for backend in BACKENDS:
        kernel = build_kernel(system, backend, rtol=1e-8)
        ens = kernel.start([[0.5], [2.0]])
        kernel.advance(ens, [0, 1], 4.0)
        np.testing.assert_allclose(ens.y[:, 0], -3 * np.exp([-2.0, -8.0]), atol=1e-7)
        np.testing.assert_allclose(ens.y[:, 1], -4.0, rtol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_singular_matrix_rejects_the_step(make_system: MakeSystem, backend: str) -> None:
    """With the slope 1/(h gamma) the pivot of a step h is exactly zero: a shorter step is taken, and that is all."""
    system = make_system({"x": "k*x - k", "z": "x - z"}, {"x": 1, "z": 0}, ("k",))
    kernel = build_kernel(system, backend)
    ens = kernel.start([[0.0]])
    kernel.advance(ens, [0], 1e-9)
    length = float(ens.after[0] - ens.before[0])
    ens = kernel.start([[0.0], [1.0 / (length * GAMMA)], [0.0]])
    kernel.advance(ens, [0, 1, 2], 3.0)
    assert not ens.status.any() and ens.rejected[1] > ens.rejected[0]
    np.testing.assert_array_equal(ens.y[:, 0], 1.0)
    np.testing.assert_allclose(ens.y[:, 1], 1 - np.exp(-3.0), rtol=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_fast_growth_near_singular_steps(make_system: MakeSystem, backend: str) -> None:
    kernel = build_kernel(make_system({"x": "k*x"}, {"x": 1}, ("k",)), backend, rtol=1e-6)
    k = np.linspace(0.5, 900.0, 64)
    ens = kernel.start(k[:, None])
    kernel.advance(ens, np.arange(64), 0.2)
    assert not ens.status.any()
    np.testing.assert_allclose(np.log(ens.y[:, 0]), 0.2 * k, rtol=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_stop_now_tiny_and_huge_intervals(make_system: MakeSystem, backend: str) -> None:
    system = make_system({"x": "-0.1*x"}, {"x": 1})
    kernel = build_kernel(system, backend, rtol=1e-9)
    ens = kernel.start(np.zeros((3, 0)), time=2.0)
    kernel.advance(ens, [0, 1, 2], 2.0)
    np.testing.assert_array_equal(ens.y[:, 0], 1.0)
    assert (ens.now == 2.0).all()
    time_now = 2.0
    for _ in range(50):  # one unit in the last place each
        time_now = float(np.nextafter(time_now, np.inf))
        kernel.advance(ens, [1], time_now)
        assert ens.now[1] == time_now
    kernel.advance(ens, [2], 2.0 + 1e-13)
    kernel.advance(ens, [0, 1, 2], 12.0)
    np.testing.assert_array_equal(ens.y[:, 0], ens.y[0, 0])
    assert ens.y[0, 0] == pytest.approx(np.exp(-1.0), rel=1e-7)
    far = kernel.start(np.zeros((1, 0)), time=1e15)  # where a day is eight units in the last place
    kernel.advance(far, [0], 1e15 + 10)
    assert far.status[0] in STATUS_TEXT and np.isfinite(far.y).all()
    kernel.advance(ens, [0], 3e7 if backend == "llvm" else 3e4)
    assert ens.status[0] == FINE and ens.y[0, 0] == 0.0


@pytest.mark.parametrize("backend", BACKENDS)
def test_changes_at_every_tiny_interval(make_system: MakeSystem, backend: str) -> None:
    """A change every 1e-7 day: each step is far shorter than the first one would be."""
    system = make_system({"x": "r - x"}, {"x": 0}, ("r",))
    kernel = build_kernel(system, backend)
    ens = kernel.start([[0.0]])
    for k in range(200):
        kernel.change(ens, [0], parameters={"r": float(k % 2)})
        kernel.advance(ens, [0], (k + 1) * 1e-7)
    assert ens.status[0] == FINE and ens.y[0, 0] == pytest.approx(1e-5, rel=1e-3)


@pytest.mark.parametrize("backend", BACKENDS)
def test_nobody_one_and_very_many(make_system: MakeSystem, backend: str) -> None:
    system = make_system({"x": "-k*x"}, {"x": 1}, ("k",), signals={"twice": "2*x"}, clocks=("x",))
    kernel = build_kernel(system, backend)
    nobody = kernel.start(np.empty((0, 1)))
    kernel.record(nobody, [0.0, 1.0], ["twice"])
    kernel.advance(nobody, [], 5.0)
    kernel.change(nobody, [], parameters={"k": 1.0})
    assert kernel.signals(nobody, [], ["twice"]).shape == (0, 1) and nobody.recorded.shape == (0, 2, 1)
    count = 100_000 if backend == "llvm" else 20_000
    k = np.linspace(0.01, 1.0, count)
    many, one = kernel.start(k[:, None]), kernel.start([[k[-7]]])
    kernel.advance(many, [], 1.0)
    assert (many.now == 0.0).all(), "an empty index moves nobody"
    kernel.advance(many, np.arange(count), 3.0)
    kernel.advance(one, [0], 3.0)
    assert not many.status.any() and one.y[0, 0] == many.y[-7, 0]
    np.testing.assert_allclose(many.y[:, 0], np.exp(-3 * k), rtol=1e-3)


@pytest.mark.parametrize("stop", [np.nan, np.inf, -np.inf, -1.0])
def test_a_stop_that_is_no_day_is_an_error_before_anything_moves(
    clinic_like: System, patients: Callable, stop: float
) -> None:
    kernel = build_kernel(clinic_like)
    ens = kernel.start(patients(clinic_like, 3))
    kernel.advance(ens, [0, 1, 2], 1.0)
    before = ens.y.copy()
    with pytest.raises(InputError, match="patient row 1"):
        kernel.advance(ens, [0, 1, 2], np.array([2.0, stop, 2.0]))
    np.testing.assert_array_equal(ens.y, before)
    np.testing.assert_array_equal(ens.now, 1.0)


RATES = [
    "x*x*y",
    "exp(x)*y",
    "-x/y",
    "log(y)*x",
    "1/(x - y)",
    "sqrt(x)*y",
    "-x**y",
    "abs(x)**3 - y",
    "max(x, y)**2",
    "x - y",
]


@pytest.fixture(scope="module")
def any_pair(make_system: MakeSystem) -> Kernel:
    """Two states, each with any of the rates."""
    rates = {"x": f"a*{one_of(RATES, 'first')}", "y": f"b*{one_of(RATES, 'second')}"}
    return build_kernel(make_system(rates, {"x": "p", "y": "q"}, ("a", "b", "p", "q", "first", "second")))


NUMBERS = st.floats(-10, 10) | st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=60)
@given(
    st.tuples(*[st.integers(0, len(RATES) - 1)] * 2),
    st.lists(NUMBERS, min_size=4, max_size=4),
    st.floats(0.0, 1e6),
)
def test_no_system_and_no_number_hangs(
    any_pair: Kernel, which: tuple[int, int], numbers: list[float], stop: float
) -> None:
    """Whatever comes in, a code comes out, and the same patient has the same fate alone."""
    row, calm = [*numbers, *which], [-0.1, 0.1, 1.0, 2.0, 9, 9]
    values = np.array([row, calm, row])
    ens, alone = any_pair.start(values), any_pair.start(values[:1])
    for each in (ens, alone):
        any_pair.advance(each, np.arange(len(each)), stop)
    assert set(ens.status.tolist()) <= set(STATUS_TEXT)
    assert ((ens.status != FINE) | (ens.now == stop)).all()
    for part in ("y", "now", "status", "bad_state", "steps", "rejected"):
        twice = np.repeat(getattr(alone, part), 2, axis=0)
        np.testing.assert_array_equal(getattr(ens, part)[[0, 2]], twice, err_msg=part)
