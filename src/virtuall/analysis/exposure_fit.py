"""How a response rises or falls with exposure: logistic regression (statsmodels) or Cox (lifelines), with its curve."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from virtuall.trial.statistics import Estimate

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Scale = Literal["log", "linear"]
_POINTS = 101
# A slope this far from zero (log odds or log hazard a step) is one that has run away: the data are separated.
_RUNAWAY = 25.0


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted relation.

    Attributes
    ----------
    kind : "logistic" or "cox"
    scale : "log" or "linear"
        Of exposure.
    per : str
        The step of exposure that the ratio belongs to.
    ratio : Estimate
        Odds ratio or hazard ratio of one step; `slope` is its natural logarithm.
    slope : Estimate
    p : float
        Two-sided, of Wald's test.
    patients, events : int
    adjusted_for : tuple of str
        Covariates beside exposure.
    exposures, curve, low, high : float64 array
        The fitted share, or the hazard relative to that at the median exposure, with its 95 % band; empty when
        adjusted.
    """

    kind: str
    scale: Scale
    per: str
    ratio: Estimate
    slope: Estimate
    p: float
    patients: int
    events: int
    adjusted_for: tuple[str, ...]
    exposures: Floats
    curve: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, eq=False)
class _Axis:
    """Exposure as the regression sees it: doublings from the median, or standard deviations from it."""

    scale: Scale
    center: float
    step: float
    per: str

    def of(self, exposure: Floats) -> Floats:
        if self.scale == "log":
            return np.asarray(np.log2(exposure / self.center))
        return (exposure - self.center) / self.step

    def grid(self, exposure: Floats) -> Floats:
        low, high = float(exposure.min()), float(exposure.max())
        return np.geomspace(low, high, _POINTS) if self.scale == "log" else np.linspace(low, high, _POINTS)


def fit_shares(
    exposure: Floats, happened: Flags, scale: Scale, unit: str, others: dict[str, Floats] | None = None
) -> Fit | None:
    """Logistic regression of a yes or no on exposure; None where no finite slope fits (all alike, or separated).

    Parameters
    ----------
    exposure : float64[N]
        Above 0 on the logarithmic scale.
    happened : bool[N]
    scale : "log" or "linear"
    unit : str
        Of exposure.
    others : dict of str to float64[N], optional
        Covariates beside it.
    """
    import statsmodels.api as sm
    from scipy.special import expit
    from statsmodels.tools.sm_exceptions import ModelWarning, PerfectSeparationError

    count = int(np.count_nonzero(happened))
    if count in (0, happened.size):
        return None
    axis = _axis(exposure, scale, unit)
    known = _usable(others or {})
    design = np.column_stack([np.ones(exposure.size), axis.of(exposure), *known.values()])
    with warnings.catch_warnings():
        warnings.simplefilter("error", ModelWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            found = sm.Logit(happened.astype(np.float64), design).fit(disp=0)
        except (ModelWarning, PerfectSeparationError, np.linalg.LinAlgError):
            return None
    slope, p = float(found.params[1]), float(found.pvalues[1])
    error = float(found.bse[1])
    if not np.isfinite(error) or abs(slope) > _RUNAWAY:
        return None
    grid, curve = axis.grid(exposure), np.empty((3, 0))
    if not known:
        rows = np.column_stack([np.ones(grid.size), axis.of(grid)])
        middle = rows @ found.params
        half = _normal() * np.sqrt(np.einsum("ij,jk,ik->i", rows, found.cov_params(), rows))
        curve = expit(np.stack([middle, middle - half, middle + half]))
    return _fit("logistic", axis, slope, error, p, exposure.size, count, tuple(known), grid, curve)


def fit_times(
    exposure: Floats,
    time: Floats,
    event: Flags,
    scale: Scale,
    unit: str,
    others: dict[str, Floats] | None = None,
) -> Fit | None:
    """Cox regression of a time to an event on exposure; as `fit_shares`."""
    import pandas as pd
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError, ConvergenceWarning

    if not event.any():
        return None
    axis = _axis(exposure, scale, unit)
    known = _usable(others or {})
    frame = pd.DataFrame({"time": time, "event": event, "exposure": axis.of(exposure), **known})
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            found = CoxPHFitter().fit(frame, "time", "event")
        except (ConvergenceError, ConvergenceWarning):
            return None
    row = found.summary.loc["exposure"]
    slope, error = float(row["coef"]), float(row["se(coef)"])
    if not np.isfinite(error) or abs(slope) > _RUNAWAY:
        return None
    grid, curve = axis.grid(exposure), np.empty((3, 0))
    if not known:
        steps = axis.of(grid)
        half = _normal() * error * np.abs(steps)
        curve = np.exp(np.stack([slope * steps, slope * steps - half, slope * steps + half]))
    count = int(np.count_nonzero(event))
    return _fit("cox", axis, slope, error, float(row["p"]), exposure.size, count, tuple(known), grid, curve)


def _fit(
    kind: str,
    axis: _Axis,
    slope: float,
    error: float,
    p: float,
    patients: int,
    events: int,
    adjusted_for: tuple[str, ...],
    grid: Floats,
    curve: Floats,
) -> Fit:
    half = _normal() * error
    low, high = slope - half, slope + half
    with np.errstate(over="ignore"):
        ratio = Estimate(*(float(each) for each in np.exp([slope, low, high])))
    return Fit(
        kind=kind,
        scale=axis.scale,
        per=axis.per,
        ratio=ratio,
        slope=Estimate(slope, low, high),
        p=p,
        patients=patients,
        events=events,
        adjusted_for=adjusted_for,
        exposures=grid if curve.size else curve[0],
        curve=curve[0],
        low=curve[1],
        high=curve[2],
    )


def _axis(exposure: Floats, scale: Scale, unit: str) -> _Axis:
    if scale == "log":
        return _Axis(scale, float(np.median(exposure)), 1.0, "doubling")
    spread = float(np.std(exposure))
    return _Axis(scale, float(np.median(exposure)), spread, f"standard deviation, {spread:.3g} {unit}")


def _usable(others: dict[str, Floats]) -> dict[str, Floats]:
    """Covariates in standard deviations from their means; one that does not differ says nothing and is left out."""
    spread = {name: float(np.std(values)) for name, values in others.items()}
    return {name: (values - values.mean()) / spread[name] for name, values in others.items() if spread[name] > 0}


def _normal() -> float:
    """The 97.5th percentile of the normal distribution."""
    from scipy.stats import norm

    return float(norm.ppf(0.975))
