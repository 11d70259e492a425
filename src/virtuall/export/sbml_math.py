"""Formulas of the expression graph as MathML trees, cut at named and shared nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from virtuall.core.units import Unit
from virtuall.engine.graph import Graph
from virtuall.export.node_units import NodeUnits

# A shared formula of more parts than this gets a name of its own, so that the text stays as small as the
# graph.
_LARGE = 100


def shared_nodes(graph: Graph, roots: Iterable[int], named: Mapping[int, str]) -> dict[int, str]:
    """Name the large formulas that are used more than once and have no name yet.

    Parameters
    ----------
    graph : Graph
        The formulas.
    roots : iterable of int
        The nodes that will be written.
    named : mapping of int to str
        Nodes that have a name already.

    Returns
    -------
    dict of int to str
        The nodes to name, each after those that it uses.
    """
    wanted = graph.reachable(roots)
    uses = Counter(argument for node in wanted for argument in graph.arguments(node))
    sizes: dict[int, int] = {}
    found: dict[int, str] = {}
    for node in wanted:
        arguments = graph.arguments(node)
        sizes[node] = 1 + sum(1 if each in named or each in found else sizes[each] for each in arguments)
        if sizes[node] > _LARGE and uses[node] > 1 and node not in named and not graph.is_logical(node):
            found[node] = f"shared_{len(found) + 1}"
    return found


class MathWriter:
    """Writes nodes of a graph as libSBML trees; nodes with a name are written by their name.

    Parameters
    ----------
    units : NodeUnits
        The units of the nodes, of which numbers in formulas have theirs.
    named : mapping of int to str
        Nodes that have a name.
    define : callable
        Gives the name of a unit in the model that is written.
    """

    def __init__(self, units: NodeUnits, named: Mapping[int, str], define: Callable[[Unit], str]) -> None:
        import libsbml

        self.graph = units.graph
        self.units = units
        self.named = named
        self.define = define
        self._types = {
            "add": libsbml.AST_PLUS,
            "sub": libsbml.AST_MINUS,
            "mul": libsbml.AST_TIMES,
            "div": libsbml.AST_DIVIDE,
            "neg": libsbml.AST_MINUS,
            "pow": libsbml.AST_POWER,
            "exp": libsbml.AST_FUNCTION_EXP,
            "log": libsbml.AST_FUNCTION_LN,
            "abs": libsbml.AST_FUNCTION_ABS,
            "min": libsbml.AST_FUNCTION_MIN,
            "max": libsbml.AST_FUNCTION_MAX,
            "lt": libsbml.AST_RELATIONAL_LT,
            "le": libsbml.AST_RELATIONAL_LEQ,
            "and": libsbml.AST_LOGICAL_AND,
            "or": libsbml.AST_LOGICAL_OR,
            "not": libsbml.AST_LOGICAL_NOT,
        }

    def formula(self, node: int, unit: Unit | None, *, whole: bool = False) -> Any:
        """Return the tree of a node.

        Parameters
        ----------
        node : int
        unit : Unit or None
            The unit that is wanted: that of a number, which has none of its own.
        whole : bool
            Write the formula even when the node itself has a name.
        """
        import libsbml

        if node in self.named and not whole:
            return symbol(self.named[node])
        name, *rest = self.graph.ops[node]
        if name == "number":
            return number(float(rest[0]), None if unit is None else self.define(unit))
        if name == "symbol":
            return symbol(str(rest[0]))
        if name == "truth":
            return libsbml.ASTNode(libsbml.AST_CONSTANT_TRUE if rest[0] else libsbml.AST_CONSTANT_FALSE)
        wanted = self.units.of_arguments(node, unit)
        nodes = self.graph.arguments(node)
        arguments = [self.formula(argument, each) for argument, each in zip(nodes, wanted, strict=True)]
        if name == "select":
            condition, value, otherwise = arguments
            return apply(libsbml.AST_FUNCTION_PIECEWISE, value, condition, otherwise)
        if name == "sqrt":
            return apply(libsbml.AST_FUNCTION_ROOT, number(2.0), *arguments)
        return apply(self._types[str(name)], *arguments)


def apply(kind: int, *arguments: Any) -> Any:
    """Return an operator or function with its arguments."""
    import libsbml

    tree = libsbml.ASTNode(kind)
    for argument in arguments:
        tree.addChild(argument)
    return tree


def symbol(name: str) -> Any:
    """Return a name; ``time`` is SBML's own symbol for it."""
    import libsbml

    tree = libsbml.ASTNode(libsbml.AST_NAME_TIME if name == "time" else libsbml.AST_NAME)
    tree.setName(name)
    return tree


def number(value: float, unit: str | None = None) -> Any:
    """Return a number with its unit; one without a known unit counts as plain, save 0, which goes with any unit."""
    import libsbml

    tree = libsbml.ASTNode(libsbml.AST_REAL)
    tree.setValue(value)
    if unit is not None or value != 0.0:
        tree.setUnits(unit or "dimensionless")
    return tree
