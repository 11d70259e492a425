"""The coefficients themselves: all order conditions, and measured slopes of a step written down here once more.

The step below is dense linear algebra in a few lines and shares nothing with the engine but the coefficients; the last
test says that a step of either back end is this step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pytest

from virtuall.engine.kernel import BACKENDS, build_kernel
from virtuall.engine.system import System
from virtuall.engine.tableau import GAMMA, NODES, ORDER, STAGES, A, C, D, H

Tree = tuple["Tree", ...]  # a rooted tree is its branches
Floats = np.ndarray


def square(rows: tuple[tuple[float, ...], ...]) -> Floats:
    matrix = np.zeros((STAGES, STAGES))
    for place, row in enumerate(rows):
        matrix[place, : len(row)] = row
    return matrix


# The usual form of a Rosenbrock method: alpha and Gamma. With u = Gamma k the products with the Jacobian are gone.
GAMMAS = np.linalg.inv(np.eye(STAGES) / GAMMA - square(C))
ALPHA = square(A) @ GAMMAS
BETA = ALPHA + GAMMAS
MAIN = np.append(A[-1], 1.0)
EMBEDDED = np.append(A[-1], 0.0)


def dense(part: float) -> Floats:
    """Weights of the dense output at a part of the step, for the stages u."""
    bend = sum(np.array(row) * part**k for k, row in enumerate(H))
    return part * MAIN + part * (1 - part) * bend


@cache
def trees(size: int) -> tuple[Tree, ...]:
    """All rooted trees with so many vertices, each once."""

    def forests(left: int, largest: Tree | None) -> Iterator[Tree]:
        if not left:
            yield ()
        for branch_size in range(1, left + 1):
            for branch in trees(branch_size):
                if largest is None or (len(str(branch)), branch) <= (len(str(largest)), largest):
                    for rest in forests(left - branch_size, branch):
                        yield (branch, *rest)

    return tuple(forests(size - 1, None))


def vertices(tree: Tree) -> int:
    return 1 + sum(map(vertices, tree))


def density(tree: Tree) -> int:
    return vertices(tree) * int(np.prod([density(branch) for branch in tree]))


def weight(tree: Tree) -> Floats:
    """Elementary weights of the stages: beta behind a vertex of one branch, alpha behind one of several."""
    matrix = BETA if len(tree) == 1 else ALPHA
    result = np.ones(STAGES)
    for branch in tree:
        result = result * (matrix @ weight(branch))
    return result


def defect(weights: Floats, order: int, part: float = 1.0) -> float:
    """Largest error in the order conditions of this order."""
    return max(abs((weights @ GAMMAS) @ weight(tree) - part**order / density(tree)) for tree in trees(order))


def test_numbers_of_trees() -> None:
    assert [len(set(trees(size))) for size in range(1, 7)] == [1, 1, 2, 4, 9, 20]


def test_main_method_has_order_five() -> None:
    assert max(defect(MAIN, order) for order in range(1, 6)) < 1e-13
    assert defect(MAIN, 6) > 1e-4, "and no more"


def test_embedded_method_has_order_four() -> None:
    assert max(defect(EMBEDDED, order) for order in range(1, 5)) < 1e-13
    assert defect(EMBEDDED, 5) > 1e-4, "so the last stage measures an error"


def test_dense_output_has_order_four_at_every_place() -> None:
    for part in np.linspace(0.0, 1.0, 21):
        assert max(defect(dense(part), order, part) for order in range(1, 5)) < 1e-12, part
    assert defect(dense(0.5), 5, 0.5) > 1e-6
    np.testing.assert_allclose(dense(1.0), MAIN, atol=0)


def test_stiffly_accurate_and_consistent() -> None:
    """The end of the step is the last stage: what decays at once is forgotten at once."""
    np.testing.assert_allclose(BETA[-1], MAIN @ GAMMAS, atol=1e-13)
    np.testing.assert_allclose(ALPHA.sum(axis=1), NODES, atol=1e-13)
    np.testing.assert_allclose(GAMMAS.sum(axis=1), D, atol=1e-13)
    np.testing.assert_allclose(np.diag(GAMMAS), GAMMA, rtol=1e-14)
    assert ORDER == 5 and STAGES == 8 and np.allclose(NODES[5:], 1.0)


@pytest.mark.parametrize("weights", [MAIN, EMBEDDED], ids=["main", "embedded"])
def test_both_methods_are_stable_in_the_left_half_plane(weights: Floats) -> None:
    """|R(z)| <= 1 on the imaginary axis and 0 far out; no pole on the left since gamma > 0: L-stable."""

    def growth(z: complex) -> float:
        inner = np.linalg.solve(np.eye(STAGES) - z * BETA, np.ones(STAGES))
        return abs(1 + z * (weights @ GAMMAS) @ inner)

    assert max(growth(1j * y) for y in np.logspace(-3, 6, 400)) <= 1 + 1e-9
    assert max(growth(z) for z in (-1e8, -1e8 + 1e8j, 1e8j)) < 1e-5


# -- the step, once more --------------------------------------------------------------------------------------------


class Problem:
    """y' = f(t, y) with its derivatives and its solution."""

    def __init__(
        self,
        rate: Callable[[float, Floats], list[float]],
        jacobian: Callable[[float, Floats], list[list[float]]],
        by_time: Callable[[float, Floats], list[float]],
        solution: Callable[[float], list[float]],
    ) -> None:
        self.rate, self.jacobian, self.by_time, self.solution = rate, jacobian, by_time, solution

    def step(self, time: float, y: Floats, h: float) -> Floats:
        """Stages u, shape (8, states)."""
        matrix = np.eye(len(y)) / (h * GAMMA) - np.array(self.jacobian(time, y))
        by_time = np.array(self.by_time(time, y))
        stages = np.zeros((STAGES, len(y)))
        for k in range(STAGES):
            place = y + np.array(A[k]) @ stages[:k]
            right = np.array(self.rate(time + NODES[k] * h, place)) + np.array(C[k]) @ stages[:k] / h
            stages[k] = np.linalg.solve(matrix, right + h * D[k] * by_time)
        return stages


