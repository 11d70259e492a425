"""Curves and bands for the report: survival by arm, response by burden, signals over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virtuall.trial.endpoints import LEVELS, responded, times_to_event
from virtuall.trial.replicates import Stack
from virtuall.trial.survival import number_at_risk, survival_curve

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SurvivalBand:
    """Kaplan-Meier curves of one arm over the replicates.

    Attributes
    ----------
    arm, of : str
        The arm; "os", "efs" or "dor".
    days : float64 array [T]
    middle, low, high : float64 array [T]
        Mean and 2.5 and 97.5 % of the replicates' curves; NaN where fewer than nine in ten still follow
        somebody (a mean over a changing set of replicates would jump).
    at_risk_days, at_risk : float64 array
        Mean number still followed and event-free.
    medians : float64 array [replicates]
        Days; NaN where not reached.
    """

    arm: str
    of: str
    days: Floats
    middle: Floats
    low: Floats
    high: Floats
    at_risk_days: Floats
    at_risk: Floats
    medians: Floats


@dataclass(frozen=True)
class StrataBand:
    """Response of one arm by baseline marrow blasts: share, and 2.5 and 97.5 % of the replicates."""

    arm: str
    edges: tuple[float, ...]
    share: Floats
    low: Floats
    high: Floats
    patients: Floats


@dataclass(frozen=True)
class SignalBand:
    """A signal over patients: median, 5 and 95 % at each time (days), with its unit and a title."""

    title: str
    unit: str
    days: Floats
    middle: Floats
    low: Floats
    high: Floats


def survival_band(
    outcomes: pd.DataFrame | Stack,
    *,
    of: str,
    arm: str,
    days: ArrayLike,
    at_risk_days: ArrayLike = (),
    **rule: Any,
) -> SurvivalBand:
    """Curves of an arm over the replicates.

    Parameters
    ----------
    outcomes : pandas.DataFrame or Stack
        As in `virtuall.trial.scoring.score_trial`.
    of : str
        "os", "efs" or "dor".
    arm : str
    days, at_risk_days : array
        Where to show the curve and the numbers at risk.
    **rule
        ``censor_at``, ``response_by``, as in `times_to_event`.
    """
    stack = outcomes if isinstance(outcomes, Stack) else Stack(outcomes)
    grid, risk_grid = np.asarray(days, np.float64), np.asarray(at_risk_days, np.float64)
    curves, risks, medians = [], [], []
    for rows in stack.replicates:
        time, event = times_to_event(stack.group(rows, {"arm": arm}), of, **rule)
        curve = survival_curve(time, event)
        shares = curve.at(grid)
        # Beyond the last patient seen a curve says nothing, unless everybody has had the event.
        shares[(grid > time.max(initial=0.0)) & (shares > 0)] = np.nan
        curves.append(shares)
        risks.append(number_at_risk(time, risk_grid))
        medians.append(curve.median())
    middle, low, high = _over_replicates(np.array(curves), at_least=0.9)
    return SurvivalBand(
        arm, of, grid, middle, low, high, risk_grid, np.mean(risks, axis=0), np.array(medians, np.float64)
    )


def response_by_burden(
    outcomes: pd.DataFrame | Stack,
    *,
    arm: str,
    edges: Sequence[float],
    levels: Sequence[str] = LEVELS,
    **window: Any,
) -> StrataBand:
    """Response of an arm in strata of baseline marrow blasts.

    Parameters
    ----------
    outcomes : pandas.DataFrame or Stack
    arm : str
    edges : sequence of float
        Fractions; a stratum runs from one edge up to, not including, the next.
    levels, **window
        As in `virtuall.trial.endpoints.responded`.
    """
    stack = outcomes if isinstance(outcomes, Stack) else Stack(outcomes)
    shares = np.full((len(stack.replicates), len(edges) - 1), np.nan)
    counts = np.zeros(shares.shape)
    for place, rows in enumerate(stack.replicates):
        for stratum, (first, last) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
            group = stack.group(rows, {"arm": arm, "marrow_blasts": (first, last)})
            answered = responded(group, levels, **window)
            counts[place, stratum] = answered.size
            if answered.size:
                shares[place, stratum] = answered.mean()
    share, low, high = _over_replicates(shares)
    return StrataBand(arm, tuple(edges), share, low, high, counts.mean(axis=0))


def signal_band(
    signals: xr.Dataset, name: str, *, title: str = "", relative: bool = False, factor: float = 1.0
) -> SignalBand:
    """Median and 5-95 % band of a signal over patients.

    Parameters
    ----------
    signals : xarray.Dataset
        Over patient and time (days).
    name : str
    title : str
        By default the signal's long name.
    relative : bool
        Divided by the same patient's first value.
    factor : float
        Multiplies the values (a change of unit); ignored when relative.
    """
    trace = signals[name].transpose("patient", "time")
    values = trace.to_numpy().astype(float)
    if relative:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = values / values[:, :1]
        values[~np.isfinite(values)] = np.nan
    else:
        values = values * factor
    low, middle, high = np.nanquantile(values, [0.05, 0.5, 0.95], axis=0)
    unit = "relative to baseline" if relative else str(trace.attrs.get("units", ""))
    return SignalBand(
        title or str(trace.attrs.get("long_name", name)), unit, signals["time"].to_numpy(), middle, low, high
    )


def medians_of(bands: Sequence[SurvivalBand]) -> Mapping[str, float]:
    """Mean median in days of each band over the replicates that reached it (NaN when half or fewer did)."""
    means = {}
    for band in bands:
        reached = band.medians[np.isfinite(band.medians)]
        means[band.arm] = float(reached.mean()) if reached.size > band.medians.size / 2 else np.nan
    return means


def _over_replicates(values: Floats, at_least: float = 0.5) -> tuple[Floats, Floats, Floats]:
    """Mean and 2.5 and 97.5 % down the first axis, NaN where a smaller share than `at_least` has a value."""
    known = np.isfinite(values)
    enough = known.mean(axis=0) >= at_least
    middle, low, high = (np.full(values.shape[1], np.nan) for _ in range(3))
    for place in np.flatnonzero(enough):
        column = values[known[:, place], place]
        middle[place] = column.mean()
        low[place], high[place] = np.quantile(column, [0.025, 0.975])
    return middle, low, high
