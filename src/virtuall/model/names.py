"""Who defines which name: every word of the equations is bound to a definition or a number, or refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from virtuall.core.errors import TextError, VirtuallError
from virtuall.core.position import Position
from virtuall.engine.system import TIME
from virtuall.model.modules import Module, Modules
from virtuall.texts.equations import Definition, Reaction
from virtuall.texts.formula import Number, Symbol, symbols_in
from virtuall.texts.values import Covariate, Input, Random, Value

# A factor into the slot `leak` is named `leak__source`.
FACTOR_MARK = "__"

Given = Value | Random | Input | Covariate


@dataclass
class Names:
    """Every name and what it stands for.

    Attributes
    ----------
    homes : dict of str to Module
        The module that defines each name of the equations.
    states : dict of str to Definition
        States with their first value, in the order of the modules.
    rates : dict of str to Definition
        Rate rules of states that have one.
    reactions : list of Reaction
        All reactions.
    signals, constants : dict of str to Definition
        What holds at every moment, and what is computed once per patient.
    slots : dict of str to list of str
        Slots with the names of their factors. A slot is in neither `signals` nor `constants`.
    given : dict of str to Given
        Numbers that texts or orders give: parameters, random numbers, inputs, covariates.
    order : list of str
        Signals, constants and slots, each after those that it uses.
    problems : list of VirtuallError
        What is wrong.
    """

    homes: dict[str, Module] = field(default_factory=dict)
    states: dict[str, Definition] = field(default_factory=dict)
    rates: dict[str, Definition] = field(default_factory=dict)
    reactions: list[Reaction] = field(default_factory=list)
    signals: dict[str, Definition] = field(default_factory=dict)
    constants: dict[str, Definition] = field(default_factory=dict)
    slots: dict[str, list[str]] = field(default_factory=dict)
    given: dict[str, Given] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    problems: list[VirtuallError] = field(default_factory=list)

    def note(self, problem: str, where: Position, **more: object) -> None:
        """Note a problem."""
        self.problems.append(TextError(problem, where=where, **more))  # type: ignore[arg-type]

    def varies(self, name: str) -> str | None:
        """Return in words why a name may change in time, or None when it is constant."""
        if name == TIME:
            return "time"
        if name in self.states:
            return f"the state {name}"
        if name in self.signals:
            return f"the signal {name}"
        if name in self.slots and any(factor in self.signals for factor in self.slots[name]):
            return f"the slot {name}, which has factors that vary"
        given = self.given.get(name)
        if isinstance(given, Input) and not given.by_product:
            return f"the input {name}, which orders change"
        return None


def bind_names(modules: Modules) -> Names:
    """Find out what every name stands for; errors are in `Names.problems`."""
    names = Names()
    _find_homes(modules, names)
    _find_given(modules, names)
    _sort_definitions(modules, names)
    for module in modules.modules:
        for symbol in _used(module):
            _bind(symbol, module, names)
        _check_species(module, names)
    _check_ports(modules, names)
    _check_constants(names)
    _order(names)
    return names


def _find_homes(modules: Modules, names: Names) -> None:
    for module in modules.modules:
        equations = module.equations
        words = [*equations.values, *equations.signals, *equations.rates, *equations.species]
        for name in dict.fromkeys(words):
            where = equations.defines(name)
            if where is None:
                continue
            if name in names.homes:
                other = names.homes[name].equations
                ours, theirs = equations.name.name, other.name.name
                names.note(
                    f"two modules give {name}: {theirs} ({other.defines(name)}) and {ours}",
                    where,
                    hint=f"rename one, or list {name} among the ports of {ours} and use it",
                )
                continue
            names.homes[name] = module


def _find_given(modules: Modules, names: Names) -> None:
    found: list[Given] = [*modules.covariates.values()]
    for module in modules.modules:
        values = module.values
        found += [*values.parameters.values(), *values.random.values(), *values.inputs.values()]
    for each in found:
        if each.name in names.given:
            names.note(f"{each.name} is given twice; first at {names.given[each.name].position}", each.position)
        elif each.name in names.homes:
            where = names.homes[each.name].equations.defines(each.name)
            names.note(f"{each.name} is given here and defined by the equations at {where}", each.position)
        names.given.setdefault(each.name, each)


def _sort_definitions(modules: Modules, names: Names) -> None:
    """Tell states, signals, constants and slots apart.

    A state has a rate, takes part in a reaction, or is declared a species where it is defined.
    """
    moving: set[str] = set()
    for module in modules.modules:
        equations = module.equations
        names.reactions += equations.reactions
        moving.update(equations.rates, *(_species(reaction) for reaction in equations.reactions))
        moving.update(name for name in equations.species if names.homes.get(name) is module)
    factors = _factors(names)
    for name, module in names.homes.items():
        equations = module.equations
        if name in equations.signals:
            names.signals[name] = equations.signals[name]
        elif name not in moving:
            definition = equations.values[name]
            is_slot = isinstance(definition.formula, Number) and definition.formula.value == 1
            if is_slot:
                names.slots[name] = factors.pop(name, [])
            else:
                names.constants[name] = definition
        elif name in equations.values:
            names.states[name] = equations.values[name]
            if name in equations.rates:
                names.rates[name] = equations.rates[name]
        else:
            where = equations.defines(name)
            assert where is not None
            names.note(f"the state {name} has no first value", where, hint=f"add: {name} = ...;")
            zero = Symbol(name, where)
            names.states[name] = Definition(zero, Number(0.0, where))
    _check_slots(factors, names)


def _factors(names: Names) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names.homes:
        slot, mark, source = name.partition(FACTOR_MARK)
        if mark and slot and source:
            found.setdefault(slot, []).append(name)
    return found


def _check_slots(left_over: Mapping[str, list[str]], names: Names) -> None:
    for slot, factors in left_over.items():
        for factor in factors:
            where = names.homes[factor].equations.defines(factor)
            assert where is not None
            hint = f"a slot is defined as {slot} = 1; in the module that uses it"
            names.note(
                f"{factor} is a factor into a slot that no module has",
                where,
                given=slot,
                allowed=sorted(names.slots),
                hint=hint,
            )
    for slot, factors in names.slots.items():
        home = names.homes[slot]
        for factor in factors:
            source = names.homes[factor]
            if source is not home and slot not in home.equations.ports:
                where = source.equations.defines(factor)
                assert where is not None
                hint = f"list it among the ports of {home.equations.name.name}"
                names.note(f"the slot {slot} is private to the module {home.equations.name.name}", where, hint=hint)


def _species(reaction: Reaction) -> list[str]:
    return [symbol.name for _, symbol in (*reaction.consumed, *reaction.produced)]


def _used(module: Module) -> Iterator[Symbol]:
    """Yield every use of a name; of several uses in one module only the first."""
    seen: set[str] = set()
    for symbol in module.equations.used():
        if symbol.name not in seen:
            seen.add(symbol.name)
            yield symbol


def _bind(symbol: Symbol, module: Module, names: Names) -> None:
    name = symbol.name
    home = names.homes.get(name)
    ours = module.equations
    if name == TIME or name in names.given or home is module:
        return
    if home is not None:
        theirs = home.equations
        if name not in theirs.ports:
            where = theirs.defines(name)
            hint = f"to share it, list it among the ports of {theirs.name.name} and of {ours.name.name}"
            names.note(f"{name} is private to the module {theirs.name.name} ({where})", symbol.position, hint=hint)
        elif name not in ours.ports:
            hint = f"list it among the ports of {ours.name.name}"
            names.note(f"{name} belongs to the module {theirs.name.name}", symbol.position, hint=hint)
        return
    if name not in ours.ports:  # ports are checked by themselves
        known = sorted({*names.given, *names.homes})
        hint = "define it in equations, or give it in parameters.toml"
        names.note(
            "this name has no value: no equation and no parameters.toml gives it",
            symbol.position,
            given=name,
            allowed=known,
            hint=hint,
        )


def _check_ports(modules: Modules, names: Names) -> None:
    gives = sorted(name for name, home in names.homes.items() if name in home.equations.ports)
    for module in modules.modules:
        for name, symbol in module.equations.ports.items():
            if name not in names.homes and name not in names.given:
                what = f"the module {module.equations.name.name} needs a name that nothing gives"
                names.note(what, symbol.position, given=name, allowed=sorted({*gives, *names.given}))


def _check_species(module: Module, names: Names) -> None:
    for reaction in module.equations.reactions:
        for _, symbol in (*reaction.consumed, *reaction.produced):
            if symbol.name in names.signals or symbol.name in names.given:
                names.note(f"{symbol.name} is no state, so it cannot take part in a reaction", symbol.position)


def _check_constants(names: Names) -> None:
    for name, definition in names.constants.items():
        for symbol in symbols_in(definition.formula):
            why = names.varies(symbol.name)
            if why is not None:
                hint = f"write {name} := ... to make it a signal"
                names.note(f"the constant {name} depends on {why}", symbol.position, hint=hint)
    for name, definition in names.states.items():
        for symbol in symbols_in(definition.formula):
            why = names.varies(symbol.name)
            if why is not None:
                hint = "a first value may use constants and given numbers only"
                names.note(f"the first value of {name} depends on {why}", symbol.position, hint=hint)


def _order(names: Names) -> None:
    uses: dict[str, list[str]] = {name: list(factors) for name, factors in names.slots.items()}
    for kind in (names.signals, names.constants):
        for name, definition in kind.items():
            uses[name] = [symbol.name for symbol in symbols_in(definition.formula)]
    # Sorted and free of states and given numbers, so that the order depends on the texts only.
    sorter = TopologicalSorter({name: sorted({u for u in used if u in uses}) for name, used in sorted(uses.items())})
    try:
        names.order = list(sorter.static_order())
    except CycleError as error:
        cycle = list(reversed(error.args[1]))
        start = cycle.index(min(cycle[:-1]))
        cycle = [*cycle[start:-1], *cycle[:start], cycle[start]]
        where = names.homes[cycle[0]].equations.defines(cycle[0])
        assert where is not None
        names.note(f"these definitions go round in a circle: {' -> '.join(cycle)}", where, hint="each uses the next")
