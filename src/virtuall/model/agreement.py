"""Check that what ``parameters.toml`` says about states, clocks and clones agrees with the equations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from virtuall.core.errors import TextError, UnitError
from virtuall.core.position import Position
from virtuall.core.units import ONE, Unit, difference, unit
from virtuall.model.modules import Module, Modules
from virtuall.model.names import Names
from virtuall.texts.formula import symbols_in
from virtuall.texts.values import Correlation, Input

_PER_DAY = unit("1/d")
_CELL = unit("cell")


def check_agreement(modules: Modules, names: Names, units: Mapping[str, Unit]) -> None:
    """Add to ``names.problems`` what does not fit: scales, clocks, clones, correlations, inputs, products' values."""
    _check_scales(modules, names, units)
    for module in modules.modules:
        _check_clocks(module, names, units)
        _check_clones(module, names, units)
    _check_inputs(names)
    _check_products(modules, names)
    _check_correlations([each for module in modules.modules for each in module.values.correlations], names)


def _check_scales(modules: Modules, names: Names, units: Mapping[str, Unit]) -> None:
    seen: dict[str, Position] = {}
    for module in modules.modules:
        for state, scale in module.values.scales.items():
            where = scale.position
            assert where is not None
            if state in seen:
                names.note(f"the scale of {state} is given twice; first at {seen[state]}", where)
            seen.setdefault(state, where)
            if _is_state(state, "a scale", where, names) and state in units:
                found = unit(scale.unit)
                if not found.same_dimension(units[state]):
                    problem = f"the scale of {state} must be in {units[state]}"
                    hint = difference(found, units[state])
                    names.problems.append(UnitError(problem, given=scale.given, where=where, hint=hint))
    for state, definition in names.states.items():
        if state not in seen:
            home = names.homes[state].values.file
            hint = f'add to {home}: [scales] {state} = "... {units.get(state, ONE)}"'
            names.note(f"the state {state} has no scale", definition.name.position, hint=hint)


def _check_clocks(module: Module, names: Names, units: Mapping[str, Unit]) -> None:
    for clock in module.values.clocks.values():
        if _is_state(clock.state, f"the clock {clock.name}", clock.position, names):
            _expect(f"the integrated hazard {clock.state}", clock.state, ONE, clock.position, names, units)


def _check_clones(module: Module, names: Names, units: Mapping[str, Unit]) -> None:
    for clone in module.values.clones.values():
        if _is_state(clone.state, "a clone", clone.position, names):
            _expect(f"the clone {clone.state}", clone.state, _CELL, clone.position, names, units)
        for what, rate in (("birth", clone.birth), ("loss", clone.loss)):
            if rate not in names.signals:
                problem = f"the {what} rate of the clone {clone.state} must be a signal"
                names.note(problem, clone.position, given=rate, allowed=sorted(names.signals))
            else:
                _expect(f"the {what} rate {rate}", rate, _PER_DAY, clone.position, names, units)


def _check_inputs(names: Names) -> None:
    kinds = (names.rates, names.signals, names.constants, names.states)
    formulas = [each.formula for kind in kinds for each in kind.values()]
    formulas += [reaction.rate for reaction in names.reactions]
    used = {symbol.name for formula in formulas for symbol in symbols_in(formula)}
    for name, given in names.given.items():
        if isinstance(given, Input) and name not in used:
            names.note(f"no equation reads the input {name}", given.position, given=name, allowed=sorted(used))


def _check_products(modules: Modules, names: Names) -> None:
    inputs = {name: each for name, each in names.given.items() if isinstance(each, Input) and each.by_product}
    for product, values in modules.products.items():
        for name, value in values.items():
            if name not in inputs:
                problem = f"{product} gives a number that no module takes from a product"
                names.note(problem, value.position, given=name, allowed=sorted(inputs))
                continue
            ours, wanted = unit(value.unit), unit(inputs[name].unit)
            if not ours.same(wanted):
                hint = difference(ours, wanted)
                problem = f"{product} must give {name} in {wanted}, not in {ours}"
                names.problems.append(UnitError(problem, where=value.position, hint=hint))


def _check_correlations(correlations: Iterable[Correlation], names: Names) -> None:
    import numpy as np

    from virtuall.texts.values import Random

    random = sorted(name for name, given in names.given.items() if isinstance(given, Random))
    place = {name: number for number, name in enumerate(random)}
    matrix = np.eye(len(random))
    last: Position | None = None
    seen: set[frozenset[str]] = set()
    for each in correlations:
        last = each.position
        unknown = [name for name in each.between if name not in place]
        if unknown:
            names.note("a correlation joins random numbers", last, given=unknown[0], allowed=random)
            continue
        if frozenset(each.between) in seen:
            names.note(f"the correlation of {' and '.join(each.between)} is given twice", last)
        seen.add(frozenset(each.between))
        a, b = (place[name] for name in each.between)
        matrix[a, b] = matrix[b, a] = each.value
    if last is not None and np.linalg.eigvalsh(matrix)[0] < -1e-12:
        hint = "the matrix is not positive definite: weaken one of them"
        names.problems.append(TextError("the correlations contradict each other", where=last, hint=hint))


def _is_state(name: str, what: str, where: Position, names: Names) -> bool:
    if name not in names.states:
        names.note(f"{what} must name a state", where, given=name, allowed=tuple(names.states))
    return name in names.states


def _expect(what: str, name: str, wanted: Unit, where: Position, names: Names, units: Mapping[str, Unit]) -> None:
    found = units.get(name)
    if found is not None and not found.same(wanted):
        hint = difference(found, wanted)
        problem = f"{what} must be in {wanted}, not in {found}"
        names.problems.append(UnitError(problem, where=where, hint=hint))
