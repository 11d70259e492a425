"""One trial looked at while it is under way: what each look would have seen, and where the trial would have stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from virtuall.trial.survival import hazard_ratio, log_rank

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

Stop = Literal["efficacy", "harm", "futility", "end"]


@dataclass(frozen=True)
class Seen:
    """What a look saw.

    Attributes
    ----------
    statistic : float
        Log-rank, positive in favor of the first arm; of one arm the one-sided exact p. NaN when it tells nothing.
    effect : float
        Hazard ratio of the first arm against the second; of one arm the share of responders.
    events, patients : int
        Deaths (of one arm: responders), and patients entered so far.
    day : float
        Since the trial opened.
    """

    statistic: float
    effect: float
    events: int
    patients: int
    day: float


@dataclass(frozen=True)
class Walk:
    """All looks of one trial, where it would have stopped and why; `reached`: the planned number was reached."""

    seen: tuple[Seen, ...]
    stopped_at: int
    why: Stop
    reached: bool = True


@dataclass(frozen=True, eq=False)
class Entered:
    """The patients of one trial of two arms, followed to the end; one entry a patient.

    Attributes
    ----------
    first : bool array
        Of the first arm.
    entry : float64 array
        Days since the trial opened.
    death, last : float64 array
        Days from entry; NaN for who did not die.
    """

    first: Flags
    entry: Floats
    death: Floats
    last: Floats

    def as_of(self, day: float) -> tuple[Flags, Floats, Flags]:
        """Who has entered by a day since opening; their days of follow-up and whether they died."""
        entered = self.entry < day
        # compared on the calendar, so that the very death that brings the look counts
        died = entered & (self.entry + self.death <= day)
        time = np.where(died, self.death, np.minimum(day - self.entry, self.last))
        return entered, time, died


def look_at_deaths(
    patients: Entered,
    looks: Sequence[float],
    bounds: Sequence[float],
    *,
    deaths: int | None,
    cut_after: float | None,
    futility: float | None = None,
) -> Walk:
    """Look at a trial of two arms when these shares of its deaths have occurred.

    Parameters
    ----------
    patients : Entered
    looks, bounds : sequence of float
        Shares of the deaths at the final cut; boundaries of the log-rank statistic.
    deaths : int, optional
        Planned number at the final cut. When it is never reached everybody is followed to the end.
    cut_after : float, optional
        Or the day of the final cut.
    futility : float, optional
        Hazard ratio from which on the trial stops at an early look.
    """
    calendar = np.sort((patients.entry + patients.death)[np.isfinite(patients.death)])
    end = float(np.max(patients.entry + patients.last))
    reached = True
    if deaths is not None:
        reached = calendar.size >= deaths
        end = float(calendar[deaths - 1]) if reached else end
    elif cut_after is not None:
        end = min(end, cut_after)
    whole = int(np.count_nonzero(calendar <= end))
    seen = []
    for share in looks:
        number = int(np.ceil(share * whole - 1e-9))
        day = end if share == 1 or not number else float(calendar[number - 1])
        seen.append(_compare(patients, day))
    stopped, why = _stop(seen, bounds, futility)
    return Walk(tuple(seen), stopped, why, reached)


def look_at_responses(
    responds: Flags,
    entry: Floats,
    looks: Sequence[float],
    levels: Sequence[float],
    *,
    null: float,
    known_after: float,
    futility: float | None = None,
) -> Walk:
    """Look at a trial of one arm when the responses of these shares of its patients are known.

    Parameters
    ----------
    responds : bool array
        Of each patient.
    entry : float64 array
        Days since the trial opened.
    looks, levels : sequence of float
        Shares of the patients in the order of entry; one-sided levels of the exact binomial test.
    null : float
        Share of responders to be excluded.
    known_after : float
        Days from entry until the response is known.
    futility : float, optional
        Share of responders up to which the trial stops at an early look.
    """
    from scipy.stats import binom

    order = np.argsort(entry, kind="stable")
    ordered, days = responds[order], entry[order]
    seen = []
    for share in looks:
        number = max(1, int(np.ceil(share * ordered.size - 1e-9)))
        count = int(np.count_nonzero(ordered[:number]))
        p = float(binom.sf(count - 1, number, null))
        seen.append(Seen(p, count / number, count, number, float(days[number - 1]) + known_after))
    for place, (look, level) in enumerate(zip(seen, levels, strict=True)):
        if look.statistic <= level:
            return Walk(tuple(seen), place, "efficacy")
        if futility is not None and place < len(seen) - 1 and look.effect <= futility:
            return Walk(tuple(seen), place, "futility")
    return Walk(tuple(seen), len(seen) - 1, "end")


def _compare(patients: Entered, day: float) -> Seen:
    entered, time, died = patients.as_of(day)
    sample = time[entered], died[entered], patients.first[entered]
    return Seen(
        log_rank(*sample), hazard_ratio(*sample), int(np.count_nonzero(died)), int(np.count_nonzero(entered)), day
    )


def _stop(seen: Sequence[Seen], bounds: Sequence[float], futility: float | None) -> tuple[int, Stop]:
    for place, (look, bound) in enumerate(zip(seen, bounds, strict=True)):
        if look.statistic >= bound:
            return place, "efficacy"
        if look.statistic <= -bound:
            return place, "harm"
        if futility is not None and place < len(seen) - 1 and look.effect >= futility:
            return place, "futility"
    return len(seen) - 1, "end"
