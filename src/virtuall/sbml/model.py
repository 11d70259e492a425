"""An SBML model ready to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from virtuall.core.errors import InputError
from virtuall.engine.graph import Graph
from virtuall.engine.program import make_program, run_on_columns
from virtuall.engine.system import System
from virtuall.sbml.document import Document, Event, read_document
from virtuall.sbml.equations import Equations

# Errors count as absolute below this share of a state's first value.
_SCALE_SHARE = 1e-3
# A system needs a state: this one stands still in models without any.
RESTING = "nothing()"


@dataclass(frozen=True)
class Change:
    """What an event assigns: the variable, and the node of its new value in the unit of formulas."""

    name: str
    value: int


@dataclass(frozen=True)
class Happening:
    """An event as nodes of the model's graph; None where the file gives no formula.

    Attributes
    ----------
    name : str
    trigger : int
        True or false.
    delay, priority : int or None
    initially, persistent, early : bool
        See `virtuall.sbml.document.Event`.
    changes : tuple of Change
    """

    name: str
    trigger: int
    delay: int | None
    priority: int | None
    initially: bool
    persistent: bool
    early: bool
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class SbmlModel:
    """A model read from SBML.

    Attributes
    ----------
    name : str
    system : System
        Its equations for `virtuall.engine.kernel.build_kernel`, in the file's own unit of time. Events are no
        part of it.
    parameters : mapping of str to float
        Values given in the file, by column of the system: constants under their own names, first values of
        states as ``init(name)``, constants of a reaction as ``reaction.name``, amounts as ``amount(species)``.
        The other columns are computed from these at the start.
    signals : tuple of str
        What can be asked for: every variable and reaction by its name, and ``amount(species)`` and
        ``concentration(species)``.
    events : tuple of Happening
    document : Document
    equations : Equations
    """

    name: str
    system: System
    parameters: Mapping[str, float]
    signals: tuple[str, ...]
    events: tuple[Happening, ...]
    document: Document
    equations: Equations

    def rows(self, count: int = 1, **values: ArrayLike) -> np.ndarray:
        """Parameters for `Kernel.start`: float64[count, P] with the values of the file.

        Parameters
        ----------
        count : int
        **values : float or array of shape (count,)
            Other values, by names as in `parameters`.

        Raises
        ------
        InputError
            For a name that is not in `parameters`.
        """
        place = {name: k for k, name in enumerate(self.system.parameters)}
        rows = np.zeros((count, len(place)))
        for name, value in (*self.parameters.items(), *values.items()):
            if name not in self.parameters:
                raise InputError("unknown parameter", given=name, allowed=self.parameters)
            rows[:, place[name]] = value
        return rows


def read_sbml(path: str | Path, values: Mapping[str, float] | None = None) -> SbmlModel:
    """Read a model.

    Parameters
    ----------
    path : str or Path
        SBML Level 3; Level 2 and 1 are converted.
    values : mapping of str to float, optional
        First values that replace those in the file, by identifier (``reaction.name`` for a constant of a
        reaction), in the unit that the identifier has in formulas.

    Raises
    ------
    TextError
        When the file is not usable, or needs something that is not supported; the message names it.
    InputError
        For a value that cannot be set.
    """
    return build_model(with_values(read_document(path), values or {}))


def with_values(document: Document, values: Mapping[str, float]) -> Document:
    """The document with other first values."""
    variables, initial, reactions = dict(document.variables), dict(document.initial), dict(document.reactions)
    local = {f"{r.name}.{name}": (r.name, name) for r in reactions.values() for name, _ in r.locals}
    for name, value in values.items():
        if name in document.assigned:
            raise InputError(f"'{name}' is defined by an assignment rule and cannot be set")
        if name in local:
            reaction, word = local[name]
            known = tuple((k, value if k == word else v) for k, v in reactions[reaction].locals)
            reactions[reaction] = replace(reactions[reaction], locals=known)
        elif name in variables:
            variable = variables[name]
            concentration = variable.kind == "species" and not variable.in_amounts
            variables[name] = replace(variable, value=float(value), is_concentration=concentration)
            initial.pop(name, None)
        else:
            raise InputError("there is no such value in the model", given=name, allowed=(*variables, *local))
    return replace(document, variables=variables, initial=initial, reactions=reactions)


def build_model(document: Document) -> SbmlModel:
    """Work out the equations of a document."""
    graph = Graph()
    equations = Equations(document, graph)
    kept = [variable for variable in document.variables.values() if equations.is_kept(variable)]
    states = [variable for variable in kept if equations.is_state(variable)]
    rates = [equations.kept_rate(variable) for variable in states]
    initial = [equations.kept_at_first(variable) for variable in states]
    columns = [(equations.column(v), equations.kept_at_first(v)) for v in kept if not equations.is_state(v)]
    signals = _signals(equations)
    events = tuple(_happening(equations, event) for event in document.events)
    names = tuple(equations.column(variable) for variable in states)
    if not states:
        names, rates, initial = (RESTING,), [graph.number(0.0)], [graph.number(0.0)]
    constants = tuple((name, node) for name, node in columns if name not in equations.free)
    parameters = (*equations.free, *(name for name, _ in constants))
    first = make_program(graph, initial, {graph.symbol(name): k for k, name in enumerate(equations.free)})
    given = list(equations.free.values())
    start = run_on_columns(first, lambda slot: np.array([given[slot]]), 1)[:, 0]
    system = System(
        graph=graph,
        states=names,
        parameters=parameters,
        rates=tuple(rates),
        initial=tuple(initial),
        constants=constants,
        signals=tuple((name, node) for name, node in signals.items() if name not in names),
        scales=_scales(start),
    )
    return SbmlModel(document.name, system, equations.free, tuple(signals), events, document, equations)


def _signals(equations: Equations) -> dict[str, int]:
    document = equations.document
    signals = {name: equations.now(name) for name in document.variables}
    for name, reaction in document.reactions.items():
        if reaction.law is not None:
            signals[name] = equations.now(name)
    for name, variable in document.variables.items():
        if variable.kind == "species":
            signals[f"amount({name})"] = equations.amount(name)
            concentration = equations.concentration(name)
            if concentration is not None:
                signals[f"concentration({name})"] = concentration
    return signals


def _happening(equations: Equations, event: Event) -> Happening:
    return Happening(
        name=event.name,
        trigger=equations.graph.truth(False) if event.trigger is None else equations.logical(event.trigger),
        delay=None if event.delay is None else equations.number(event.delay),
        priority=None if event.priority is None else equations.number(event.priority),
        initially=event.initially,
        persistent=event.persistent,
        early=event.early,
        changes=tuple(Change(name, equations.number(formula)) for name, formula in event.assignments),
    )


def _scales(start: np.ndarray) -> tuple[float, ...]:
    """Absolute size of an error of 1, per state, from the first values of the states."""
    sizes = np.abs(np.where(np.isfinite(start), start, 0.0))
    usual = sizes.max(initial=0.0) or 1.0
    return tuple(float(_SCALE_SHARE * (size or usual)) for size in sizes)