# Kaps: two coupled nonlinear equations, solution exp(-2t), exp(-t), stiff as eps falls.
def kaps(eps: float) -> Problem:
    return Problem(
        lambda t, y: [-(2 + 1 / eps) * y[0] + y[1] ** 2 / eps, y[0] - y[1] - y[1] ** 2],
        lambda t, y: [[-(2 + 1 / eps), 2 * y[1] / eps], [1.0, -1 - 2 * y[1]]],
        lambda t, y: [0.0, 0.0],
        lambda t: [np.exp(-2 * t), np.exp(-t)],
    )


# Time in the rate, in products with both states: solution 1/(1 + t^2), exp(-1/(1 + t^2)).
TIMED = Problem(
    lambda t, y: [-2 * t * y[0] ** 2, 2 * t * y[0] ** 2 * y[1]],
    lambda t, y: [[-4 * t * y[0], 0.0], [4 * t * y[0] * y[1], 2 * t * y[0] ** 2]],
    lambda t, y: [-2 * y[0] ** 2, 2 * y[0] ** 2 * y[1]],
    lambda t: [1 / (1 + t * t), np.exp(-1 / (1 + t * t))],
)


def prothero_robinson(stiffness: float) -> Problem:
    """y' = -stiffness (y - g) + g' with g = sin(t + 0.5): methods lose order on it."""

    def g(t: float) -> float:
        return float(np.sin(t + 0.5))

    return Problem(
        lambda t, y: [-stiffness * (y[0] - g(t)) + np.cos(t + 0.5)],
        lambda t, y: [[-stiffness]],
        lambda t, y: [stiffness * np.cos(t + 0.5) - g(t)],
        lambda t: [g(t)],
    )


def slope(steps: Floats, errors: Floats) -> float:
    return float(np.polyfit(np.log(steps), np.log(errors), 1)[0])


@pytest.mark.parametrize(("problem", "start"), [(kaps(1.0), 0.0), (TIMED, 1.5)], ids=["autonomous", "explicit time"])
def test_measured_order_of_one_step(problem: Problem, start: float) -> None:
    """Errors of one step fall with the order plus one: 6 of the main method, 5 of the embedded and the dense."""
    y, shrink = np.array(problem.solution(start)), 0.85 ** np.arange(6)
    rows = [("main", 0.1, 1.0, MAIN), ("embedded", 0.03, 1.0, EMBEDDED)]
    rows += [(f"dense {part}", 0.03, part, dense(part)) for part in (0.25, 0.5, 0.8)]
    for name, longest, part, weights in rows:
        steps = longest * shrink
        found = [y + weights @ problem.step(start, y, h) for h in steps]
        errors = [np.abs(a - problem.solution(start + part * h)).max() for a, h in zip(found, steps, strict=True)]
        expected = 6.0 if name == "main" else 5.0
        assert abs(slope(steps, np.array(errors)) - expected) < 0.2, (name, errors)


def errors_over_a_time(problem: Problem, counts: Floats) -> Floats:
    """Error at t = 2 with so many equal steps."""
    errors = []
    for count in counts:
        y, h = np.array(problem.solution(0.0)), 2.0 / count
        for k in range(count):
            y = y + MAIN @ problem.step(k * h, y, h)
        errors.append(np.abs(y - problem.solution(2.0)).max())
    return np.array(errors)


@pytest.mark.parametrize("problem", [kaps(1.0), TIMED], ids=["autonomous", "explicit time"])
def test_measured_order_over_a_time(problem: Problem) -> None:
    counts = np.array([12, 16, 24, 32, 48])
    assert slope(2.0 / counts, errors_over_a_time(problem, counts)) > 4.7


def test_order_left_by_the_worst_stiffness() -> None:
    """The worst over all stiffnesses: order 4 on a linear stiff equation, 3 on coupled nonlinear ones."""
    counts = np.array([8, 12, 16, 24])
    forced = [errors_over_a_time(prothero_robinson(stiffness), counts) for stiffness in np.logspace(0, 8, 17)]
    assert slope(2.0 / counts, np.max(forced, axis=0)) > 3.9
    coupled = [errors_over_a_time(kaps(eps), counts) for eps in np.logspace(0, -8, 9)]
    assert slope(2.0 / counts, np.max(coupled, axis=0)) > 3.0


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_engine_takes_this_step(make_system: Callable[..., System], backend: str) -> None:
    """Ends and dense output of the steps of a kernel, from what it shows of its last step."""
    system = make_system({"a": "-2*time*a*a + 0*b", "b": "2*time*a*a*b"}, {"a": 1.0, "b": "exp(-1)"})
    kernel = build_kernel(system, backend, rtol=1e-4)
    ens = kernel.start(np.zeros((1, 0)))
    steps = 0
    for stop in np.linspace(0.01, 4.0, 60):
        before = int(ens.steps[0])
        kernel.advance(ens, [0], stop)
        steps += int(ens.steps[0]) > before
        begin, end = float(ens.before[0]), float(ens.after[0])
        start, last = ens.track[0, 0], ens.track[0, 1]
        stages = TIMED.step(begin, start, end - begin)
        np.testing.assert_allclose(last, start + MAIN @ stages, rtol=1e-12)
        part = (stop - begin) / (end - begin)
        np.testing.assert_allclose(ens.y[0], start + dense(part) @ stages, rtol=1e-12)
    assert steps > 5
