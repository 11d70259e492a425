"""Formulas with jumps as smooth formulas and switches.

Between two switchings a comparison has one answer and a floor one value. Held fixed as parameters, they leave
equations without jumps, which are what the method of integration is made for; when one of them is found to
change within a step, the integration stops there and goes on with the new value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from virtuall.engine.graph import Graph


@dataclass(frozen=True)
class Switch:
    """A value that is constant but for jumps.

    Attributes
    ----------
    column : str
        Parameter that holds it.
    node : int
        A comparison's left side minus its right side, of which the sign (-1, 0, 1) is held; or the argument of a
        floor, of which the largest whole number below is held.
    size : int
        Sum of the sizes of the terms of `node`: its rounding error is some parts in 1e16 of this.
    is_sign : bool
    """

    column: str
    node: int
    size: int
    is_sign: bool


def hold(graph: Graph, roots: Sequence[int], moving: Iterable[str]) -> tuple[list[int], list[Switch]]:
    """Replace all jumps in some formulas.

    Parameters
    ----------
    graph : Graph
    roots : sequence of int
        Nodes of the formulas.
    moving : iterable of str
        Symbols that change continuously. A jump that depends on none of them needs no switch.

    Returns
    -------
    list of int
        The formulas without jumps.
    list of Switch
    """
    moving = tuple(moving)
    switches: dict[tuple[str, int], Switch] = {}
    new: dict[int, int] = {}

    def switch(node: int, *, is_sign: bool) -> int:
        key = ("sign" if is_sign else "floor", node)
        if key not in switches:
            switches[key] = Switch(f"switch({len(switches)})", node, _size(graph, node), is_sign)
        return graph.symbol(switches[key].column)

    def sign(a: int, b: int) -> tuple[int, bool]:
        """Symbol of the sign of a - b, and whether it is that of b - a."""
        turned = a > b
        return switch(graph.sub(b, a) if turned else graph.sub(a, b), is_sign=True), turned

    zero = graph.number(0.0)
    for node in graph.reachable(roots):
        name = graph.ops[node][0]
        arguments = graph.arguments(node)
        held = [new[argument] for argument in arguments]
        if not arguments or not graph.depends_on(node, moving):
            new[node] = node
        elif name in ("lt", "le"):
            symbol, turned = sign(*arguments)
            compare = graph.lt if name == "lt" else graph.le
            new[node] = compare(zero, symbol) if turned else compare(symbol, zero)
        elif name in ("min", "max"):
            symbol, turned = sign(*arguments)
            first_is_less = graph.lt(zero, symbol) if turned else graph.lt(symbol, zero)
            new[node] = graph.select(first_is_less, *(held if name == "min" else reversed(held)))
        elif name == "abs":
            symbol = switch(arguments[0], is_sign=True)
            new[node] = graph.select(graph.lt(symbol, zero), graph.neg(held[0]), held[0])
        elif name == "floor":
            new[node] = switch(arguments[0], is_sign=False)
        elif name == "ceil":
            new[node] = graph.neg(switch(graph.neg(arguments[0]), is_sign=False))
        else:
            new[node] = graph.apply(str(name), held)
    return [new[root] for root in roots], list(switches.values())


def _size(graph: Graph, node: int) -> int:
    """Sum of the absolute values of the terms of a sum."""
    total = graph.number(0.0)
    seen: set[int] = set()
    waiting = [node]
    while waiting:
        term = waiting.pop()
        if term in seen:
            continue
        seen.add(term)
        if graph.ops[term][0] in ("add", "sub", "neg"):
            waiting.extend(graph.arguments(term))
        else:
            total = graph.add(total, graph.call("abs", term))
    return total
