"""Check dimension and scale of every equation: rates, sums, comparisons, exponents, function arguments."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from virtuall.core.errors import TextError, UnitError, VirtuallError
from virtuall.core.position import Position
from virtuall.core.units import ONE, Unit, difference, unit, unit_of_identifier
from virtuall.engine.system import TIME
from virtuall.model.modules import Modules
from virtuall.model.names import Names
from virtuall.texts.formula import ARITHMETIC, COMPARISONS, Apply, Formula, Number, written

# The unit of 0, and of what an error was already noted for: it goes with every unit.
ANY = None
_DAY = unit("d")
_HALF = Fraction(1, 2)


def check_units(modules: Modules, names: Names) -> dict[str, Unit]:
    """Return the unit of every name; what does not fit is added to ``names.problems``.

    Parameters
    ----------
    modules : Modules
        The texts.
    names : Names
        What the names stand for, without problems and in order.
    """
    problems = names.problems
    units: dict[str, Unit] = {TIME: _DAY}
    for name, given in names.given.items():
        units[name] = unit(given.unit)
    _stated(modules, names, units)
    units.update(dict.fromkeys(names.slots, ONE))
    for state, definition in names.states.items():
        if state not in units:
            hint = f"add for example: {state} has cell;"
            problems.append(TextError(f"the state {state} has no unit", where=definition.name.position, hint=hint))
    checker = UnitChecker(units, problems)
    for name in names.order:
        if name in names.slots:
            continue
        definition = (names.signals if name in names.signals else names.constants)[name]
        known = len(problems)
        found = checker.unit_of(definition.formula)
        if found is ANY and len(problems) > known:
            continue  # what is wrong was said already
        is_whole = found is ANY or all(isinstance(power, int) for _, power in found.parts)
        if name not in units and found is not ANY and is_whole:
            units[name] = found
        elif name not in units:
            hint = f"add for example: {name} has dimensionless;"
            problems.append(TextError(f"{name} has no unit", where=definition.name.position, hint=hint))
        else:
            checker.expect(units[name], found, definition.formula, definition.name.position, f"{name}")
    for factors in names.slots.values():
        for factor in factors:
            where = names.homes[factor].equations.defines(factor)
            checker.expect(ONE, units.get(factor), None, where, f"the factor {factor}")
    _check_states(names, units, checker)
    return units


def _stated(modules: Modules, names: Names, units: dict[str, Unit]) -> None:
    """Collect the units that equations state by ``has``; a module may repeat the unit of a foreign name."""
    for module in modules.modules:
        for name, stated in module.equations.units.items():
            try:
                found = unit_of_identifier(stated.unit.name, where=stated.unit.position)
            except UnitError as error:
                names.problems.append(error)
                units.setdefault(name, ONE)
                continue
            if name in units and not units[name].same(found):
                hint = difference(found, units[name])
                what = f"{name} is stated in {found} here but in {units[name]} elsewhere"
                names.problems.append(UnitError(what, where=stated.name.position, hint=hint))
            if name not in units or names.homes.get(name) is module:
                units[name] = found


def _check_states(names: Names, units: dict[str, Unit], checker: UnitChecker) -> None:
    for name, definition in names.states.items():
        if name not in units:
            continue
        checker.check(units[name], definition.formula, definition.name.position, f"the first value of {name}")
        if name in names.rates:
            rate = names.rates[name]
            checker.check(units[name] / _DAY, rate.formula, rate.name.position, f"the rate of {name}")
    for reaction in names.reactions:
        found = checker.unit_of(reaction.rate)
        species = {symbol.name for _, symbol in (*reaction.consumed, *reaction.produced)}
        for name in sorted(species):
            if name in units:
                what = f"the rate of the reaction {reaction.name}, which changes {name},"
                checker.expect(units[name] / _DAY, found, reaction.rate, reaction.position, what)


class UnitChecker:
    """Works out the unit of formulas, noting what does not fit."""

    def __init__(self, units: dict[str, Unit], problems: list[VirtuallError]) -> None:
        self.units = units
        self.problems = problems

    def check(self, wanted: Unit, formula: Formula, where: Position, what: str) -> None:
        """Note when a formula is not in the wanted unit."""
        self.expect(wanted, self.unit_of(formula), formula, where, what)

    def expect(
        self, wanted: Unit, found: Unit | None, formula: Formula | None, where: Position | None, what: str
    ) -> None:
        """Note when a found unit is not the wanted one."""
        if found is ANY or found.same(wanted):
            return
        given = None if formula is None else _short(formula)
        hint = difference(found, wanted)
        problem = f"{what} must be in {wanted}, not in {found}"
        self.problems.append(UnitError(problem, given=given, where=where, hint=hint))

    def unit_of(self, formula: Formula) -> Unit | None:
        """Return the unit of a formula; None when it goes with any unit."""
        if isinstance(formula, Number):
            return ANY if formula.value == 0.0 else ONE
        if not isinstance(formula, Apply):
            return self.units.get(formula.name)
        found = [self.unit_of(argument) for argument in formula.arguments]
        return _RULES[formula.operator](self, formula, found)

    def alike(self, formula: Apply, found: list[Unit | None]) -> Unit | None:
        """All arguments must share one unit."""
        known = [(each, argument) for each, argument in zip(found, formula.arguments, strict=True) if each]
        for each, argument in known[1:]:
            first, first_argument = known[0]
            if not each.same(first):
                sign = {**ARITHMETIC, **COMPARISONS}.get(formula.operator, formula.operator)
                problem = f"'{sign}' joins {_short(first_argument)} in {first} with {_short(argument)} in {each}"
                hint = difference(first, each)
                self.problems.append(UnitError(problem, where=formula.position, hint=hint))
                return ANY
        return known[0][0] if known else ANY

    def comparison(self, formula: Apply, found: list[Unit | None]) -> Unit | None:
        self.alike(formula, found)
        return ANY

    def logical(self, formula: Apply, found: list[Unit | None]) -> Unit | None:
        return ANY

    def product(self, formula: Apply, found: list[Unit | None]) -> Unit | None:
        # A zero factor has no unit of its own here: 0*k is in the unit of k.
        a, b = (
            ONE if isinstance(argument, Number) else each
            for each, argument in zip(found, formula.arguments, strict=True)
        )
        if a is ANY or b is ANY:
            return ANY
        return a * b if formula.operator == "mul" else a / b

    def power(self, formula: Apply, found: list[Unit | None]) -> Unit | None:
        base, exponent = found
        if base is ANY:
            return ANY
        number = formula.arguments[1]
        if isinstance(number, Number):
            return base ** int(number.value)
        self.plain("an exponent", formula.arguments[1], exponent, formula.position)
        self.plain("the base of a power with a computed exponent", formula.arguments[0], base, formula.position)
        return ONE

    def transcendental(self, formula: Apply, found: list[Unit | None]) -> Unit | None:
        self.plain(f"the argument of {formula.operator}", formula.arguments[0], found[0], formula.position)
        return ONE

    def root(self, formula: Apply, found: list[Unit | None]) -> Unit | None:
        return ANY if found[0] is ANY else found[0] ** _HALF

    def same(self, formula: Apply, found: list[Unit | None]) -> Unit | None:
        return found[0]

    def choice(self, formula: Apply, found: list[Unit | None]) -> Unit | None:
        last = len(found) - 1
        kept = [n for n in range(len(found)) if n % 2 == 0 or n == last]
        values = Apply(formula.operator, tuple(formula.arguments[n] for n in kept), formula.position)
        return self.alike(values, [found[n] for n in kept])

    def plain(self, what: str, formula: Formula, found: Unit | None, where: Position) -> None:
        """Note when a unit is not the plain number's."""
        if found is not ANY and not found.is_plain:
            problem = f"{what} must be a plain number, not in {found}"
            hint = difference(found, ONE)
            self.problems.append(UnitError(problem, given=_short(formula), where=where, hint=hint))


def _short(formula: Formula) -> str:
    text = written(formula)
    return text if len(text) <= 60 else text[:57] + "..."


_Rule = Callable[[UnitChecker, Apply, list[Unit | None]], Unit | None]
_RULES: dict[str, _Rule] = {
    **dict.fromkeys(("add", "sub", "min", "max"), UnitChecker.alike),
    **dict.fromkeys(COMPARISONS, UnitChecker.comparison),
    **dict.fromkeys(("and", "or", "not"), UnitChecker.logical),
    **dict.fromkeys(("mul", "div"), UnitChecker.product),
    **dict.fromkeys(("exp", "log"), UnitChecker.transcendental),
    **dict.fromkeys(("neg", "abs"), UnitChecker.same),
    "pow": UnitChecker.power,
    "sqrt": UnitChecker.root,
    "piecewise": UnitChecker.choice,
}
