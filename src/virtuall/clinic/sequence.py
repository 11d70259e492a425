"""Therapies one after the other: which protocol follows which, under what condition, after how long."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from virtuall.texts.condition_tree import Condition
from virtuall.texts.conditions import parse_condition
from virtuall.texts.table import Table, reading


@dataclass(frozen=True)
class SequenceStep:
    """One therapy of a sequence.

    It is entered at most ``most`` times, from one of the steps in ``after``, when the patient is off that therapy
    and ``when`` holds, ``washout`` days later. The first step of a sequence has neither.
    """

    name: str
    protocol: str
    after: tuple[str, ...]
    when: Condition | None
    washout: float
    most: int


@dataclass(frozen=True)
class Sequence:
    """A text of a sequence."""

    name: str
    title: str
    use: str
    valid_from: datetime.date
    follow_up: float
    steps: tuple[SequenceStep, ...]


def read_sequence(path: Path) -> Sequence:
    """Read ``sequences/*.toml``.

    Raises
    ------
    Problems
        Also when two steps can begin at once, or when steps can follow each other for ever.
    """
    with reading(path) as text:
        head = text.table("sequence")
        head.source()
        tables = text.tables("step", at_least=1)
        names = tuple(each.text("name") for each in tables)
        steps = tuple(_step(each, names, place) for place, each in enumerate(tables))
        if len(set(names)) < len(names):
            text.problem("two steps have the same name", "step", given=", ".join(names))
        _refuse_overlap(tables, steps)
        _refuse_circles(tables, steps)
        return Sequence(
            f"sequence/{path.stem}",
            head.text("title"),
            head.text("use"),
            head.date("valid_from"),
            head.days("follow_up", low=0),
            steps,
        )


def _step(table: Table, names: tuple[str, ...], place: int) -> SequenceStep:
    table.source()
    after = table.texts("from", allowed=names, default=names[place - 1 : place] if place else ())
    when = table.text("when", default=None)
    if place and when is None:
        table.problem(f"{names[place]} needs a condition: when does it follow?", "when")
    if not place and (when is not None or after):
        table.problem("the first step begins at once: it has neither `when` nor `from`", "name", given=names[place])
    return SequenceStep(
        names[place],
        table.text("protocol"),
        after,
        None if when is None else parse_condition(when, table.where("when")),
        table.days("washout", low=0, default=0.0),
        table.integer("most", low=0, default=0),
    )


def _refuse_overlap(tables: tuple[Table, ...], steps: tuple[SequenceStep, ...]) -> None:
    """Two steps from one and the same condition would run at the same time."""
    seen: dict[tuple[str, str], str] = {}
    for table, step in zip(tables, steps, strict=True):
        words = " ".join(table.text("when", default="").split())
        for before in step.after:
            other = seen.setdefault((before, words), step.name)
            if other != step.name:
                problem = f"{other} and {step.name} would begin at the same time: both after {before}, both when"
                table.problem(problem, "when", given=words)


def _refuse_circles(tables: tuple[Table, ...], steps: tuple[SequenceStep, ...]) -> None:
    """Every circle of steps needs one that says how often it may come at `most`."""
    open_ended = {each.name for each in steps if each.most == 0}
    follows = {each.name: {name for name in each.after if name in open_ended} for each in steps if each.most == 0}
    try:
        TopologicalSorter(follows).prepare()
    except CycleError as error:
        circle = list(reversed(error.args[1]))
        table = next(table for table, step in zip(tables, steps, strict=True) if step.name == circle[0])
        hint = "say for one of them how often it may come: most = 1"
        table.problem("a sequence that can go round for ever", "name", given=" -> ".join(circle), hint=hint)
