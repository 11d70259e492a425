"""How well the simulated trials agree with the published ones: one vote for each trial and family of endpoints.

Only scored rows that are simulated vote. A family's vote is the share of its rows whose published value lies inside
the simulated 95 % interval. A row of overall survival counts as inside only if no scored row about transplants or
deaths of the same arms, of the same trial, lies outside: right survival for a wrong reason is no success.

The score against a predictor without a mechanism is the continuous ranked probability score of both, each row in units
of what chance does to the published figure, so that rows of all units can be averaged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from virtuall.calibrate.estimands import Estimand
from virtuall.calibrate.predictor import LEVELS, Floats, Prediction, between_trials, predict, sampling_sd
from virtuall.trial.endpoints import ENDPOINTS
from virtuall.trial.scoring import TrialRow

CALIBRATE, VALIDATE = "calibrate", "validate"
_SURVIVAL = "os"
# What must be right as well, where survival is.
_REASONS = ("transplant", "death")
# A median that was not reached stands at so many times the published one, or at the largest that was reached.
_NOT_REACHED = 2.0


@dataclass(frozen=True)
class Contest:
    """The model against the predictor on one row; lower is better.

    Attributes
    ----------
    model, predictor : float
        Continuous ranked probability score, in sampling standard deviations of the published figure.
    level : str
        Which rows the predictor rests on (`virtuall.calibrate.predictor.LEVELS`).
    same_class : bool
        Whether they are of the same class of therapy: only these count.
    trials : tuple of str
    low, median, high : float
        2.5, 50 and 97.5 % of the prediction, in the published unit.
    """

    model: float
    predictor: float
    level: str
    same_class: bool
    trials: tuple[str, ...]
    low: float
    median: float
    high: float


@dataclass(frozen=True)
class Judged:
    """A published row with all that is said of it.

    Attributes
    ----------
    row : TrialRow
    unit : str
        The trial or check that simulated it.
    held_back_by : tuple of str
        Targets that lie outside and take a row of survival with them.
    away : float or None
        |published - simulated median| in sampling standard deviations of the published figure; None when not known.
    contest : Contest or None
        None where no other trial has such a row, or too little is published.
    """

    row: TrialRow
    unit: str
    held_back_by: tuple[str, ...] = ()
    away: float | None = None
    contest: Contest | None = None

    @property
    def inside(self) -> bool:
        """Whether it counts as inside."""
        return bool(self.row.inside) and not self.held_back_by

    @property
    def votes(self) -> bool:
        """Whether it has a part in a vote."""
        return self.row.scored and self.row.inside is not None and self.row.use in (CALIBRATE, VALIDATE)


@dataclass(frozen=True)
class Vote:
    """The scored rows of one trial and one family that were simulated.

    Attributes
    ----------
    use, trial, family : str
    rows, inside : int
    share : float
        Of its rows inside.
    abs_z, width_ratio : float or None
        Medians over its rows, None where no row has one.
    inside50 : float
        Share of its rows whose published value lies between the quartiles.
    model, predictor : float or None
        Mean scores of its rows that can be compared.
    compared : int
        How many these are.
    """

    use: str
    trial: str
    family: str
    rows: int
    inside: int
    share: float
    abs_z: float | None
    width_ratio: float | None
    inside50: float
    model: float | None
    predictor: float | None
    compared: int


@dataclass(frozen=True)
class Score:
    """All votes of one use.

    Attributes
    ----------
    use : str
    scored, simulated, votes : int
        Scored rows, those of them that were simulated, and their votes.
    inside, abs_z, width_ratio, inside50 : float or None
        Mean share inside over votes, medians over votes, mean share of votes; None without votes.
    model, predictor : float or None
        Means over votes.
    compared, better : int
        Rows that were compared with the predictor, and those of them in which the model was better.
    """

    use: str
    scored: int
    simulated: int
    votes: int
    inside: float | None
    abs_z: float | None
    width_ratio: float | None
    inside50: float | None
    model: float | None
    predictor: float | None
    compared: int
    better: int


@dataclass(frozen=True)
class Goal:
    """What must hold.

    Attributes
    ----------
    use, words : str
    reached : float or None
    low, high : float
        Bounds of what is wanted.
    met : bool or None
        None where nothing voted.
    """

    use: str
    words: str
    reached: float | None
    low: float
    high: float

    @property
    def met(self) -> bool | None:
        """Whether the value reached lies within the bounds."""
        return None if self.reached is None else self.low <= self.reached <= self.high


def judge(rows: Iterable[tuple[str, TrialRow]], estimands: Mapping[str, Estimand]) -> tuple[Judged, ...]:
    """Judge every row once.

    Parameters
    ----------
    rows : iterable of (str, TrialRow)
        The unit that simulated it, and the row. A row that two units give is taken of the one that computes it.
    estimands : mapping of str to Estimand
        Of all units of the library, by target id.
    """
    own: dict[str, tuple[str, TrialRow]] = {}
    for unit, row in rows:
        if row.target not in own or (row.inside is not None and own[row.target][1].inside is None):
            own[row.target] = (unit, row)
    outside = [row for _, row in own.values() if row.scored and row.inside is False and row.family in _REASONS]
    pool = [each for each in estimands.values() if each.figure.scored and each.figure.use == CALIBRATE]
    between = between_trials(pool)
    judged = []
    for unit, row in own.values():
        estimand = estimands.get(row.target)
        contest = None
        if row.use == VALIDATE and row.scored and row.inside is not None and estimand is not None:
            prediction = predict(estimand, pool, between)
            contest = None if prediction is None else _contest(row, estimand, prediction)
        away = None if estimand is None else _away(row, estimand)
        judged.append(Judged(row, unit, _held_back(row, outside, estimands), away, contest))
    return tuple(judged)


def votes_of(judged: Iterable[Judged]) -> tuple[Vote, ...]:
    """The votes, in the order in which their first rows come."""
    groups: dict[tuple[str, str, str], list[Judged]] = {}
    for each in judged:
        if each.votes:
            groups.setdefault((each.row.use, each.row.trial, each.row.family), []).append(each)
    return tuple(_vote(*key, rows) for key, rows in groups.items())


def score_of(use: str, judged: Sequence[Judged], votes: Sequence[Vote]) -> Score:
    """The score of the rows of one use ("calibrate" or "validate")."""
    scored = [each for each in judged if each.row.use == use and each.row.scored]
    mine = [vote for vote in votes if vote.use == use]
    contests = [each.contest for each in scored if each.contest is not None and each.contest.same_class]
    return Score(
        use=use,
        scored=len(scored),
        simulated=sum(1 for each in scored if each.votes),
        votes=len(mine),
        inside=_mean(vote.share for vote in mine),
        abs_z=_median(vote.abs_z for vote in mine),
        width_ratio=_median(vote.width_ratio for vote in mine),
        inside50=_mean(vote.inside50 for vote in mine),
        model=_mean(vote.model for vote in mine),
        predictor=_mean(vote.predictor for vote in mine),
        compared=len(contests),
        better=sum(1 for contest in contests if contest.model < contest.predictor),
    )


def goals_of(calibrate: Score, validate: Score) -> tuple[Goal, ...]:
    """What must hold, beside what was reached."""
    lead = None
    if validate.model is not None and validate.predictor:
        lead = validate.model / validate.predictor
    return (
        Goal(CALIBRATE, "share of votes inside", calibrate.inside, 0.85, 1.0),
        Goal(CALIBRATE, "median distance in sampling standard deviations", calibrate.abs_z, 0.0, 1.0),
        Goal(VALIDATE, "share of votes inside", validate.inside, 0.75, 1.0),
        Goal(VALIDATE, "share of votes inside the 50 % interval", validate.inside50, 0.35, 0.65),
        Goal(VALIDATE, "median width beside that of sampling alone", validate.width_ratio, 0.0, 2.0),
        # A model that is as good as the predictor has learned nothing.
        Goal(VALIDATE, "score beside the predictor without a mechanism", lead, 0.0, math.nextafter(1.0, 0.0)),
    )


def _held_back(row: TrialRow, outside: Sequence[TrialRow], estimands: Mapping[str, Estimand]) -> tuple[str, ...]:
    if row.family != _SURVIVAL or not row.inside or row.target not in estimands:
        return ()
    arms = set(estimands[row.target].arms)
    return tuple(
        other.target
        for other in outside
        if other.trial == row.trial and other.target in estimands and arms & set(estimands[other.target].arms)
    )


def _away(row: TrialRow, estimand: Estimand) -> float | None:
    by = sampling_sd(estimand)
    return abs(row.published - row.median) / by if row.median is not None and by > 0 else None


def _contest(row: TrialRow, estimand: Estimand, prediction: Prediction) -> Contest | None:
    known, by = _reached(row, estimand), sampling_sd(estimand)
    if known is None or not by > 0:
        return None
    level = next(level for level in LEVELS if level.words == prediction.level)
    low, median, high = np.quantile(prediction.draws, [0.025, 0.5, 0.975])
    return Contest(
        model=crps(row.published, known, fair=True) / by,
        predictor=crps(row.published, prediction.draws) / by,
        level=level.words,
        same_class=not level.across,
        trials=prediction.trials,
        low=float(low),
        median=float(median),
        high=float(high),
    )


def crps(observed: float, draws: Floats, *, fair: bool = False) -> float:
    """The continuous ranked probability score of draws, in their unit: 0 is perfect.

    Parameters
    ----------
    observed : float
    draws : float64 array
    fair : bool
        The draws are random and few: estimate what many of them would score.
    """
    import scoringrules

    estimator = "fair" if fair and len(draws) > 1 else "nrg"
    return float(scoringrules.crps_ensemble(observed, draws, estimator=estimator, backend="numpy"))


def _reached(row: TrialRow, estimand: Estimand) -> Floats | None:
    """The replicates' values; a median that was not reached is set to a large one."""
    values = np.array(row.values)
    if not ENDPOINTS[estimand.what[0]].nan_means_not_reached:
        values = values[np.isfinite(values)]
    elif values.size:
        most = np.max(values[np.isfinite(values)], initial=_NOT_REACHED * row.published)
        values = np.where(np.isfinite(values), values, most)
    return values if values.size else None


def _vote(use: str, trial: str, family: str, rows: Sequence[Judged]) -> Vote:
    contests = [each.contest for each in rows if each.contest is not None and each.contest.same_class]
    inside = sum(1 for each in rows if each.inside)
    return Vote(
        use=use,
        trial=trial,
        family=family,
        rows=len(rows),
        inside=inside,
        share=inside / len(rows),
        abs_z=_median(None if each.row.z is None else abs(each.row.z) for each in rows),
        width_ratio=_median(each.row.width_ratio for each in rows),
        inside50=sum(1 for each in rows if each.row.inside50) / len(rows),
        model=_mean(contest.model for contest in contests),
        predictor=_mean(contest.predictor for contest in contests),
        compared=len(contests),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    low, high = (float(np.quantile(known, 0.5, method=way)) for way in ("lower", "higher"))  # inf - inf is none
    return low if low == high else (low + high) / 2
