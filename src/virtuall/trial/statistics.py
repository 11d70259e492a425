"""The statistics of one trial as its statistician would report them: curves with bands, tests, shares with intervals.

All intervals are of 95 %. Estimates come from lifelines and statsmodels; the variance of a restricted mean is the only
one formed here (Greenwood's, since lifelines gives the spread of patients and not that of their mean).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virtuall.trial import survival
from virtuall.trial.endpoints import LEVELS, Patients, responded, times_to_event
from virtuall.trial.incidence import Incidence, incidences

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Survivals that are estimated, and those of them that two randomized arms are compared by.
ESTIMATED = ("os", "efs", "dor")
COMPARED = ("os", "efs")


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; NaN where one cannot be had, inf where it is not reached."""

    value: float
    low: float
    high: float


NOTHING = Estimate(np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class Landmark:
    """The share without the event at a day.

    Attributes
    ----------
    day : float
    share : Estimate
    at_risk : int
        Still followed and without the event on that day.
    exact : bool
        Nobody was censored before: the interval is that of Clopper and Pearson; else it is Greenwood's on the scale
        of log(-log).
    """

    day: float
    share: Estimate
    at_risk: int
    exact: bool


@dataclass(frozen=True, eq=False)
class KaplanMeier:
    """The curve of one arm.

    Attributes
    ----------
    arm, of : str
        The arm; "os", "efs" or "dor".
    patients, events : int
    days, share, low, high : float64 array
        A step at each day from day 0 on, with Greenwood's interval on the scale of log(-log).
    censored : float64 array
        Days at which somebody was last seen without the event.
    followed : float64 array
        Everybody's days to the event or the end of follow-up, ascending.
    median : Estimate
        Days; inf where not reached.
    landmarks : tuple of Landmark
    mean : Estimate
        Restricted mean in days up to `mean_until`.
    mean_until : float
    """

    arm: str
    of: str
    patients: int
    events: int
    days: Floats
    share: Floats
    low: Floats
    high: Floats
    censored: Floats
    followed: Floats
    median: Estimate
    landmarks: tuple[Landmark, ...]
    mean: Estimate
    mean_until: float

    def at(self, days: ArrayLike) -> Floats:
        """The share without the event at `days`."""
        return np.asarray(self.share[np.searchsorted(self.days, np.asarray(days, np.float64), side="right") - 1])


@dataclass(frozen=True)
class Effect:
    """A survival of the first arm against the second.

    Attributes
    ----------
    first, second, of : str
    hazard_ratio : Estimate
        Cox's, Efron's rule for equal times, interval of Wald.
    p, log_rank_p : float
        Two-sided, of Wald's and of the log-rank test.
    mean_difference : Estimate
        Of the restricted means, days.
    """

    first: str
    second: str
    of: str
    hazard_ratio: Estimate
    p: float
    log_rank_p: float
    mean_difference: Estimate


@dataclass(frozen=True)
class Response:
    """How many of an arm responded; the interval is that of Clopper and Pearson."""

    arm: str
    levels: tuple[str, ...]
    count: int
    of: int
    share: Estimate


@dataclass(frozen=True)
class ResponseDifference:
    """Response of the first arm less that of the second (interval of Newcombe), with Fisher's exact p."""

    first: str
    second: str
    levels: tuple[str, ...]
    difference: Estimate
    p: float


@dataclass(frozen=True)
class TrialStatistics:
    """One trial.

    Attributes
    ----------
    arms : tuple of str
    responses : tuple of Response
    response_differences : tuple of ResponseDifference
        Of the first arm against each other one, like `effects`.
    curves : tuple of KaplanMeier
    effects : tuple of Effect
    incidences : tuple of Incidence
        Of what ends a first remission.
    """

    arms: tuple[str, ...]
    responses: tuple[Response, ...]
    response_differences: tuple[ResponseDifference, ...]
    curves: tuple[KaplanMeier, ...]
    effects: tuple[Effect, ...]
    incidences: tuple[Incidence, ...]

    def curve(self, arm: str, of: str) -> KaplanMeier | None:
        """The curve of an arm, None when there is none."""
        return next((curve for curve in self.curves if (curve.arm, curve.of) == (arm, of)), None)

    def effect(self, of: str) -> Effect | None:
        """The first comparison by a survival, None when there is none."""
        return next((effect for effect in self.effects if effect.of == of), None)

    def as_json(self) -> dict[str, Any]:
        """All of it by name."""
        return asdict(self)


def trial_statistics(
    outcomes: pd.DataFrame, arms: Sequence[str], *, response_by: float, landmarks: Sequence[float], until: float
) -> TrialStatistics:
    """The statistics of one trial.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        One row a patient of one replicate, as known at the data cut (`virtuall.trial.accrual.cut_data`), with ``arm``.
    arms : sequence of str
        The first is compared with each other one.
    response_by : float
        Days within which a response must come.
    landmarks : sequence of float
        Days at which shares are told.
    until : float
        Days up to which means are restricted; less where an arm is not followed so long.
    """
    groups = {arm: outcomes[outcomes["arm"] == arm] for arm in arms}
    groups = {arm: group for arm, group in groups.items() if len(group)}
    curves, effects = [], []
    for of in ESTIMATED:
        rule: dict[str, Any] = {} if of == "os" else {"response_by": response_by}
        times = {arm: times_to_event(cast(Patients, group), of, **rule) for arm, group in groups.items()}
        times = {arm: pair for arm, pair in times.items() if pair[0].size}
        if not times:
            continue
        last = min(until, *(float(_end_of_curve(*pair, until)) for pair in times.values()))
        found = {
            arm: kaplan_meier(*pair, arm=arm, of=of, landmarks=landmarks, until=last) for arm, pair in times.items()
        }
        curves += list(found.values())
        first = arms[0]
        if of in COMPARED and first in found:
            effects += [effect(times[first], times[arm], found[first], found[arm]) for arm in arms[1:] if arm in found]
    first_arm, *others = groups
    responses, differences = [], []
    for levels in (LEVELS, LEVELS[:1]):
        counts = {arm: responded(cast(Patients, group), levels, by=response_by) for arm, group in groups.items()}
        responses += [response(flags, arm, levels) for arm, flags in counts.items()]
        differences += [response_difference(counts[first_arm], counts[arm], first_arm, arm, levels) for arm in others]
    return TrialStatistics(
        arms=tuple(groups),
        responses=tuple(responses),
        response_differences=tuple(differences),
        curves=tuple(curves),
        effects=tuple(effects),
        incidences=tuple(
            each for arm, group in groups.items() for each in incidences(group, arm=arm, response_by=response_by)
        ),
    )


def kaplan_meier(
    time: ArrayLike,
    event: ArrayLike,
    *,
    arm: str = "",
    of: str = "",
    landmarks: Sequence[float] = (),
    until: float = np.inf,
) -> KaplanMeier:
    """The curve of a group of at least one patient (``lifelines.KaplanMeierFitter``).

    Parameters
    ----------
    time, event
        As in `virtuall.trial.survival.survival_curve`.
    arm, of : str
    landmarks : sequence of float
        Days at which the share is told; those after the last day seen are left out.
    until : float
        Days up to which the mean is restricted; no later than the end of follow-up.
    """
    from lifelines import KaplanMeierFitter
    from lifelines.utils import median_survival_times

    days, happened = np.asarray(time, np.float64), np.asarray(event, bool)
    fit = KaplanMeierFitter().fit(days, happened)
    band = fit.confidence_interval_
    low, high = np.moveaxis(band.to_numpy(np.float64), 1, 0)
    share = fit.survival_function_.iloc[:, 0].to_numpy(np.float64)
    # Before the first event nothing is uncertain by Greenwood; after the last patient's nothing can be said.
    low, high = np.where(share >= 1, 1.0, low), np.where(share >= 1, 1.0, high)
    bounds = median_survival_times(band).to_numpy(np.float64).ravel()
    median = survival.median_survival(days, happened)  # lifelines misses a share of one half by round-off
    until = min(until, float(_end_of_curve(days, happened, until)))
    return KaplanMeier(
        arm=arm,
        of=of,
        patients=days.size,
        events=int(np.count_nonzero(happened)),
        days=fit.survival_function_.index.to_numpy(np.float64),
        share=share,
        low=low,
        high=high,
        censored=np.sort(days[~happened]),
        followed=np.sort(days),
        median=Estimate(np.inf if np.isnan(median) else median, float(np.min(bounds)), float(np.max(bounds))),
        landmarks=tuple(_landmark(days, happened, fit, day) for day in landmarks if day <= days.max()),
        mean=restricted_mean(days, happened, until),
        mean_until=until,
    )


def restricted_mean(time: ArrayLike, event: ArrayLike, until: float) -> Estimate:
    """Mean time without the event up to `until` (days), with the interval by Greenwood's variance."""
    from lifelines import KaplanMeierFitter
    from lifelines.utils import restricted_mean_survival_time

    days, happened = np.asarray(time, np.float64), np.asarray(event, bool)
    fit = KaplanMeierFitter().fit(days, happened)
    value = float(restricted_mean_survival_time(fit, t=until))
    half = _normal() * _mean_error(days, happened, until)
    return Estimate(value, value - half, value + half)


def effect(ours: tuple[Floats, Flags], theirs: tuple[Floats, Flags], first: KaplanMeier, second: KaplanMeier) -> Effect:
    """A survival of one group against another: times and event flags of both, and their curves."""
    from lifelines.statistics import logrank_test

    ratio, p = hazard_ratio(ours, theirs)
    errors = [_mean_error(*pair, curve.mean_until) for pair, curve in ((ours, first), (theirs, second))]
    difference = first.mean.value - second.mean.value
    half = _normal() * float(np.hypot(errors[0], errors[1]))
    tested = logrank_test(ours[0], theirs[0], ours[1], theirs[1]) if ours[1].any() or theirs[1].any() else None
    return Effect(
        first=first.arm,
        second=second.arm,
        of=first.of,
        hazard_ratio=ratio,
        p=p,
        log_rank_p=np.nan if tested is None else float(tested.p_value),
        mean_difference=Estimate(difference, difference - half, difference + half),
    )


def hazard_ratio(ours: tuple[Floats, Flags], theirs: tuple[Floats, Flags]) -> tuple[Estimate, float]:
    """Hazard ratio of one group against another, with Wald's two-sided p (``lifelines.CoxPHFitter``).

    NaN where it cannot be estimated.
    """
    import pandas as pd
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError, ConvergenceWarning

    time, event = (np.concatenate(pair) for pair in zip(ours, theirs, strict=True))
    member = np.arange(time.size) < ours[0].size
    if not np.isfinite(survival.hazard_ratio(time, event, member)):
        return NOTHING, np.nan
    frame = pd.DataFrame({"time": time, "event": event, "member": member.astype(np.float64)})
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            fit = CoxPHFitter().fit(frame, "time", "event")
        except (ConvergenceError, ConvergenceWarning):  # one group has nearly all events: no finite ratio fits
            return NOTHING, np.nan
    low, high = np.exp(fit.confidence_intervals_.to_numpy(np.float64).ravel())
    estimate = Estimate(float(fit.hazard_ratios_["member"]), float(low), float(high))
    return estimate, float(fit.summary["p"].iloc[0])


def response(flags: ArrayLike, arm: str = "", levels: Sequence[str] = LEVELS) -> Response:
    """The share of responders with its exact interval (statsmodels)."""
    answered = np.asarray(flags, bool)
    count = int(np.count_nonzero(answered))
    return Response(arm, tuple(levels), count, answered.size, exact_share(count, answered.size))


def exact_share(count: int, of: int) -> Estimate:
    """A share with the interval of Clopper and Pearson; NaN when of nobody."""
    from statsmodels.stats.proportion import proportion_confint

    if not of:
        return NOTHING
    low, high = proportion_confint(count, of, method="beta")
    # nobody, or everybody: statsmodels leaves the closed end open
    return Estimate(count / of, float(low) if count else 0.0, float(high) if count < of else 1.0)


def response_difference(
    ours: ArrayLike, theirs: ArrayLike, first: str = "", second: str = "", levels: Sequence[str] = LEVELS
) -> ResponseDifference:
    """Responders of one group less those of another (statsmodels, scipy)."""
    from scipy.stats import fisher_exact
    from statsmodels.stats.proportion import confint_proportions_2indep

    counts, sizes = zip(*((np.count_nonzero(flags), np.size(flags)) for flags in (ours, theirs)), strict=True)
    low, high = confint_proportions_2indep(counts[0], sizes[0], counts[1], sizes[1], method="newcomb")
    value = float(counts[0] / sizes[0] - counts[1] / sizes[1])
    table = np.array([[count, size - count] for count, size in zip(counts, sizes, strict=True)])
    p = float(fisher_exact(table).pvalue)
    return ResponseDifference(first, second, tuple(levels), Estimate(value, float(low), float(high)), p)


def of_arms(statistics: TrialStatistics) -> Mapping[str, tuple[KaplanMeier, ...]]:
    """The curves by what they are of, in the order of the arms."""
    return {of: tuple(curve for curve in statistics.curves if curve.of == of) for of in ESTIMATED}


def _landmark(days: Floats, happened: Flags, fit: Any, day: float) -> Landmark:
    at_risk = int(survival.number_at_risk(days, [day])[0])
    exact = not bool(np.any(~happened & (days < day)))
    if exact:
        without = days.size - int(np.count_nonzero(happened & (days <= day)))
        return Landmark(day, exact_share(without, days.size), at_risk, exact)
    place = int(np.searchsorted(fit.survival_function_.index.to_numpy(np.float64), day, side="right")) - 1
    value = float(fit.survival_function_.iloc[place, 0])
    low, high = fit.confidence_interval_.to_numpy(np.float64)[place]
    return Landmark(day, Estimate(value, float(low), float(high)), at_risk, exact)


def _end_of_curve(days: Floats, happened: Flags, until: float) -> float:
    """Up to when the curve is known: to the last day seen, or to the end when everybody had the event."""
    last = float(days.max())
    return until if np.isfinite(until) and bool(happened[days == last].all()) else last


def _mean_error(days: Floats, happened: Flags, until: float) -> float:
    """Greenwood's standard error of the restricted mean."""
    curve = survival.survival_curve(days, happened)
    inside = curve.time <= until
    times, shares = curve.time[inside], curve.survival[inside]
    if not times.size:
        return 0.0
    later = np.cumsum((shares * np.diff(np.append(times, until)))[::-1])[::-1]  # area from each event on
    at_risk = survival.number_at_risk(days, times)
    deaths = np.array([np.count_nonzero(happened & (days == each)) for each in times], np.float64)
    left = at_risk - deaths
    term = np.divide(deaths, at_risk * left, out=np.zeros_like(left), where=left > 0)
    return float(np.sqrt(np.sum(later**2 * term)))


def _normal() -> float:
    """The 97.5th percentile of the normal distribution."""
    from scipy.stats import norm

    return float(norm.ppf(0.975))
