"""States that a step may leave out while they are zero: a drug never given, cells never infused.

Such states start at zero and stay there as long as what brings them in (a "guard": an infusion, say) is zero too, for
their rates are products with themselves. Then every product with them is zero, and leaving it out changes no bit of
any other state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from virtuall.engine.graph import Graph
from virtuall.engine.system import TIME, System

# Smaller groups are small ones: they cost little, and one that is there would bring all others back.
SMALLEST_GROUP = 3
# The other large ones count as small.
MOST_GROUPS = 3
# Small groups that stay in every way: those that act on the most equations are there most often.
MOST_KEPT = 3


@dataclass(frozen=True)
class Absence:
    """States that may be absent together.

    Attributes
    ----------
    states : frozenset of int
        Places of the states.
    guards : tuple of int
        Nodes over parameters: the states stay absent while all of these are zero.
    """

    states: frozenset[int]
    guards: tuple[int, ...]


def find_absences(system: System, slopes: Mapping[tuple[int, int], int]) -> list[Absence]:
    """Find what is worth leaving out, the most first. Most patients have one therapy and few other drugs.

    Parameters
    ----------
    slopes : mapping of (int, int) to int
        Node of every entry (row, column) of the Jacobian.
    """
    start = [k for k, node in enumerate(system.initial) if system.graph.value(node) == 0.0]
    closed = _closed(system, start).states
    feeds = _feeds(system, closed, slopes)
    # A state that only listens (a count, a hazard) does not join those that it listens to.
    listening = sorted({target for _, target in feeds} - {source for source, _ in feeds})
    groups = sorted(_groups(closed - set(listening), feeds), key=lambda group: (-len(group), min(group)))
    # One that also has a rate of its own, by age say, is never absent: waiting for it, nothing else would be.
    at_rest = without(system, (system.rates[k] for k in listening), closed)
    kept = {k for k, node in zip(listening, at_rest, strict=True) if system.graph.value(node) != 0.0}
    found = []
    for absent in _ways(groups, slopes):
        present = {k for group in groups if group not in absent for k in group}
        found.append(_closed(system, closed - present - kept))
    return found


def without(system: System, nodes: Iterable[int], absent: Iterable[int]) -> list[int]:
    """Formulas with some states put to zero."""
    graph, nodes = system.graph, list(nodes)
    names = tuple(system.states[k] for k in absent)
    new = {graph.symbol(name): graph.number(0.0) for name in names}
    found, waiting = set(new), [*nodes]
    while waiting:
        node = waiting.pop()
        if node not in found and graph.depends_on(node, names):
            found.add(node)
            waiting.extend(graph.arguments(node))
    for node in sorted(found - set(new)):
        arguments = [new.get(argument, argument) for argument in graph.arguments(node)]
        new[node] = graph.apply(str(graph.ops[node][0]), arguments)
    return [new.get(node, node) for node in nodes]


def _ways(groups: list[set[int]], slopes: Iterable[tuple[int, int]]) -> list[list[set[int]]]:
    """Groups to leave out together. Every way is code of its own, so of many only these.

    All large groups and the small ones that act on few equations; all large groups; all but the last; the last.
    """
    large = [group for group in groups[:MOST_GROUPS] if len(group) >= SMALLEST_GROUP]
    acts_on = Counter(column for row, column in slopes if row != column)
    small = sorted((group for group in groups if group not in large), key=lambda group: -sum(acts_on[k] for k in group))
    ways = [large + small[MOST_KEPT:], large, large[:-1], large[-1:]]
    return [way for k, way in enumerate(ways) if large and way and way not in ways[:k]]


def _closed(system: System, start: Iterable[int]) -> Absence:
    """The most of some states that stay zero together."""
    graph, rates, moving = system.graph, system.rates, (*system.states, TIME)
    left = set(start)
    due = sorted(left)
    while due:
        at_zero = without(system, (rates[k] for k in due), left)
        gone = {k for k, node in zip(due, at_zero, strict=True) if graph.depends_on(node, moving) or graph.value(node)}
        left -= gone
        names = [system.states[k] for k in gone]
        due = [k for k in sorted(left) if graph.depends_on(rates[k], names)]
    at_zero = without(system, (rates[k] for k in sorted(left)), left)
    guards = {_unsigned(graph, node) for node in at_zero if graph.value(node) is None}
    return Absence(frozenset(left), tuple(sorted(guards)))


def _feeds(system: System, closed: frozenset[int], slopes: Mapping[tuple[int, int], int]) -> set[tuple[int, int]]:
    """Pairs (source, target) of absent states where the first would bring in the second."""
    inside = {
        (column, row): node for (row, column), node in slopes.items() if row != column and closed >= {row, column}
    }
    at_zero = without(system, inside.values(), closed)
    return {pair for pair, node in zip(inside, at_zero, strict=True) if system.graph.value(node) != 0.0}


def _groups(states: Iterable[int], feeds: Iterable[tuple[int, int]]) -> list[set[int]]:
    """Parts of some states between which no pair goes."""
    group = {k: {k} for k in states}
    for source, target in feeds:
        if source in group and target in group and group[source] is not group[target]:
            group[source] |= group[target]
            group |= dict.fromkeys(group[target], group[source])
    return list({id(each): each for each in group.values()}.values())


def _unsigned(graph: Graph, node: int) -> int:
    return graph.arguments(node)[0] if graph.ops[node][0] == "neg" else node
