"""Make one system of the equations of all modules: reactions add, factors of a slot multiply."""

from __future__ import annotations

from collections.abc import Mapping

from virtuall.core.units import Unit, unit
from virtuall.engine.graph import Graph
from virtuall.engine.system import TIME, System
from virtuall.model.modules import Modules
from virtuall.model.names import Given, Names
from virtuall.texts.formula import Apply, Formula, Number, symbols_in
from virtuall.texts.values import Input

_OPERATIONS = {
    "add": Graph.add,
    "sub": Graph.sub,
    "mul": Graph.mul,
    "div": Graph.div,
    "pow": Graph.pow,
    "lt": Graph.lt,
    "le": Graph.le,
    "gt": Graph.gt,
    "ge": Graph.ge,
    "and": Graph.and_,
    "or": Graph.or_,
}


def compose_system(modules: Modules, names: Names, units: Mapping[str, Unit]) -> System:
    """Compose the modules to one system.

    Parameters
    ----------
    modules, names
        The texts and what their names stand for, without problems.
    units : mapping of str to Unit
        The unit of every name.

    Returns
    -------
    System
        States in the order of the modules; parameters are the given numbers that equations use, all inputs,
        and the constants.
    """
    graph = Graph()
    nodes = {name: graph.symbol(name) for name in (TIME, *names.states, *names.given)}
    constants: list[tuple[str, int]] = []
    varying: list[tuple[str, int]] = []
    for name in names.order:
        node = _defined(graph, name, names, nodes)
        if names.varies(name) is not None:
            varying.append((name, node))
            nodes[name] = node
        elif graph.value(node) is not None:
            # A plain number, such as an empty slot: no column for it.
            nodes[name] = node
        else:
            constants.append((name, node))
            nodes[name] = graph.symbol(name)
    rates = _rates(graph, names, nodes)
    given = _used_given(names)
    return System(
        graph=graph,
        states=tuple(names.states),
        parameters=(*given, *(name for name, _ in constants)),
        rates=tuple(rates[state] for state in names.states),
        initial=tuple(build(graph, definition.formula, nodes) for definition in names.states.values()),
        constants=tuple(constants),
        signals=(*((state, nodes[state]) for state in names.states), *varying),
        scales=_scales(modules, names, units),
        clocks=tuple(clock.state for module in modules.modules for clock in module.values.clocks.values()),
        amounts=tuple(state for state in names.states if state not in names.rates),
        units={name: str(found) for name, found in units.items()},
        docs={name: found.doc for name, found in given.items()},
    )


def build(graph: Graph, formula: Formula, nodes: Mapping[str, int]) -> int:
    """Add a formula to the graph and return its node; names become the given nodes."""
    if isinstance(formula, Number):
        return graph.number(formula.value)
    if not isinstance(formula, Apply):
        return nodes[formula.name]
    arguments = [build(graph, argument, nodes) for argument in formula.arguments]
    match formula.operator:
        case "neg":
            return graph.neg(arguments[0])
        case "not":
            return graph.not_(arguments[0])
        case "piecewise":
            pieces = list(zip(arguments[:-1:2], arguments[1::2], strict=True))
            return graph.piecewise(pieces, arguments[-1])
        case "min" | "max":
            result = arguments[0]
            for argument in arguments[1:]:
                result = graph.call(formula.operator, result, argument)
            return result
        case "exp" | "log" | "sqrt" | "abs":
            return graph.call(formula.operator, arguments[0])
    return _OPERATIONS[formula.operator](graph, *arguments)


def _defined(graph: Graph, name: str, names: Names, nodes: Mapping[str, int]) -> int:
    if name in names.slots:
        node = graph.number(1.0)
        for factor in names.slots[name]:
            node = graph.mul(node, nodes[factor])
        return node
    kind = names.signals if name in names.signals else names.constants
    return build(graph, kind[name].formula, nodes)


def _rates(graph: Graph, names: Names, nodes: Mapping[str, int]) -> dict[str, int]:
    rates = {state: graph.number(0.0) for state in names.states}
    for state, rule in names.rates.items():
        rates[state] = build(graph, rule.formula, nodes)
    for reaction in names.reactions:
        flow = build(graph, reaction.rate, nodes)
        for sign, side in ((-1, reaction.consumed), (1, reaction.produced)):
            for count, symbol in side:
                change = flow if count == 1 else graph.mul(graph.number(count), flow)
                before = rates[symbol.name]
                rates[symbol.name] = graph.add(before, change) if sign > 0 else graph.sub(before, change)
    return rates


def _used_given(names: Names) -> dict[str, Given]:
    formulas = [
        each.formula for kind in (names.states, names.rates, names.signals, names.constants) for each in kind.values()
    ]
    formulas += [reaction.rate for reaction in names.reactions]
    used = {symbol.name for formula in formulas for symbol in symbols_in(formula)}
    return {name: each for name, each in names.given.items() if name in used or isinstance(each, Input)}


def _scales(modules: Modules, names: Names, units: Mapping[str, Unit]) -> tuple[float, ...]:
    given = {name: scale for module in modules.modules for name, scale in module.values.scales.items()}
    return tuple(given[state].value * unit(given[state].unit).factor_to(units[state]) for state in names.states)
