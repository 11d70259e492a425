"""exp, log and pow of both machines against mpmath, and their special values."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator

import llvmlite.binding as binding
import mpmath
import numpy as np
import pytest
from llvmlite import ir

from virtuall.engine import host
from virtuall.engine.llvm import POINTER, Vectors, begin_function
from virtuall.engine.program import Columns

SPECIAL = np.array([0.0, -0.0, 1, -1, 2, -2, 3, -3, 0.5, -0.5, np.inf, -np.inf, np.nan, 1e300, -1e300, 5e-324])


@pytest.fixture(autouse=True)
def long_numbers() -> Iterator[None]:
    """mpmath with 200 bits."""
    with mpmath.workprec(200):
        yield


def on_columns(name: str, *arguments: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return getattr(Columns(), name)(*arguments)


@pytest.fixture(scope="module", params=[1, 8])
def on_lanes(request: pytest.FixtureRequest) -> Callable[..., np.ndarray]:
    """Run one function of the vector machine on arrays."""
    lanes = request.param
    module = ir.Module()
    for name, count in (("exp", 1), ("log", 1), ("pow", 2)):
        function = begin_function(module, f"test_{name}", 3, public=True)
        m = Vectors(ir.IRBuilder(function.append_basic_block()), lanes)
        m.store(
            getattr(m, name)(*(m.load(argument, 0) for argument in function.args[:count])),
            function.args[2],
            0,
        )
        m.builder.ret_void()
    assert POINTER is not None
    machine = host.target_machine()
    engine = binding.create_mcjit_compiler(binding.parse_assembly(str(module)), machine)

    def run(name: str, *arguments: np.ndarray) -> np.ndarray:
        call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)(engine.get_function_address(f"test_{name}"))
        padded = [np.resize(a, -(-a.size // lanes) * lanes) for a in (*arguments, arguments[0])[:2]]
        result = np.empty_like(padded[0])
        for start in range(0, result.size, lanes):
            call(*(a[start:].ctypes.data for a in (*padded, result)))
        return result[: arguments[0].size]

    run.engine = engine  # type: ignore[attr-defined]
    return run


def units_off(found: np.ndarray, exact: list[mpmath.mpf]) -> float:
    """Largest error in units in the last place."""
    return max(
        abs(float((mpmath.mpf(float(f)) - e) / mpmath.mpf(float(np.spacing(abs(float(e)))))))
        for f, e in zip(found, exact, strict=True)
    )


def test_exp_is_accurate() -> None:
    x = np.concatenate([np.linspace(-700, 700, 400), np.random.default_rng(0).uniform(-2, 2, 400)])
    assert units_off(on_columns("exp", x), [mpmath.exp(float(v)) for v in x]) < 1.0


def test_log_is_accurate() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([10 ** rng.uniform(-307, 307, 400), rng.uniform(0.4, 2.5, 400), [5e-324, 1e-310]])
    assert units_off(on_columns("log", x), [mpmath.log(float(v)) for v in x]) < 1.0


def test_pow_is_accurate() -> None:
    rng = np.random.default_rng(0)
    a, b = 10 ** rng.uniform(-8, 8, 600), rng.uniform(-30, 30, 600)
    exact = [mpmath.mpf(float(x)) ** mpmath.mpf(float(y)) for x, y in zip(a, b, strict=True)]
    units = np.array([units_off(np.array([f]), [e]) for f, e in zip(on_columns("pow", a, b), exact, strict=True)])
    assert (units < 2.0 + 2.0 * np.abs(b * np.log(a))).all()


def test_special_values() -> None:
    a, b = (grid.ravel() for grid in np.meshgrid(SPECIAL, SPECIAL))
    with np.errstate(all="ignore"):
        for found, expected in (
            (on_columns("exp", SPECIAL), np.exp(SPECIAL)),
            (on_columns("log", SPECIAL), np.log(SPECIAL)),
            (on_columns("pow", a, b), a**b),
        ):
            np.testing.assert_allclose(found, expected, rtol=1e-13)
            sign = ~np.isnan(expected)
            np.testing.assert_array_equal(np.signbit(found[sign]), np.signbit(expected[sign]))


def test_ends_of_the_range() -> None:
    x = np.array([709.78, 709.79, -708.5, -745.1, -745.2, -1e9, 1e9])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(on_columns("exp", x), np.exp(x), rtol=1e-15)


def test_both_machines_give_the_same_bits(on_lanes: Callable[..., np.ndarray]) -> None:
    rng = np.random.default_rng(3)
    x = np.concatenate([SPECIAL, rng.uniform(-800, 800, 2000), 10 ** rng.uniform(-320, 308, 2000)])
    y = rng.permutation(np.concatenate([SPECIAL, rng.uniform(-20, 20, 4000)]))
    np.testing.assert_array_equal(on_lanes("exp", x), on_columns("exp", x))
    np.testing.assert_array_equal(on_lanes("log", x), on_columns("log", x))
    np.testing.assert_array_equal(on_lanes("pow", x, y), on_columns("pow", x, y))
    a, b = (grid.ravel() for grid in np.meshgrid(SPECIAL, SPECIAL))
    np.testing.assert_array_equal(on_lanes("pow", a, b), on_columns("pow", a, b))


def test_smaller_and_larger_keep_nan() -> None:
    from virtuall.engine import elementary

    a, b = np.array([1.0, np.nan, 2.0, np.nan]), np.array([2.0, 1.0, np.nan, np.nan])
    np.testing.assert_array_equal(elementary.minimum(Columns(), a, b), [1.0, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(elementary.maximum(Columns(), a, b), [2.0, np.nan, np.nan, np.nan])
