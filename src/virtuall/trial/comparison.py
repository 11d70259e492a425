"""Two results of the same virtual patients, patient by patient: paired differences with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.response import NONE
from virtuall.core.errors import InputError
from virtuall.core.records import CARE, EFFECT
from virtuall.trial.care_response import CareResponse, first_severe_doses, responded_to_care
from virtuall.trial.episodes import places_of, worst_grades
from virtuall.trial.paired import UNKNOWN, Interval, Spread, mean_differences, share_difference, with_parameters
from virtuall.trial.reporting import ComparisonText

if TYPE_CHECKING:
    import pandas as pd

    from virtuall.simulation.result import Result

Floats = NDArray[np.float64]
Better = Literal["more", "less", ""]

SHARE = "share"


@dataclass(frozen=True)
class Row:
    """One outcome under A and under B.

    Attributes
    ----------
    group, name : str
        Such as "response" and "CR".
    unit : str
        "share" for shares of patients (numbers from 0 to 1), else the unit of the mean.
    a, b : float
        Share or mean under each.
    difference, low, high : float
        A minus B, with its 95 % interval from patients alone.
    only_a, only_b : int
        Shares: patients in whom it came true under that one only. Means: patients with more of it under that one.
    better : str
        Whether "more" or "less" is better for the patient; empty where neither can be said.
    pairs : int
        Patients whose outcome is known under both.
    low_with_parameters, high_with_parameters : float
        The 95 % interval from patients and parameters; NaN without parameter sets.
    between_sets : float
        Standard deviation of the difference between parameter sets, luck taken out; NaN without them.
    """

    group: str
    name: str
    unit: str
    a: float
    b: float
    difference: float
    low: float
    high: float
    only_a: int
    only_b: int
    better: Better
    pairs: int
    low_with_parameters: float = np.nan
    high_with_parameters: float = np.nan
    between_sets: float = np.nan

    @property
    def widest(self) -> tuple[float, float]:
        """The bounds that hold most: of patients and parameters where there are some, else of patients."""
        if np.isfinite(self.low_with_parameters):
            return self.low_with_parameters, self.high_with_parameters
        return self.low, self.high

    @property
    def better_a(self) -> int | None:
        """In how many patients it went better under A; None where better cannot be said."""
        return None if not self.better else self.only_a if self.better == "more" else self.only_b

    @property
    def better_b(self) -> int | None:
        """In how many patients it went better under B."""
        return None if not self.better else self.only_b if self.better == "more" else self.only_a

    def as_json(self) -> dict[str, Any]:
        """All of it by name."""
        return asdict(self) | {"better_a": self.better_a, "better_b": self.better_b}


@dataclass(frozen=True)
class Side:
    """A or B: protocol, title, and how many simulations failed."""

    protocol: str
    title: str
    failed: int


@dataclass(frozen=True)
class Comparison:
    """Paired differences between two protocols.

    Attributes
    ----------
    a, b : Side
    cohort : str
    seed, patients, pairs : int
        `pairs`: patients whose simulation went to its end under both; only they count.
    days : float
        How long each was followed.
    rows : tuple of Row
    changed : tuple of str
        Names of the texts that B has otherwise than A.
    notes : tuple of str
        What a reader must know.
    sets : int
        How many parameter sets the pairs are spread over; 0 when all have the same parameters.
    outside : tuple of str
        What of it no calibrated trial covers.
    """

    a: Side
    b: Side
    cohort: str
    seed: int
    patients: int
    pairs: int
    days: float
    rows: tuple[Row, ...]
    changed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sets: int = 0
    outside: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The comparison with the keys promised for ``--json``."""
        return asdict(self) | {"rows": [row.as_json() for row in self.rows]}


@dataclass(frozen=True)
class _Measure:
    """An outcome of the pairs under A and under B; numbers, NaN where not known, and 0 or 1 for shares."""

    group: str
    name: str
    unit: str
    better: Better
    a: Floats = field(repr=False)
    b: Floats = field(repr=False)


