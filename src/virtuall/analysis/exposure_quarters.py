"""Patients in four groups by exposure: responders with exact intervals, or times to an event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virtuall.trial.statistics import NOTHING, Estimate, exact_share, kaplan_meier

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
_SHARES = (0.25, 0.5, 0.75)


@dataclass(frozen=True, eq=False)
class Quarter:
    """One group.

    Attributes
    ----------
    number : int
        1 is the lowest exposure.
    low, middle, high : float
        Least, median and greatest exposure.
    patients, events : int
        Responders, or patients with the event.
    share : Estimate
        Of responders, interval of Clopper and Pearson; NaN for times.
    median : Estimate
        Days to the event by Kaplan-Meier; inf where not reached, NaN for shares.
    days, curve : float64 array
        The share without the event; empty for shares.
    """

    number: int
    low: float
    middle: float
    high: float
    patients: int
    events: int
    share: Estimate
    median: Estimate
    days: Floats
    curve: Floats


def quarters_of_shares(exposure: Floats, happened: Flags) -> tuple[Quarter, ...]:
    """Four groups of a yes or no; fewer where many have the same exposure."""
    return tuple(
        _quarter(number, exposure[group], int(np.count_nonzero(happened[group])))
        for number, group in enumerate(_groups(exposure), 1)
    )


def quarters_of_times(exposure: Floats, time: Floats, event: Flags) -> tuple[Quarter, ...]:
    """Four groups of a time to an event."""
    found = []
    for number, group in enumerate(_groups(exposure), 1):
        curve = kaplan_meier(time[group], event[group])
        found.append(
            Quarter(
                number=number,
                low=float(exposure[group].min()),
                middle=float(np.median(exposure[group])),
                high=float(exposure[group].max()),
                patients=int(np.count_nonzero(group)),
                events=int(np.count_nonzero(event[group])),
                share=NOTHING,
                median=curve.median,
                days=np.append(curve.days, time[group].max()),
                curve=np.append(curve.share, curve.share[-1]),
            )
        )
    return tuple(found)


def _quarter(number: int, exposure: Floats, count: int) -> Quarter:
    return Quarter(
        number=number,
        low=float(exposure.min()),
        middle=float(np.median(exposure)),
        high=float(exposure.max()),
        patients=exposure.size,
        events=count,
        share=exact_share(count, exposure.size),
        median=NOTHING,
        days=np.empty(0),
        curve=np.empty(0),
    )


def _groups(exposure: Floats) -> list[Flags]:
    """Who is in which group: ties go together."""
    place = np.searchsorted(np.quantile(exposure, _SHARES), exposure, side="left")
    return [place == each for each in range(len(_SHARES) + 1) if np.any(place == each)]
