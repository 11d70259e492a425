"""Clearance, volume and half-life of each patient, from concentrations during and after an infusion."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virtuall.core.units import unit as read_unit

Floats = NDArray[np.float64]


def exposure(
    time: ArrayLike, concentration: ArrayLike, rate: ArrayLike, stop: float, units: tuple[str, str]
) -> dict[str, Floats]:
    """Non-compartmental figures of a constant infusion that is stopped at a steady state.

    Parameters
    ----------
    time : array [T]
        Days, several of them after `stop`.
    concentration : array [N, T]
    rate : array [N]
        Of the infusion.
    stop : float
        Day on which it ends; the value then is taken as that of steady state.
    units : tuple of str
        Of the rate and of the concentration.

    Returns
    -------
    dict of str to float64 array
        ``clearance`` (L/h), ``volume`` (L), ``half_life`` (h); NaN without a falling concentration.
    """
    days, values = np.asarray(time, np.float64), np.asarray(concentration, np.float64)
    at_stop = int(np.argmin(np.abs(days - stop)))
    steady = values[:, at_stop]
    with np.errstate(divide="ignore", invalid="ignore"):
        # Not below a thousandth of the start: beyond it the solver's tolerance shows.
        fallen = steady[:, None] / values[:, at_stop + 1 :]
        usable = np.isfinite(fallen) & (fallen > 1) & (fallen < 1 / _LEAST)
        elapsed = np.where(usable, (days[at_stop + 1 :] - days[at_stop])[None, :], 0.0)
        logs = np.where(usable, np.log(fallen), 0.0)
        slope = (elapsed * logs).sum(axis=1) / (elapsed**2).sum(axis=1)
        to_clearance = (read_unit(units[0]) / read_unit(units[1])).factor_to(read_unit("L/h"))
        clearance = np.asarray(rate, np.float64) / steady * to_clearance
        half_life = np.log(2) / slope * read_unit("d").factor_to(read_unit("h"))
    return {"clearance": clearance, "volume": clearance * half_life / np.log(2), "half_life": half_life}


# Share of the steady state down to which the fall is read.
_LEAST = 1e-3
