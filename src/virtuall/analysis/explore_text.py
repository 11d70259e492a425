"""The text of an exploration: which numbers of the library vary, on whom, and what is wanted of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from virtuall.core.errors import InputError
from virtuall.core.position import Position
from virtuall.model.shelf import Shelf
from virtuall.texts.quantity import Quantity
from virtuall.texts.table import Table, reading
from virtuall.texts.toml_text import read_toml

SHIPPED = "explorations/*.toml"
GRID, BAYES = METHODS = ("grid", "bayes")


@dataclass(frozen=True)
class Follower:
    """Another value that moves along: ``times`` the value that varies, ``plus`` something."""

    key: str
    text: str
    times: Quantity | None
    plus: Quantity | None
    where: Position


@dataclass(frozen=True)
class Vary:
    """One thing that varies: listed values, or those from low to high (``count`` of them, evenly; None: any).

    ``text`` is a file of the library, empty for the regimen of the protocol; all ``keys`` get the same value.
    """

    name: str
    text: str
    keys: tuple[str, ...]
    values: tuple[str, ...]
    low: Quantity | None
    high: Quantity | None
    count: int | None
    also: tuple[Follower, ...]
    where: Position


@dataclass(frozen=True)
class Term:
    """One term of the utility: a measure with its weight (points for one percent or one unit) or its limits."""

    measure: str
    weight: float
    at_most: Quantity | None
    at_least: Quantity | None
    where: Position


@dataclass(frozen=True)
class Exploration:
    """A search over changes of texts, as the user states it.

    Attributes
    ----------
    title, protocol, cohort : str
    patients, seed : int
    days : float or None
        Follow-up (d); None: as the protocol says.
    method : str
        "grid": every combination; "bayes": as many ``tries`` as stated, chosen by what came out so far.
    varied : tuple of Vary
    terms : tuple of Term
        The utility; at least one has a weight.
    shown : tuple of (str, Position)
        Measures that are told beside those of the utility.
    """

    title: str
    protocol: str
    cohort: str
    patients: int
    seed: int
    days: float | None
    method: str
    tries: int
    varied: tuple[Vary, ...]
    terms: tuple[Term, ...]
    shown: tuple[tuple[str, Position], ...]

    @property
    def weighted(self) -> tuple[Term, ...]:
        """The terms that the utility sums."""
        return tuple(term for term in self.terms if term.weight)

    @property
    def asked(self) -> tuple[tuple[str, Position], ...]:
        """Every measure that is named, once, in the order of the text."""
        named = [*((term.measure, term.where) for term in self.terms), *self.shown]
        return tuple({name: (name, where) for name, where in reversed(named)}[name] for name in dict(named))

    def altered(self, patients: int | None = None, seed: int | None = None, days: float | None = None) -> Exploration:
        """The same with other patients or another follow-up (d), where they are given."""
        return replace(
            self,
            patients=self.patients if patients is None else patients,
            seed=self.seed if seed is None else seed,
            days=self.days if days is None else days,
        )


def exploration_file(name: str, shelf: Shelf) -> Path:
    """The file of an exploration: a path, or the name of one on the shelf.

    Raises
    ------
    InputError
        When it is neither (nearest name offered).
    """
    known = {path.stem: path for path in shelf.matching(SHIPPED).values()}
    if name in known:
        return known[name]
    path = Path(name)
    if path.suffix == ".toml" or path.exists() or not known:
        return path
    raise InputError("no such exploration", given=name, allowed=tuple(known), hint="or name a file")


def read_exploration(path: Path) -> Exploration:
    """Read the text of an exploration.

    Raises
    ------
    TextError, Problems
        With everything that is wrong in the text itself; keys and measures are looked up later.
    """
    toml = read_toml(path)
    with reading(toml) as text:
        head = text.table("exploration")
        method = head.choice("method", METHODS, default=GRID)
        named = text.tables("vary", at_least=1)
        terms = tuple(_term(each) for each in text.tables("utility", at_least=1))
        if terms and not any(term.weight for term in terms):
            text.problem("the utility has no term with a weight", "utility", hint="add for example: weight = 1")
        raw = toml.data.get("vary", [])
        varied = tuple(_vary(each, raw[place], method) for place, each in enumerate(named))
        names = [each.name for each in varied]
        for table, each in zip(named, varied, strict=True):
            if names.count(each.name) > 1:
                table.problem("two things that vary have one name", "name", given=each.name)
        days = head.days("days", low=0, default=None)
        if days == 0:
            head.problem("days must be above 0", "days")
        return Exploration(
            title=head.text("title"),
            protocol=head.text("protocol"),
            cohort=head.text("cohort"),
            patients=head.integer("patients", low=2),
            seed=head.integer("seed", low=0, default=1),
            days=days,
            method=method,
            tries=_tries(head, method),
            varied=varied,
            terms=terms,
            shown=tuple((name, head.where("shown")) for name in head.texts("shown", default=())),
        )


def _tries(head: Table, method: str) -> int:
    if method == GRID:
        if "tries" in head:
            head.integer("tries")
            head.problem('a grid tries every combination: tries are for method = "bayes"', "tries")
        return 0
    return head.integer("tries", low=1)


def _vary(table: Table, raw: dict[str, Any], method: str) -> Vary:
    keys = (table.text("key"),) if "keys" not in table else table.texts("keys")
    if "keys" in table and "key" in table:
        table.problem("give key or keys, not both", "keys")
    if not keys:
        table.problem("keys names nothing", "keys")
    found = Vary(
        name=table.text("name", default=keys[0] if keys else ""),
        text=table.text("text", default=""),
        keys=keys,
        values=_values(table, raw),
        low=table.quantity("low", default=None),
        high=table.quantity("high", default=None),
        count=table.integer("count", low=2, default=None),
        also=tuple(_follower(each) for each in table.tables("also")),
        where=table.where(),
    )
    ends = [each for each in ("low", "high") if each in table]
    if ("values" in table) == bool(ends) or len(ends) == 1:
        table.problem(
            "say which values: either values = [...], or low and high", "values" if "values" in table else None
        )
    if "values" in table and not found.values:
        table.problem("an empty list of values: nothing to try", "values")
    if len(set(found.values)) < len(found.values):
        table.problem("a value is given twice", "values")
    if found.count and found.values:
        table.problem("count goes with low and high", "count")
    if ends and method == GRID and found.count is None:
        table.problem("a grid needs to know how many values lie from low to high", "low", hint="add count = 5")
    return found


def _values(table: Table, raw: dict[str, Any]) -> tuple[str, ...]:
    """Values as texts; plain numbers may be written as such."""
    given = raw.get("values", [])
    if isinstance(given, list) and given and all(type(each) in (int, float) for each in given):
        return tuple(f"{each:g}" for each in table.numbers("values"))
    return table.texts("values", default=())


def _follower(table: Table) -> Follower:
    return Follower(
        table.text("key"),
        table.text("text", default=""),
        table.quantity("times", default=None),
        table.quantity("plus", default=None),
        table.where(),
    )


def _term(table: Table) -> Term:
    found = Term(
        table.text("measure"),
        table.number("weight", default=0.0),
        table.quantity("at_most", default=None),
        table.quantity("at_least", default=None),
        table.where("measure"),
    )
    if not found.weight and found.at_most is None and found.at_least is None:
        table.problem("a term needs a weight that is not 0, at_most or at_least", "measure", given=found.measure)
    return found


def limits(terms: Sequence[Term]) -> tuple[Term, ...]:
    """The terms that set a limit."""
    return tuple(term for term in terms if term.at_most is not None or term.at_least is not None)
