"""Write the model, with one patient's numbers, as SBML Level 3 Version 2."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from xml.sax.saxutils import escape

from virtuall.core.errors import InputError
from virtuall.core.units import Unit
from virtuall.core.units import unit as read_unit
from virtuall.engine.system import TIME, System
from virtuall.export.node_units import node_units
from virtuall.export.sbml_math import MathWriter, apply, number, shared_nodes, symbol
from virtuall.export.sbml_units import NOTE, define_unit
from virtuall.model.load import Model

_DAY = read_unit("d")


@dataclass(frozen=True)
class Change:
    """A change at one moment: an input is set, or an amount is added to a state.

    Attributes
    ----------
    time : float
        Day, from 0.
    symbol : str
        The input or state.
    kind : str
        ``set`` or ``add``.
    value : float
        In the symbol's unit.
    """

    time: float
    symbol: str
    kind: Literal["set", "add"]
    value: float


def model_to_sbml(
    model: Model,
    patient: Mapping[str, float],
    changes: Sequence[Change] = (),
    *,
    name: str = "virtuall",
    note: str = "",
) -> str:
    """Write a model with one patient's numbers.

    Parameters
    ----------
    model : Model
        The model.
    patient : mapping of str to float
        The patient's covariates and random numbers, in the units of the equations; may also replace fixed
        numbers.
    changes : sequence of Change
        What orders do; written as events, one for each moment, or as first values on day 0.
    name : str
        The identifier of the SBML model.
    note : str
        A sentence for the notes of the model.

    Returns
    -------
    str
        SBML Level 3 Version 2: states are parameters with rate rules, signals parameters with assignment
        rules, constants have initial assignments, inputs are parameters that events may change.

    Raises
    ------
    InputError
        When a number of the patient is missing or unknown, or a change is not possible.
    """
    values = {name: value.value for name, value in model.values.items()} | {
        name: each.start for name, each in model.inputs.items()
    }
    unknown = [each for each in patient if each not in model.system.parameters and each not in values]
    if unknown:
        raise InputError("the model has no such number", given=unknown[0], allowed=model.system.parameters)
    return system_to_sbml(model.system, values | dict(patient), changes, inputs=model.inputs, name=name, note=note)


def system_to_sbml(
    system: System,
    values: Mapping[str, float],
    changes: Sequence[Change] = (),
    *,
    inputs: Collection[str] = (),
    name: str = "virtuall",
    note: str = "",
) -> str:
    """Write a system with the values of its parameters; see `model_to_sbml`."""
    import libsbml

    _check_values(system, values)
    _check_changes(system, changes, inputs)
    document = libsbml.SBMLDocument(3, 2)
    writer = _Writer(system, document.createModel(), _named_nodes(system))
    writer.start(name, note)
    writer.parameters(values, {*inputs, *(change.symbol for change in changes)})
    writer.states()
    writer.signals()
    writer.events(writer.first_values(changes))
    return str(libsbml.writeSBMLToString(document))


def sbml_messages(text: str) -> tuple[list[str], list[str]]:
    """Let libSBML check an SBML text, units included.

    Returns
    -------
    errors, warnings : list of str
        What it says.
    """
    import libsbml

    document = libsbml.readSBMLFromString(text)
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_UNITS_CONSISTENCY, True)
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_MODELING_PRACTICE, False)
    document.checkConsistency()
    errors: list[str] = []
    warnings: list[str] = []
    for place in range(document.getNumErrors()):
        error = document.getError(place)
        message = f"line {error.getLine()}: {error.getShortMessage()}: {error.getMessage().strip()}"
        (errors if error.getSeverity() >= libsbml.LIBSBML_SEV_ERROR else warnings).append(message)
    return errors, warnings


class _Writer:
    """Fills an SBML model from a system."""

    def __init__(self, system: System, model: Any, named: dict[int, str]) -> None:
        self.system = system
        self.model = model
        roots = [*system.rates, *(node for _, node in system.signals)]
        self.shared = shared_nodes(system.graph, roots, named)
        self.units = {TIME: _DAY} | {name: read_unit(text) for name, text in system.units.items()}
        first = [*system.initial, *(node for _, node in system.constants)]
        units = node_units(system.graph, [*roots, *first], self.units, named)
        self.units |= {name: units.known[node] for node, name in self.shared.items() if node in units.known}
        self.math = MathWriter(units, named | self.shared, self.define)
        self.plain = MathWriter(units, {}, self.define)

    def start(self, name: str, note: str) -> None:
        self.model.setId(name)
        self.model.setTimeUnits(self.define(_DAY))
        paragraphs = "".join(f"<p>{escape(each)}</p>" for each in (note, NOTE) if each)
        self.model.setNotes(f'<body xmlns="http://www.w3.org/1999/xhtml">{paragraphs}</body>')

    def define(self, unit: Unit) -> str:
        return define_unit(self.model, unit)

    def parameter(self, name: str, value: float | None, *, constant: bool) -> Any:
        parameter = self.model.createParameter()
        parameter.setId(name)
        parameter.setConstant(constant)
        if value is not None:
            parameter.setValue(value)
        if name in self.units:
            parameter.setUnits(self.define(self.units[name]))
        if name in self.system.docs:
            parameter.setName(self.system.docs[name])
        return parameter

    def parameters(self, values: Mapping[str, float], changing: Collection[str]) -> None:
        constants = dict(self.system.constants)
        for name in self.system.parameters:
            value = None if name in constants else float(values[name])
            self.parameter(name, value, constant=name not in changing)
            if name in constants:
                self.first_value(name, constants[name])

    def first_value(self, name: str, node: int) -> None:
        assignment = self.model.createInitialAssignment()
        assignment.setSymbol(name)
        assignment.setMath(self.plain.formula(node, self.units.get(name)))

    def states(self) -> None:
        system = self.system
        for name, rate, initial in zip(system.states, system.rates, system.initial, strict=True):
            first = system.graph.value(initial)
            self.parameter(name, first, constant=False)
            if first is None:
                self.first_value(name, initial)
            rule = self.model.createRateRule()
            rule.setVariable(name)
            unit = self.units[name] / _DAY if name in self.units else None
            rule.setMath(self.math.formula(rate, unit))

    def signals(self) -> None:
        for node, name in self.shared.items():
            self.signal(name, node)
        for name, node in self.system.signals:
            if name not in self.system.states:
                self.signal(name, node)

    def signal(self, name: str, node: int) -> None:
        self.parameter(name, None, constant=False)
        rule = self.model.createAssignmentRule()
        rule.setVariable(name)
        whole = self.math.named.get(node) == name
        rule.setMath(self.math.formula(node, self.units.get(name), whole=whole))

    def first_values(self, changes: Iterable[Change]) -> list[Change]:
        """Write what is set on day 0 as first values; the changes that are left.

        An amount that is added on day 0, and an input from which constants are computed, stay events.
        """
        system = self.system
        nodes = [*system.initial, *(node for _, node in system.constants)]
        used = set().union(*(system.graph.symbols_of(node) for node in nodes))
        left = []
        added = {change.symbol for change in changes if change.time == 0.0 and change.kind == "add"}
        for change in changes:
            if change.time > 0.0 or change.symbol in used | added:
                left.append(change)
                continue
            self.model.removeInitialAssignment(change.symbol)
            self.model.getParameter(change.symbol).setValue(change.value)
        return left

    def events(self, changes: Iterable[Change]) -> None:
        import libsbml

        by_time: dict[float, list[Change]] = {}
        for change in changes:
            by_time.setdefault(change.time, []).append(change)
        for count, (time, together) in enumerate(sorted(by_time.items()), 1):
            event = self.model.createEvent()
            event.setId(f"change_{count}")
            event.setUseValuesFromTriggerTime(True)
            trigger = event.createTrigger()
            # Not yet true "before" day 0, so that changes of day 0 happen too. It turns true once and for all, so that
            # no step can pass it by.
            trigger.setInitialValue(False)
            trigger.setPersistent(True)
            trigger.setMath(apply(libsbml.AST_RELATIONAL_GEQ, symbol(TIME), number(time, "d")))
            for name, (is_set, value) in _merged(together).items():
                assignment = event.createEventAssignment()
                assignment.setVariable(name)
                amount = number(value, self.define(self.units[name]) if name in self.units else None)
                assignment.setMath(amount if is_set else apply(libsbml.AST_PLUS, symbol(name), amount))


def _merged(changes: Iterable[Change]) -> dict[str, tuple[bool, float]]:
    """Join the changes of one moment in their order: symbol to (set or added, value)."""
    found: dict[str, tuple[bool, float]] = {}
    for change in changes:
        if change.kind == "set":
            found[change.symbol] = (True, change.value)
        else:
            is_set, before = found.get(change.symbol, (False, 0.0))
            found[change.symbol] = (is_set, before + change.value)
    return found


def _named_nodes(system: System) -> dict[int, str]:
    """Return the formulas that have a name, that of the first signal; symbols and numbers have none."""
    found: dict[int, str] = {}
    for name, node in system.signals:
        if system.graph.arguments(node):
            found.setdefault(node, name)
    return found


def _check_values(system: System, values: Mapping[str, float]) -> None:
    constants = dict(system.constants)
    missing = [name for name in system.parameters if name not in values and name not in constants]
    if missing:
        raise InputError(f"numbers of the patient are missing: {', '.join(missing)}")


def _check_changes(system: System, changes: Iterable[Change], inputs: Collection[str]) -> None:
    changeable = (*inputs, *system.states)
    for change in changes:
        if change.symbol not in changeable:
            raise InputError("only inputs and states can be changed", given=change.symbol, allowed=changeable)
        if change.kind not in ("set", "add"):
            raise InputError("a change is set or add", given=change.kind, allowed=("set", "add"))
        if not change.time >= 0.0:
            raise InputError("a change cannot come before day 0", given=change.time)
