"""What one patient's chart says about treatment: its cycles with their doses, and how cells were made."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from virtuall.core.records import CARE

if TYPE_CHECKING:
    import pandas as pd

Role = Literal["", "bridging", "lymphodepletion", "cells"]
_SAME = 1e-6  # d: what is charted at one moment
_RUN = 3.0  # d: doses of care that follow each other so soon are one run


@dataclass(frozen=True)
class Dose:
    """An amount that was given at once or over a short while; `amount` in `unit`, `day` since enrollment."""

    product: str
    day: float
    amount: float
    unit: str


@dataclass
class Cycle:
    """One cycle of one product, in what role, with its doses; `stretches` are days on infusion.

    `over` tells that the product was stopped for good in it.
    """

    product: str
    role: Role
    number: int
    start: float
    doses: list[Dose] = field(default_factory=list)
    stretches: list[tuple[float, float]] = field(default_factory=list)
    over: bool = False

    @property
    def dosed(self) -> bool:
        """Whether its product was given in doses; else it ran, and doses are of what was given beside it."""
        return any(dose.product == self.product for dose in self.doses)


@dataclass
class Making:
    """Cells on their way from the patient and back; `stages` are names and days, `failed` day and reason.

    `left` tells that a sequence went on to another therapy.
    """

    collections: list[tuple[float, float]] = field(default_factory=list)
    stages: list[tuple[str, float]] = field(default_factory=list)
    started: float = math.nan
    ready: float = math.nan
    off_specification: bool = False
    failed: tuple[float, str] | None = None
    left: bool = False

    def ended(self) -> bool:
        """Whether the product is there, or never will be."""
        return math.isfinite(self.ready) or self.failed is not None


@dataclass(frozen=True)
class Course:
    """Cycles and makings in the order of days."""

    cycles: tuple[Cycle, ...]
    makings: tuple[Making, ...]

    def cycle_of(self, product: str, day: float) -> Cycle | None:
        """The cycle of a product that had begun last on that day."""
        begun = [each for each in self.cycles if each.product == product and each.start <= day + _SAME]
        return begun[-1] if begun else None

    def making_of(self, day: float) -> Making | None:
        """The making that had begun last on that day."""
        begun = [each for each in self.makings if each.collections and each.collections[0][0] <= day + _SAME]
        return begun[-1] if begun else None


def charted(events: pd.DataFrame) -> list[dict[str, Any]]:
    """Entries of a chart in the order of days, words as words."""
    entries = events.sort_values("day", kind="stable").to_dict("records")
    return [{str(name): value for name, value in entry.items()} for entry in entries]


def read_course(entries: Iterable[Mapping[str, Any]]) -> Course:
    """Gather what a chart says about treatment.

    Parameters
    ----------
    entries : iterable of mapping
        From `charted`. Doses are known where the chart holds orders; without them cycles have none.
    """
    entries = list(entries)
    cycles: list[Cycle] = []
    makings: list[Making] = []
    for entry in entries:
        _supply(makings, entry)
        _infusion(cycles, makings, entry)
    cared = {(entry["what"], entry["day"]) for entry in entries if entry["kind"] == CARE}
    for entry in entries:
        if (entry["what"], entry["day"]) not in cared:
            _dose(cycles, entry)
    for cycle in cycles:
        if any(dose.unit == "cell" for dose in cycle.doses):
            cycle.role = "cells"
    return Course(tuple(cycles), tuple(makings))


def _supply(makings: list[Making], entry: Mapping[str, Any]) -> None:
    kind, day, value = str(entry["kind"]), float(entry["day"]), float(entry["value"])
    if kind == "leukapheresis":
        if not makings or makings[-1].stages or makings[-1].ended():
            makings.append(Making())
        makings[-1].collections.append((day, value))
    elif not makings:
        return
    elif kind == "manufacture":
        if not makings[-1].stages:
            makings[-1].started = day
        makings[-1].stages.append((str(entry["what"]), value))
    elif kind == "product ready":
        makings[-1].ready, makings[-1].off_specification = day, value > 0
    elif kind == "no product":
        makings[-1].failed = (day, str(entry["what"]))
    elif kind == "step":
        makings[-1].left = True


def _infusion(cycles: list[Cycle], makings: list[Making], entry: Mapping[str, Any]) -> None:
    kind, product, day = str(entry["kind"]), str(entry["what"]), float(entry["day"])
    own = [cycle for cycle in cycles if cycle.product == product]
    last = own[-1] if own else None
    if kind == "infusion_start":
        number = int(entry["value"])
        if last is None or last.over or last.number != number:  # else it goes on after a hold
            last = Cycle(product, _role(cycles, makings, product), number, day)
            cycles.append(last)
        last.stretches.append((day, math.inf))
    elif last is not None and kind in ("infusion_stop", "stop"):
        start, end = last.stretches[-1]
        last.stretches[-1] = (start, min(end, day))
        last.over = last.over or kind == "stop"


def _role(cycles: list[Cycle], makings: list[Making], product: str) -> Role:
    """Before the product is there it is bridging, which may go on; then lymphodepletion, and another product: cells."""
    if not makings or not makings[-1].stages or makings[-1].failed is not None or makings[-1].left:
        return ""
    since = [cycle for cycle in cycles if cycle.start >= makings[-1].started - _SAME]
    roles = {cycle.product: cycle.role for cycle in since}
    if product in roles:
        return roles[product]
    if not math.isfinite(makings[-1].ready):
        return "bridging"
    if "cells" in roles.values():
        return ""
    return "cells" if "lymphodepletion" in roles.values() else "lymphodepletion"


def day_words(day: float) -> str:
    """A day, or a number of days: whole, or with one decimal."""
    return f"{day:.0f}" if abs(day - round(day)) < 0.05 else f"{day:.1f}"


def first_doses(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries with ``first`` told of each dose of care: whether it begins a run of doses of its product."""
    latest: dict[str, float] = {}
    told = []
    for entry in entries:
        if entry["kind"] == CARE:
            day, product = float(entry["day"]), str(entry["what"])
            entry = {**entry, "first": day - latest.get(product, -math.inf) > _RUN}
            latest[product] = day
        told.append(entry)
    return told


def is_premedication(entry: Mapping[str, Any]) -> bool:
    """Whether something was given ahead of a start or a step."""
    return str(entry["kind"]) == "order" and str(entry["rule"]).startswith("premedication")


def _dose(cycles: list[Cycle], entry: Mapping[str, Any]) -> None:
    unit, day = str(entry["unit"]), float(entry["day"])
    if str(entry["kind"]) != "order" or "/" in unit or not entry["value"] > 0 or is_premedication(entry):
        return
    begun = [cycle for cycle in cycles if cycle.start <= day + _SAME]
    if begun:
        begun[-1].doses.append(Dose(str(entry["what"]), day, float(entry["value"]), unit))
