"""The utility of every candidate on the same patients: ranked, with paired intervals, limits and trade-offs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from virtuall.analysis.explore_measures import Measure
from virtuall.analysis.explore_text import Term
from virtuall.core.errors import TextError
from virtuall.trial.comparison import SHARE
from virtuall.trial.paired import NOTHING, Interval, mean_differences, share_difference

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
_PERCENT = 100.0


@dataclass(frozen=True)
class Estimate:
    """A measure under a candidate, and its difference to the base with its 95 % interval."""

    value: float
    to_base: Interval


@dataclass(frozen=True)
class Limit:
    """A limit of a measure, in the measure's unit; NaN where there is none on that side."""

    measure: str
    at_most: float
    at_least: float

    def excess(self, value: float) -> float:
        """By how much a value breaks it; 0 where it keeps it."""
        return float(max(np.nan_to_num(value - self.at_most), np.nan_to_num(self.at_least - value), 0.0))


@dataclass(frozen=True)
class Score:
    """What came of a candidate.

    Attributes
    ----------
    measures : mapping of str to Estimate
    utility : float
        Points: for each weighted term the weight times percent, or times the mean.
    to_base : Interval
        Utility minus that of the base.
    below_best : Interval
        Utility of the best one minus this one's.
    excess : float
        By how much it breaks limits, in units of theirs and summed; 0 where it keeps all.
    pareto : bool
        No other candidate is as good in every term and better in one.
    """

    measures: Mapping[str, Estimate]
    utility: float
    to_base: Interval
    below_best: Interval
    excess: float
    pareto: bool

    @property
    def apart(self) -> bool:
        """Whether the best one is told apart from it."""
        return self.below_best.low > 0


def read_limits(terms: Sequence[Term], measures: Mapping[str, Measure]) -> tuple[Limit, ...]:
    """Limits in the units of their measures.

    Raises
    ------
    TextError
        When a limit is of another unit.
    """
    found = []
    for term in terms:
        unit = measures[term.measure].unit
        wanted = "d" if unit == "d" else "1" if unit in (SHARE, "per patient", "cycles", "lines") else unit
        sides = [np.nan, np.nan]
        for place, given in enumerate((term.at_most, term.at_least)):
            if given is not None:
                try:
                    sides[place] = given.to(wanted).value
                except TextError as error:
                    problem = f"the limit of {term.measure} is in {'percent' if unit == SHARE else wanted}"
                    raise TextError(problem, given=given.given, where=given.position, hint=error.hint) from None
        found.append(Limit(term.measure, *sides))
    return tuple(found)


def values_of(frame: pd.DataFrame, measures: Mapping[str, Measure]) -> dict[str, Floats]:
    """One number a patient for each measure; NaN for patients whose simulation failed."""
    sound = frame["status"].to_numpy() == 0
    return {name: np.where(sound, each.read(frame), np.nan) for name, each in measures.items()}


def utilities(values: Mapping[str, Floats], measures: Mapping[str, Measure], terms: Sequence[Term]) -> Floats:
    """Utility of each patient, in points; its mean is that of the candidate."""
    total = sum((_points(measures[term.measure]) * term.weight * values[term.measure] for term in terms), np.zeros(1))
    return np.asarray(total, np.float64)


def _points(measure: Measure) -> float:
    return _PERCENT if measure.unit == SHARE else 1.0


