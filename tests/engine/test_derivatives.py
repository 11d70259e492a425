"""Derivatives by the graph against complex steps: formulas made by hypothesis, and the whole shipped model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import virtuall as va
from virtuall.engine.graph import Graph
from virtuall.engine.program import make_program, run_on_columns
from virtuall.engine.system import TIME, System
from virtuall.model import Model, load_system
from virtuall.simulation.bind import parameter_rows

Values = np.ndarray
STEP = 1e-40  # no difference is taken, so it may be that small; smaller ones vanish beside exp(-kill)
SQUARE_OF_STEP = 1e-60  # what the step leaves of x**3 at zero: its square, times a third derivative


def evaluate(graph: Graph, roots: list[int], inputs: dict[str, Values]) -> dict[int, Values]:
    """Values of nodes in complex arithmetic; conditions look at the real part."""
    done: dict[int, Values] = {}
    binary = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "and": np.logical_and}
    single = {"neg": np.negative, "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "not": np.logical_not}
    for node in graph.reachable(roots):
        name, first, *_ = graph.ops[node]
        a, b, c = ([done[each] for each in graph.arguments(node)] + [np.nan] * 3)[:3]
        if name in ("number", "truth"):
            done[node] = np.asarray(first)
        elif name == "symbol":
            done[node] = inputs[str(first)]
        elif name in binary:
            done[node] = binary[str(name)](a, b)
        elif name in single:
            done[node] = single[str(name)](a)
        elif name == "pow":
            zero = np.real(a) == 0
            with np.errstate(divide="ignore"):  # zero to a negative power is taken only where the base is zero
                done[node] = np.where(zero, 0.0 ** np.real(b), np.exp(b * np.log(np.where(zero, 1.0, a))))
        elif name == "abs":
            done[node] = np.where(np.real(a) < 0, -a, a)
        elif name == "select":
            done[node] = np.where(a, b, c)
        elif name == "or":
            done[node] = np.logical_or(a, b)
        else:
            less, most = np.real(a) < np.real(b), np.real(a) <= np.real(b)
            done[node] = {"lt": less, "le": most}.get(str(name), np.where(less == (name == "min"), a, b))
    return done


# A formula as a tree: a name, a number, or an operation of up to three trees. Smooth around almost every point.
OPERATIONS = "add sub mul div neg exp log sqrt pow whole abs min max choice".split()
LEAVES = st.sampled_from(["x", "y", "z"]) | st.floats(0.25, 4.0)
TREES = st.recursive(LEAVES, lambda trees: st.tuples(st.sampled_from(OPERATIONS), trees, trees, trees), max_leaves=27)
Tree = str | float | tuple[str, "Tree", "Tree", "Tree"]


def build(graph: Graph, tree: Tree) -> int:
    if isinstance(tree, str):
        return graph.symbol(tree)
    if isinstance(tree, float):
        return graph.number(tree)
    name, (a, b, c) = tree[0], (build(graph, each) for each in tree[1:])
    positive = graph.add(graph.mul(a, a), graph.number(0.5))
    match name:
        case "add" | "sub" | "mul":
            return graph.apply(name, [a, b])
        case "div":
            return graph.div(b, positive)
        case "neg":
            return graph.neg(a)
        case "exp":
            return graph.call("exp", graph.div(a, positive))
        case "log" | "sqrt":
            return graph.call(name, positive)
        case "pow":
            return graph.pow(positive, graph.div(b, graph.add(graph.mul(b, b), graph.number(1.0))))
        case "whole":
            return graph.mul(graph.pow(positive, graph.number(-3.0)), graph.pow(a, graph.number(5.0)))
        case "abs":
            return graph.call("abs", a)
        case "min" | "max":
            return graph.call(name, a, b)
    both = graph.and_(graph.le(a, b), graph.not_(graph.lt(c, a)))
    return graph.select(graph.or_(both, graph.gt(c, b)), graph.mul(b, a), c)


@settings(max_examples=150)
@given(TREES, st.integers(0, 10**6))
def test_any_formula_against_a_complex_step(tree: Tree, seed: int) -> None:
    graph = Graph()
    node = build(graph, tree)
    place = np.random.default_rng(seed).uniform(0.2, 2.0, 3)  # never on a switch
    point = {name: np.asarray(complex(value)) for name, value in zip("xyz", place, strict=True)}
    for name in "xyz":
        stepped = evaluate(graph, [node], point | {name: point[name] + 1j * STEP})[node]
        expected = float(np.imag(stepped)) / STEP
        assume(abs(expected) < 1e12)
        slope = graph.derivative(node, name)
        found = float(np.real(evaluate(graph, [slope], point)[slope]))
        assert found == pytest.approx(expected, rel=1e-8, abs=1e-10 * (1 + abs(expected)))
        # ... and the program that the kernel runs gives the same number
        program = make_program(graph, [slope], {graph.symbol(each): k for k, each in enumerate("xyz")})
        columns = [np.array([value]) for value in place]
        assert run_on_columns(program, columns.__getitem__, 1)[0, 0] == pytest.approx(found, rel=1e-9, abs=1e-9)


# -- the shipped model ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model() -> Model:
    return load_system()


def points(model: Model, count: int) -> dict[str, Values]:
    """Random patients with random states, around and far from those of a real course, inputs included.

    Only what starts at zero in somebody, or can die out, is also zero here: normal marrow never is, as it is made anew.
    """
    system, rng = model.system, np.random.default_rng(8)
    rows = parameter_rows(model, va.sample("adult_relapsed", count, seed=3)).T
    values = dict(zip(system.parameters, rows, strict=True))
    for name in model.inputs:
        values[name] = rng.choice([0.0, 0.1, 1.0, 10.0], count)
    for name, node in system.constants:
        values[name] = np.real(evaluate(system.graph, [node], values)[node]) * np.ones(count)
    for k, (name, node) in enumerate(zip(system.states, system.initial, strict=True)):
        start = np.real(evaluate(system.graph, [node], values)[node]) * np.ones(count)
        size = np.maximum(np.abs(start), system.scales[k])
        values[name] = size * 10.0 ** rng.uniform(-2, 0.3, count)
        if (start == 0.0).any() or name in model.clones:
            values[name][rng.random(count) < 0.1] = 0.0
    return values | {TIME: np.full(count, 3.0)}


def test_jacobian_of_the_shipped_model_against_complex_steps(model: Model) -> None:
    """Every entry of every row, structural zeros included, at 64 random points."""
    system, count = model.system, 64
    graph, values = system.graph, points(model, count)
    entries = 0
    with np.errstate(all="ignore"):
        rates = evaluate(graph, list(system.rates), values)
        for column, state in enumerate((*system.states, TIME)):
            step = STEP * np.maximum(np.abs(values[state]), 1e-3)
            stepped = evaluate(graph, list(system.rates), values | {state: values[state] + 1j * step})
            for row, rate in enumerate(system.rates):
                expected = np.imag(stepped[rate] * np.ones(count)) / step
                slope = graph.derivative(rate, state)
                found = evaluate(graph, [slope], values)[slope] * np.ones(count)
                usable = np.isfinite(expected)
                assert usable.all(), (system.states[row], state)
                # a difference of nearly equal parts is right to the rounding of the parts
                rounding = 1e-12 * np.abs(rates[rate]) / np.maximum(np.abs(values[state]), 1e-3)
                wrong = usable & (np.abs(found - expected) > 1e-8 * np.abs(expected) + rounding + SQUARE_OF_STEP)
                assert not wrong.any(), (system.states[row], state, column)
                entries += graph.value(slope) != 0.0
    assert entries > 100


def test_conditions_at_a_switch_are_of_one_side() -> None:
    """At the very switch the derivative is that of one of both sides, never a mixture or not a number."""
    graph = Graph()
    x, one = graph.symbol("x"), graph.number(1.0)
    pieces = [
        (graph.call("max", x, graph.mul(x, x)), {1.0, 2.0}),
        (graph.call("min", x, graph.mul(x, x)), {1.0, 2.0}),
        (graph.call("abs", graph.sub(x, one)), {1.0, -1.0}),
        (graph.select(graph.lt(x, one), x, graph.mul(graph.number(3.0), x)), {1.0, 3.0}),
    ]
    for node, sides in pieces:
        slope = graph.derivative(node, "x")
        assert float(np.real(evaluate(graph, [slope], {"x": np.asarray(1.0)})[slope])) in sides


def test_a_rate_without_time_has_no_derivative_by_time(model: Model) -> None:
    system: System = model.system
    explicit = [system.graph.depends_on(rate, (TIME,)) for rate in system.rates]
    for depends, rate in zip(explicit, system.rates, strict=True):
        slope = system.graph.derivative(rate, TIME)
        assert depends or system.graph.value(slope) == 0.0
