"""Read equations: a strict subset of Antimony, with the place of every word.

One file holds one module::

    model drug(L, C_drug)                      // ports: what the module needs of others and gives to them
      A_drug has ug;                           // unit of a state, signal or constant
      A_drug = 0;                              // first value
      A_drug' = R_drug - CL/V*A_drug;          // rate of change, per day
      C_drug has ug_per_L;
      C_drug := A_drug/V;                      // signal: holds at every moment
      CL = CL_typical*exp(eta_CL);             // constant: computed once per patient
      death: L -> ; k*L;                       // reaction, on a species of another module too
      il6_release = 1;                         // a slot: other modules' factors multiply it
      leak__drug := 1 + C_drug/EC;             // a factor into the slot `leak` of another module
    end

Numbers are 0, 1, 2 and whole exponents; every other number is medicine and stands in ``parameters.toml``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from virtuall.core.errors import Problems, TextError, VirtuallError
from virtuall.core.position import Position
from virtuall.texts.file import read_text, shown
from virtuall.texts.formula import FUNCTIONS, Apply, Formula, Number, Symbol, symbols_in

# Deeper formulas than this overflow the stacks of Antimony and libSBML, and no reader follows them.
DEEPEST = 60
_BRACKET = re.compile(r"(?://|#)[^\n]*|[();]")
# Words that mean something else in Antimony, so that a file using them as names would be read differently
# there.
_RESERVED = frozenset(
    "model module end species compartment has in is at after DNA gene operator var const function delete"
    " unit event ext formula reaction substanceOnly import pi avogadro inf nan infinity NaN exponentiale"
    " delay rateOf gamma ln log10 sin cos floor ceil factorial true false notanumber maximize minimize"
    " normal uniform exponential sec tan root sqr sqrt power pow abs exp piecewise min max log rem"
    " quotient implies and or not xor volume".split()
)


@dataclass(frozen=True)
class Definition:
    """A name and the formula that defines it: a first value or constant, a signal, or a rate."""

    name: Symbol
    formula: Formula


@dataclass(frozen=True)
class UnitOf:
    """The stated unit of a name, in identifier form such as ``ug_per_d``."""

    name: Symbol
    unit: Symbol


@dataclass(frozen=True)
class Reaction:
    """Whole numbers of species turning into others at a rate (events per day in the species' unit)."""

    name: str
    consumed: tuple[tuple[int, Symbol], ...]
    produced: tuple[tuple[int, Symbol], ...]
    rate: Formula
    position: Position


@dataclass(frozen=True)
class Equations:
    """One module as its text says it.

    Attributes
    ----------
    file : str
        The file as shown in messages.
    name : Symbol
        The module's name.
    ports, species : mapping of str to Symbol
        Names listed as ports and declared as species.
    units : mapping of str to UnitOf
        Stated units.
    values, signals, rates : mapping of str to Definition
        Right sides of ``=``, ``:=`` and ``' =``.
    reactions : tuple of Reaction
        In the order of the text.
    """

    file: str
    name: Symbol
    ports: Mapping[str, Symbol]
    species: Mapping[str, Symbol]
    units: Mapping[str, UnitOf]
    values: Mapping[str, Definition]
    signals: Mapping[str, Definition]
    rates: Mapping[str, Definition]
    reactions: tuple[Reaction, ...]

    def formulas(self) -> Iterator[Formula]:
        """Yield every formula."""
        for kind in (self.values, self.signals, self.rates):
            for definition in kind.values():
                yield definition.formula
        for reaction in self.reactions:
            yield reaction.rate

    def used(self) -> Iterator[Symbol]:
        """Yield every use of a name: in formulas, in reactions, and where a unit is stated for it."""
        for formula in self.formulas():
            yield from symbols_in(formula)
        for reaction in self.reactions:
            yield from (symbol for _, symbol in (*reaction.consumed, *reaction.produced))
        yield from (stated.name for stated in self.units.values())

    def defines(self, name: str) -> Position | None:
        """Return where this module defines a name, or None."""
        for kind in (self.values, self.signals, self.rates):
            if name in kind:
                return kind[name].name.position
        return self.species[name].position if name in self.species and name not in self.ports else None


def read_equations(path: Path) -> Equations:
    """Read a ``biology.ant`` file.

    Raises
    ------
    TextError
        At the first word that does not fit, with file, line and column.
    Problems
        With everything else that is wrong: forbidden numbers, unknown functions, names defined twice.
    """
    return parse_equations(read_text(path), shown(path))


def parse_equations(text: str, file: str) -> Equations:
    """Read equations from a string; `file` names it in messages. Errors as for `read_equations`."""
    from lark import Tree
    from lark.exceptions import UnexpectedCharacters, UnexpectedToken

    from virtuall.texts.expected import unexpected_character, unexpected_word

    _refuse_deep_brackets(text, file)
    try:
        tree = _grammar().parse(text)
    except UnexpectedCharacters as error:
        raise unexpected_character(error, file) from None
    except UnexpectedToken as error:
        raise unexpected_word(error, text, file) from None
    assert isinstance(tree, Tree)
    return _Reader(file).module(tree)


@lru_cache(maxsize=1)
def _grammar() -> Any:
    from lark import Lark

    text = (files("virtuall.texts") / "equations.lark").read_text(encoding="utf-8")
    return Lark(text, parser="lalr", maybe_placeholders=True)


def _refuse_deep_brackets(text: str, file: str) -> None:
    depth = 0
    for match in _BRACKET.finditer(text):
        depth = {"(": depth + 1, ")": depth - 1, ";": 0}.get(match.group(), depth)
        if depth > DEEPEST:
            line = text.count("\n", 0, match.start()) + 1
            where = Position(file, line, match.start() - text.rfind("\n", 0, match.start()))
            raise TextError(f"brackets are nested more than {DEEPEST} deep", where=where)


class _Reader:
    """Turns the parser's tree into `Equations`, collecting what is wrong."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[VirtuallError] = []

    def module(self, tree: Any) -> Equations:
        name, ports, *statements = tree.children
        units: dict[str, UnitOf] = {}
        kinds: dict[str, dict[str, Definition]] = {"value": {}, "signal": {}, "rate": {}}
        species: dict[str, Symbol] = {}
        reactions: list[Reaction] = []
        for statement in statements:
            if statement.data == "declaration":
                self.add_names(species, statement.children)
            elif statement.data == "unit":
                self.add_unit(units, *statement.children)
            elif statement.data == "reaction":
                reactions.append(self.reaction(statement, len(reactions)))
            else:
                self.add_definition(kinds, statement)
        given: dict[str, Symbol] = {}
        self.add_names(given, [] if ports is None else ports.children)
        found = Equations(
            self.file,
            self.symbol(name),
            given,
            species,
            units,
            kinds["value"],
            kinds["signal"],
            kinds["rate"],
            tuple(reactions),
        )
        if not self.problems:  # a formula that is nested too deeply would overflow the walk
            self.refuse_units_as_names(found)
        if self.problems:
            raise Problems(self.problems)
        return found

    def refuse_units_as_names(self, equations: Equations) -> None:
        """In Antimony one word cannot be both a unit and a name of the same module."""
        names = {*equations.ports, *(symbol.name for symbol in equations.used())}
        for stated in equations.units.values():
            if stated.unit.name in names:
                hint = "spell the unit out, for example liter for L"
                what = f"{stated.unit.name} is a unit here and a name elsewhere in this module"
                self.note(what, stated.unit.position, hint=hint)

    def place(self, token: Any) -> Position:
        return Position(self.file, token.line, token.column)

    def note(self, problem: str, token: Any, **more: Any) -> None:
        where = token if isinstance(token, Position) else self.place(token)
        self.problems.append(TextError(problem, where=where, **more))

    def symbol(self, token: Any) -> Symbol:
        return Symbol(str(token), self.place(token))

    def new_name(self, token: Any) -> Symbol:
        if token in _RESERVED or token == "time":
            self.note(f"{str(token)!r} has a meaning of its own in Antimony; choose another name", token)
        return self.symbol(token)

    def add_names(self, names: dict[str, Symbol], tokens: list[Any]) -> None:
        for token in tokens:
            if token is None:
                continue
            if token in names:
                self.note(f"{token} is listed twice", token)
            names.setdefault(str(token), self.new_name(token))

    def add_unit(self, units: dict[str, UnitOf], name: Any, unit: Any) -> None:
        if name in units:
            self.note(
                f"the unit of {name} is stated twice; first at line {units[name].name.position.line}", name
            )
        units.setdefault(str(name), UnitOf(self.new_name(name), self.symbol(unit)))

    def add_definition(self, kinds: dict[str, dict[str, Definition]], statement: Any) -> None:
        token, right = statement.children[0], statement.children[-1]
        name = self.new_name(token)
        for kind, defined in kinds.items():
            # A state has a first value and a rate; every other pair of definitions contradicts itself.
            if name.name in defined and {kind, statement.data} != {"value", "rate"}:
                self.note(f"{name.name} is defined twice; first at {defined[name.name].name.position}", token)
        formula = self.formula(right)
        if isinstance(formula, Apply) and formula.is_condition:
            self.note("a condition stands where a number is expected; use piecewise(1, condition, 0)", token)
        kinds[statement.data].setdefault(name.name, Definition(name, formula))

    def reaction(self, statement: Any, count: int) -> Reaction:
        name, left, arrow, right, rate = statement.children
        if name is not None:
            self.new_name(name)
        portions = [
            [self.portion(each) for each in side.children if each is not None] for side in (left, right)
        ]
        if not any(portions):
            self.note("a reaction needs a species on one side at least", arrow)
        return Reaction(
            str(name) if name is not None else f"reaction_{count + 1}",
            tuple(portions[0]),
            tuple(portions[1]),
            self.formula(rate),
            self.place(arrow if name is None else name),
        )

    def portion(self, tree: Any) -> tuple[int, Symbol]:
        count, name = tree.children
        if count is not None and (not count.isdigit() or int(count) == 0):
            self.note("a species counts in whole numbers from 1", count, given=str(count))
            return 1, self.new_name(name)
        return int(count or 1), self.new_name(name)

    def formula(self, tree: Any) -> Formula:
        """Build a formula without recursion: deep trees must end in an error, not in a full stack."""
        built: list[Formula] = []
        waiting: list[tuple[Any, bool]] = [(tree, False)]
        while waiting:
            node, is_ready = waiting.pop()
            inner = [child for child in node.children if hasattr(child, "data")]
            if not is_ready and inner:
                waiting.append((node, True))
                waiting.extend((child, False) for child in reversed(inner))
                continue
            arguments = tuple(built[len(built) - len(inner) :])
            del built[len(built) - len(inner) :]
            built.append(self.node(node, arguments))
        return built[0]

    def node(self, tree: Any, arguments: tuple[Formula, ...]) -> Formula:
        tokens = [child for child in tree.children if not hasattr(child, "data")]
        match tree.data:
            case "symbol":
                return self.symbol(tokens[0])
            case "number" | "exponent_number":
                return self.number(tokens, is_exponent=tree.data == "exponent_number")
            case "function":
                return self.function(tokens[0], arguments)
            case "compared":
                return self.compared(tokens[0], arguments)
            case "all_of" | "any_of":
                return self.joined("and" if tree.data == "all_of" else "or", arguments)
            case "negative":
                return self.apply("neg", arguments, tokens[0])
            case "negated":
                return self.apply("not", arguments, tokens[0])
        names = {"+": "add", "-": "sub", "*": "mul", "/": "div", "^": "pow"}
        return self.apply(names[str(tokens[0])], arguments, tokens[0])

    def number(self, tokens: list[Any], *, is_exponent: bool) -> Number:
        text = str(tokens[-1])
        allowed = text.isdigit() and len(text) <= 2 if is_exponent else text in ("0", "1", "2")
        if not allowed:
            what = (
                "an exponent is a whole number below 100"
                if is_exponent
                else "equations hold no numbers but 0, 1 and 2"
            )
            hint = "give it a name and put it into parameters.toml, with unit, source and mark"
            self.note(what, tokens[-1], given=text, hint=hint)
        sign = -1.0 if len(tokens) == 2 else 1.0
        return Number(sign * float(text), self.place(tokens[0]))

    def function(self, token: Any, arguments: tuple[Formula, ...]) -> Formula:
        name = str(token)
        if name not in FUNCTIONS:
            self.note("unknown function", token, given=name, allowed=tuple(FUNCTIONS))
            return Symbol(name, self.place(token))
        fewest, most = FUNCTIONS[name]
        if len(arguments) < fewest or (most is not None and len(arguments) > most):
            count = str(fewest) if most == fewest else f"at least {fewest}"
            self.note(
                f"{name} takes {count} argument{'s' if count != '1' else ''}", token, given=len(arguments)
            )
            return Symbol(name, self.place(token))
        if name == "piecewise" and len(arguments) % 2 == 0:
            self.note("piecewise takes value, condition, ..., and a last value for every other case", token)
            return Symbol(name, self.place(token))
        return self.apply(name, arguments, token)

    def compared(self, token: Any, arguments: tuple[Formula, ...]) -> Formula:
        names = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
        if str(token) not in names:
            self.note(
                "numbers that flow are never exactly equal", token, given=str(token), allowed=tuple(names)
            )
        return self.apply(names.get(str(token), "le"), arguments, token)

    def joined(self, operator: str, arguments: tuple[Formula, ...]) -> Formula:
        result = arguments[0]
        for argument in arguments[1:]:
            result = self.apply(operator, (result, argument), argument.position)
        return result

    def apply(self, operator: str, arguments: tuple[Formula, ...], token: Any) -> Formula:
        where = token if isinstance(token, Position) else self.place(token)
        for number, argument in enumerate(arguments):
            wants = operator in ("and", "or", "not") or (
                operator == "piecewise" and number % 2 == 1 and number < len(arguments) - 1
            )
            is_condition = isinstance(argument, Apply) and argument.is_condition
            if wants and not is_condition:
                self.note("a condition such as a < b is expected here", argument.position)
            if is_condition and not wants:
                self.note(
                    "a condition stands where a number is expected; use piecewise(1, condition, 0)", where
                )
        depth = 1 + max((each.depth for each in arguments if isinstance(each, Apply)), default=0)
        if depth == DEEPEST * 2:
            self.note(f"the formula is nested more than {DEEPEST * 2} deep; give its parts names", where)
        return Apply(operator, arguments, where, depth)
