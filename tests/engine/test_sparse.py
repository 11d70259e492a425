"""Sparse elimination against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from virtuall.engine import rosenbrock
from virtuall.engine.program import Columns
from virtuall.engine.sparse import plan_elimination


def decompose_and_solve(matrix: np.ndarray, right: np.ndarray, diagonal: float) -> np.ndarray:
    """Solve (diagonal - matrix) x = right by the planned elimination."""
    entries = [(int(i), int(j)) for i, j in zip(*np.nonzero(matrix), strict=True)]
    plan = plan_elimination(len(matrix), entries)
    factors: dict[int, np.ndarray] = {}

    def load(row: int, column: int) -> np.ndarray | None:
        return matrix[row, column] if matrix[row, column] != 0.0 else None

    rosenbrock.eliminate(Columns(), plan, np.float64(diagonal), load, factors.__setitem__, factors.__getitem__)
    return np.array(rosenbrock.substitute(Columns(), plan, right.__getitem__, factors.__getitem__))


@pytest.mark.parametrize("seed", range(20))
def test_solution_against_numpy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 40))
    matrix = np.where(rng.random((size, size)) < rng.uniform(0.02, 0.5), rng.standard_normal((size, size)), 0.0)
    right = rng.standard_normal(size)
    expected = np.linalg.solve(30 * np.eye(size) - matrix, right)
    np.testing.assert_allclose(decompose_and_solve(matrix, right, 30.0), expected, rtol=1e-10, atol=1e-14)


def test_a_chain_and_an_arrow_fill_nothing() -> None:
    size = 30
    chain = [(k, k - 1) for k in range(1, size)]
    arrow = [(k, 0) for k in range(size)] + [(0, k) for k in range(size)]
    assert len(plan_elimination(size, chain).slots) == 2 * size - 1
    assert len(plan_elimination(size, arrow).slots) == 3 * size - 2


def test_absent_block_stays_exactly_zero() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((12, 12))
    matrix[8:, :8] = 0.0  # nothing feeds the last four
    right = np.concatenate([rng.standard_normal(8), np.zeros(4)])
    assert np.all(decompose_and_solve(matrix, right, 20.0)[8:] == 0.0)


def test_order_is_always_the_same() -> None:
    rng = np.random.default_rng(5)
    entries = [(int(i), int(j)) for i, j in rng.integers(0, 25, (80, 2))]
    assert plan_elimination(25, entries) == plan_elimination(25, list(reversed(entries)))
