"""What both back ends share: the programs of a System and the plan of its elimination."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from virtuall.engine.absent import Absence, find_absences, without
from virtuall.engine.graph import Graph
from virtuall.engine.program import Program, make_program
from virtuall.engine.sparse import Elimination, eliminate_in_order, plan_elimination
from virtuall.engine.system import TIME, System

# Operations with a kink or a jump where their arguments are equal.
_TURNING = ("min", "max", "lt", "le")


@dataclass(frozen=True)
class Algebra:
    """What a step computes, of all states or while some are absent; otherwise as in `Blueprint`.

    Attributes
    ----------
    rates : Program
        Rates of the states that are there, in order.
    slopes : Program
        S rates (those of absent states are 0), entries of the Jacobian, derivatives by time.
    entries : tuple of (int, int)
    explicit_time : bool
    elimination : Elimination
    absent : frozenset of int
        Places of states that are zero before the step and stay so.
    guards : tuple of int
        Fixed columns that must be zero for it.
    """

    rates: Program
    slopes: Program
    entries: tuple[tuple[int, int], ...]
    explicit_time: bool
    elimination: Elimination
    absent: frozenset[int] = frozenset()
    guards: tuple[int, ...] = ()


@dataclass(frozen=True)
class Blueprint:
    """Programs of a System.

    Formulas of parameters alone do not change between stops: they are computed once per patient into columns
    that the programs of a step read ("fixed" columns, F of them).
    Input slots of `rates`, `slopes`, `switches` and `signals`: states 0..S-1, time S, fixed columns S+1...

    Attributes
    ----------
    system : System
    constants : tuple of (int, Program)
        Parameter column and its program over parameter columns, in order of evaluation.
    initial : Program
        First states over parameter columns.
    fixed : Program
        Fixed columns over parameter columns.
    fixed_uses : ndarray of bool, shape (F, P)
        Which parameters a fixed column depends on.
    stepped : int
        Fixed columns that steps read: the first so many. Only signals read the others.
    rates : Program
        S rates.
    slopes : Program
        S rates, then the entries of the Jacobian, then (if `explicit_time`) S derivatives by time.
    entries : tuple of (int, int)
        Row and column of each entry of the Jacobian.
    explicit_time : bool
        Whether a rate depends on time by itself.
    elimination : Elimination
    leans : tuple of Algebra
        Ways to leave out what is absent, the leanest first. They give the same bits.
    switches : Program
        For every condition, minimum and maximum in the rates that can turn during a step: what changes its sign then.
    signals : Program
        All signals of the system, in order.
    """

    system: System
    constants: tuple[tuple[int, Program], ...]
    initial: Program
    fixed: Program
    fixed_uses: np.ndarray
    stepped: int
    rates: Program
    slopes: Program
    entries: tuple[tuple[int, int], ...]
    explicit_time: bool
    elimination: Elimination
    leans: tuple[Algebra, ...]
    switches: Program
    signals: Program

    @property
    def whole(self) -> Algebra:
        """A step of all states."""
        return Algebra(self.rates, self.slopes, self.entries, self.explicit_time, self.elimination)

    @property
    def is_amount(self) -> np.ndarray:
        """Per state, whether it is an amount: bool[S]."""
        return np.isin(self.system.states, self.system.amounts)

    @property
    def floors(self) -> np.ndarray:
        """Per state, what it is never below: 0 or -inf."""
        return np.where(self.is_amount, 0.0, -np.inf)


def make_blueprint(system: System) -> Blueprint:
    """Differentiate a System and order its formulas."""
    system = _plain_formulas(system)
    graph, states = system.graph, system.states
    column = {graph.symbol(name): k for k, name in enumerate(system.parameters)}
    entries, slopes = [], []
    for row, rate in enumerate(system.rates):
        for place, state in enumerate(states):
            slope = graph.derivative(rate, state)
            if graph.value(slope) != 0.0:
                entries.append((row, place))
                slopes.append(slope)
    explicit_time = any(graph.depends_on(rate, (TIME,)) for rate in system.rates)
    by_time = [graph.derivative(rate, TIME) for rate in system.rates] if explicit_time else []
    slopes = _share_divisions(graph, [*system.rates, *slopes, *by_time], (*states, TIME))
    signals = [node for _, node in system.signals]
    switches = _switches(graph, system.rates, (*states, TIME))
    plan = plan_elimination(len(states), entries)
    absences = find_absences(system, dict(zip(entries, slopes[len(states) :], strict=False)))
    leaner = [without(system, [*system.rates, *slopes], each.states) for each in absences]
    guards = [node for each in absences for node in each.guards]
    roots = [*system.rates, *slopes, *switches, *guards, *(node for nodes in leaner for node in nodes)]
    fixed = _fixed_nodes(graph, roots, (*states, TIME))
    stepped = len(fixed)
    fixed += sorted(set(_fixed_nodes(graph, signals, (*states, TIME))) - set(fixed))
    inputs = {graph.symbol(name): k for k, name in enumerate((*states, TIME))}
    inputs |= {node: len(states) + 1 + k for k, node in enumerate(fixed)}
    uses = np.zeros((len(fixed), len(system.parameters)), bool)
    for k, node in enumerate(fixed):
        uses[k, [column[graph.symbol(name)] for name in graph.symbols_of(node)]] = True
    return Blueprint(
        system=system,
        constants=tuple(
            (system.parameters.index(name), make_program(graph, [node], column)) for name, node in system.constants
        ),
        initial=make_program(graph, system.initial, column),
        fixed=make_program(graph, fixed, column),
        fixed_uses=uses,
        stepped=stepped,
        rates=make_program(graph, system.rates, inputs),
        slopes=make_program(graph, slopes, inputs),
        entries=tuple(entries),
        explicit_time=explicit_time,
        elimination=plan,
        leans=tuple(
            _lean(graph, each, nodes, entries, plan, inputs) for each, nodes in zip(absences, leaner, strict=True)
        ),
        switches=make_program(graph, switches, inputs),
        signals=make_program(graph, signals, inputs),
    )


def _lean(
    graph: Graph,
    absence: Absence,
    nodes: list[int],
    entries: list[tuple[int, int]],
    plan: Elimination,
    inputs: dict[int, int],
) -> Algebra:
    """Programs without absent states from the formulas of rates, then of rates, entries and derivatives by time."""
    size, absent, zero = len(plan.order), absence.states, graph.number(0.0)
    slopes = nodes[2 * size : 2 * size + len(entries)]
    kept = {
        place: node for place, node in zip(entries, slopes, strict=True) if node != zero and absent.isdisjoint(place)
    }
    rates = [zero if k in absent else node for k, node in enumerate(nodes[size : 2 * size])]
    by_time = nodes[2 * size + len(entries) :]
    return Algebra(
        rates=make_program(graph, [node for k, node in enumerate(nodes[:size]) if k not in absent], inputs),
        slopes=make_program(graph, [*rates, *kept.values(), *by_time], inputs),
        entries=tuple(kept),
        explicit_time=bool(by_time),
        elimination=eliminate_in_order([row for row in plan.order if row not in absent], kept),
        absent=absent,
        guards=tuple(inputs[node] - size - 1 for node in absence.guards),
    )


def _fixed_nodes(graph: Graph, roots: list[int], moving: tuple[str, ...]) -> list[int]:
    """The largest formulas below the roots that depend on parameters alone."""
    found: set[int] = set()
    seen: set[int] = set()
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        name = graph.ops[node][0]
        # A sign costs nothing where it is used, so -k shares the column of k.
        descends = graph.depends_on(node, moving) or graph.is_logical(node) or name == "neg"
        if descends:
            waiting.extend(graph.arguments(node))
        elif name != "number":
            found.add(node)
    return sorted(found)


def _switches(graph: Graph, rates: Iterable[int], moving: tuple[str, ...]) -> list[int]:
    """Differences whose change of sign puts a kink or a jump into a rate."""
    found: set[int] = set()
    for node in graph.reachable(rates):
        if graph.ops[node][0] in _TURNING and graph.depends_on(node, moving):
            found.add(graph.sub(*graph.arguments(node)))
    return sorted(found)


def _plain_formulas(system: System) -> System:
    """The same system in formulas that cost less: no exponential inside a logarithm, few divisions."""
    graph, moving, count = system.graph, (*system.states, TIME), len(system.rates)
    nodes = [*system.rates, *(node for _, node in system.signals)]
    nodes = _share_divisions(graph, _plain_logarithms(graph, nodes, moving), moving)
    names = (name for name, _ in system.signals)
    return replace(system, rates=tuple(nodes[:count]), signals=tuple(zip(names, nodes[count:], strict=True)))


def _share_divisions(graph: Graph, roots: list[int], moving: tuple[str, ...]) -> list[int]:
    """One division per denominator that is fixed or used more than once.

    A division takes as long as some ten products; x / b becomes x * (1 / b).
    """
    nodes = graph.reachable(roots)
    uses = Counter(graph.ops[node][2] for node in nodes if graph.ops[node][0] == "div")

    def cheaper(node: int, arguments: list[int]) -> int:
        name, *rest = graph.ops[node]
        if name == "div" and (uses[rest[1]] > 1 or not graph.depends_on(arguments[1], moving)):
            return graph.mul(arguments[0], graph.div(graph.number(1.0), arguments[1]))
        return graph.apply(str(name), arguments)

    return _rewritten(graph, roots, moving, cheaper)


def _plain_logarithms(graph: Graph, roots: list[int], moving: tuple[str, ...]) -> list[int]:
    """log(exp(a) * b) is a + log(b)."""

    def plain(node: int, arguments: list[int]) -> int:
        name = str(graph.ops[node][0])
        return _logarithm(graph, arguments[0]) if name == "log" else graph.apply(name, arguments)

    return _rewritten(graph, roots, moving, plain)


def _rewritten(
    graph: Graph, roots: list[int], moving: tuple[str, ...], rewrite: Callable[[int, list[int]], int]
) -> list[int]:
    """Formulas with every moving operation, arguments first, put through `rewrite(node, new arguments)`."""
    new: dict[int, int] = {}
    for node in graph.reachable(roots):
        known = graph.arguments(node)
        moves = known and graph.depends_on(node, moving)
        new[node] = rewrite(node, [new[argument] for argument in known]) if moves else node
    return [new[node] for node in roots]


def _logarithm(graph: Graph, node: int) -> int:
    """Logarithm of a product, its exponentials taken out."""
    exponent, rest, waiting = graph.number(0.0), graph.number(1.0), [node]
    while waiting:
        factor = waiting.pop()
        name = graph.ops[factor][0]
        if name == "mul":
            waiting.extend(reversed(graph.arguments(factor)))
        elif name == "exp":
            exponent = graph.add(exponent, *graph.arguments(factor))
        else:
            rest = graph.mul(rest, factor)
    return graph.add(exponent, graph.call("log", rest))
