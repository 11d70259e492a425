"""The expression graph: sharing, folding, derivatives against SymPy and complex steps."""

from __future__ import annotations

import cmath

import numpy as np
import pytest
import sympy

from virtuall.core.errors import InputError
from virtuall.engine.graph import Graph
from virtuall.engine.program import make_program, run_on_columns

_COMPLEX = {"exp": cmath.exp, "log": cmath.log, "sqrt": cmath.sqrt}


def evaluate(graph: Graph, node: int, values: dict[str, complex]) -> complex:
    """Value of a node in complex arithmetic."""
    done: dict[int, complex] = {}
    for each in graph.reachable([node]):
        name, *rest = graph.ops[each]
        arguments = [done[a] for a in graph.arguments(each)]
        match name:
            case "number":
                done[each] = rest[0]
            case "symbol":
                done[each] = values[rest[0]]
            case "truth":
                done[each] = rest[0]
            case "add":
                done[each] = arguments[0] + arguments[1]
            case "sub":
                done[each] = arguments[0] - arguments[1]
            case "mul":
                done[each] = arguments[0] * arguments[1]
            case "div":
                done[each] = arguments[0] / arguments[1]
            case "neg":
                done[each] = -arguments[0]
            case "pow":
                done[each] = arguments[0] ** arguments[1]
            case "lt":
                done[each] = arguments[0].real < arguments[1].real
            case "le":
                done[each] = arguments[0].real <= arguments[1].real
            case "and":
                done[each] = arguments[0] and arguments[1]
            case "min":
                done[each] = min(arguments, key=lambda z: z.real)
            case "max":
                done[each] = max(arguments, key=lambda z: z.real)
            case "abs":
                done[each] = arguments[0] if arguments[0].real >= 0 else -arguments[0]
            case "select":
                done[each] = arguments[1] if arguments[0] else arguments[2]
            case _:
                done[each] = _COMPLEX[name](arguments[0])
    return done[node]


def test_equal_formulas_are_one_node() -> None:
    g = Graph()
    x, y = g.symbol("x"), g.symbol("y")
    assert g.mul(x, y) == g.mul(y, x)
    assert g.add(g.mul(x, y), g.number(2)) == g.add(g.number(2), g.mul(y, x))


def test_identities_fold() -> None:
    g = Graph()
    x, zero, one = g.symbol("x"), g.number(0), g.number(1)
    assert g.mul(x, zero) == zero
    assert g.mul(x, one) == x == g.add(x, zero) == g.sub(x, zero) == g.div(x, one) == g.neg(g.neg(x))
    assert g.sub(x, x) == zero == g.div(zero, x)
    assert g.pow(x, zero) == one and g.pow(x, one) == x
    assert g.pow(x, g.number(2)) == g.mul(x, x)
    assert g.select(g.lt(one, g.number(2)), x, zero) == x
    assert g.value(g.add(g.number(2), g.mul(g.number(3), g.number(4)))) == 14
    assert g.number(-0.0) == zero


def test_whole_powers_are_products() -> None:
    g = Graph()
    x = g.symbol("x")
    for exponent in (-7, -1, 3, 5, 13):
        node = g.pow(x, g.number(exponent))
        assert "pow" not in {g.ops[each][0] for each in g.reachable([node])}
        assert evaluate(g, node, {"x": 1.3}) == pytest.approx(1.3**exponent)


def test_errors_say_what_is_allowed() -> None:
    g = Graph()
    with pytest.raises(InputError, match="did you mean 'exp'"):
        g.call("expp", g.symbol("x"))
    with pytest.raises(InputError, match="true or false"):
        g.select(g.symbol("x"), g.number(1), g.number(2))


def random_formula(g: Graph, rng: np.random.Generator, symbols: list[int], depth: int) -> int:
    if depth == 0:
        return int(rng.choice(symbols)) if rng.random() < 0.7 else g.number(rng.uniform(0.5, 2))
    a, b = (random_formula(g, rng, symbols, depth - 1) for _ in range(2))
    positive = g.add(g.mul(a, a), g.number(0.5))
    match int(rng.integers(11)):
        case 0:
            return g.add(a, b)
        case 1:
            return g.sub(a, b)
        case 2 | 3:
            return g.mul(a, b)
        case 4:
            return g.div(a, g.add(g.mul(b, b), g.number(1)))
        case 5:
            return g.call("exp", g.neg(positive))
        case 6:
            return g.call("log", positive)
        case 7:
            return g.call("sqrt", positive)
        case 8:
            return g.pow(positive, g.div(b, g.add(g.mul(b, b), g.number(1))))
        case 9:
            return g.select(g.lt(a, b), a, g.mul(b, b))
        case _:
            return g.call("max", a, g.call("abs", g.call("min", b, a)))


def test_derivative_against_complex_step() -> None:
    rng = np.random.default_rng(1)
    for _ in range(150):
        g = Graph()
        symbols = [g.symbol(name) for name in "xyz"]
        node = random_formula(g, rng, symbols, 4)
        point = {name: complex(rng.uniform(0.2, 1.5)) for name in "xyz"}
        for name in "xyz":
            shifted = {**point, name: point[name] + 1e-30j}
            expected = evaluate(g, node, shifted).imag / 1e-30
            found = evaluate(g, g.derivative(node, name), point).real
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_derivative_against_sympy() -> None:
    g = Graph()
    x, k, n = (g.symbol(name) for name in ("x", "k", "n"))
    node = g.div(g.pow(x, n), g.add(g.pow(k, n), g.pow(x, n)))
    names = sympy.symbols("x k n", positive=True)
    formula = names[0] ** names[2] / (names[1] ** names[2] + names[0] ** names[2])
    point = {"x": 0.7, "k": 1.9, "n": 2.3}
    for symbol in names:
        expected = float(formula.diff(symbol).subs({s: point[s.name] for s in names}))
        assert evaluate(g, g.derivative(node, symbol.name), point).real == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(("exponent", "slope"), [(2.5, 0.0), (1.0, 1.0), (0.4, np.inf)])
def test_slope_of_a_power_at_zero(exponent: float, slope: float) -> None:
    g = Graph()
    x, n = g.symbol("x"), g.symbol("n")
    program = make_program(g, [g.derivative(g.pow(x, n), "x")], {x: 0, n: 1})
    inputs = [np.array([0.0]), np.array([exponent])]
    assert run_on_columns(program, inputs.__getitem__, 1)[0, 0] == slope


def test_structural_zeros() -> None:
    g = Graph()
    x, y = g.symbol("x"), g.symbol("y")
    assert g.derivative(g.mul(x, x), "y") == g.number(0)
    assert g.symbols_of(g.mul(x, y)) == {"x", "y"}
    assert not g.depends_on(x, ["y", "unknown"])


def test_deep_formulas_need_no_recursion() -> None:
    g = Graph()
    x = g.symbol("x")
    total = x
    for k in range(5000):
        total = g.add(g.mul(total, x), g.number(k))
    assert evaluate(g, g.derivative(total, "x"), {"x": 0.0}) == 4998
