"""A checked system of ordinary differential equations: what a kernel is built from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from virtuall.core.errors import KernelError
from virtuall.engine.graph import Graph

# The name of time (days) in formulas.
TIME = "time"


@dataclass(frozen=True)
class System:
    """Ordinary differential equations with their parameters, signals and clocks; no medicine.

    Attributes
    ----------
    graph : Graph
        The formulas. All nodes below are nodes of it.
    states : tuple of str
        Names of the states, length S.
    parameters : tuple of str
        Names of the parameter columns: one value per patient, constant between stops, length P.
    rates : tuple of int
        d state/dt per day, nodes over states, parameters and ``time`` (days), length S.
    initial : tuple of int
        First value of each state, nodes over parameters, length S.
    constants : tuple of (str, int)
        Parameters computed once per patient at the start, from other parameters, in order of evaluation.
    signals : tuple of (str, int)
        What may be observed or recorded: name and node over states, parameters and ``time``.
    scales : tuple of float
        Per state, the size below which its error counts as absolute (same unit as the state), length S.
    clocks : tuple of str
        States that are integrated hazards.
    amounts : tuple of str
        States that are never below zero (cells, drug, counts): a step that leads further below zero than a share
        rtol of the scale is not accepted, and what is left below zero becomes zero.
    units, docs : mapping of str to str
        For people only; they do not decide the kernel.

    Raises
    ------
    KernelError
        When lengths, names or dependencies do not fit together.
    """

    graph: Graph
    states: tuple[str, ...]
    parameters: tuple[str, ...]
    rates: tuple[int, ...]
    initial: tuple[int, ...]
    constants: tuple[tuple[str, int], ...] = ()
    signals: tuple[tuple[str, int], ...] = ()
    scales: tuple[float, ...] = ()
    clocks: tuple[str, ...] = ()
    amounts: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    docs: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.scales:
            object.__setattr__(self, "scales", (1.0,) * len(self.states))
        self._check_names()
        self._check_lengths()
        self._check_dependencies()

    def fingerprint(self) -> str:
        """Return a sha256 (hex) over everything that decides the kernel; units and docs do not."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256()
        nodes = [*self.rates, *self.initial, *(node for _, node in (*self.constants, *self.signals))]
        place: dict[int, int] = {}
        for node in self.graph.reachable(nodes):
            place[node] = len(place)
            name, *rest = self.graph.ops[node]
            if self.graph.arguments(node):
                rest = [place[argument] for argument in self.graph.arguments(node)]
            elif name == "number":
                rest = [float(rest[0]).hex()]
            digest.update(repr((name, *rest)).encode())
        digest.update(repr([place[node] for node in nodes]).encode())
        names = [[name for name, _ in pairs] for pairs in (self.constants, self.signals)]
        scales = [float(scale).hex() for scale in self.scales]
        digest.update(repr((self.states, self.parameters, names, scales, self.clocks, self.amounts)).encode())
        return digest.hexdigest()

    def _check_names(self) -> None:
        named = (*self.states, *self.parameters)
        doubles = sorted({name for name in named if named.count(name) > 1})
        if doubles:
            raise KernelError("names of states and parameters must be unique", given=", ".join(doubles))
        if TIME in named:
            raise KernelError(f"'{TIME}' is the name of time and of nothing else")
        for what, states in (("a clock", self.clocks), ("an amount", self.amounts)):
            for name in states:
                if name not in self.states:
                    raise KernelError(f"{what} must be a state", given=name, allowed=self.states)
        for name, _ in self.constants:
            if name not in self.parameters:
                raise KernelError("a constant must be a parameter", given=name, allowed=self.parameters)

    def _check_lengths(self) -> None:
        for what in ("rates", "initial", "scales"):
            if len(getattr(self, what)) != len(self.states):
                raise KernelError(
                    f"a system of {len(self.states)} states needs as many {what}",
                    given=len(getattr(self, what)),
                )
        for state, scale in zip(self.states, self.scales, strict=True):
            if not 0.0 < scale < float("inf"):
                raise KernelError(f"the scale of state '{state}' must be positive", given=scale)

    def _check_dependencies(self) -> None:
        everything = {*self.states, *self.parameters, TIME}
        parameters = set(self.parameters)
        for state, node in zip(self.states, self.rates, strict=True):
            self._check_symbols(f"the rate of '{state}'", node, everything)
        for name, node in self.signals:
            self._check_symbols(f"signal '{name}'", node, everything)
        for state, node in zip(self.states, self.initial, strict=True):
            self._check_symbols(f"the initial value of '{state}'", node, parameters)
        later = {name for name, _ in self.constants}
        for name, node in self.constants:
            self._check_symbols(f"constant '{name}'", node, parameters - later)
            later.discard(name)

    def _check_symbols(self, what: str, node: int, allowed: Iterable[str]) -> None:
        if self.graph.is_logical(node):
            raise KernelError(f"{what} must be a number, not true or false")
        unknown = sorted(self.graph.symbols_of(node).difference(allowed))
        if unknown:
            raise KernelError(f"{what} uses a name that it may not use", given=unknown[0], allowed=sorted(allowed))
