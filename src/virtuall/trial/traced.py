"""Recorded signals as columns of the outcomes: values of every patient within a window of time."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from virtuall.core.errors import InputError
from virtuall.core.units import unit as read_unit

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]


def _last(values: Floats, axis: int) -> Floats:
    """The last value that is no NaN."""
    known = np.isfinite(values)
    place = known.shape[axis] - 1 - np.flip(known, axis).argmax(axis)
    return np.take_along_axis(values, np.expand_dims(place, axis), axis).squeeze(axis)


REDUCTIONS = {"none": None, "max": np.nanmax, "min": np.nanmin, "mean": np.nanmean, "last": _last}
# A grid time belongs to a window when it lies no further outside than this (days): half a minute.
_SLACK = 0.5 / 1440


class SignalColumn(NamedTuple):
    """Which values of a signal.

    Attributes
    ----------
    signal : str
        Its name in the dataset.
    unit : str
        Values are turned into this unit ("1" for values relative to baseline).
    first, last : float
        The window in days, both ends included.
    relative : bool
        Divided by the same patient's value on day 0.
    reduce : str
        One value a patient out of the window: "max", "min", "mean", "last"; "none" keeps all.
    floor : float
        Values below it (in `unit`) are left out, as points under a limit of detection are from a figure.
    change : bool
        Less the same patient's value at the first recorded time.
    since : str
        A column of days from which the window counts; "" for the start.
    """

    signal: str
    unit: str
    first: float
    last: float
    relative: bool = False
    reduce: str = "none"
    floor: float = -np.inf
    change: bool = False
    since: str = ""

    @property
    def name(self) -> str:
        """Name of the column."""
        return "signal " + " ".join(str(part) for part in self)


def signal_columns(
    signals: xr.Dataset,
    columns: Iterable[SignalColumn],
    days: Mapping[str, Floats] | None = None,
    last_day: Floats | None = None,
) -> dict[str, Floats]:
    """Values of signals for each column asked for.

    Parameters
    ----------
    signals : xarray.Dataset
        Over patient and time (days); each variable with the attribute ``units``.
    columns : iterable of SignalColumn
    days : mapping of str to float64 array, optional
        The columns of days that windows count from, one entry a patient.
    last_day : float64 array, optional
        The day on which each patient was last seen; later values are left out.

    Returns
    -------
    dict of str to float64 array
        By `SignalColumn.name`; shape [patients] when reduced, else [patients, times in any patient's window].

    Raises
    ------
    InputError
        When a signal is not recorded, or no recorded time lies within a window.
    """
    return {column.name: _values(signals, column, days or {}, last_day) for column in dict.fromkeys(columns)}


def _values(signals: xr.Dataset, column: SignalColumn, days: Mapping[str, Floats], last_day: Floats | None) -> Floats:
    if column.signal not in signals:
        known = [str(name) for name in signals.data_vars]
        raise InputError("this signal was not recorded", given=column.signal, allowed=known)
    trace = signals[column.signal].transpose("patient", "time")
    time, values = signals["time"].to_numpy(), trace.to_numpy().astype(float)
    start = days[column.since][:, None] if column.since else np.zeros((1, 1))
    inside = (time >= start + column.first - _SLACK) & (time <= start + column.last + _SLACK)
    within = inside.any(axis=0)
    if not within.any() and not column.since:
        raise InputError(
            f"no recorded time of {column.signal} lies between day {column.first:g} and {column.last:g}",
            hint="record a finer grid",
        )
    if column.relative:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = values / values[:, np.flatnonzero(np.abs(time) <= _SLACK)]
    else:
        values = values * read_unit(trace.attrs["units"]).factor_to(read_unit(column.unit))
    if column.change:
        values = values - values[:, :1]
    if last_day is not None:
        inside = inside & (time <= last_day[:, None] + _SLACK)
    values = np.where((values < column.floor) | ~inside, np.nan, values)[:, within]
    reduce = REDUCTIONS[column.reduce]
    if reduce is None:
        return values
    if not within.any():  # nobody has such a day
        return np.full(len(values), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a patient without values gets NaN
        return np.asarray(reduce(values, axis=1))
