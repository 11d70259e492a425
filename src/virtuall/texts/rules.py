"""Rules of care: ``rules.toml`` to `Rule`."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from virtuall.core.errors import TextError, VirtuallError
from virtuall.core.position import Position
from virtuall.texts.condition_tree import Condition, Number
from virtuall.texts.conditions import parse_condition
from virtuall.texts.file import read_text, shown
from virtuall.texts.source import Source
from virtuall.texts.table import Table, reading
from virtuall.texts.toml_text import parse_toml
from virtuall.texts.validity import in_force

Argument: TypeAlias = str | float | bool | datetime.date | tuple[str, ...] | tuple[float, ...]

_OPENING = re.compile(r"\s*=\s*(\"\"\"|'''|[\"'])")


@dataclass(frozen=True)
class Rule:
    """One rule: when a condition comes true, do something.

    Attributes
    ----------
    name : str
        Unique within its file; charts quote it.
    when : Condition
        The condition.
    action : str
        The word after ``do``.
    what : str
        What the action is about, such as a therapy or a drug; empty when the action says it all.
    arguments : mapping of str to text, number, truth value, date, or a list of texts or numbers
        The table ``with``, as written; quantities are texts such as ``"8 mg/kg"``.
    priority : int
        The higher goes first among rules of the same action.
    while_true : bool
        Fire at every round at which the condition is true, not only when it becomes true.
    valid_from, valid_to : date or None
        First and last day on which the rule was in force (None: without limit).
    source : Source
        Where the rule comes from.
    doc : str
        The rule in plain words.
    unreached : str
        Why no shipped trial ever follows the rule; empty for one that is followed.
    where : Position
        Where the rule stands.
    places : mapping of str to Position
        Where each argument stands.
    """

    name: str
    when: Condition
    action: str
    what: str
    arguments: Mapping[str, Argument]
    priority: int
    while_true: bool
    valid_from: datetime.date | None
    valid_to: datetime.date | None
    source: Source
    doc: str
    unreached: str
    where: Position = field(compare=False)
    places: Mapping[str, Position] = field(compare=False, repr=False)

    def valid_on(self, date: datetime.date | None) -> bool:
        """Say whether the rule was in force on a day, or, without one, whether it still is."""
        return in_force(self.valid_from, self.valid_to, date)


def rules_valid_on(rules: Iterable[Rule], date: datetime.date | None) -> tuple[Rule, ...]:
    """Return the rules that were in force on a day, or, without one, those that still are, in their order."""
    return tuple(rule for rule in rules if rule.valid_on(date))


def read_rules(path: Path, actions: Sequence[str]) -> tuple[Rule, ...]:
    """Read a ``rules.toml``.

    Parameters
    ----------
    path : Path
        The file.
    actions : sequence of str
        The words that may follow ``do``.

    Returns
    -------
    tuple of Rule
        In the order of the file.

    Raises
    ------
    TextError
        When the file cannot be read or is no TOML.
    Problems
        With every other error of the text, each with its place.
    """
    return parse_rules(read_text(path), shown(path), actions)


def parse_rules(text: str, file: str, actions: Sequence[str]) -> tuple[Rule, ...]:
    """Read rules from a string; `file` names it in messages. Otherwise as `read_rules`."""
    toml = parse_toml(text, file)
    lines = text.split("\n")
    with reading(toml) as table:
        table.text("doc", default="")
        rules = [
            _rule(entry, raw, lines, actions)
            for entry, raw in zip(table.tables("rule", at_least=1), toml.data.get("rule", ()), strict=False)
        ]
        _refuse_doubles(table, rules)
    return tuple(rules)


def _rule(entry: Table, raw: Mapping[str, Any], lines: Sequence[str], actions: Sequence[str]) -> Rule:
    arguments, places = _arguments(entry, raw)
    rule = Rule(
        name=entry.text("name"),
        when=_condition(entry, lines),
        action=entry.choice("do", actions),
        what=entry.text("what", default=""),
        arguments=arguments,
        priority=entry.integer("priority", default=0),
        while_true=entry.flag("while", default=False),
        valid_from=entry.date("valid_from", default=None),
        valid_to=entry.date("valid_to", default=None),
        source=entry.source() or Source("", "A", "", entry.where()),
        doc=entry.text("doc"),
        unreached=entry.text("unreached", default=""),
        where=entry.where(),
        places=places,
    )
    if rule.valid_from is not None and rule.valid_to is not None and rule.valid_to < rule.valid_from:
        entry.problem("valid_to lies before valid_from", "valid_to", given=rule.valid_to)
    return rule


def _condition(entry: Table, lines: Sequence[str]) -> Condition:
    text = entry.text("when")
    start = entry.where("when")
    if text:
        start = _beginning(start, lines)
        try:
            return parse_condition(text, start)
        except VirtuallError as error:
            entry.note(error)
    return Condition(text, Number(0.0, None, start), start)


def _beginning(key: Position, lines: Sequence[str]) -> Position:
    """Place of the first character of a text value, given the place of its key."""
    line = lines[key.line - 1]
    opening = _OPENING.search(line, key.column - 1)
    if opening is None:
        return key
    if len(opening[1]) == 3 and opening.end() == len(line):  # TOML drops a line end right after three quotes
        return Position(key.file, key.line + 1)
    return Position(key.file, key.line, opening.end() + 1)


def _arguments(entry: Table, raw: Mapping[str, Any]) -> tuple[dict[str, Argument], dict[str, Position]]:
    table = entry.table("with", default=None)
    if table is None:
        return {}, {}
    found: dict[str, Argument] = {}
    for key in table.keys():
        given = raw["with"][key]
        if isinstance(given, bool):
            found[key] = table.flag(key)
        elif isinstance(given, int | float):
            found[key] = table.number(key)
        elif isinstance(given, datetime.date):
            found[key] = table.date(key)
        elif isinstance(given, list) and given and not isinstance(given[0], str):
            found[key] = table.numbers(key)
        elif isinstance(given, list):
            found[key] = table.texts(key)
        else:
            found[key] = table.text(key)
    return found, {key: table.where(key) for key in found}


def _refuse_doubles(table: Table, rules: Iterable[Rule]) -> None:
    first: dict[str, Rule] = {}
    for rule in rules:
        earlier = first.setdefault(rule.name, rule)
        if earlier is not rule and rule.name:
            table.note(_twice(rule, earlier))


def _twice(rule: Rule, earlier: Rule) -> VirtuallError:
    hint = f"the first stands at {earlier.where}"
    return TextError("two rules have the same name", given=rule.name, where=rule.where, hint=hint)
