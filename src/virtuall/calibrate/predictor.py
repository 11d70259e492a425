"""The predictor without a mechanism: what the other trials of the same class found, and how much trials differ.

For a row of a trial that was never fitted, the published rows that calibrate, of other trials and computed alike, are
combined to a random-effects mean, on the logit scale for shares and on the log scale for the rest. The prediction adds
the variance between trials and what chance does in a trial of the published size. The variance between trials is
DerSimonian and Laird's, averaged over all groups of like rows by their degrees of freedom: a group of two or three
trials alone would tell next to nothing of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from virtuall.calibrate.estimands import Estimand, near

Floats = NDArray[np.float64]
Effect = tuple[float, float]

# Draws of a prediction: as many quantiles of it at equal steps, so that no luck comes in.
QUANTILES = 400
# Width of a 95 % interval in standard deviations.
_WIDTH = 2 * NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Level:
    """Which rows a row is compared with.

    Attributes
    ----------
    words : str
    fits : callable
        Whether a row that calibrates is one of them.
    across : bool
        Whether they are of several classes of therapy.
    """

    words: str
    fits: Callable[[Estimand, Estimand], bool]
    across: bool = False


LEVELS = (
    Level("same class, same patients", lambda a, b: a.therapy == b.therapy and a.whose == b.whose),
    Level("same class, other patients", lambda a, b: a.therapy == b.therapy),
    Level("any class", lambda a, b: True, across=True),
)


@dataclass(frozen=True)
class Between:
    """Standard deviations between trials on the logit and on the log scale, within a class and across classes.

    NaN where no two trials have a row alike.
    """

    share: float
    share_across: float
    log: float
    log_across: float

    def of(self, share: bool, across: bool) -> float:
        """The one that a row needs."""
        return (self.share_across if across else self.share) if share else (self.log_across if across else self.log)


@dataclass(frozen=True)
class Prediction:
    """What the predictor says of a row.

    Attributes
    ----------
    draws : float64 array (QUANTILES,)
        In the published unit.
    level : str
        Words of a `Level`.
    trials : tuple of str
        The units (`Estimand.unit`) that it rests on.
    """

    draws: Floats
    level: str
    trials: tuple[str, ...]


def effect(row: Estimand) -> Effect | None:
    """A published figure with its sampling variance, on the logit scale for shares and the log scale for the rest.

    Of a share by its number of patients (one half is added to both counts); of anything else by its published 95 %
    interval, or, without one, as if the coefficient of variation between patients were one. None without a number of
    patients and an interval, or where the logarithm does not exist.
    """
    figure, n = row.figure, row.patients
    if row.share:
        p = _corrected(figure.value / row.factor, n)
        return (math.log(p / (1 - p)), _share_variance(p, n)) if 0 < p < 1 else None
    if figure.value <= 0:
        return None
    variance = _log_variance(row)
    return None if math.isnan(variance) else (math.log(figure.value / row.factor), variance)


def sampling_sd(row: Estimand) -> float:
    """The standard deviation of a published figure by chance, in the published unit; NaN when it is not known."""
    known = effect(row)
    if known is None:
        return math.nan
    at, variance = known
    if not row.share:
        return row.figure.value * math.sqrt(variance)
    p = 1 / (1 + math.exp(-at))
    return row.factor * p * (1 - p) * math.sqrt(variance)


def between_trials(rows: Iterable[Estimand]) -> Between:
    """The standard deviations between trials, from the rows that calibrate."""
    pool = list(rows)

    def of(share: bool, across: bool) -> float:
        groups: dict[tuple[object, ...], list[Estimand]] = {}
        for row in pool:
            if row.share == share:
                kind = (row.what, row.day) if across else (row.what, row.day, row.therapy, row.whose)
                groups.setdefault(kind, []).append(row)
        return _pooled([_by_trial(each) for each in groups.values()])

    return Between(of(True, False), of(True, True), of(False, False), of(False, True))


def predict(row: Estimand, pool: Sequence[Estimand], between: Between) -> Prediction | None:
    """Predict a row from others; None when there are none like it, or too little is known of them.

    Parameters
    ----------
    row : Estimand
    pool : sequence of Estimand
        The rows that calibrate; those of the same trial are left aside.
    between : Between
    """
    alike = [
        other
        for other in pool
        if other.figure.trial != row.figure.trial
        and other.what == row.what
        and other.share == row.share
        and near(other.day, row.day)
    ]
    for level in LEVELS:
        found = _by_trial([other for other in alike if level.fits(row, other)])
        sd = between.of(row.share, level.across)
        if found and not math.isnan(sd):
            mean, variance = _random_effects(list(found.values()), sd)
            own = _own_variance(row, mean)
            if math.isnan(own):
                return None
            return Prediction(_draws(row, mean, variance + sd**2 + own), level.words, tuple(found))
    return None


def _by_trial(rows: Iterable[Estimand]) -> dict[str, Effect]:
    """One effect for rows that share patients: their mean, no surer than one of them is."""
    found: dict[str, list[Effect]] = {}
    for row in rows:
        known = effect(row)
        if known is not None:
            found.setdefault(row.unit, []).append(known)
    return {unit: (_mean(e for e, _ in each), _mean(v for _, v in each)) for unit, each in found.items()}


def _pooled(groups: Iterable[Mapping[str, Effect]]) -> float:
    from statsmodels.stats.meta_analysis import combine_effects

    variances, freedom = [], []
    for group in groups:
        if len(group) > 1:
            effects, sampling = np.array(list(group.values())).T
            with np.errstate(all="ignore"):  # statistics that we do not read may not exist for two trials
                variances.append(max(float(combine_effects(effects, sampling, method_re="dl").tau2), 0.0))
            freedom.append(len(group) - 1)
    return math.sqrt(float(np.average(variances, weights=freedom))) if variances else math.nan


def _random_effects(found: Sequence[Effect], between: float) -> Effect:
    """The mean of trials and its variance, given the standard deviation between them."""
    effects, sampling = np.array(found).T
    weights = 1 / (sampling + between**2)
    return float(np.average(effects, weights=weights)), float(1 / weights.sum())


def _own_variance(row: Estimand, mean: float) -> float:
    return _share_variance(1 / (1 + math.exp(-mean)), row.patients) if row.share else _log_variance(row)


def _share_variance(p: float, n: float) -> float:
    return 1 / ((n + 1) * p * (1 - p))


def _log_variance(row: Estimand) -> float:
    low, high = row.figure.low, row.figure.high
    if low > 0 and high > 0:
        return (math.log(high / low) / _WIDTH) ** 2
    return 1 / row.patients


def _corrected(p: float, n: float) -> float:
    return (p * n + 0.5) / (n + 1)


def _draws(row: Estimand, mean: float, variance: float) -> Floats:
    normal = NormalDist(mean, math.sqrt(variance))
    at = np.array([normal.inv_cdf((place + 0.5) / QUANTILES) for place in range(QUANTILES)])
    return row.factor * (1 / (1 + np.exp(-at)) if row.share else np.exp(at))


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
