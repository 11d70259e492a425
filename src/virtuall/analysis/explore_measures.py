"""Measures of a group of patients that a utility can name, as `virtuall compare` calls them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from virtuall.analysis.explore_patients import AMOUNT, DOSES, EVENTS, WORST, amount_unit, kinds
from virtuall.clinic.response import NONE
from virtuall.core.errors import TextError
from virtuall.core.position import Position
from virtuall.trial.comparison import SHARE, Better
from virtuall.trial.reporting import ComparisonText

if TYPE_CHECKING:
    import pandas as pd

    from virtuall.simulation.protocol import Protocol

Floats = NDArray[np.float64]
# Reads one number a patient from a frame of `explore_patients`: 0 or 1 for shares, NaN where it is not known.
Read = Callable[["pd.DataFrame"], Floats]

_DEAD_BY = re.compile(r"dead by day (\d+(?:\.\d+)?)")
_GRADE = re.compile(r"(.+), grade ([1-5]) or more")
_CARE: tuple[tuple[str, str, str, Better], ...] = (
    ("days in hospital", "bed_days", "d", "less"),
    ("days in intensive care", "intensive_days", "d", "less"),
    ("days of infusion", "infusion_days", "d", ""),
    ("cycles started", "cycles_started", "cycles", ""),
    ("later lines of therapy", "lines_after", "lines", "less"),
)
_COURSE: tuple[tuple[str, str, Better], ...] = (
    ("relapse", "relapse_day", "less"),
    ("transplant", "transplant_day", ""),
    ("cells infused", "infused_day", ""),
)


@dataclass(frozen=True)
class Measure:
    """One number a patient: a share of patients (unit "share"), or a mean in its unit."""

    name: str
    unit: str
    better: Better
    read: Read


def known_measures(protocol: Protocol, days: float, text: ComparisonText) -> dict[str, Measure]:
    """What can be measured of patients under this protocol within these days, by name.

    Besides these, `find_measure` knows deaths by any day and events from any grade.
    """
    found = [*_responses(protocol), *_survival(protocol, days, text), *_events(protocol, text), *_care(protocol)]
    for name, column, better in _COURSE:
        found.append(Measure(name, SHARE, better, _happened(column, days)))
    return {each.name: each for each in found}


def find_measure(name: str, known: Mapping[str, Measure], protocol: Protocol, days: float, where: Position) -> Measure:
    """A measure by its name.

    Raises
    ------
    TextError
        When there is no such measure (nearest one offered), or the patients are not followed so long.
    """
    if name in known:
        return known[name]
    dead = _DEAD_BY.fullmatch(name)
    if dead:
        day = float(dead[1])
        if day > days:
            raise TextError(f"the patients are followed for {days:g} days only", given=name, where=where)
        return Measure(name, SHARE, "less", _dead_by(day))
    event = _GRADE.fullmatch(name)
    called = {_called(kind): kind for kind in kinds(protocol)}
    if event and event[1] in called:
        return Measure(name, SHARE, "less", _from_grade(called[event[1]], float(event[2])))
    raise TextError("there is no such measure", given=name, allowed=tuple(known), where=where)


def _responses(protocol: Protocol) -> list[Measure]:
    levels = protocol.response.ranks[1:]
    if not levels:
        return []
    best = levels[-1]
    every = "/".join(reversed(levels))
    found = [Measure(best, SHARE, "more", lambda frame: (_words(frame, "best_response") == best).astype(float))]
    if len(levels) > 1:
        found.append(
            Measure(every, SHARE, "more", lambda frame: (_words(frame, "best_response") != NONE).astype(float))
        )
    return [*found, Measure("MRD-negative", SHARE, "more", _column("mrd_negative"))]


def _survival(protocol: Protocol, days: float, text: ComparisonText) -> list[Measure]:
    found = [Measure(f"dead by day {day:g}", SHARE, "less", _dead_by(day)) for day in text.deaths_by if day <= days]
    for cause in dict.fromkeys(event.fatal for event in protocol.events if event.fatal):
        found.append(Measure(f"died of {cause}", SHARE, "less", _died_of(cause)))
    return [*found, Measure("days alive", "d", "more", _days_alive(days))]


def _events(protocol: Protocol, text: ComparisonText) -> list[Measure]:
    found = []
    for kind in kinds(protocol):
        name, severe = _called(kind), text.severe_grade
        found += [
            Measure(f"{name}, any grade", SHARE, "less", _from_grade(kind, 0)),
            Measure(f"{name}, grade {severe} or more", SHARE, "less", _from_grade(kind, severe)),
            Measure(f"{name}, events", "per patient", "less", _column(EVENTS + kind)),
        ]
    return found


def _care(protocol: Protocol) -> list[Measure]:
    found = [Measure(name, unit, better, _column(column)) for name, column, unit, better in _CARE]
    for product in protocol.given_products:
        unit = amount_unit(protocol.products[product])
        found.append(Measure(f"amount of {_called(product)}", unit, "", _column(AMOUNT + product)))
    for product in protocol.care:
        found += [
            Measure(f"given {_called(product)}", SHARE, "", _any(DOSES + product)),
            Measure(f"doses of {_called(product)}", "per patient", "", _column(DOSES + product)),
        ]
    return found


def _called(name: str) -> str:
    return name.replace("_", " ")


def _words(frame: pd.DataFrame, column: str) -> NDArray[np.str_]:
    return frame[column].to_numpy(str)


def _column(name: str) -> Read:
    return lambda frame: frame[name].to_numpy(np.float64)


def _any(name: str) -> Read:
    return lambda frame: (frame[name].to_numpy(np.float64) > 0).astype(float)


def _from_grade(kind: str, grade: float) -> Read:
    def read(frame: pd.DataFrame) -> Floats:
        had = frame[EVENTS + kind].to_numpy(np.float64) > 0
        return (had & (frame[WORST + kind].to_numpy(np.float64) >= grade)).astype(float)

    return read


def _happened(column: str, days: float) -> Read:
    return lambda frame: (frame[column].to_numpy(np.float64) <= days).astype(float)


def _died_of(cause: str) -> Read:
    return lambda frame: (_words(frame, "death_cause") == cause).astype(float)


def _dead_by(day: float) -> Read:
    def read(frame: pd.DataFrame) -> Floats:
        dead = frame["death_day"].to_numpy(np.float64) <= day
        seen = frame["last_day"].to_numpy(np.float64) >= day - 1e-9
        return np.where(dead | seen, dead, np.nan)

    return read


def _days_alive(days: float) -> Read:
    def read(frame: pd.DataFrame) -> Floats:
        death, last = (frame[name].to_numpy(np.float64) for name in ("death_day", "last_day"))
        known = np.isfinite(death) | (last >= days - 1e-9)
        return np.where(known, np.fmin(death, days), np.nan)

    return read