def compare_results(
    a: Result,
    b: Result,
    *,
    days: float,
    text: ComparisonText,
    answer: CareResponse | None = None,
    changed: Sequence[str] = (),
    more: Sequence[str] = (),
    sets: NDArray[np.int64] | None = None,
) -> Comparison:
    """Compare two results of the same patients; pure.

    Parameters
    ----------
    a, b : Result
        Of the same ids and seed, followed for the same time.
    days : float
        How long each patient was followed, in both.
    text : ComparisonText
        What is counted.
    answer : CareResponse, optional
        The response to a drug of care that is asked of those who got it under A, or else under B.
    changed, more : sequence of str
        Names of the texts that differ, and further notes: they are passed on.
    sets : int64[N], optional
        The parameter set of each patient, the same in both.

    Raises
    ------
    InputError
        When the results are of different patients, or fewer than two pairs are left.
    """
    ids = a.outcomes["patient"].to_numpy()
    if a.patients.seed != b.patients.seed or a.patients.cohort != b.patients.cohort:
        raise InputError(
            "the results are of different patients",
            given=f"{a.patients.cohort}, seed {a.patients.seed}, and {b.patients.cohort}, seed {b.patients.seed}",
        )
    if not np.array_equal(ids, b.outcomes["patient"].to_numpy()):
        raise InputError("the results are of different patients", hint="simulate the same ids, in the same order")
    sound = (a.status == 0) & (b.status == 0)
    if np.count_nonzero(sound) < 2:
        raise InputError("too few patients were simulated to the end under both", given=int(np.count_nonzero(sound)))
    under_a, under_b = (_Charted(each, ids[sound], sound, days) for each in (a, b))
    measures = [*_measures(under_a, under_b, text), *_answers(under_a, under_b, answer)]
    rows = _rows(measures, a.patients.seed, None if sets is None else sets[sound])
    failed = [int(np.count_nonzero(each.status)) for each in (a, b)]
    return Comparison(
        Side(a.protocol.name, a.protocol.title, failed[0]),
        Side(b.protocol.name, b.protocol.title, failed[1]),
        a.patients.cohort,
        a.patients.seed,
        len(ids),
        int(np.count_nonzero(sound)),
        float(days),
        rows,
        tuple(changed),
        (*_notes(a, b, rows, int(np.count_nonzero(sound)), sets), *more),
        0 if sets is None else len(np.unique(sets)),
    )


class _Charted:
    """Outcomes and graded events of the pairs on one side."""

    def __init__(self, result: Result, ids: NDArray[np.int64], sound: NDArray[np.bool_], days: float) -> None:
        self.days, self.ids = days, ids
        self.frame: pd.DataFrame = result.outcomes[sound]
        self.levels = result.protocol.response.ranks[1:]
        self.scales = {graded.name: graded.scale for graded in result.protocol.monitoring.graded}
        self.chart = result.events[result.events["patient"].isin(ids)]
        worst = worst_grades(self.chart, self.scales.values())
        self.titles = _titles(result)
        self.kind = _names(worst)
        self.grade = worst["value"].to_numpy(float)
        self.row = self.rows_of(worst["patient"])

    def rows_of(self, patients: pd.Series) -> NDArray[np.int64]:
        return places_of(patients, self.ids)

    def doses(self, product: str) -> Floats:
        """Doses of care of a product, by patient."""
        given = self.chart[(self.chart["kind"] == CARE) & (self.chart["what"] == product)]
        return np.bincount(self.rows_of(given["patient"]), minlength=len(self.ids)).astype(np.float64)

    def answered(self, first: pd.Series, text: CareResponse) -> Floats:
        """Whether those with a first dose on this day answered; NaN for the others."""
        found = np.full(len(self.ids), np.nan)
        if len(first):
            answered = responded_to_care(self.chart, first, text, self.scales[text.of])
            found[self.rows_of(answered.index.to_series())] = answered.to_numpy(float)
        return found

    def first_doses(self, text: CareResponse) -> pd.Series:
        """The day of the first dose in a severe first episode, of those who got one."""
        return first_severe_doses(self.chart, text, self.scales[text.of])

    def products_of_care(self) -> set[str]:
        """What was given as care."""
        return set(self.chart[self.chart["kind"] == CARE]["what"].unique())

    def number(self, name: str) -> Floats:
        """A column of the outcomes; NaN where there is no such column."""
        if name not in self.frame:
            return np.full(len(self.frame), np.nan)
        return self.frame[name].to_numpy(np.float64)

    def words(self, name: str) -> NDArray[np.str_]:
        """A column of words; empty where there is no such column."""
        return self.frame[name].to_numpy(str) if name in self.frame else np.full(len(self.frame), "")

    def happened(self, name: str) -> Floats:
        """Whether the day of this is known and within the follow-up."""
        return (self.number(name) <= self.days).astype(np.float64)

    def cells_infused(self) -> Floats:
        """Who was infused with cells made for them; other products have a day of infusion too, but are not made."""
        return self.happened("product_ready_day") * self.happened("infused_day")

    def counts(self, kind: str, least: float) -> Floats:
        """Events of a kind from a grade on, by patient."""
        these = (self.kind == kind) & (self.grade >= least)
        return np.bincount(self.row[these], minlength=len(self.ids)).astype(np.float64)

    def dead_by(self, day: float) -> Floats:
        """Dead by a day: NaN for those not followed so long."""
        dead = self.number("death_day") <= day
        return np.where(dead | (self.number("last_day") >= day - 1e-9), dead, np.nan)

    def days_alive(self) -> Floats:
        """Days alive within the follow-up; their mean is the restricted mean survival time."""
        death, last = self.number("death_day"), self.number("last_day")
        known = np.isfinite(death) | (last >= self.days - 1e-9)
        return np.where(known, np.fmin(death, self.days), np.nan)

    @property
    def has_cells(self) -> bool:
        """Whether cells were collected from anybody, or could not be."""
        return bool(np.isfinite(self.number("collected_day")).any() or (self.words("supply_failure") != "").any())


