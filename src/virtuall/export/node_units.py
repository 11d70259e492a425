"""Units of the formulas of a graph, worked out from the units of the names in them.

A number in a formula has no unit of its own. In a sum, a comparison, a smaller or larger of two, or a choice it has
that of its neighbours; as a factor, an exponent or the argument of a function it is a plain number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from virtuall.core.units import ONE, Unit
from virtuall.engine.graph import Graph

# Operations whose arguments and value have one unit; so have the two values of a choice (select).
_ALIKE = frozenset({"add", "sub", "neg", "abs", "min", "max"})
_COMPARISONS = frozenset({"lt", "le"})
_HALF = Fraction(1, 2)


@dataclass(frozen=True)
class NodeUnits:
    """Units of the nodes of a graph.

    Attributes
    ----------
    graph : Graph
    known : mapping of int to Unit
        The unit of each node; nodes that hang on a name without a unit, on numbers only, or are logical are left out.
    literal : frozenset of int
        Nodes made of numbers only: they take the unit that is wanted where they stand.
    """

    graph: Graph
    known: Mapping[int, Unit]
    literal: frozenset[int]

    def of_arguments(self, node: int, wanted: Unit | None) -> tuple[Unit | None, ...]:
        """Return the unit that numbers among the arguments of a node have; None when it cannot be told.

        Parameters
        ----------
        node : int
        wanted : Unit or None
            The unit that is wanted of the node, for where its arguments do not tell.
        """
        name, arguments = self.graph.ops[node][0], self.graph.arguments(node)
        if name in _ALIKE:
            return (self.known.get(node, wanted),) * len(arguments)
        if name == "select":
            return (None, *(self.known.get(node, wanted),) * 2)
        if name in _COMPARISONS:
            otherwise = ONE if self.literal.issuperset(arguments) else None
            return (_first_known(self.known, arguments, otherwise),) * len(arguments)
        return (ONE,) * len(arguments)


def node_units(
    graph: Graph, roots: Iterable[int], units: Mapping[str, Unit], named: Mapping[int, str] | None = None
) -> NodeUnits:
    """Work out the units of all nodes that the roots need.

    Parameters
    ----------
    graph : Graph
    roots : iterable of int
    units : mapping of str to Unit
        Units of the names, as far as they are known.
    named : mapping of int to str, optional
        Nodes that have a name, and so the unit of the name.
    """
    known: dict[int, Unit] = {}
    literal: set[int] = set()
    for node in graph.reachable(roots):
        name = units.get((named or {}).get(node, ""))
        found = name if name is not None else _unit_of(graph, node, units, known, literal)
        if found is not None:
            known[node] = found
        elif _is_literal(graph, node, literal):
            literal.add(node)
    return NodeUnits(graph, known, frozenset(literal))


def _unit_of(
    graph: Graph, node: int, units: Mapping[str, Unit], known: Mapping[int, Unit], literal: set[int]
) -> Unit | None:
    name, arguments = str(graph.ops[node][0]), graph.arguments(node)
    if name == "symbol":
        return units.get(str(graph.ops[node][1]))
    if name in ("number", "truth") or graph.is_logical(node):
        return None
    if name in _ALIKE or name == "select":
        return _first_known(known, _alike(name, arguments))
    if name not in ("mul", "div", "pow", "sqrt"):
        return ONE
    base, *rest = (ONE if each in literal else known.get(each) for each in arguments)
    if base is None or None in rest:
        return None
    if name == "sqrt":
        return base**_HALF
    if name == "pow":
        exponent = graph.value(arguments[1])
        return ONE if exponent is None else base ** Fraction(exponent)
    (other,) = rest
    assert other is not None
    return base * other if name == "mul" else base / other


def _is_literal(graph: Graph, node: int, literal: set[int]) -> bool:
    name = str(graph.ops[node][0])
    if name in _ALIKE or name == "select":
        return all(each in literal for each in _alike(name, graph.arguments(node)))
    return name == "number"


def _alike(name: str, arguments: tuple[int, ...]) -> tuple[int, ...]:
    return arguments[1:] if name == "select" else arguments


def _first_known(known: Mapping[int, Unit], nodes: tuple[int, ...], otherwise: Unit | None = None) -> Unit | None:
    return next((known[each] for each in nodes if each in known), otherwise)
