"""Large or dense matrices are eliminated by loops: the same bits as the straight lines and as NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from virtuall.engine import compiled, lane_step
from virtuall.engine.graph import Graph
from virtuall.engine.kernel import Kernel, build_kernel
from virtuall.engine.lane_loops import products_of
from virtuall.engine.system import System


def coupled(size: int, share: float) -> System:
    """States that slow each other down, each coupled to a share of the others."""
    rng, g = np.random.default_rng(1), Graph()
    names = [f"x{k}" for k in range(size)]
    x, one, rates = [g.symbol(name) for name in names], g.number(1.0), []
    for k in range(size):
        rate = g.sub(g.symbol("source"), g.mul(g.number(1.0 + 10.0 * rng.random()), x[k]))
        for other in np.flatnonzero((rng.random(size) < share) & (np.arange(size) != k)):
            rate = g.add(rate, g.div(g.mul(g.number(rng.random()), x[other]), g.add(one, g.mul(x[other], x[k]))))
        rates.append(rate)
    start = tuple(g.number(float(value)) for value in rng.random(size))
    return System(g, tuple(names), ("source",), tuple(rates), start, scales=(1e-3,) * size)


def run(kernel: Kernel) -> bytes:
    ens = kernel.start(np.array([[0.3], [1.0], [2.5]]))
    kernel.record(ens, np.linspace(0.0, 4.0, 9), list(kernel.system.states))
    kernel.advance(ens, [0, 1, 2], [4.0, 3.0, 2.0])
    assert (ens.status == 0).all()
    return ens.recorded.tobytes()


@pytest.mark.parametrize(("size", "share"), [(2, 0.0), (7, 1.0), (12, 0.3)])
def test_loops_and_straight_lines_give_the_same_bits(size: int, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    system = coupled(size, share)
    expected = run(build_kernel(system, "numpy"))
    for most in (0, 10**9):
        monkeypatch.setattr(lane_step, "MOST_WRITTEN_OUT", most)
        compiled._loaded.clear()
        assert run(build_kernel(system, cache=False)) == expected
    compiled._loaded.clear()


def test_a_dense_matrix_is_eliminated_by_loops() -> None:
    system = coupled(28, 1.0)
    assert products_of(build_kernel(system, "numpy")._blueprint.elimination) > lane_step.MOST_WRITTEN_OUT
    assert run(build_kernel(system, cache=False)) == run(build_kernel(system, "numpy"))
