"""Simulated beside published: one row for each published figure, with failures and what is not simulated."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from virtuall.core.errors import TextError, UnitError
from virtuall.core.units import unit as read_unit
from virtuall.trial.charted import EventColumn, with_events
from virtuall.trial.endpoints import ENDPOINTS, HAPPENED
from virtuall.trial.mapping import Mapped, Row
from virtuall.trial.published import Published
from virtuall.trial.replicates import Stack, evaluate
from virtuall.trial.traced import SignalColumn, signal_columns

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Floats = NDArray[np.float64]

RESAMPLES = 200
_ROUND_OFF = 1e-12
_SHOWN = (0.025, 0.25, 0.5, 0.75, 0.975)
_BOUNDS, _QUARTILES = (0.025, 0.975), (0.25, 0.75)
# How published units are written, where it differs from the units of the texts.
_UNIT_WORDS = {
    "ratio": "1",
    "odds ratio": "1",
    "cells/uL": "cell/uL",
    "copies/ug": "copy/ug",
    "copies/ug gDNA": "copy/ug",
    "cycles": "cycle",
    "months": "month",
    "mo": "month",
    "weeks": "week",
    "days": "d",
    "years": "year",
    "y": "year",
    "lines": "1",
    "HR": "1",
    "events/patient-year": "1/year",
    "": "1",
}
# Published counts: a share of so many.
_COUNTS = ("patients", "relapses")
_JSON = (
    "target",
    "trial",
    "arm",
    "endpoint",
    "timepoint",
    "unit",
    "simulated",
    "low",
    "high",
    "width_ratio",
    "published",
    "published_low",
    "published_high",
    "use",
    "scored",
    "mark",
    "inside",
)


@dataclass(frozen=True)
class TrialRow:
    """A published figure and its simulated counterpart.

    Attributes
    ----------
    target, trial, arm, endpoint, timepoint, unit, use, mark : str
        As published.
    simulated : float or None
        Mean over replicates of the published size. Of a median survival: mean of the replicates in which the
        median was reached; None when that is half of them or fewer.
    low, high : float or None
        2.5 and 97.5 % of the replicates. A median that was not reached counts as larger than any; `high` is
        inf when it is one of those (None in JSON).
    width_ratio : float or None
        (high - low) against the same width by resampling patients at fixed parameters: 1 means that the
        interval is as sharp as the size of the trial allows.
    published, published_low, published_high : float or None
        Value and 95 % confidence interval.
    scored : bool
        Whether the row counts.
    inside : bool or None
        low <= published <= high, a share unrounded where its count is told (`Published.exact`); None when not
        simulated, or only once.
    median, low50, high50 : float or None
        50, 25 and 75 % of the replicates; a median survival not reached counts as larger than any (inf).
    inside50 : bool or None
        low50 <= published <= high50; None when not simulated, or only once.
    sampling_sd : float or None
        Standard deviation by resampling patients at fixed parameters; of a median survival that some resamples did
        not reach, that of a normal distribution with the same quartiles.
    z : float or None
        (published - simulated) / `sampling_sd`: the distance in units of what chance does in a trial of this size.
        Infinite where every resample agrees on another value.
    values : tuple of float
        One for each replicate, in the published unit; NaN where the endpoint could not be had.
    family : str
        As in ``published.csv``: rows that vote together.
    replicates, not_reached : int
        How many replicates, and in how many of them the endpoint could not be had.
    note : str
        Why not simulated, or what to know.
    label : str
        Which patients, where the arm does not say it.
    event_kind, population, source : str
        As published.
    """

    target: str
    trial: str
    arm: str
    endpoint: str
    timepoint: str
    unit: str
    simulated: float | None
    low: float | None
    high: float | None
    width_ratio: float | None
    published: float
    published_low: float | None
    published_high: float | None
    use: str
    scored: bool
    mark: str
    inside: bool | None
    median: float | None = None
    low50: float | None = None
    high50: float | None = None
    inside50: bool | None = None
    sampling_sd: float | None = None
    z: float | None = None
    values: tuple[float, ...] = field(default=(), repr=False)
    family: str = ""
    replicates: int = 0
    not_reached: int = 0
    note: str = ""
    label: str = ""
    event_kind: str = ""
    population: str = ""
    source: str = ""

    @property
    def made(self) -> bool:
        """Whether it was simulated; from one figure there is no interval, and so neither inside nor outside."""
        return self.simulated is not None or self.low is not None

    def as_json(self) -> dict[str, Any]:
        """The row with the keys promised for ``--json``; what is not finite is None."""
        return {name: _finite(getattr(self, name)) for name in _JSON}


def score_trial(
    outcomes: pd.DataFrame,
    events: pd.DataFrame,
    published: Sequence[Published],
    mapped: Mapped,
    *,
    seed: int,
    signals: xr.Dataset | None = None,
    resamples: int = RESAMPLES,
) -> tuple[TrialRow, ...]:
    """Score every published row.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        All replicates stacked: the outcomes of patients with ``replicate``, ``arm`` and unique ``patient``;
        with ``follow_up`` where the data were cut (`virtuall.trial.accrual.cut_data`).
    events : pandas.DataFrame
        Events of these patients (the kinds named in the mapping suffice).
    published : sequence of Published
    mapped : Mapped
    seed : int
        Of the resamples.
    signals : xarray.Dataset, optional
        Over patient and time, for rows about signals; patients in the order of `outcomes`.
    resamples : int
        For the sampling-only width; 0 leaves `width_ratio` out.

    Returns
    -------
    tuple of TrialRow
        In the order of `published`, one each.
    """
    wanted = [column for row in mapped.rows for column in row.events]
    outcomes, unseen = with_events(outcomes, events, wanted, mapped.cycle_days)
    stack = Stack(outcomes, _traces(signals, [row.column for row in mapped.rows], outcomes))
    drawn: dict[str, list[Any]] = {}
    by_target = {}
    for row in mapped.rows:
        reason = _cannot(row, stack, unseen, signals)
        values, widths = np.empty(0), np.empty(0)
        if not reason:
            values = evaluate(stack, row, stack.blocks(row))
            if resamples:
                key = f"{row.size} {row.earliest} {row.group.get('arm') if row.size else ''}"
                drawn.setdefault(key, stack.resamples(row, seed, resamples))
                widths = evaluate(stack, row, drawn[key])
        by_target.update(dict.fromkeys(row.targets, (row, values, widths, reason)))
    return tuple(_scored(figure, by_target, mapped) for figure in published)


def score(
    figure: Published,
    values: Floats,
    resampled: Floats,
    *,
    not_reached_is_large: bool = False,
    note: str = "",
) -> TrialRow:
    """Score one figure.

    Parameters
    ----------
    figure : Published
    values : float64 array
        One for each replicate, in the published unit; NaN where the endpoint could not be had.
    resampled : float64 array
        The same for resamples at fixed parameters; empty leaves `width_ratio` out.
    not_reached_is_large : bool
        NaN means "not reached yet", which is larger than any value (median survival). Otherwise such
        replicates are left out.
    note : str
    """
    finite = values[np.isfinite(values)]
    missing = values.size - finite.size
    low, low50, median, high50, high = _quantiles(values, not_reached_is_large, _SHOWN)
    notes = [note] if note else []
    if (values.size if not_reached_is_large else finite.size) == 1:
        low = low50 = high50 = high = math.nan
        notes.append("one figure tells no spread")
    reached_enough = finite.size > (values.size / 2 if not_reached_is_large else 0)
    if missing:
        word = "median not reached" if not_reached_is_large else "cannot be estimated"
        notes.append(f"{word} in {missing} of {values.size} replicates")
    sampling_low, sampling_high = _quantiles(resampled, not_reached_is_large, _BOUNDS)
    width, sampling = high - low, sampling_high - sampling_low
    simulated = float(finite.mean()) if reached_enough else None
    sampling_sd = _deviation(resampled, not_reached_is_large)
    return _row(
        figure,
        simulated=simulated,
        low=_number(low),
        high=_number(high),
        width_ratio=float(width / sampling) if np.isfinite(width) and sampling > 0 else None,
        inside=_within(low, figure.exact, high),
        median=_number(median),
        low50=_number(low50),
        high50=_number(high50),
        inside50=_within(low50, figure.exact, high50),
        sampling_sd=sampling_sd,
        z=_distance(figure.value, simulated, sampling_sd),
        values=tuple(values.tolist()),
        replicates=values.size,
        not_reached=missing,
        note="; ".join(notes),
    )


def _within(low: float, value: float, high: float) -> bool | None:
    """Whether the value lies between the bounds, both included; None without bounds."""
    if math.isnan(low):
        return None
    slack = _ROUND_OFF * abs(value)  # the same count of the same patients is the same share
    return bool(low - slack <= value <= high + slack)


def _scored(figure: Published, by_target: Mapping[str, tuple[Row, Floats, Floats, str]], mapped: Mapped) -> TrialRow:
    if figure.target not in by_target:
        reason = mapped.not_simulated.get(figure.target, "no endpoint is mapped to this row")
        return _row(figure, note=f"not simulated yet: {reason}")
    row, values, resampled, reason = by_target[figure.target]
    if reason:
        return _row(figure, note=f"not simulated: {reason}", label=row.label)
    factor = published_factor(row, figure)
    scored = score(
        figure,
        values * factor,
        resampled * factor,
        not_reached_is_large=ENDPOINTS[row.endpoint].nan_means_not_reached,
        note=row.note,
    )
    return replace(scored, label=row.label)


def _row(figure: Published, **simulated: Any) -> TrialRow:
    nothing = {"simulated": None, "low": None, "high": None, "width_ratio": None, "inside": None}
    return TrialRow(
        target=figure.target,
        trial=figure.trial,
        arm=figure.arm,
        endpoint=figure.endpoint,
        timepoint=figure.timepoint,
        unit=figure.unit,
        published=figure.value,
        published_low=_number(figure.low),
        published_high=_number(figure.high),
        use=figure.use,
        scored=figure.scored,
        mark=figure.mark,
        event_kind=figure.event_kind,
        population=figure.population,
        source=figure.source,
        family=figure.family,
        **{**nothing, **simulated},
    )


def _quantiles(values: Floats, not_reached_is_large: bool, wanted: Sequence[float]) -> list[float]:
    known = np.where(np.isnan(values), np.inf, values) if not_reached_is_large else values[~np.isnan(values)]
    if known.size == 0:
        return [math.nan] * len(wanted)
    if np.isfinite(known).all():
        return [float(each) for each in np.quantile(known, wanted)]
    # no interpolation toward infinity
    return [float(np.quantile(known, each, method="lower" if each < 0.5 else "higher")) for each in wanted]


def _deviation(resampled: Floats, not_reached_is_large: bool) -> float | None:
    known = resampled[np.isfinite(resampled)]
    if known.size == resampled.size or not not_reached_is_large:
        return float(known.std(ddof=1)) if known.size > 1 else None
    low, high = _quantiles(resampled, True, _QUARTILES)
    return (high - low) / (2 * NormalDist().inv_cdf(0.75)) if np.isfinite(high) else None


def _distance(published: float, simulated: float | None, deviation: float | None) -> float | None:
    if simulated is None or deviation is None:
        return None
    away = published - simulated
    if deviation > 0:
        return away / deviation
    return math.copysign(math.inf, away) if away else 0.0


def published_factor(row: Row, figure: Published) -> float:
    """What turns the computed value of `row` into the unit of `figure`; NaN for a count of unknown patients.

    Raises
    ------
    TextError, UnitError
    """
    word = figure.unit.partition(" (")[0]  # a remark may follow in brackets
    ours = read_unit(row.unit)
    if word in _COUNTS and ours.same(read_unit("1")):
        return float(row.out_of or figure.n or math.nan)
    theirs = read_unit(_UNIT_WORDS.get(word, word))
    if not ours.same_dimension(theirs):
        raise TextError(
            f"the endpoint {row.endpoint} is in {row.unit}, the published row {figure.target} is not",
            given=figure.unit,
            where=row.where,
        )
    return float(ours.factor_to(theirs))


def check_units(mapped: Mapped, published: Iterable[Published]) -> None:
    """Refuse rows whose computed unit cannot become the published one.

    Raises
    ------
    TextError, UnitError
    """
    by_target = {target: row for row in mapped.rows for target in row.targets}
    for figure in published:
        if figure.target in by_target:
            try:
                published_factor(by_target[figure.target], figure)
            except UnitError as error:
                raise TextError(str(error), where=by_target[figure.target].where) from error


def _cannot(row: Row, stack: Stack, unseen: frozenset[str], signals: xr.Dataset | None) -> str:
    for column in row.events:
        if column.subject in unseen:
            return f"no event of the kind {column.subject!r} occurred for anybody"
    if isinstance(row.column, SignalColumn):
        if signals is None:
            return "no signals were recorded"
        if row.column.signal not in signals:
            return f"the signal {row.column.signal!r} was not recorded"
    for name in _columns(row):
        if name not in stack.columns:
            return f"the outcomes have no column {name!r}"
    if not stack.blocks(row):
        return f"fewer patients than one group of {row.size}"
    return ""


def _columns(row: Row) -> list[str]:
    """The columns that a row reads and that not every simulation has."""
    found = [
        row.since,
        *(column.before for column in row.events),
        *(str(row.options.get(key) or "") for key in ("column", "first", "last")),
    ]
    found += ["accrual_day"] if row.earliest is not None else []
    found += ["supply_failure", "infused_day"] if row.endpoint == "not_infused_share" else []
    found += [day for name, day in HAPPENED.items() if name in {*row.group, *row.against}]
    return [name for name in found if name]


def _traces(
    signals: xr.Dataset | None, columns: Iterable[EventColumn | SignalColumn | None], outcomes: pd.DataFrame
) -> dict[str, Floats]:
    if signals is None:
        return {}
    wanted = [c for c in columns if isinstance(c, SignalColumn) and c.signal in signals]
    wanted = [c for c in wanted if not c.since or c.since in outcomes]
    days = {c.since: outcomes[c.since].to_numpy(float) for c in wanted if c.since}
    last_day = outcomes["follow_up"].to_numpy(float) if "follow_up" in outcomes else None
    return signal_columns(signals, wanted, days, last_day)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
