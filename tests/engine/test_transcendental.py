"""Circular and hyperbolic functions of both machines against mpmath, their special values and derivatives."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

from virtuall.engine.graph import Graph
from virtuall.engine.kernel import build_kernel
from virtuall.engine.program import Columns, make_program, run_on_columns
from virtuall.engine.system import System
from virtuall.engine.transcendental import FUNCTIONS, LARGEST_ANGLE

SMALL = np.concatenate([np.linspace(-1.0, 1.0, 301), np.sign(np.linspace(-1, 1, 60)) * 10.0 ** np.linspace(-12, 0, 60)])
WIDE = np.concatenate([SMALL, np.linspace(-30.0, 30.0, 301)])
FAR = np.concatenate([WIDE, math.pi * np.arange(-99, 100) / 2, 10.0 ** np.linspace(2, 13, 60)])
# Where each function is looked at, and how many units in the last place it may be off.
WHERE = {
    "sin": (FAR, 1.0),
    "cos": (FAR, 1.0),
    "tan": (FAR, 2.5),
    "asin": (SMALL, 6.0),
    "acos": (SMALL, 5.0),
    "atan": (FAR, 5.0),
    "sinh": (np.concatenate([WIDE, [709.0, -710.4]]), 3.0),
    "cosh": (np.concatenate([WIDE, [709.0, -710.4]]), 3.0),
    "tanh": (WIDE, 4.0),
    "asinh": (FAR, 4.0),
    "acosh": (1.0 + np.abs(FAR), 4.0),
    "atanh": (SMALL[np.abs(SMALL) < 1.0], 4.0),
}
SPECIAL = np.array([0.0, -0.5, 0.5, 1.0, -1.0, 1.5, -1.5, 2.5, -2.5, 1e300, -1e300, np.inf, -np.inf, np.nan])


def on_columns(name: str, x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return FUNCTIONS[name](Columns(), x)


@pytest.mark.parametrize("name", WHERE)
def test_values_are_accurate(name: str) -> None:
    x, allowed = WHERE[name]
    with mpmath.workprec(200):
        exact = [getattr(mpmath, name)(mpmath.mpf(float(value))) for value in x]
        for value, found, expected in zip(x, on_columns(name, x), exact, strict=True):
            unit = mpmath.mpf(float(np.spacing(abs(float(expected)))))
            assert abs(mpmath.mpf(float(found)) - expected) <= allowed * unit, float(value)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "factorial"])
def test_special_values(name: str) -> None:
    numpys = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}
    numpys |= {"asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh"}
    x = SPECIAL
    if name in ("sin", "cos", "tan"):
        x = x[~(np.abs(x) > LARGEST_ANGLE)]
        assert np.isnan(on_columns(name, np.array([2.0 * LARGEST_ANGLE, np.inf]))).all()
    with np.errstate(all="ignore"):
        expected = getattr(np, numpys.get(name, name))(x)
    np.testing.assert_allclose(on_columns(name, x), expected, rtol=2e-15)


def test_factorial() -> None:
    x = np.array([0.0, 1.0, 5.0, 170.0, 171.0, 2.5, -1.0, np.nan])
    expected = [1.0, 1.0, 120.0, float(math.factorial(170)), np.inf, np.nan, np.nan, np.nan]
    np.testing.assert_array_equal(on_columns("factorial", x), expected)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in ("floor", "ceil", "factorial")])
def test_derivatives(name: str) -> None:
    graph = Graph()
    x = graph.symbol("x")
    slope = graph.derivative(graph.call(name, x), "x")
    at = 1.7 if name == "acosh" else 0.4
    program = make_program(graph, [slope], {x: 0})
    found = run_on_columns(program, lambda _: np.array([at]), 1)[0, 0]
    assert found == pytest.approx(float(mpmath.diff(getattr(mpmath, name), at)), rel=1e-10)


def test_jumps_have_no_slope() -> None:
    graph = Graph()
    x = graph.symbol("x")
    for name in ("floor", "ceil", "factorial"):
        assert graph.value(graph.derivative(graph.call(name, x), "x")) == 0.0


def test_both_back_ends_give_the_same_bits() -> None:
    graph = Graph()
    time = graph.symbol("time")
    half = graph.mul(graph.number(0.05), time)
    signals = []
    for name in FUNCTIONS:
        inside = graph.add(graph.number(1.5), half) if name == "acosh" else half
        signals.append((name, graph.call(name, graph.call("floor", time) if name == "factorial" else inside)))
    total = graph.number(0.0)
    for name, node in signals:
        total = graph.add(total, node) if name not in ("factorial", "floor", "ceil") else total
    # tan, asin and others end somewhere; within these days all is finite.
    system = System(graph, ("x",), (), (total,), (graph.number(0.0),), signals=tuple(signals))
    names = ["x", *FUNCTIONS]
    grids = []
    for backend in ("numpy", "llvm"):
        kernel = build_kernel(system, backend, cache=False)
        ens = kernel.start(np.zeros((3, 0)))
        kernel.record(ens, np.linspace(0.0, 10.0, 23), names)
        kernel.advance(ens, np.arange(3), np.full(3, 10.0))
        grids.append(ens.recorded)
    assert np.isfinite(grids[0]).all()
    np.testing.assert_array_equal(*grids)
