"""Events that hazard clocks bring: how long they last, with which grade, and what they mean for the treatment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virtuall.core.arithmetic import exp
from virtuall.texts.table import Table, reading

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
CONSEQUENCES = ("none", "interrupts", "ends")


@dataclass(frozen=True)
class Outcome:
    """One way that an event goes."""

    grade: int
    share: float
    consequence: int


@dataclass(frozen=True)
class Event:
    """One event. ``fatal`` names the cause of death, or is empty."""

    name: str
    clock: str
    kind: str
    title: str
    fatal: str
    duration: float
    duration_log_sd: float
    outcomes: tuple[Outcome, ...]


def read_events(path: Path) -> tuple[Event, ...]:
    """Read an ``events.toml``."""
    with reading(path) as text:
        return tuple(_event(each) for each in text.named("event").values())


def _event(table: Table) -> Event:
    fatal = table.text("fatal", default="")
    lasting = not fatal
    outcomes = tuple(
        Outcome(
            each.integer("grade", low=1, high=5),
            each.quantity("share", "1", low=0, high=1, sourced=True).value,
            CONSEQUENCES.index(each.choice("consequence", CONSEQUENCES)),
        )
        for each in table.tables("outcome", at_least=1 if lasting else 0)
    )
    if lasting and abs(sum(each.share for each in outcomes) - 1) > 1e-9:
        table.problem("the shares of the outcomes must sum to 1", "outcome")
    return Event(
        table.name,
        table.text("clock"),
        table.text("kind"),
        table.text("title"),
        fatal,
        table.days("duration", low=0) if lasting else 0.0,
        table.quantity("duration_log_sd", "1", low=0, sourced=True).value if lasting else 0.0,
        outcomes,
    )


def draw_purposes(events: Sequence[Event]) -> tuple[str, ...]:
    """Purposes of the draws of events: of all outcomes, then of all durations, then of the clocks."""
    names = [event.name for event in events]
    return (
        *(f"event {name} outcome" for name in names),
        *(f"event {name} duration" for name in names),
        *(f"clock {name}" for name in names),
    )


def outcome(event: Event, draw: Floats, spread: Floats) -> tuple[Ints, Ints, Floats]:
    """Grade, consequence and duration (d) of occurrences of an event, by a uniform and a standard normal draw each."""
    edges = np.cumsum([each.share for each in event.outcomes])[:-1]
    which = np.searchsorted(edges, draw, side="right")
    grade = np.array([each.grade for each in event.outcomes], np.int64)[which]
    consequence = np.array([each.consequence for each in event.outcomes], np.int64)[which]
    return grade, consequence, event.duration * exp(event.duration_log_sd * spread)