def _titles(result: Result) -> dict[str, str]:
    """What kinds of events are called: by the title of their text, where all of a kind have the same."""
    titles: dict[str, set[str]] = {EFFECT: {"lesser effect"}}
    for event in result.protocol.events:
        if not event.fatal:
            titles.setdefault(event.kind, set()).add(event.title)
    return {kind: next(iter(named)) for kind, named in titles.items() if len(named) == 1}


def _names(events: pd.DataFrame) -> NDArray[np.str_]:
    """What events are called: what is graded on a scale by its title, with the scale where there are several."""
    kind, what, scale = (events[name].to_numpy(str) for name in ("kind", "what", "rule"))
    scales: dict[str, set[str]] = {}
    for title, each in set(zip(what.tolist(), scale.tolist(), strict=True)):
        scales.setdefault(title, set()).add(each)
    several = np.array([len(scales[title]) > 1 for title in what.tolist()], bool)
    titled = np.where(several, np.char.add(np.char.add(what, ", "), scale), what)
    return np.asarray(np.where(what == "", kind, titled), str)


def _measures(a: _Charted, b: _Charted, text: ComparisonText) -> list[_Measure]:
    return [*_responses(a, b), *_deaths(a, b, text), *_course(a, b), *_toxicities(a, b, text), *_care(a, b)]


def _responses(a: _Charted, b: _Charted) -> list[_Measure]:
    """The best level alone, all levels together, no residual disease; for responses judged on both sides."""
    if not a.levels or not b.levels:
        return []
    best = [side.words("best_response") for side in (a, b)]
    found = []
    if a.levels[-1] == b.levels[-1]:
        found.append((a.levels[-1], *((words == a.levels[-1]).astype(float) for words in best)))
    levels = tuple(dict.fromkeys((*reversed(a.levels), *reversed(b.levels))))
    if len(levels) > 1:
        found.append(("/".join(levels), *((words != NONE).astype(float) for words in best)))
    found.append(("MRD-negative", a.number("mrd_negative"), b.number("mrd_negative")))
    return [_Measure("response", name, SHARE, "more", first, second) for name, first, second in found]


def _deaths(a: _Charted, b: _Charted, text: ComparisonText) -> list[_Measure]:
    found = [
        _Measure("survival", f"dead by day {day:g}", SHARE, "less", a.dead_by(day), b.dead_by(day))
        for day in text.deaths_by
        if day <= a.days
    ]
    causes, titles = [side.words("death_cause") for side in (a, b)], a.titles | b.titles
    for cause in sorted({*causes[0], *causes[1]} - {""}):
        both = [(words == cause).astype(float) for words in causes]
        name = f"died of {titles.get(cause, cause)}"
        found.append(_Measure("survival", name, SHARE, "less", both[0], both[1]))
    name = f"days alive of {a.days:g}"
    return [*found, _Measure("survival", name, "d", "more", a.days_alive(), b.days_alive())]


def _course(a: _Charted, b: _Charted) -> list[_Measure]:
    rows: list[tuple[str, Better, str]] = [("relapse", "less", "relapse_day"), ("transplant", "", "transplant_day")]
    found = [
        _Measure("course", words, SHARE, better, a.happened(name), b.happened(name)) for words, better, name in rows
    ]
    if a.has_cells or b.has_cells:
        found.append(_Measure("course", "cells infused", SHARE, "", a.cells_infused(), b.cells_infused()))
    return found


def _care(a: _Charted, b: _Charted) -> list[_Measure]:
    rows: list[tuple[str, str, Better, str]] = [
        ("days in hospital", "d", "less", "bed_days"),
        ("days in intensive care", "d", "less", "intensive_days"),
        ("days of infusion", "d", "", "infusion_days"),
        ("later lines of therapy", "lines", "less", "lines_after"),
    ]
    found = [
        _Measure("care", words, unit, better, a.number(name), b.number(name)) for words, unit, better, name in rows
    ]
    for product in sorted(a.products_of_care() | b.products_of_care()):
        words, both = product.replace("_", " "), (a.doses(product), b.doses(product))
        found.append(_Measure("care", f"given {words}", SHARE, "", *((each > 0).astype(float) for each in both)))
        found.append(_Measure("care", f"doses of {words}", "per patient", "", *both))
    return found


