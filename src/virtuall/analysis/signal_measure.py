"""One number a patient out of a recorded signal: mean, peak, trough or area over a window, or the value on a day.

Written as a person would: ``mean SIGNAL, day 0 to 28``, ``max SIGNAL``, ``SIGNAL on day 7``. Days count from the
beginning of treatment: the day on which the regimen starts or, of cells made for the patient, that of their infusion.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virtuall.core.errors import InputError
from virtuall.core.units import unit as read_unit
from virtuall.simulation.protocol import Protocol

Floats = NDArray[np.float64]

REDUCTIONS = ("mean", "max", "min", "auc")
_NUMBER = r"(\d+(?:\.\d+)?)"
_OVER = re.compile(rf"({'|'.join(REDUCTIONS)}) (\S+?)(?:, day {_NUMBER} to {_NUMBER})?")
_ON = re.compile(rf"(\S+) on day {_NUMBER}")
# A recorded time belongs to a window when it lies no further outside than this (d): half a minute.
_SLACK = 0.5 / 1440


@dataclass(frozen=True)
class SignalMeasure:
    """Which number: `reduce` is one of `REDUCTIONS`, or "on" for the value on day `first`; days from treatment on."""

    reduce: str
    signal: str
    first: float
    last: float

    @property
    def name(self) -> str:
        """As `read_measure` reads it."""
        if self.reduce == "on":
            return f"{self.signal} on day {self.first:g}"
        return f"{self.reduce} {self.signal}, day {self.first:g} to {self.last:g}"

    def unit(self, of_signal: str) -> str:
        """Its unit, by the unit of the signal."""
        return str(read_unit(of_signal) * read_unit("d")) if self.reduce == "auc" else of_signal

    def of(self, time: ArrayLike, values: ArrayLike, begin: ArrayLike) -> Floats:
        """The number of each patient.

        Parameters
        ----------
        time : array [T]
            Recorded days from enrollment.
        values : array [N, T]
            NaN after death: means and areas are of the time before.
        begin : array [N]
            Day on which each patient's treatment begins; NaN where it never does.

        Returns
        -------
        float64[N]
            NaN where nothing is recorded in the window.
        """
        days, recorded = np.asarray(time, np.float64), np.asarray(values, np.float64)
        since = days[None, :] - np.asarray(begin, np.float64)[:, None]
        if self.reduce == "on":
            return _nearest(since, recorded, self.first, float(np.diff(days).max(initial=0.0)) / 2)
        inside = (since >= self.first - _SLACK) & (since <= self.last + _SLACK)
        kept = np.where(inside, recorded, np.nan)
        if self.reduce == "auc":
            pieces = (kept[:, 1:] + kept[:, :-1]) / 2 * np.diff(days)
            return np.where(np.isfinite(kept).any(axis=1), np.nansum(pieces, axis=1), np.nan)
        reductions: dict[str, Callable[..., Floats]] = {"mean": np.nanmean, "max": np.nanmax, "min": np.nanmin}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a patient without values gets NaN
            return np.asarray(reductions[self.reduce](kept, axis=1), np.float64)


def read_measure(text: str, signals: Collection[str], window: tuple[float, float]) -> SignalMeasure:
    """A measure from its words.

    Parameters
    ----------
    text : str
    signals : collection of str
        Those of the model.
    window : (float, float)
        Days where the words name none.

    Raises
    ------
    InputError
        When it does not read so, the signal does not exist (nearest match offered), or the days do not rise.
    """
    words = " ".join(text.split())
    over, on = _OVER.fullmatch(words), _ON.fullmatch(words)
    if over is None and on is None:
        raise InputError(
            "this is no measure of a signal",
            given=text,
            hint="write 'mean SIGNAL', 'max SIGNAL, day 0 to 28' (also min, auc), or 'SIGNAL on day 7'",
        )
    signal = over[2] if over else on[1] if on else ""
    if signal not in signals:
        raise InputError("no such signal", given=signal, allowed=sorted(signals))
    if on:
        return SignalMeasure("on", signal, float(on[2]), float(on[2]))
    assert over is not None
    first, last = (float(over[3]), float(over[4])) if over[3] else window
    if not first < last:
        raise InputError("the days of a measure must rise", given=text)
    return SignalMeasure(over[1], signal, first, last)


def first_cycle(protocol: Protocol) -> tuple[float, float]:
    """Days of the first cycle from its beginning: of an infusion that lasts, only while it runs."""
    regimen = protocol.regimen
    cycle = regimen.cycles[0]
    return 0.0, cycle.infusion if regimen.lasting and cycle.infusion else cycle.infusion + cycle.rest


def is_made(protocol: Protocol) -> bool:
    """Whether the treatment begins with cells made for the patient, on a day of each patient's own."""
    return protocol.legs[protocol.first_leg(0)].supply is not None


def _nearest(since: Floats, values: Floats, day: float, most: float) -> Floats:
    """The value recorded nearest to a day, at most so far from it."""
    away = np.where(np.isfinite(since), np.abs(since - day), np.inf)
    place = away.argmin(axis=1)
    rows = np.arange(len(values))
    return np.where(away[rows, place] <= most + _SLACK, values[rows, place], np.nan)
