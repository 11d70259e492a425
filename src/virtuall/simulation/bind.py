"""Bind every name of the texts to a column of the model, or fail before anything is simulated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.condition_program import ConditionProgram
from virtuall.clinic.conditions import Column, compile_conditions
from virtuall.clinic.event import CONSEQUENCES, Event
from virtuall.clinic.finding import FindingProgram, compile_findings
from virtuall.clinic.graded import GradedProgram, compile_graded
from virtuall.clinic.graded_panel import Panel, compile_panel
from virtuall.clinic.monitoring import Laboratory, laboratory_of
from virtuall.clinic.response import PHENOTYPES
from virtuall.clinic.rules import RuleProgram, compile_rules
from virtuall.core.errors import InputError
from virtuall.core.units import unit as read_unit
from virtuall.dosing.course import PHASES
from virtuall.dosing.supply import SUPPLY
from virtuall.model import Model, open_shelf
from virtuall.population import Population
from virtuall.simulation.protocol import LEGS, STAYS, Protocol
from virtuall.texts.condition_tree import Condition
from virtuall.texts.quantity import duration
from virtuall.texts.rules import Rule

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Clones:
    """Clones that move by whole cells when they are small.

    Attributes
    ----------
    states : tuple of str
    columns : int64[C]
        Their places among the states.
    rates : tuple of str
        Signals of the births, then of the losses.
    thresholds : float64[C]
        Below it a clone is small, cells.
    moving, rounding : tuple of str
        Purposes of the draws: three for each clone, and one.
    """

    states: tuple[str, ...]
    columns: Ints
    rates: tuple[str, ...]
    thresholds: Floats
    moving: tuple[str, ...]
    rounding: tuple[str, ...]


@dataclass(frozen=True)
class Binding:
    """Names bound to places.

    Attributes
    ----------
    signal_of : tuple of str
        The signal of each observable.
    factor_of : float64[K]
        From the signal's unit to the observable's.
    events : tuple of Event
        By the order of the model's clocks.
    rules : RuleProgram
    judgments : ConditionProgram
        Levels of response, then absence of residual disease, then relapse.
    rule_applies : bool[R, L]
        In which legs of the protocol each rule holds.
    rule_of_main : tuple of bool
        Whether each rule is one of a main leg.
    choices : ConditionProgram
        Conditions that are asked for when a choice is due: of cycles, of manufactured products, of sequences.
    choice_of : mapping of (str, int, int) to int
        Place of a choice among them: ("cycle", leg, text), ("skip", leg, 0), ("ready", leg, 0), ("step", step, 0).
    findings : FindingProgram
    panel : Panel
        All that is graded.
    rule_lasts : tuple of float
        Days for which each rule's stay lasts; 0 for other actions.
    feeds : bool[1 + G, S]
        Which schedules bring what the findings read (first row), and what each graded thing reads.
    read, judged : frozenset of str
        Observables that rules read, and that judgments read.
    laboratory : Laboratory
    clones : Clones
    """

    signal_of: tuple[str, ...]
    factor_of: Floats
    events: tuple[Event, ...]
    rules: RuleProgram
    judgments: ConditionProgram
    rule_applies: Flags
    rule_of_main: tuple[bool, ...]
    choices: ConditionProgram
    choice_of: Mapping[tuple[str, int, int], int]
    findings: FindingProgram
    panel: Panel
    rule_lasts: tuple[float, ...]
    feeds: Flags
    read: frozenset[str]
    judged: frozenset[str]
    laboratory: Laboratory
    clones: Clones


def bind(model: Model, protocol: Protocol) -> Binding:
    """Bind a protocol to a model.

    Raises
    ------
    InputError, Problems
        When a text names what the model does not have.
    """
    signals = dict(model.system.signals)
    for each in protocol.monitoring.observables:
        if each.signal not in signals:
            raise InputError(f"{each.name} measures no signal of the model", given=each.signal, allowed=sorted(signals))
    factors = np.array([_factor(model, each.signal, each.unit) for each in protocol.monitoring.observables])
    for product in protocol.products.values():
        known = tuple(model.inputs) if product.input else model.system.states
        if (product.input or product.state) not in known:
            raise InputError(
                f"{product.name} enters nowhere in the model", given=product.input or product.state, allowed=known
            )
    for name in (
        protocol.next_line.input,
        protocol.transplant.conditioning_input,
        protocol.transplant.graft_input,
    ):
        if name not in model.inputs:
            raise InputError("a policy sets no input of the model", given=name, allowed=tuple(model.inputs))
    columns = clinic_columns(protocol, model)
    findings = compile_findings(protocol.monitoring.findings, columns)
    columns |= {each.name: each.column for each in protocol.monitoring.findings}
    shelf = open_shelf(protocol.library)
    graded = tuple(compile_graded(each, columns, shelf) for each in protocol.monitoring.graded)
    for rule in protocol.rules:
        if rule.action == "order" and rule.what not in protocol.care:
            allowed = tuple(protocol.care)
            raise InputError(
                "no dose of this can be ordered by a rule", given=rule.what, allowed=allowed, where=rule.where
            )
    response = protocol.response
    judged = [*response.conditions, *(each for each in (response.mrd_negative, response.relapse) if each)]
    rules = compile_rules(protocol.rules, columns, ())
    judgments = compile_conditions(judged, columns, ())
    choices, choice_of = _choices(protocol)
    return Binding(
        tuple(each.signal for each in protocol.monitoring.observables),
        factors,
        _events(model, protocol),
        rules,
        judgments,
        _rule_applies(protocol),
        tuple(leg.main for leg in protocol.legs for _ in leg.rules),
        compile_conditions(choices, columns, ()),
        choice_of,
        findings,
        compile_panel(graded, columns),
        tuple(_lasts(rule) for rule in protocol.rules),
        _feeds(protocol, findings, graded, columns),
        frozenset(rules.conditions.columns),
        frozenset(judgments.columns),
        laboratory_of(protocol.monitoring),
        _clones(model),
    )


def _feeds(
    protocol: Protocol, findings: FindingProgram, graded: Sequence[GradedProgram], columns: Mapping[str, Column]
) -> Flags:
    """Which schedules bring what findings and scales read, through findings too."""
    behind = {each.name: set(compile_findings([each], columns).columns) for each in findings.findings}
    read = [set(findings.columns)]
    for each in graded:
        read.append({column for name in each.columns for column in behind.get(name, {name})})
    schedules = protocol.monitoring.schedules
    fed = [[not asked.isdisjoint(schedule.observables) for schedule in schedules] for asked in read]
    return np.array(fed, bool).reshape(len(read), len(schedules))


def _lasts(rule: Rule) -> float:
    """The days for which a stay lasts."""
    if rule.action not in STAYS:
        return 0.0
    length = rule.arguments.get("for")
    if not isinstance(length, str) or len(rule.arguments) > 1:
        raise InputError(
            f'{rule.action} needs how long: with = {{ for = "1 d" }}', given=str(rule.arguments), where=rule.where
        )
    return duration(length, where=rule.places["for"])


def _rule_applies(protocol: Protocol) -> Flags:
    """A rule of a main leg holds in all legs of its step, another one in its own leg."""
    rows = [
        [other.step == leg.step if leg.main else other is leg for other in protocol.legs]
        for leg in protocol.legs
        for _ in leg.rules
    ]
    return np.array(rows, bool).reshape(len(protocol.rules), len(protocol.legs))


def _choices(protocol: Protocol) -> tuple[list[Condition], dict[tuple[str, int, int], int]]:
    """Conditions of choices, and where each one is."""
    found: dict[tuple[str, int, int], Condition] = {}
    for number, leg in enumerate(protocol.legs):
        for block, cycle in enumerate(leg.regimen.cycles):
            if cycle.when is not None:
                found["cycle", number, block] = cycle.when
        if leg.supply is not None and leg.supply.skip is not None:
            found["skip", number, 0] = leg.supply.skip
        if leg.supply is not None and leg.supply.ready is not None:
            found["ready", number, 0] = leg.supply.ready
    for number, step in enumerate(protocol.steps):
        if step.when is not None:
            found["step", number, 0] = step.when
    return list(found.values()), {key: place for place, key in enumerate(found)}


def _clones(model: Model) -> Clones:
    states, clones = tuple(model.clones), tuple(model.clones.values())
    return Clones(
        states,
        np.array([model.system.states.index(state) for state in states], np.int64),
        (*(each.birth for each in clones), *(each.loss for each in clones)),
        np.array([each.threshold for each in clones]),
        tuple(f"clone {state} {part}" for part in ("lines", "spread", "entry") for state in states),
        tuple(f"clone {state} rounding" for state in states),
    )


def clinic_columns(protocol: Protocol, model: Model) -> dict[str, Column]:
    """What rules may speak of, with units and levels: what is known at enrollment, measured, and charted."""
    columns = {each.name: Column(unit=each.unit) for each in model.covariates.values()}
    columns |= {each.name: Column(unit=each.unit) for each in protocol.monitoring.observables}
    for name in ("cycle", "assessed_cycles", "completed_cycles", "lines"):
        columns[name] = Column()
    for name in ("days", "infusion_days", "held_days", "cycle_days", "infused_days"):
        columns[name] = Column(unit="d")
    for name in ("mrd_negative", "transplant_planned", "transplanted", "infused"):
        columns[name] = Column(kind="flag")
    columns["leg"] = Column(kind="category", levels=LEGS)
    columns["supply"] = Column(kind="category", levels=SUPPLY)
    columns["relapse_phenotype"] = Column(kind="category", levels=PHENOTYPES)
    columns["phase"] = Column(kind="category", levels=PHASES)
    columns["response"] = Column(kind="category", levels=protocol.response.ranks)
    columns["relapsed"] = Column(kind="flag")
    columns["in_remission"] = Column(kind="flag")
    columns["inpatient"] = columns["intensive"] = Column(kind="flag")
    for event in protocol.events:
        if not event.fatal:
            columns[f"{event.name}_consequence"] = Column(kind="category", levels=CONSEQUENCES)
            columns[f"{event.name}_grade"] = Column()
            columns[f"{event.name}_count"] = Column()
            columns[f"{event.name}_quiet_days"] = Column(unit="d")
    for graded in protocol.monitoring.graded:
        for what in ("grade", "worst", "count"):
            columns[f"{graded.name}_{what}"] = Column()
        for what in ("days", "quiet_days"):
            columns[f"{graded.name}_{what}"] = Column(unit="d")
    for product in protocol.care:
        columns[f"{product}_doses"] = Column()
        columns[f"{product}_days"] = Column(unit="d")
    return columns


def _factor(model: Model, signal: str, unit: str) -> float:
    ours, wanted = read_unit(model.system.units[signal]), read_unit(unit)
    if not ours.same_dimension(wanted):
        raise InputError(f"{signal} is in {model.system.units[signal]}", given=unit)
    return ours.factor_to(wanted)


def _events(model: Model, protocol: Protocol) -> tuple[Event, ...]:
    by_clock = {event.clock: event for event in protocol.events}
    for clock, event in by_clock.items():
        if clock not in model.clocks:
            raise InputError(f"event {event.name} has no clock", given=clock, allowed=tuple(model.clocks))
    clock_of = {state: clock for clock, state in model.clocks.items()}
    missing = [clock_of[state] for state in model.system.clocks if clock_of[state] not in by_clock]
    if missing:
        raise InputError("a clock of the model has no event text (events.toml)", given=", ".join(missing))
    return tuple(by_clock[clock_of[state]] for state in model.system.clocks)


def brought_along(model: Model, products: Sequence[str]) -> dict[str, float]:
    """The inputs that these products give, by name.

    Raises
    ------
    InputError
        When two products give one input: a patient gets one product of a kind.
    """
    found: dict[str, float] = {}
    giver: dict[str, str] = {}
    for product in products:
        for name, value in model.products.get(product, {}).items():
            if name in found:
                problem = f"{giver[name]} and {product} both give {name}: a patient can get one product of this kind"
                raise InputError(problem, given=product)
            found[name], giver[name] = value.value, product
    return found


def _refuse_implausible(model: Model, patients: Population) -> None:
    for name, known in model.covariates.items():
        values = patients.columns.get(name, np.empty(0))
        wrong = np.flatnonzero(~((values >= known.low) & (values <= known.high)))
        if len(wrong):
            unit = "" if known.unit == "1" else f" {known.unit}"
            problem = f"the {name} of patient {patients.ids[wrong[0]]} is not plausible"
            hint = f"{known.low:g} to {known.high:g}{unit}"
            raise InputError(problem, given=f"{values[wrong[0]]:g}{unit}", hint=hint)


def _given(patients: Population, product: str) -> list[str]:
    """The inputs for which these patients have the product's number as one of their own."""
    return [name.partition("/")[2] for name in patients.columns if name.startswith(f"{product}/")]