def mean_of(values: Floats) -> float:
    """The mean of those who are known."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else np.nan


def excess_of(values: Mapping[str, Floats], limits: Sequence[Limit]) -> float:
    """By how much limits are broken in all."""
    return sum(each.excess(mean_of(values[each.measure])) for each in limits)


def scores(
    values: Sequence[Mapping[str, Floats]],
    base: int,
    measures: Mapping[str, Measure],
    weighted: Sequence[Term],
    limits: Sequence[Limit],
    seed: int,
    beyond: Sequence[bool] = (),
) -> list[Score]:
    """Score every candidate of the same patients.

    Parameters
    ----------
    values : sequence of mapping of str to float64[N]
        As of `values_of`, each of the same patients in the same order.
    base : int
        The place of the base among them.
    measures : mapping of str to Measure
        All that is told.
    weighted, limits : sequence of Term, of Limit
    seed : int
        Keys the draws of the bootstrap.
    beyond : sequence of bool
        Who lies beyond the doses and days of the shipped regimens: never the best where another one is as good.

    Returns
    -------
    list of Score
        In their order.
    """
    points = np.stack([utilities(each, measures, weighted) for each in values], axis=1)
    means = np.array([mean_of(column) for column in points.T])
    excess = np.array([excess_of(each, limits) for each in values])
    best = int(np.lexsort((np.array(beyond or [False] * len(means)), -means, excess))[0])
    alone = share_points(measures, weighted)
    to_base = utility_differences(points - points[:, [base]], alone, seed)
    below_best = utility_differences(points[:, [best]] - points, alone, seed)
    to_base[base] = below_best[best] = Interval(0.0, 0.0, 0.0)
    told = {
        name: _estimates([each[name] for each in values], base, measure, seed) for name, measure in measures.items()
    }
    front = pareto(values, measures, weighted, limits)
    return [
        Score(
            {name: found[place] for name, found in told.items()},
            float(means[place]),
            to_base[place],
            below_best[place],
            float(excess[place]),
            bool(front[place]),
        )
        for place in range(len(values))
    ]


def share_points(measures: Mapping[str, Measure], weighted: Sequence[Term]) -> float:
    """How far the shares of a utility can move it in one patient: the root of their squared points, summed."""
    shares = [term for term in weighted if measures[term.measure].unit == SHARE]
    return float(np.sqrt(sum((_PERCENT * term.weight) ** 2 for term in shares)))


def utility_differences(differences: Floats, alone: float, seed: int) -> list[Interval]:
    """Mean of each column of differences of utilities, with a paired 95 % interval.

    Shares change in few patients, and a bootstrap of few says too much. So two patients are added who differ as far as
    one can, one to each side, and the interval is Wald's of all: for a utility of one share this is Bonett and Price's
    interval (2012), as `virtuall.trial.paired.share_difference` has it. Utilities of means alone are bootstrapped.

    Parameters
    ----------
    differences : float64[N, K]
        One row a patient; NaN where a difference is not known.
    alone : float
        How far they differ; 0 for a utility of means alone.
    seed : int
        Keys the draws of the bootstrap.
    """
    if not alone:
        return mean_differences(differences, seed)
    return [_with_two_more(column[np.isfinite(column)], alone) for column in differences.T]


def _with_two_more(values: Floats, alone: float) -> Interval:
    from scipy.special import ndtri

    if not values.size:
        return NOTHING
    more = np.append(values, (alone, -alone))
    half = float(ndtri(0.975)) * float(more.std()) / np.sqrt(more.size)
    return Interval(float(values.mean()), float(more.mean() - half), float(more.mean() + half))


def _estimates(values: Sequence[Floats], base: int, measure: Measure, seed: int) -> list[Estimate]:
    """Means with their paired differences to the base."""
    if measure.unit != SHARE:
        differences = np.stack([each - values[base] for each in values], axis=1)
        intervals = mean_differences(differences, seed)
    else:
        intervals = [_share(each, values[base]) for each in values]
    intervals[base] = Interval(0.0, 0.0, 0.0)
    return [Estimate(mean_of(each), interval) for each, interval in zip(values, intervals, strict=True)]


def _share(values: Floats, base: Floats) -> Interval:
    known = np.isfinite(values) & np.isfinite(base)
    return share_difference(values[known] > 0, base[known] > 0) if known.any() else NOTHING


def pareto(
    values: Sequence[Mapping[str, Floats]],
    measures: Mapping[str, Measure],
    weighted: Sequence[Term],
    limits: Sequence[Limit],
) -> NDArray[np.bool_]:
    """Who keeps the limits and is not beaten: no other keeps them, is as good in all weighted terms, better in one."""
    gains = np.array(
        [[np.sign(term.weight) * mean_of(each[term.measure]) for term in weighted] for each in values], np.float64
    )
    keeps = np.array([excess_of(each, limits) == 0 for each in values], bool)
    found = keeps.copy()
    for place in np.flatnonzero(keeps):
        others = gains[keeps]
        found[place] = not np.any(np.all(others >= gains[place], axis=1) & np.any(others > gains[place], axis=1))
    return found
