"""The method: order of convergence, stiff classics against SciPy, accuracy of the default tolerance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from virtuall.engine import rosenbrock
from virtuall.engine.blueprint import make_blueprint
from virtuall.engine.kernel import build_kernel
from virtuall.engine.program import Columns, run_on_columns
from virtuall.engine.reference import ReferenceBackend
from virtuall.engine.system import System
from virtuall.engine.tableau import GAMMA, STAGES, A, C, D, H

MakeSystem = Callable[..., System]


def known_system(make_system: MakeSystem) -> System:
    """Nonlinear, with time in a rate; the solution is known."""
    return make_system(
        {"s": "c", "c": "-s", "u": "c*u", "v": "-v*v", "w": "time*w - 0.3*w*(u - u)", "x": "-x*u*v + u*v"},
        dict.fromkeys("scuvwx", 0),
    )


def known_solution(time: np.ndarray) -> np.ndarray:
    s, c = np.sin(time), np.cos(time)
    return np.array([s, c, np.exp(s), 1 / (1 + time), np.exp(time**2 / 2), np.ones_like(time)])


def one_step(system: System, time: float, y: np.ndarray, step: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Stages and end of one step from (time, y), one column for each length."""
    blueprint = make_blueprint(system)
    backend = ReferenceBackend(blueprint, 1e-5)
    columns = np.repeat(y[:, None], len(step), axis=1)
    times, fixed = np.full(len(step), time), np.empty((0, len(step)))
    slopes = run_on_columns(blueprint.slopes, backend._loader(columns, times, fixed), len(step))
    return backend._stages(columns, times, fixed, slopes, step)


def slope(step: np.ndarray, error: np.ndarray) -> float:
    return float(np.polyfit(np.log(step), np.log(error), 1)[0])


def test_orders_of_a_single_step(make_system: MakeSystem) -> None:
    """The error of one step falls with the order plus one."""
    system, start = known_system(make_system), 0.3
    step = np.array([0.2, 0.15, 0.1, 0.07, 0.05])
    y = known_solution(np.array(start))
    stages, after = one_step(system, start, y, step)
    end = known_solution(start + step)
    moving = slice(0, 5)
    assert slope(step, np.abs(after - end)[moving].max(axis=0)) > 5.7
    embedded = after - stages[-1]
    assert 4.7 < slope(step, np.abs(embedded - end)[moving].max(axis=0)) < 5.5
    bends = [rosenbrock.weighted_sum(Columns(), weights, stages) for weights in H]
    for part in (0.2, 0.5, 0.8):
        middle = rosenbrock.dense_value(Columns(), np.float64(part), y[:, None], after, bends)
        error = np.abs(middle - known_solution(start + part * step))[moving].max(axis=0)
        assert slope(step, error) > 4.7


def test_global_order(make_system: MakeSystem) -> None:
    system = known_system(make_system)
    counts = np.array([8, 12, 16, 24])
    errors = []
    for count in counts:
        y, step = known_solution(np.array(0.0)), 2.0 / count
        for k in range(count):
            y = one_step(system, k * step, y, np.array([step]))[1][:, 0]
        errors.append(np.abs(y - known_solution(np.array(2.0)))[:5].max())
    assert 4.7 < slope(2.0 / counts, np.array(errors)) < 6.0


def test_coefficients_fit_together() -> None:
    """Stage times follow from the other coefficients, and the method is L-stable for y' = z y."""
    inverse = np.eye(STAGES) / GAMMA
    for i, row in enumerate(C):
        inverse[i, : len(row)] -= row
    gamma = np.linalg.inv(inverse)  # Gamma, with gamma on the diagonal
    alpha = np.zeros((STAGES, STAGES))
    for i, row in enumerate(A):
        alpha[i, : len(row)] = row
    alpha = alpha @ gamma
    from virtuall.engine.tableau import NODES

    np.testing.assert_allclose(alpha.sum(axis=1), NODES, atol=1e-12)
    np.testing.assert_allclose(gamma.sum(axis=1), D, atol=1e-12)
    weights = np.append(np.array(A[-1]), 1.0) @ gamma
    beta = alpha + gamma

    def growth(z: complex) -> complex:
        return 1 + z * weights @ np.linalg.solve(np.eye(STAGES) - z * beta, np.ones(STAGES))

    assert abs(growth(-1e9)) < 1e-6
    assert max(abs(growth(1j * y)) for y in np.logspace(-2, 4, 200)) <= 1 + 1e-9


