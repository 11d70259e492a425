"""The meaning of an SBML document: which values change how, as nodes of one graph.

A species whose amount changes by reactions is kept as an amount; one with a rate rule is kept as what the rule
speaks of. In formulas a species stands for its concentration unless the file says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from virtuall.core.errors import TextError
from virtuall.engine.graph import Graph
from virtuall.engine.system import TIME
from virtuall.sbml.document import Document, Reaction, Variable
from virtuall.sbml.formula import Formula
from virtuall.sbml.order import Loop, in_order
from virtuall.sbml.words import Scope, Writer

# ("now", name): value at the present; ("first", name): value at the start; ("rate", name): change in time.
Item = tuple[str, str]


class Equations:
    """Nodes of everything that a document defines.

    Attributes
    ----------
    document : Document
    graph : Graph
    free : dict of str to float
        Columns whose value the file gives.
    """

    def __init__(self, document: Document, graph: Graph) -> None:
        self.document = document
        self.graph = graph
        self.free: dict[str, float] = {}
        self._writer = Writer(graph, document.functions)
        self._nodes: dict[Item, int] = {}
        self._locals = {
            f"{reaction.name}.{name}": value
            for reaction in document.reactions.values()
            for name, value in reaction.locals
        }
        self._changes = _changes_by_reactions(document)
        self._check()

    # -- how a value is kept --------------------------------------------------------------------------------

    def is_state(self, variable: Variable) -> bool:
        """Whether a value changes continuously by a rule of its rate or by reactions."""
        return variable.name in self.document.rates or variable.name in self._changes

    def is_kept(self, variable: Variable) -> bool:
        """Whether a value is kept, not computed from others by an assignment rule."""
        return variable.name not in self.document.assigned

    def keeps_amount(self, variable: Variable) -> bool:
        """Whether the amount of a species is kept though it stands for its concentration in formulas."""
        by_rule = variable.name in self.document.rates
        return variable.kind == "species" and not variable.in_amounts and not by_rule

    def column(self, variable: Variable) -> str:
        """Name of the state or of the column that keeps a value."""
        if self.keeps_amount(variable):
            return f"amount({variable.name})"
        # `time` is the engine's word; no identifier holds a dot.
        return f"{variable.name}." if variable.name == TIME else variable.name

    # -- nodes ----------------------------------------------------------------------------------------------

    def now(self, name: str) -> int:
        """Value of a variable or reaction, in the unit it has in formulas."""
        return self._node(("now", name))

    def first(self, name: str) -> int:
        """Value of a variable at the start."""
        return self._node(("first", name))

    def amount(self, name: str) -> int:
        """Amount of a species."""
        return self._as_amount(self.document.variables[name], "now")

    def concentration(self, name: str) -> int | None:
        """Concentration of a species, or None where it has none (in a point)."""
        species = self.document.variables[name]
        if not species.in_amounts:
            return self.now(name)
        if not species.compartment:
            return None
        return self.graph.div(self.now(name), self.now(species.compartment))

    def kept_at_first(self, variable: Variable) -> int:
        """Value that is kept, at the start."""
        return self._as_amount(variable, "first") if self.keeps_amount(variable) else self.first(variable.name)

    def kept_rate(self, variable: Variable) -> int:
        """Change in time of the value that is kept."""
        self._resolve(self._needs_of_kept_rate(variable.name))
        return self._kept_rate(variable.name)

    def number(self, formula: Formula) -> int:
        """Node of a formula outside of reactions, as a number."""
        self._resolve(self._needs_of(formula, "now", ()))
        return self._write(formula, "now", "")

    def logical(self, formula: Formula) -> int:
        """Node of a formula outside of reactions, as true or false."""
        self._resolve(self._needs_of(formula, "now", ()))
        return self._writer.logical(formula, self._scope("now", ""))

    # -- what needs what ------------------------------------------------------------------------------------

    def _node(self, item: Item) -> int:
        self._resolve([item])
        return self._nodes[item]

    def _resolve(self, items: Iterable[Item]) -> None:
        try:
            order = in_order((i for i in items if i not in self._nodes), self._needs)
        except Loop as loop:
            names = " -> ".join(_words(item) for item in loop.items)
            raise TextError(f"an algebraic loop: {names}", where=self.document.where) from None
        for item in order:
            self._nodes[item] = self._define(item)

    def _needs(self, item: Item) -> list[Item]:
        if item in self._nodes:
            return []
        kind, name = item
        document = self.document
        if kind == "rate":
            return self._needs_of_rate(name)
        if name in document.reactions:
            law = document.reactions[name].law
            return [] if law is None else self._needs_of(law, kind, [k for k, _ in document.reactions[name].locals])
        variable = document.variables.get(name)
        if variable is None:
            return []
        formula = document.assigned.get(name)
        if formula is None and kind == "first":
            formula = document.initial.get(name)
        if formula is not None:
            return self._needs_of(formula, kind, ())
        divides = self.keeps_amount(variable) if kind == "now" else variable.kind == "species"
        return [(kind, variable.compartment)] if divides and variable.compartment else []

    def _needs_of(self, formula: Formula, kind: str, bound: Iterable[str]) -> list[Item]:
        if kind == "first" and formula.rates:
            raise TextError("unsupported: rateOf in what is computed at the start", where=formula.where)
        names = sorted(formula.names - set(bound))
        return [(kind, name) for name in names] + [("rate", name) for name in sorted(formula.rates)]

    def _needs_of_rate(self, name: str) -> list[Item]:
        variable = self.document.variables.get(name)
        if variable is None or not self.is_kept(variable):
            raise TextError(f"unsupported: rateOf of '{name}', which a formula defines", where=self.document.where)
        if not self.is_state(variable) and not (variable.kind == "species" and self.keeps_amount(variable)):
            return []
        needs = self._needs_of_kept_rate(name)
        if self.keeps_amount(variable):
            place = variable.compartment
            needs += [("now", name), ("now", place), ("rate", place)]
        return needs

    def _needs_of_kept_rate(self, name: str) -> list[Item]:
        formula = self.document.rates.get(name)
        if formula is not None:
            return self._needs_of(formula, "now", ())
        needs: list[Item] = []
        for reaction, part in self._changes.get(name, ()):
            needs.append(("now", reaction.name))
            if part.stoichiometry:
                needs.append(("now", part.stoichiometry))
        factor = self.document.variables[name].factor
        return [*needs, ("now", factor)] if factor else needs

    # -- definitions ----------------------------------------------------------------------------------------

    def _define(self, item: Item) -> int:
        kind, name = item
        if kind == "rate":
            return self._rate(name)
        if name in self.document.reactions:
            return self._reaction_rate(self.document.reactions[name], kind)
        variable = self.document.variables.get(name)
        if variable is None:
            raise TextError(f"'{name}' is nothing with a value", where=self.document.where)
        formula = self.document.assigned.get(name)
        if formula is None and kind == "first":
            formula = self.document.initial.get(name)
        if formula is not None:
            return self._write(formula, kind, "")
        return self._kept_value(variable) if kind == "now" else self._given_value(variable)

    def _kept_value(self, variable: Variable) -> int:
        value = self.graph.symbol(self.column(variable))
        if self.keeps_amount(variable):
            return self.graph.div(value, self._nodes["now", variable.compartment])
        return value

    def _given_value(self, variable: Variable) -> int:
        """Value at the start where the file gives a number."""
        # What is not a state and given as an amount is kept as it is given.
        as_kept = not self.is_state(variable) and not variable.is_concentration
        column = self.column(variable) if as_kept else f"init({variable.name})"
        self.free[column] = math.nan if variable.value is None else variable.value
        value = self.graph.symbol(column)
        if variable.kind != "species" or variable.is_concentration != variable.in_amounts or not variable.compartment:
            return value
        size = self._nodes["first", variable.compartment]
        return self.graph.mul(value, size) if variable.in_amounts else self.graph.div(value, size)

    def _as_amount(self, variable: Variable, kind: str) -> int:
        value = self._node((kind, variable.name))
        if variable.in_amounts:
            return value
        if self.is_kept(variable) and self.keeps_amount(variable):
            if kind == "now":
                return self.graph.symbol(self.column(variable))
            if variable.name not in self.document.initial and not variable.is_concentration:
                numerator = self.graph.ops[value]  # the amount that was divided by the size
                if numerator[0] == "div":
                    return int(numerator[1])
        return self.graph.mul(value, self._node((kind, variable.compartment)))

    def _reaction_rate(self, reaction: Reaction, kind: str) -> int:
        if reaction.law is None:
            raise TextError(f"unsupported: reaction '{reaction.name}' without a kinetic law", where=reaction.where)
        return self._write(reaction.law, kind, reaction.name)

    def _rate(self, name: str) -> int:
        variable = self.document.variables[name]
        graph = self.graph
        change = self._kept_rate(name) if self.is_state(variable) else graph.number(0.0)
        if not self.keeps_amount(variable):
            return change
        growth = graph.mul(self._nodes["now", name], self._nodes["rate", variable.compartment])
        return graph.div(graph.sub(change, growth), self._nodes["now", variable.compartment])

    def _kept_rate(self, name: str) -> int:
        formula = self.document.rates.get(name)
        if formula is not None:
            return self._write(formula, "now", "")
        graph = self.graph
        total = graph.number(0.0)
        for reaction, part in self._changes.get(name, ()):
            if part.stoichiometry:
                count = self._nodes["now", part.stoichiometry]
            elif part.count is not None:
                count = graph.number(part.count)
            else:
                problem = f"species '{name}' in reaction '{reaction.name}' has no stoichiometry"
                raise TextError(problem, where=reaction.where)
            change = graph.mul(count, self._nodes["now", reaction.name])
            total = graph.add(total, change) if part.sign > 0 else graph.sub(total, change)
        factor = self.document.variables[name].factor
        return graph.mul(self._nodes["now", factor], total) if factor else total

    # -- formulas -------------------------------------------------------------------------------------------

    def _write(self, formula: Formula, kind: str, reaction: str) -> int:
        return self._writer.number(formula, self._scope(kind, reaction))

    def _scope(self, kind: str, reaction: str) -> Scope:
        def name(word: str) -> int:
            column = f"{reaction}.{word}"
            if reaction and column in self._locals:
                value = self._locals[column]
                self.free[column] = math.nan if value is None else value
                return self.graph.symbol(column)
            return self._nodes[kind, word]

        def rate(word: str) -> int:
            return self._nodes["rate", word]

        return Scope(name, rate, self.graph.symbol(TIME) if kind == "now" else self.graph.number(0.0))

    def _check(self) -> None:
        """Refuse what contradicts itself; libSBML does not look at large files."""
        document = self.document
        for name, variable in document.variables.items():
            ruled = name in document.assigned or name in document.initial
            if variable.kind == "compartment" and variable.value is not None and variable.value <= 0.0 and not ruled:
                problem = f"the size of compartment '{name}' must be above 0"
                raise TextError(problem, given=variable.value, where=variable.where)
        for what, formulas in (
            ("initial assignment", document.initial),
            ("rule", {**document.assigned, **document.rates}),
        ):
            for name, formula in formulas.items():
                self._check_target(what, name, formula.where)
        for name, formula in document.assigned.items():
            if name in document.rates or name in document.initial:
                raise TextError(f"'{name}' is defined by an assignment rule and once more", where=formula.where)
        for event in document.events:
            for name, formula in event.assignments:
                self._check_target("event", name, formula.where)
                if name in document.assigned:
                    problem = f"an event cannot assign '{name}', which an assignment rule defines"
                    raise TextError(problem, where=formula.where)

    def _check_target(self, what: str, name: str, where: str) -> None:
        variable = self.document.variables.get(name)
        if variable is None:
            raise TextError(f"the {what} of '{name}': there is no such variable", where=where)
        if variable.constant and what != "initial assignment":
            raise TextError(f"the {what} of '{name}': it is constant", where=where)


def _changes_by_reactions(document: Document) -> dict[str, list[tuple[Reaction, Any]]]:
    changes: dict[str, list[tuple[Reaction, Any]]] = {}
    for reaction in document.reactions.values():
        for part in reaction.parts:
            species = document.variables.get(part.species)
            if species is None:
                raise TextError("no such species", given=part.species, where=reaction.where)
            if species.boundary:
                continue
            if species.name in document.assigned or species.name in document.rates:
                problem = f"species '{species.name}' is changed by reaction '{reaction.name}' and by a rule"
                raise TextError(problem, where=reaction.where)
            if not species.constant:
                changes.setdefault(species.name, []).append((reaction, part))
    return changes


def _words(item: Item) -> str:
    kind, name = item
    return {"now": name, "first": f"{name} at the start", "rate": f"the rate of {name}"}[kind]
