"""Find each engine's cheapest setting that meets an error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from clock import core_seconds
from peers import Peer
from work import Floats, Work, worst_error

ERRORS = (1e-3, 1e-5)
TOLERANCES = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 3e-7, 1e-7, 1e-8, 1e-9)


@dataclass(frozen=True)
class Setting:
    """What one setting of one engine gives: the worst error, and milliseconds a patient."""

    family: str
    rtol: float
    error: float
    milliseconds: float

    def __str__(self) -> str:
        return f"{self.family}, rtol {self.rtol:.0e}"


def scan(peer: Peer, work: Work, truth: Floats, errors: Sequence[float], seconds: float) -> list[Setting]:
    """Try families of settings from loose to tight, until the tightest error is met or the time is up.

    The first run of a family and tolerance gives its error and a first time. A slow tool may have fewer ``tolerances``
    and more ``patience``, as attributes.
    """
    found: list[Setting] = []
    seconds *= getattr(peer, "patience", 1.0)
    begin = core_seconds()
    patients = min(work.judged, peer.timed)
    for family in peer.families:
        met = 0
        for rtol in getattr(peer, "tolerances", TOLERANCES):
            if found and core_seconds() - begin > seconds:
                break
            record, each = peer.run(family, rtol, patients)
            error = worst_error(record[: work.judged], truth, work.scales)
            found.append(Setting(family, rtol, error, each * 1e3))
            met += error <= min(errors)
            cheapest = min((s.milliseconds for s in found if s.error <= min(errors)), default=math.inf)
            # tighter tolerances only cost more; one more may be lucky no longer
            if met == 2 or (met and each * 1e3 > 3.0 * cheapest):
                break
    return found


def cheapest(settings: Sequence[Setting], error: float) -> Setting | None:
    """The cheapest that meets the error."""
    return min((s for s in settings if s.error <= error), key=lambda s: s.milliseconds, default=None)


def timed_again(peer: Peer, settings: Sequence[Setting], error: float, patients: int) -> Setting | None:
    """The cheapest that meets the error, after the three that looked cheapest were timed once more."""
    usable = sorted((s for s in settings if s.error <= error), key=lambda s: s.milliseconds)[:3]
    again = [
        replace(s, milliseconds=min(s.milliseconds, peer.run(s.family, s.rtol, patients)[1] * 1e3)) for s in usable
    ]
    return cheapest(again, error)


def steady(settings: Sequence[Setting], error: float) -> Setting | None:
    """The loosest of which all tighter tolerances of its family meet the error too: none that is exact by luck."""
    kept = [
        each
        for each in settings
        if all(s.error <= error for s in settings if s.family == each.family and s.rtol <= each.rtol)
    ]
    return max(kept, key=lambda s: s.rtol, default=None)