ROBERTSON = {"a": "-0.04*a + 10000*b*c", "b": "0.04*a - 10000*b*c - 30000000*b*b", "c": "30000000*b*b"}
OSCILLATOR = {"x": "v", "v": "1000*(1 - x*x)*v - x"}
HIRES = {
    "y1": "-1.71*y1 + 0.43*y2 + 8.32*y3 + 0.0007",
    "y2": "1.71*y1 - 8.75*y2",
    "y3": "-10.03*y3 + 0.43*y4 + 0.035*y5",
    "y4": "8.32*y2 + 1.71*y3 - 1.12*y4",
    "y5": "-1.745*y5 + 0.43*y6 + 0.43*y7",
    "y6": "-280*y6*y8 + 0.69*y4 + 1.71*y5 - 0.43*y6 + 0.69*y7",
    "y7": "280*y6*y8 - 1.81*y7",
    "y8": "-280*y6*y8 + 1.81*y7",
}


@pytest.mark.parametrize(
    ("rates", "start", "end", "scales"),
    [
        (ROBERTSON, [1, 0, 0], 4000.0, {"b": 1e-5}),
        (OSCILLATOR, [2, 0], 2000.0, {"v": 1e-3}),
        (HIRES, [1, 0, 0, 0, 0, 0, 0, 0.0057], 321.8122, dict.fromkeys(HIRES, 1e-3)),
    ],
    ids=["robertson", "van der pol", "hires"],
)
def test_stiff_classics(make_system: MakeSystem, rates: dict, start: list, end: float, scales: dict) -> None:
    names = list(rates)
    system = make_system(rates, dict(zip(names, start, strict=True)), scales=scales)
    kernel = build_kernel(system, rtol=1e-7)
    ens = kernel.start(np.zeros((1, 0)))
    times = end * np.array([0.001, 0.01, 0.1, 0.3, 0.6, 1.0])
    kernel.record(ens, times, names)
    kernel.advance(ens, [0], end)
    codes = [compile(text, name, "eval") for name, text in rates.items()]

    def slopes(_: float, y: np.ndarray) -> list[float]:
        return [eval(code, dict(zip(names, y, strict=True))) for code in codes]  # noqa: S307

    truth = solve_ivp(slopes, (0, end), start, "Radau", times, rtol=1e-10, atol=1e-13).y.T
    assert ens.status[0] == 0
    size = np.abs(truth).max(axis=0)
    np.testing.assert_array_less(np.abs(ens.recorded[0] - truth).max(axis=0) / size, 2e-5)


def test_default_tolerance_is_good_to_one_in_ten_thousand(
    clinic_like: System, patients: Callable[..., np.ndarray]
) -> None:
    values = patients(clinic_like, 16)
    names = ["drug", "cells", "effector", "neutrophils", "H_infection", "kill"]
    results = []
    for rtol in (1e-5, 1e-9):
        kernel = build_kernel(clinic_like, rtol=rtol)
        ens = kernel.start(values)
        kernel.record(ens, np.arange(0.0, 101.0), names)
        kernel.advance(ens, np.arange(16), 28.0)
        kernel.change(ens, np.arange(16), parameters={"infusion": 0.0})
        kernel.advance(ens, np.arange(16), 100.0)
        results.append(ens.recorded)
    error = np.abs(results[0] - results[1]).max(axis=1) / np.abs(results[1]).max(axis=1)
    assert error.max() < 1e-4
