"""Small systems for the tests of the engine, written as formulas in Python syntax."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from virtuall.engine.graph import FUNCTIONS, Graph
from virtuall.engine.system import System

_BINARY = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow"}
_COMPARE = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq"}


class Formulas:
    """Reads formulas into a graph; names of `definitions` stand for their formulas."""

    def __init__(self, graph: Graph, definitions: Mapping[str, str]) -> None:
        self.graph, self.definitions = graph, definitions

    def read(self, text: str | float) -> int:
        return self.node(ast.parse(str(text), mode="eval").body)

    def node(self, tree: ast.AST) -> int:
        g = self.graph
        if isinstance(tree, ast.Constant):
            return g.number(float(tree.value))
        if isinstance(tree, ast.Name):
            return self.read(self.definitions[tree.id]) if tree.id in self.definitions else g.symbol(tree.id)
        if isinstance(tree, ast.UnaryOp):
            inner = self.node(tree.operand)
            return g.not_(inner) if isinstance(tree.op, ast.Not) else g.neg(inner)
        if isinstance(tree, ast.BinOp):
            return getattr(g, _BINARY[type(tree.op)])(self.node(tree.left), self.node(tree.right))
        if isinstance(tree, ast.Compare):
            return getattr(g, _COMPARE[type(tree.ops[0])])(self.node(tree.left), self.node(tree.comparators[0]))
        if isinstance(tree, ast.BoolOp):
            join = g.and_ if isinstance(tree.op, ast.And) else g.or_
            return join(*(self.node(value) for value in tree.values))
        if isinstance(tree, ast.IfExp):
            return g.select(self.node(tree.test), self.node(tree.body), self.node(tree.orelse))
        assert isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id in FUNCTIONS
        return g.call(tree.func.id, *(self.node(argument) for argument in tree.args))


def _make_system(
    rates: Mapping[str, str],
    initial: Mapping[str, str | float],
    parameters: tuple[str, ...] = (),
    *,
    constants: Mapping[str, str] | None = None,
    signals: Mapping[str, str] | None = None,
    scales: Mapping[str, float] | None = None,
    clocks: tuple[str, ...] = (),
) -> System:
    graph = Graph()
    formulas = Formulas(graph, signals or {})
    return System(
        graph=graph,
        states=tuple(rates),
        parameters=parameters,
        rates=tuple(formulas.read(text) for text in rates.values()),
        initial=tuple(formulas.read(initial[name]) for name in rates),
        constants=tuple((name, formulas.read(text)) for name, text in (constants or {}).items()),
        signals=tuple((name, formulas.read(name)) for name in (signals or {})),
        scales=tuple((scales or {}).get(name, 1.0) for name in rates),
        clocks=clocks,
    )


def _clinic_like() -> System:
    """Infusion, saturable killing, an absent unstable population, a power, delays, time, two clocks."""
    return _make_system(
        {
            "drug": "infusion - clearance/volume*drug",
            "cells": "growth*cells*(1 - (cells + other)/capacity) - kill*cells",
            "other": "0.3*other*(1 - (cells + other)/capacity) - 0.01*other",
            "effector": "0.25 - 0.25*effector + 2*kill*cells/(cells + 10) + 0.01*max(0, 3 - cells)",
            "precursor": "turnover*precursor*((1/(neutrophils + 0.001))**feedback*(1 - 0.5*toxicity) - 1)",
            "transit": "turnover*(precursor - transit)",
            "neutrophils": "turnover*(transit - neutrophils)",
            "H_infection": "0.02*exp(-2*neutrophils)",
            "H_death": "0.001 + 0.00002*cells",
        },
        {
            "drug": 0,
            "cells": "cells_start",
            "other": 0,
            "effector": 5,
            "precursor": 1,
            "transit": 1,
            "neutrophils": 1,
            "H_infection": 0,
            "H_death": 0,
        },
        tuple("growth clearance volume capacity turnover feedback infusion cells_start half log_cells".split()),
        constants={"cells_start": "exp(log_cells)", "half": "volume*0.5"},
        signals={
            "concentration": "drug/volume",
            "toxicity": "concentration/(concentration + 2)",
            "strength": "1.5*concentration/(concentration + half)*(1 + 0.1*exp(-time/50))",
            "kill": "strength*effector/(effector + 0.05*cells)",
        },
        scales={"drug": 0.01, "cells": 1e-3, "other": 1e-3, "effector": 0.1},
        clocks=("H_infection", "H_death"),
    )


def _clinic_like_parameters(system: System, count: int, seed: int = 1) -> np.ndarray:
    typical = {
        "growth": 0.15,
        "clearance": 50.0,
        "volume": 6.0,
        "capacity": 900.0,
        "turnover": 0.9,
        "feedback": 0.17,
        "infusion": 9.0,
        "log_cells": 5.0,
    }
    rng = np.random.default_rng(seed)
    values = np.zeros((count, len(system.parameters)))
    for name, value in typical.items():
        spread = 1.0 if name == "infusion" else np.exp(0.2 * rng.standard_normal(count))
        values[:, system.parameters.index(name)] = value * spread
    return values


@pytest.fixture(autouse=True, scope="session")
def kernel_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of compiled code for these tests alone."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIRTUALL_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def make_system() -> Callable[..., System]:
    """Make a System from formulas."""
    return _make_system


@pytest.fixture(scope="session")
def clinic_like() -> System:
    """A System with one of everything: infusion, absent population, power, delay chain, time, two clocks."""
    return _clinic_like()


@pytest.fixture(scope="session")
def patients() -> Callable[..., np.ndarray]:
    """Parameters of varied patients of `clinic_like`: (system, count, seed=1)."""
    return _clinic_like_parameters
