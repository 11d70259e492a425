"""Straight-line programs from graph nodes, and the NumPy machine that runs them on patient columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from virtuall.engine import elementary, transcendental
from virtuall.engine.elementary import Machine, Value
from virtuall.engine.graph import Graph, Op

# What a step is when it takes no other step.
LEAVES = ("input", "number", "truth")


@dataclass(frozen=True)
class Program:
    """Operations in order of evaluation.

    Attributes
    ----------
    steps : tuple of tuple
        ``("input", slot)``, ``("number", value)``, ``("truth", value)`` or ``(operation, step, ...)`` with
        arguments numbered by their place in `steps`.
    outputs : tuple of int
        Steps whose values are the results.
    """

    steps: tuple[Op, ...]
    outputs: tuple[int, ...]


def make_program(graph: Graph, outputs: Sequence[int], inputs: Mapping[int, int]) -> Program:
    """Order the formulas behind some nodes.

    Parameters
    ----------
    graph : Graph
    outputs : sequence of int
        Nodes to compute.
    inputs : mapping of int to int
        Known nodes (symbols, or formulas computed elsewhere) and the input slot of each.
    """
    needed: set[int] = set()
    waiting = list(outputs)
    while waiting:
        node = waiting.pop()
        if node not in needed:
            needed.add(node)
            if node not in inputs:
                waiting.extend(graph.arguments(node))
    place: dict[int, int] = {}
    steps: list[Op] = []
    for node in sorted(needed):
        place[node] = len(steps)
        operation, arguments = graph.ops[node], graph.arguments(node)
        if node in inputs:
            steps.append(("input", inputs[node]))
        elif operation[0] == "symbol":
            raise KeyError(f"symbol {operation[1]!r} has no input slot")
        else:
            steps.append((operation[0], *[place[each] for each in arguments]) if arguments else operation)
    return Program(tuple(steps), tuple(place[node] for node in outputs))


def pick_outputs(program: Program, outputs: Sequence[int]) -> Program:
    """The program that computes only some outputs."""
    needed: set[int] = set()
    waiting = [program.outputs[k] for k in outputs]
    while waiting:
        step = waiting.pop()
        if step not in needed:
            needed.add(step)
            if program.steps[step][0] not in LEAVES:
                waiting.extend(int(a) for a in program.steps[step][1:])
    place = {step: k for k, step in enumerate(sorted(needed))}
    steps: list[Op] = []
    for step in sorted(needed):
        name, *rest = program.steps[step]
        steps.append((name, *rest) if name in LEAVES else (name, *(place[int(a)] for a in rest)))
    return Program(tuple(steps), tuple(place[program.outputs[k]] for k in outputs))


def run_step(m: Machine, name: str, arguments: Sequence[Value]) -> Value:
    """Run one operation of a program on a machine."""
    match name:
        case "min":
            return elementary.minimum(m, *arguments)
        case "max":
            return elementary.maximum(m, *arguments)
        case "and" | "or" | "not":
            return getattr(m, name + "_")(*arguments)
        case _ if name in transcendental.FUNCTIONS:
            return m.shared(name, transcendental.FUNCTIONS[name], *arguments)
        case _:
            return getattr(m, name)(*arguments)


def run_program(program: Program, m: Machine, load: Callable[[int], Value]) -> list[Value]:
    """Run a program on a machine; `load` gives the value of an input slot."""
    values: list[Value] = []
    for name, *rest in program.steps:
        if name == "input":
            values.append(load(rest[0]))  # type: ignore[arg-type]
        elif name in ("number", "truth"):
            values.append(getattr(m, name)(rest[0]))
        else:
            values.append(run_step(m, name, [values[k] for k in rest]))  # type: ignore[arg-type, index]
    return [values[k] for k in program.outputs]


class Columns:
    """The NumPy machine: a value is a float64 column (one entry a patient) or a scalar."""

    number = staticmethod(np.float64)
    whole = staticmethod(np.int64)
    add = staticmethod(np.add)
    sub = staticmethod(np.subtract)
    mul = staticmethod(np.multiply)
    div = staticmethod(np.divide)
    neg = staticmethod(np.negative)
    sqrt = staticmethod(np.sqrt)
    abs = staticmethod(np.abs)
    rint = staticmethod(np.rint)
    lt = staticmethod(np.less)
    le = staticmethod(np.less_equal)
    eq = staticmethod(np.equal)
    isnan = staticmethod(np.isnan)
    and_ = staticmethod(np.logical_and)
    or_ = staticmethod(np.logical_or)
    not_ = staticmethod(np.logical_not)
    select = staticmethod(np.where)
    add_bits = staticmethod(np.add)
    sub_bits = staticmethod(np.subtract)
    shift_left = staticmethod(np.left_shift)
    shift_right = staticmethod(np.right_shift)

    @staticmethod
    def truth(value: bool) -> Any:
        return np.bool_(value)

    @staticmethod
    def bits_of(a: Any) -> Any:
        return np.asarray(a, np.float64).view(np.int64)

    @staticmethod
    def from_bits(a: Any) -> Any:
        return np.asarray(a, np.int64).view(np.float64)

    def shared(self, name: str, body: Callable[..., Any], *arguments: Any) -> Any:
        return body(self, *arguments)

    def exp(self, a: Any) -> Any:
        return elementary.exp(self, a)

    def log(self, a: Any) -> Any:
        return elementary.log(self, a)

    def pow(self, a: Any, b: Any) -> Any:
        return elementary.power(self, a, b)


def run_on_columns(program: Program, load: Callable[[int], Value], count: int) -> np.ndarray:
    """Run a program with NumPy; returns float64[outputs, count], one column of `count` patients a row."""
    result = np.empty((len(program.outputs), count))
    with np.errstate(all="ignore"):
        for row, value in enumerate(run_program(program, Columns(), load)):
            result[row] = value
    return result