def parameter_rows(model: Model, patients: Population, products: Sequence[str] = ()) -> Floats:
    """Parameter columns of the kernel for these patients, float64[N, P]; constants are left to the kernel.

    ``products`` are those that the patients may get: what they bring along stands from the start.

    Raises
    ------
    InputError
        When a patient lacks a number, has one that the model does not know, or one that is not plausible.
    """
    known: Mapping[str, object] = {**model.values, **model.random, **model.covariates}
    for name in patients.columns:
        if name not in known and "/" not in name:  # with a slash: of a product, a policy (virtuall.population.numbers)
            raise InputError("no such number of the model", given=name, allowed=sorted(known))
    _refuse_implausible(model, patients)
    constants = {name for name, _ in model.system.constants}
    brought = brought_along(model, products)
    own = {name: patients.columns[f"{each}/{name}"] for each in products for name in _given(patients, each)}
    rows = np.zeros((len(patients), len(model.system.parameters)))
    for place, name in enumerate(model.system.parameters):
        if name in patients.columns:
            rows[:, place] = patients.columns[name]
        elif name in model.values:
            rows[:, place] = model.values[name].value
        elif name in model.inputs:
            rows[:, place] = own.get(name, brought.get(name, model.inputs[name].start))
        elif name not in constants:
            raise InputError("the patients lack a number that the model needs", given=name)
    return rows
