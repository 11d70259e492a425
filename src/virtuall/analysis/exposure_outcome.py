"""What may follow from exposure: a yes or no of each patient, or a time to an event, by its words."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from virtuall.analysis.explore_measures import find_measure, known_measures
from virtuall.analysis.signal_measure import SignalMeasure, read_measure
from virtuall.core.errors import InputError, TextError
from virtuall.core.position import Position
from virtuall.core.units import unit as read_unit
from virtuall.trial.comparison import SHARE
from virtuall.trial.endpoints import times_to_event

if TYPE_CHECKING:
    import pandas as pd

    from virtuall.analysis.explore_measures import Measure
    from virtuall.simulation.protocol import Protocol
    from virtuall.trial.reporting import ComparisonText

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

TIMES: Mapping[str, str] = {
    "OS": "overall survival",
    "PFS": "survival without relapse or another therapy before remission",
}
_EFS = re.compile(r"EFS, remission by day (\d+(?:\.\d+)?)")
_LIMIT = re.compile(r"(.+) (below|above) (\S+) (\S+)")


@dataclass(frozen=True)
class Share:
    """A measure of `virtuall.analysis.explore_measures` that each patient has or has not."""

    measure: Measure

    @property
    def name(self) -> str:
        """As it is asked for."""
        return self.measure.name


@dataclass(frozen=True)
class Crossing:
    """Whether a number out of a signal lies below or above a limit (`value` in `unit`)."""

    measure: SignalMeasure
    side: Literal["below", "above"]
    value: float
    unit: str

    @property
    def name(self) -> str:
        """As it is asked for."""
        return f"{self.measure.name} {self.side} {self.value:g} {self.unit}"

    def of(self, numbers: Floats, unit: str) -> Floats:
        """1 where it does, 0 where it does not, NaN where nothing is known; `unit` is that of the numbers."""
        limit = self.value * read_unit(self.unit).factor_to(read_unit(unit))
        crossed = numbers < limit if self.side == "below" else numbers > limit
        return np.where(np.isfinite(numbers), crossed, np.nan)


@dataclass(frozen=True)
class Time:
    """A time to an event: `of` as in `virtuall.trial.endpoints.times_to_event`."""

    name: str
    of: Literal["os", "pfs", "efs"]
    response_by: float | None = None

    @property
    def landmark(self) -> bool:
        """Whether it can count from a day after enrollment: failure to reach remission has no day of its own."""
        return self.of != "efs"

    def times(self, frame: pd.DataFrame, begin: Floats) -> tuple[Floats, Flags, Flags]:
        """Days from each patient's `begin` and event flags of those at risk after it, and who they are."""
        rule = {} if self.response_by is None else {"response_by": self.response_by}
        time, event = times_to_event(frame, self.of, **rule)  # type: ignore[arg-type]
        if not self.landmark:
            return time, event, np.ones(time.size, bool)
        there = time > begin
        return (time - begin)[there], event[there], there


Outcome = Share | Crossing | Time


def read_outcome(
    text: str,
    protocol: Protocol,
    days: float,
    counted: ComparisonText,
    signals: Collection[str],
    window: tuple[float, float],
) -> Outcome:
    """What is asked for, from its words.

    Parameters
    ----------
    text : str
    protocol : Protocol
    days : float
        Of follow-up.
    counted : ComparisonText
    signals : collection of str
    window : (float, float)
        Days of a signal's measure where the words name none.

    Raises
    ------
    InputError
        When there is no such response (nearest match offered), or it is no yes or no.
    """
    words = " ".join(text.split())
    if words.upper() in TIMES:
        return Time(words.upper(), "os" if words.upper() == "OS" else "pfs")
    efs, limit = _EFS.fullmatch(words), _LIMIT.fullmatch(words)
    if efs:
        return Time(words, "efs", float(efs[1]))
    if words.upper() == "EFS":
        raise InputError(
            "event-free survival needs a day by which remission must come",
            given=text,
            hint="write 'EFS, remission by day N', or ask for PFS",
        )
    if limit:
        return _crossing(limit, signals, window)
    known = {name: each for name, each in known_measures(protocol, days, counted).items() if each.unit == SHARE}
    try:
        found = find_measure(words, known, protocol, days, Position("", 1))
    except TextError as error:
        allowed = (*TIMES, *known) if error.allowed else ()
        problem = "there is no such response" if error.allowed else error.problem
        raise InputError(problem, given=text, allowed=allowed) from error
    return Share(found)


def _crossing(words: re.Match[str], signals: Collection[str], window: tuple[float, float]) -> Crossing:
    try:
        value = float(words[3])
    except ValueError:
        raise InputError("a limit is a number and its unit", given=f"{words[3]} {words[4]}") from None
    read_unit(words[4])
    side: Literal["below", "above"] = "below" if words[2] == "below" else "above"
    return Crossing(read_measure(words[1], signals, window), side, value, words[4])
