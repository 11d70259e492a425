"""A visual predictive check: percentiles of measured values beside those of simulated replicates of the same data.

Values below the limit of quantification count as lower than all others: a percentile among them is below the limit
(minus infinity here), and their share is compared for itself. With prediction correction every value, measured or
simulated, is multiplied by the median prediction of its bin over the prediction at its own point (Bergstrand 2011), so
that doses and covariates no longer widen the spread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virtuall.analysis.vpc_bins import Binning, binned
from virtuall.analysis.vpc_data import Observations
from virtuall.analysis.vpc_simulate import Replicates, assay_of, replicate
from virtuall.core.errors import InputError
from virtuall.core.random import uniform

if TYPE_CHECKING:
    from virtuall.simulation.protocol import Protocol

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

PERCENTILES = (0.05, 0.5, 0.95)
# The band of each simulated percentile, and its middle.
_BAND = (0.05, 0.5, 0.95)
# Fewer replicates than this make a band of 90 % rough.
_FEW = 100


@dataclass(frozen=True)
class Band:
    """A measured figure beside the simulated one: its middle and the bounds of 90 % of the replicates."""

    observed: float
    low: float
    middle: float
    high: float

    @property
    def inside(self) -> bool:
        """Whether the measured figure lies within the band."""
        return bool(self.low <= self.observed <= self.high)


@dataclass(frozen=True, eq=False)
class Bin:
    """One bin of time.

    Attributes
    ----------
    first, middle, last : float
        Days of the first, the median and the last measurement.
    values, censored : int
        Measurements, and those below the limit.
    percentiles : tuple of Band
        As `PERCENTILES`; minus infinity stands for below the limit.
    below : Band
        Share below the limit.
    limit : float
        Median limit of quantification; NaN where there is none.
    """

    first: float
    middle: float
    last: float
    values: int
    censored: int
    percentiles: tuple[Band, ...]
    below: Band
    limit: float


@dataclass(frozen=True, eq=False)
class Panel:
    """One group: its bins, and its single measurements (days; values, corrected if asked for, NaN where censored)."""

    name: str
    subjects: int
    bins: tuple[Bin, ...]
    time: Floats
    value: Floats


@dataclass(frozen=True)
class Errors:
    """Normalised prediction errors: standard normal when the model is right; not freed of correlation in a subject.

    ``outside`` is the share beyond the 5th and the 95th percentile of the simulated values.
    """

    mean: float
    spread: float
    outside: float


@dataclass(frozen=True, eq=False)
class PredictiveCheck:
    """What was found; `name` is that of the data, `error` the log spread of the assay."""

    name: str
    signal: str
    unit: str
    protocols: tuple[str, ...]
    cohort: str
    seed: int
    subjects: int
    values: int
    censored: int
    replicates: int
    corrected: bool
    assay: str
    error: float
    panels: tuple[Panel, ...]
    errors: Errors
    notes: tuple[str, ...]

    @property
    def bands(self) -> list[Band]:
        """Every band of a percentile."""
        return [band for panel in self.panels for each in panel.bins for band in each.percentiles]

    def as_json(self) -> dict[str, Any]:
        """All of it by name, the single measurements aside; what lies below the limit is null."""
        whole = asdict(self)
        for panel, found in zip(whole["panels"], self.panels, strict=True):
            del panel["time"], panel["value"]
            for each, one in zip(panel["bins"], found.bins, strict=True):
                each["percentiles"] = {
                    f"{100 * share:g}": asdict(band) | {"inside": band.inside}
                    for share, band in zip(PERCENTILES, one.percentiles, strict=True)
                }
                each["below"] |= {"inside": one.below.inside}
        return whole


def predictive_check(
    seen: Observations,
    protocols: Sequence[Protocol],
    cohort: str,
    signal: str,
    of_signal: str,
    *,
    name: str,
    replicates: int,
    seed: int,
    bins: Binning | None = None,
    corrected: bool = False,
    noise: float | None = None,
    processes: int = 1,
    library: Sequence[Path] = (),
    told: Callable[[str], None] = lambda words: None,
) -> PredictiveCheck:
    """Simulate replicates of the data and compare.

    Parameters
    ----------
    seen : Observations
    protocols : sequence of Protocol
        Of each subject.
    cohort, signal, of_signal : str
        Whose virtual patients, what of them, its unit.
    name : str
        Of the data.
    replicates, seed : int
    bins : Binning, optional
    corrected : bool
        Prediction correction.
    noise : float, optional
        Log spread of one measurement, in place of that of the text of monitoring.
    processes : int
        The result does not depend on it.
    library : sequence of Path
    told : callable
        Is told what is simulated.

    Raises
    ------
    InputError
        When no simulated value reaches a bin, or a prediction that divides is nowhere above 0.
    """
    assay = assay_of(protocols, signal, of_signal, noise)
    told(f"{replicates} replicates of {len(seen.subjects)} subjects")
    simulated = replicate(
        seen,
        protocols,
        cohort,
        signal,
        of_signal,
        assay,
        count=replicates,
        seed=seed,
        processes=processes,
        library=library,
    )
    panels = compared(seen, simulated, bins or Binning(), corrected)
    return PredictiveCheck(
        name=name,
        signal=signal,
        unit=of_signal,
        protocols=tuple(dict.fromkeys(each.name for each in protocols)),
        cohort=cohort,
        seed=seed,
        subjects=len(seen.subjects),
        values=len(seen),
        censored=int(np.count_nonzero(seen.censored)),
        replicates=replicates,
        corrected=corrected,
        assay=assay.name,
        error=assay.noise,
        panels=panels,
        errors=prediction_errors(seen, simulated, seed),
        notes=_notes(seen, simulated, corrected, assay.noise, replicates),
    )


def compared(seen: Observations, simulated: Replicates, bins: Binning, corrected: bool) -> tuple[Panel, ...]:
    """Bins of each group; see `predictive_check`."""
    group = np.array(seen.group)[seen.subject]
    panels = []
    for name in dict.fromkeys(seen.group):
        points = np.flatnonzero(group == name)
        panels.append(_panel(name, points, seen, simulated, bins, corrected))
    return tuple(panels)


def percentile(values: Floats, share: float) -> Floats:
    """The percentile of each row; NaN are left out, minus infinity is lower than all else.

    Linear between neighbors; below the limit when the lower one of them is. NaN for a row without values.
    """
    ordered = np.sort(values, axis=-1)  # NaN last
    count = np.count_nonzero(~np.isnan(ordered), axis=-1)
    at = share * np.maximum(count - 1, 0)
    left = np.floor(at).astype(np.int64)
    right = np.minimum(left + 1, np.maximum(count - 1, 0))
    low = np.take_along_axis(ordered, left[..., None], -1)[..., 0]
    high = np.take_along_axis(ordered, right[..., None], -1)[..., 0]
    with np.errstate(invalid="ignore"):
        between = low + (high - low) * (at - left)
    return np.where(np.isneginf(low), -np.inf, between)


def prediction_errors(seen: Observations, simulated: Replicates, seed: int) -> Errors:
    """Where each measured value lies among the simulated ones, as a normal deviate.

    A censored one lies anywhere below its limit: a draw among the simulated values there.
    """
    from scipy.special import ndtri

    known = np.isfinite(simulated.value)
    count = known.sum(axis=0)
    usable = count > 0
    edge = np.where(seen.censored, seen.limit, seen.value)
    with np.errstate(invalid="ignore"):
        lower = np.count_nonzero(known & (simulated.value <= edge), axis=0)[usable] / count[usable]
    draw = uniform(seed, "prediction error below the limit", np.arange(len(seen)))[usable]
    place = np.where(seen.censored[usable], lower * draw, lower)
    half = 0.5 / count[usable]
    place = np.clip(place, half, 1 - half)
    deviates = ndtri(place)
    outside = (place < PERCENTILES[0]) | (place > PERCENTILES[-1])
    spread = float(np.std(deviates, ddof=1)) if deviates.size > 1 else np.nan
    return Errors(float(np.mean(deviates)), spread, float(np.mean(outside)))


def _panel(name: str, points: Ints, seen: Observations, simulated: Replicates, how: Binning, corrected: bool) -> Panel:
    bins = [points[each] for each in binned(seen.time[points], how)]
    if not bins:
        raise InputError("no measurement lies within the bins", given=list(how.edges))
    found, times, values = [], [], []
    for places in bins:
        censored = seen.censored[places]
        factors = _correction(simulated.truth[:, places]) if corrected else np.ones(places.size)
        observed = np.where(censored, -np.inf, seen.value[places] * factors)
        drawn = simulated.value[:, places]
        with np.errstate(invalid="ignore"):
            under = drawn <= seen.limit[places]
        replicates = np.where(under, -np.inf, drawn * factors)
        if not np.any(~np.isnan(replicates)):
            raise InputError(
                "no simulated patient is alive, or treated, at these times",
                given=f"day {seen.time[places].min():g} to {seen.time[places].max():g}",
            )
        limits = seen.limit[places]
        found.append(
            Bin(
                first=float(seen.time[places].min()),
                middle=float(np.median(seen.time[places])),
                last=float(seen.time[places].max()),
                values=places.size,
                censored=int(np.count_nonzero(censored)),
                percentiles=tuple(
                    _band(float(percentile(observed, share)), percentile(replicates, share)) for share in PERCENTILES
                ),
                below=_band(float(np.mean(censored)), _shares(under, drawn)),
                limit=float(np.median(limits[np.isfinite(limits)])) if np.isfinite(limits).any() else np.nan,
            )
        )
        times.append(seen.time[places])
        values.append(np.where(censored, np.nan, seen.value[places] * factors))
    subjects = np.unique(seen.subject[points]).size
    return Panel(name, subjects, tuple(found), np.concatenate(times), np.concatenate(values))


def _correction(truth: Floats) -> Floats:
    """Median prediction of the bin over the prediction of each point; NaN where that is not above 0.

    The prediction of a point is the median over its replicates: a typical patient with its time, dose and covariates.
    """
    point = percentile(truth.T, 0.5)
    usable = np.isfinite(point) & (point > 0)
    if not usable.any():
        raise InputError("prediction correction divides by predictions, and none in a bin is above 0")
    return np.where(usable, np.median(point[usable]) / np.where(usable, point, 1.0), np.nan)


def _shares(under: Flags, drawn: Floats) -> Floats:
    """Share below the limit in each replicate; NaN in one without values."""
    known = np.count_nonzero(~np.isnan(drawn), axis=1)
    return np.where(known > 0, np.count_nonzero(under, axis=1) / np.maximum(known, 1), np.nan)


def _band(observed: float, replicates: ArrayLike) -> Band:
    low, middle, high = (float(percentile(np.asarray(replicates, np.float64), share)) for share in _BAND)
    return Band(observed, low, middle, high)


def _notes(
    seen: Observations, simulated: Replicates, corrected: bool, noise: float, replicates: int
) -> tuple[str, ...]:
    """What a reader must know."""
    said = [
        "The bands hold 90 % of the replicates: differences between patients and of the assay, not the uncertainty of "
        "the model's parameters. Of many percentiles some lie outside by chance, and those of one subject go together."
    ]
    gone = float(np.mean(np.isnan(simulated.value)))
    if gone > 0.01:
        said.append(
            f"{100 * gone:.0f} % of the simulated values are missing: those patients have died, or were never treated. "
            "Who is missing from the data may be missing for other reasons."
        )
    if corrected:
        said.append("Prediction-corrected: values are shown as of the typical dose and covariates of their bin.")
        if seen.censored.any():
            said.append("Below the limit counts as lowest after the correction too, which is then an approximation.")
    if not noise:
        said.append("No error of the assay: no text of monitoring measures this signal, and none was given (--noise).")
    if seen.missing:
        said.append(f"{seen.missing} rows without a value were left out.")
    if replicates < _FEW:
        said.append(f"With {replicates} replicates the bands are rough: {_FEW} or more make them steady.")
    return tuple(said)