def _answers(a: _Charted, b: _Charted, text: CareResponse | None) -> list[_Measure]:
    """Response to a drug of care of those who got it under A, or else B, and the course of the same patients there."""
    if text is None or text.of not in a.scales or text.of not in b.scales:
        return []
    first = next((doses for doses in (a.first_doses(text), b.first_doses(text)) if len(doses) > 1), None)
    if first is None:
        return []
    return [_Measure("care", text.title, SHARE, "more", a.answered(first, text), b.answered(first, text))]


def _toxicities(a: _Charted, b: _Charted, text: ComparisonText) -> list[_Measure]:
    severe, found = text.severe_grade, []
    titles = a.titles | b.titles
    named = {str(kind): titles.get(str(kind), str(kind).replace("_", " ")) for kind in {*a.kind, *b.kind}}
    kinds = sorted(named, key=lambda kind: named[kind].casefold())
    for kind in kinds:
        words = named[kind]
        # where only severe events are simulated, "any grade" would promise more than there is
        milder = any(bool(np.any(side.grade[side.kind == kind] < severe)) for side in (a, b))
        for name, least in ((f"{words}, any grade", 0), (f"{words}, grade {severe} or more", severe)):
            if least or milder:
                both = [(side.counts(kind, least) > 0).astype(float) for side in (a, b)]
                found.append(_Measure("toxicity", name, SHARE, "less", both[0], both[1]))
    for kind in kinds:
        both = [side.counts(kind, 0) for side in (a, b)]
        found.append(_Measure("toxicity", f"{named[kind]}, events", "per patient", "less", both[0], both[1]))
    return found


def _rows(measures: Sequence[_Measure], seed: int, sets: NDArray[np.int64] | None) -> tuple[Row, ...]:
    means = [each for each in measures if each.unit != SHARE]
    differences = np.stack([each.a - each.b for each in means], axis=1)
    intervals = dict(zip((id(each) for each in means), mean_differences(differences, seed), strict=True))
    return tuple(_row(each, intervals.get(id(each)), sets) for each in measures)


def _row(measure: _Measure, interval: Interval | None, sets: NDArray[np.int64] | None) -> Row:
    known = np.isfinite(measure.a) & np.isfinite(measure.b)
    a, b = measure.a[known], measure.b[known]
    if interval is None:
        interval = share_difference(a > 0, b > 0)
    spread = UNKNOWN if sets is None else with_parameters(measure.a - measure.b, sets, interval)
    if measure.unit == SHARE:
        spread = Spread(max(spread.low, -1.0), min(spread.high, 1.0), spread.between)
    return Row(
        measure.group,
        measure.name,
        measure.unit,
        float(a.mean()) if a.size else np.nan,
        float(b.mean()) if b.size else np.nan,
        *interval,
        int(np.count_nonzero(a > b)),
        int(np.count_nonzero(b > a)),
        measure.better,
        int(a.size),
        *spread,
    )


def _notes(a: Result, b: Result, rows: Sequence[Row], pairs: int, sets: NDArray[np.int64] | None) -> tuple[str, ...]:
    said = [
        "The same patients with the same luck under both. " + _parameter_words(sets),
        "Response and relapse are those of the protocol itself; deaths, events, transplant and care are counted over "
        "the whole follow-up, later lines included.",
        "Causes of death compete: who is kept from dying of one may die of another.",
    ]
    left_out = len(a) - pairs
    if left_out:
        said.append(
            f"{left_out} of {len(a)} patients are left out because their simulation failed: "
            f"{np.count_nonzero(a.status)} under A, {np.count_nonzero(b.status)} under B."
        )
    if a.protocol.response != b.protocol.response:
        said.append(
            f"Response is judged by different texts: {a.protocol.response.title} (A), {b.protocol.response.title} (B)."
        )
    fewer = [row.name for row in rows if row.pairs < pairs]
    if fewer:
        said.append(f"Not known for every patient: {', '.join(fewer)}.")
    return tuple(said)


def _parameter_words(sets: NDArray[np.int64] | None) -> str:
    if sets is None:
        return (
            "The intervals are of differences between patients only: "
            "the uncertainty of the model's parameters is not in them."
        )
    sizes = np.unique(sets, return_counts=True)[1]
    least, most = sizes.min(), sizes.max()
    return (
        f"They are spread over {len(sizes)} calibrated parameter sets, {least}{f' or {most}' if most > least else ''} "
        "pairs each, the same set for a patient under both. One interval is of patients alone, one of patients and "
        "parameters."
    )
