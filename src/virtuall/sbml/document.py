"""What an SBML file says, as plain records; no meaning is worked out yet."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from virtuall.core.errors import TextError
from virtuall.sbml.formula import Formula, Function, read_formula, read_function
from virtuall.sbml.source import open_document

Kind = Literal["compartment", "species", "parameter", "stoichiometry"]


@dataclass(frozen=True)
class Variable:
    """Something with a value: a compartment, a species, a parameter or a stoichiometry with an identifier.

    Attributes
    ----------
    name : str
    kind : str
    value : float or None
        Value in the file; of a species its amount or concentration, see `is_concentration`.
    constant : bool
    where : str
    compartment : str
        Of a species.
    is_concentration : bool
        The file gives the initial concentration of the species, not its amount.
    in_amounts : bool
        The species stands for its amount in formulas, not for its concentration.
    boundary : bool
        Reactions leave the species alone.
    factor : str
        Conversion factor of the species, or of the model; '' without one.
    """

    name: str
    kind: Kind
    value: float | None
    constant: bool
    where: str
    compartment: str = ""
    is_concentration: bool = False
    in_amounts: bool = True
    boundary: bool = False
    factor: str = ""


@dataclass(frozen=True)
class Part:
    """A species taking part in a reaction: `count` of it, or as many as the named stoichiometry says."""

    species: str
    count: float | None
    stoichiometry: str
    sign: int


@dataclass(frozen=True)
class Reaction:
    """A reaction; `law` is None where the file gives no formula. `locals` are known as 'reaction.name'."""

    name: str
    parts: tuple[Part, ...]
    law: Formula | None
    locals: tuple[tuple[str, float | None], ...]
    where: str


@dataclass(frozen=True)
class Event:
    """An event: when its trigger becomes true, its assignments are made after a delay.

    Attributes
    ----------
    name : str
    trigger, delay, priority : Formula or None
    initially : bool
        Value of the trigger before the start: with True, a trigger that holds at the start does not fire.
    persistent : bool
        Once fired it is executed even if the trigger becomes false meanwhile.
    early : bool
        Values are computed when it fires, not when it is executed.
    assignments : tuple of (str, Formula)
    where : str
    """

    name: str
    trigger: Formula | None
    delay: Formula | None
    priority: Formula | None
    initially: bool
    persistent: bool
    early: bool
    assignments: tuple[tuple[str, Formula], ...]
    where: str


@dataclass(frozen=True)
class Document:
    """The content of a file.

    Attributes
    ----------
    name : str
    where : str
    variables : mapping of str to Variable
    functions : mapping of str to Function
    initial : mapping of str to Formula
        Initial assignments.
    assigned, rates : mapping of str to Formula
        Assignment rules and rate rules by variable.
    reactions : mapping of str to Reaction
    events : tuple of Event
    """

    name: str
    where: str
    variables: Mapping[str, Variable]
    functions: Mapping[str, Function]
    initial: Mapping[str, Formula]
    assigned: Mapping[str, Formula]
    rates: Mapping[str, Formula]
    reactions: Mapping[str, Reaction]
    events: tuple[Event, ...]


def read_document(path: str | Path) -> Document:
    """Read a file.

    Raises
    ------
    TextError
        When the file is not usable, or needs something that is not supported; the message names it.
    """
    source = open_document(Path(path))
    return _Reader(source.getModel(), str(path)).read()


class _Reader:
    def __init__(self, model: Any, where: str) -> None:
        self.model = model
        self.where = where

    def read(self) -> Document:
        model = self.model
        self._refuse_unsupported()
        functions = {}
        for each in _each(model.getListOfFunctionDefinitions()):
            function = read_function(each, self._at(each)) if each.isSetMath() else None
            if function is not None:
                functions[each.getId()] = function
        reactions = {each.getId(): self._reaction(each) for each in _each(model.getListOfReactions())}
        rules = list(_each(model.getListOfRules()))
        return Document(
            name=model.getId() or model.getName(),
            where=self.where,
            variables={each.name: each for each in self._variables()},
            functions=functions,
            initial=self._formulas((e.getSymbol(), e) for e in _each(model.getListOfInitialAssignments())),
            assigned=self._formulas((e.getVariable(), e) for e in rules if e.isAssignment()),
            rates=self._formulas((e.getVariable(), e) for e in rules if e.isRate()),
            reactions=reactions,
            events=tuple(self._event(k, each) for k, each in enumerate(_each(model.getListOfEvents()))),
        )

    def _at(self, element: Any) -> str:
        line = element.getLine()
        return f"{self.where}:{line}" if line else self.where

    def _formulas(self, pairs: Iterator[tuple[str, Any]]) -> dict[str, Formula]:
        # Level 3 Version 2 allows a rule without a formula; it says nothing.
        return {name: read_formula(e.getMath(), self._at(e)) for name, e in pairs if e.isSetMath()}

    def _formula(self, element: Any) -> Formula | None:
        if element is None or not element.isSetMath():
            return None
        return read_formula(element.getMath(), self._at(element))

    def _refuse_unsupported(self) -> None:
        for rule in _each(self.model.getListOfRules()):
            if rule.isAlgebraic():
                raise TextError("unsupported: algebraic rule", where=self._at(rule))
        for reaction in _each(self.model.getListOfReactions()):
            if reaction.isSetFast() and reaction.getFast():
                raise TextError(f"unsupported: fast reaction '{reaction.getId()}'", where=self._at(reaction))

    # -- what has a value -----------------------------------------------------------------------------------

    def _variables(self) -> Iterator[Variable]:
        model = self.model
        for each in _each(model.getListOfCompartments()):
            yield self._variable(each, "compartment", each.getSize() if each.isSetSize() else None)
        for each in _each(model.getListOfParameters()):
            yield self._variable(each, "parameter", each.getValue() if each.isSetValue() else None)
        for each in _each(model.getListOfSpecies()):
            yield self._species(each)
        for reaction in _each(model.getListOfReactions()):
            for part in (*_each(reaction.getListOfReactants()), *_each(reaction.getListOfProducts())):
                if part.getId():
                    value = part.getStoichiometry() if part.isSetStoichiometry() else None
                    yield self._variable(part, "stoichiometry", value)

    def _variable(self, element: Any, kind: Kind, value: float | None) -> Variable:
        constant = bool(element.getConstant())
        return Variable(element.getId(), kind, _known(value), constant, self._at(element))

    def _species(self, species: Any) -> Variable:
        compartment = self.model.getCompartment(species.getCompartment())
        if compartment is None:
            raise TextError(f"species '{species.getId()}' is in no compartment", where=self._at(species))
        value = species.getInitialAmount() if species.isSetInitialAmount() else None
        concentration = value is None and species.isSetInitialConcentration()
        # A point has no size that an amount could be divided by, unless the file gives it one.
        point = compartment.getSpatialDimensionsAsDouble() == 0.0 and not self._has_size(compartment)
        return Variable(
            name=species.getId(),
            kind="species",
            value=_known(species.getInitialConcentration() if concentration else value),
            constant=bool(species.getConstant()),
            where=self._at(species),
            compartment="" if point else species.getCompartment(),
            is_concentration=concentration and not point,
            in_amounts=point or bool(species.getHasOnlySubstanceUnits()),
            boundary=bool(species.getBoundaryCondition()),
            factor=species.getConversionFactor() or self.model.getConversionFactor(),
        )

    def _has_size(self, compartment: Any) -> bool:
        name, model = compartment.getId(), self.model
        ruled = model.getRuleByVariable(name) or model.getInitialAssignmentBySymbol(name)
        return compartment.isSetSize() or ruled is not None

    # -- what happens ---------------------------------------------------------------------------------------

    def _reaction(self, reaction: Any) -> Reaction:
        parts = [
            Part(
                species=each.getSpecies(),
                count=_known(each.getStoichiometry()) if each.isSetStoichiometry() else None,
                stoichiometry=each.getId(),
                sign=sign,
            )
            for sign, some in ((-1, reaction.getListOfReactants()), (1, reaction.getListOfProducts()))
            for each in _each(some)
        ]
        law = reaction.getKineticLaw()
        constants = [] if law is None else list(_each(law.getListOfLocalParameters()))
        if law is not None and not constants:
            constants = list(_each(law.getListOfParameters()))
        return Reaction(
            name=reaction.getId(),
            parts=tuple(parts),
            law=self._formula(law),
            locals=tuple((e.getId(), _known(e.getValue()) if e.isSetValue() else None) for e in constants),
            where=self._at(reaction),
        )

    def _event(self, number: int, event: Any) -> Event:
        trigger = event.getTrigger()
        return Event(
            name=event.getId() or f"event {number + 1}",
            trigger=self._formula(trigger),
            delay=self._formula(event.getDelay()),
            priority=self._formula(event.getPriority()),
            initially=bool(trigger.getInitialValue()) if trigger is not None and trigger.isSetInitialValue() else True,
            persistent=bool(trigger.getPersistent()) if trigger is not None and trigger.isSetPersistent() else True,
            early=bool(event.getUseValuesFromTriggerTime()) if event.isSetUseValuesFromTriggerTime() else True,
            assignments=tuple(
                self._formulas((e.getVariable(), e) for e in _each(event.getListOfEventAssignments())).items()
            ),
            where=self._at(event),
        )


def _each(elements: Any) -> Iterator[Any]:
    return (elements.get(k) for k in range(elements.size()))


def _known(value: float | None) -> float | None:
    """A number; what is not given is None (libSBML says NaN for some of these)."""
    return None if value is None or math.isnan(value) else float(value)
