"""Recorded signals as columns of the outcomes: values of every patient within a window of time."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from virtuall.core.errors import InputError
from virtuall.core.units import unit as read_unit

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]

REDUCTIONS = {"none": None, "max": np.nanmax, "min": np.nanmin, "mean": np.nanmean}
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
        One value a patient out of the window: "max", "min", "mean"; "none" keeps all.
    floor : float
        Values below it (in `unit`) are left out, as points under a limit of detection are from a figure.
    """

    signal: str
    unit: str
    first: float
    last: float
    relative: bool = False
    reduce: str = "none"
    floor: float = -np.inf

    @property
    def name(self) -> str:
        """Name of the column."""
        return "signal " + " ".join(str(part) for part in self)


def signal_columns(signals: xr.Dataset, columns: Iterable[SignalColumn]) -> dict[str, Floats]:
    """Values of signals for each column asked for.

    Parameters
    ----------
    signals : xarray.Dataset
        Over patient and time (days); each variable with the attribute ``units``.
    columns : iterable of SignalColumn

    Returns
    -------
    dict of str to float64 array
        By `SignalColumn.name`; shape [patients] when reduced, else [patients, times in the window].

    Raises
    ------
    InputError
        When a signal is not recorded, or no recorded time lies within a window.
    """
    return {column.name: _values(signals, column) for column in dict.fromkeys(columns)}


def _values(signals: xr.Dataset, column: SignalColumn) -> Floats:
    if column.signal not in signals:
        known = [str(name) for name in signals.data_vars]
        raise InputError("this signal was not recorded", given=column.signal, allowed=known)
    trace = signals[column.signal].transpose("patient", "time")
    time, values = signals["time"].to_numpy(), trace.to_numpy().astype(float)
    within = (time >= column.first - _SLACK) & (time <= column.last + _SLACK)
    if not within.any():
        raise InputError(
            f"no recorded time of {column.signal} lies between day {column.first:g} and {column.last:g}",
            hint="record a finer grid",
        )
    if column.relative:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = values / values[:, np.flatnonzero(np.abs(time) <= _SLACK)]
    else:
        values = values * read_unit(trace.attrs["units"]).factor_to(read_unit(column.unit))
    values = np.where(values < column.floor, np.nan, values)[:, within]
    reduce = REDUCTIONS[column.reduce]
    if reduce is None:
        return values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a patient without values gets NaN
        return np.asarray(reduce(values, axis=1))
