"""Exposure and response of the patients of a cohort: quarters with exact intervals, a fitted relation, other doses.

The relation is that of an observational study: whoever has more leukemia clears drug or expands cells differently, and
answers differently too. What a higher dose does to the same patients is told beside it, by simulation (`Dose`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from virtuall.analysis.exposure_fit import Fit, Scale, fit_shares, fit_times
from virtuall.analysis.exposure_outcome import Crossing, Outcome, Share, Time, read_outcome
from virtuall.analysis.exposure_quarters import Quarter, quarters_of_shares, quarters_of_times
from virtuall.analysis.scaled_dose import scaled
from virtuall.analysis.signal_measure import SignalMeasure, first_cycle, is_made, read_measure
from virtuall.core.errors import InputError
from virtuall.trial.statistics import NOTHING, Estimate, exact_share

if TYPE_CHECKING:
    from virtuall.model import Model
    from virtuall.population import Population
    from virtuall.simulation.protocol import Protocol
    from virtuall.simulation.result import Result

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
# Recorded times: every two hours show the peak of an infusion; cells move over days.
_EVERY, _EVERY_OF_CELLS = 1 / 12, 0.5
# Fewer patients than this make no four groups.
_LEAST = 8


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes
    ----------
    exposure : SignalMeasure
    response : Outcome
    days : float
        Follow-up of each patient.
    scale : "log", "linear" or "auto"
        Of exposure in the regression; "auto": logarithmic.
    adjust : tuple of str
        Covariates of a second regression beside exposure.
    doses : tuple of float
        The same patients at so many times the dose.
    until : float
        Day after enrollment at which survival under these doses is told.
    """

    exposure: SignalMeasure
    response: Outcome
    days: float
    until: float
    scale: Scale = "log"
    adjust: tuple[str, ...] = ()
    doses: tuple[float, ...] = ()


@dataclass(frozen=True)
class Dose:
    """The same patients at a changed dose: the median exposure of those exposed, and the share of all who respond.

    For times to an event `response` is the share without it at `until` days after enrollment.
    """

    factor: float
    exposure: float
    response: Estimate
    until: float | None


@dataclass(frozen=True, eq=False)
class ExposureResponse:
    """What was found.

    Attributes
    ----------
    protocol, cohort : str
    seed, patients : int
    days : float
    exposure, unit, response : str
    kind : "share" or "time"
    values : float64 array
        Exposure of those who are counted.
    answered : bool array or None
        Who responded; None for times.
    quarters : tuple of Quarter
    fit, adjusted : Fit or None
    doses : tuple of Dose
    unexposed, unknown, early, failed : int
        Left out: without exposure, without a known response, with the event within the window, not simulated.
    from_day : float
        Times count from this day of treatment; 0 for shares.
    notes : tuple of str
    """

    protocol: str
    cohort: str
    seed: int
    patients: int
    days: float
    exposure: str
    unit: str
    response: str
    kind: Literal["share", "time"]
    values: Floats
    answered: Flags | None
    quarters: tuple[Quarter, ...]
    fit: Fit | None
    adjusted: Fit | None
    doses: tuple[Dose, ...]
    unexposed: int
    unknown: int
    early: int
    failed: int
    from_day: float
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """All of it by name, the single patients aside."""
        whole = asdict(replace(self, values=np.empty(0), answered=None))
        return {name: value for name, value in whole.items() if name not in ("values", "answered")}


def ask(
    protocol: Protocol,
    exposure: str | None,
    response: str | None,
    *,
    days: float | None = None,
    scale: Scale = "log",
    adjust: Sequence[str] = (),
    doses: Sequence[float] = (),
) -> Question:
    """The question in its words, checked against the protocol.

    Parameters
    ----------
    protocol : Protocol
    exposure : str or None
        By default of the signal that the text of the product names: the peak of cells, else the mean, both over the
        first cycle.
    response : str or None
        By default the best response of any level.
    days : float, optional
        Follow-up; the protocol's own by default.
    scale, adjust, doses
        See `Question`.

    Raises
    ------
    InputError
        When a name is unknown (nearest match offered), a window is longer than the follow-up, or a dose is not above 0.
    """
    from virtuall.model import load_system
    from virtuall.trial.reporting import comparison_text

    followed = protocol.follow_up if days is None else float(days)
    model = load_system(protocol.library)
    signals = tuple(name for name, _ in model.system.signals)
    window = first_cycle(protocol)
    words = default_exposure(protocol) if exposure is None else exposure
    measure = read_measure(words, signals, window)
    counted = comparison_text(protocol.library)
    asked = default_response(protocol) if response is None else response
    outcome = read_outcome(asked, protocol, followed, counted, signals, window)
    for each in (measure, outcome.measure if isinstance(outcome, Crossing) else measure):
        if not is_made(protocol) and protocol.regimen.start + each.last > followed:
            hint = f"treatment begins on day {protocol.regimen.start:g}"
            raise InputError(f"the patients are followed for {followed:g} days only", given=each.name, hint=hint)
    for factor in doses:
        if not 0 < factor < np.inf:
            raise InputError("a dose is a number above 0, times that of the protocol", given=factor)
    wanted = tuple(dict.fromkeys(each for each in doses if each != 1.0))
    until = max((day for day in counted.deaths_by if day <= followed), default=followed)
    return Question(measure, outcome, followed, until, scale, _covariates(adjust, model), wanted)


def default_exposure(protocol: Protocol) -> str:
    """The peak of cells, else the mean, of the signal that the product's text names: of several what clinics measure.

    Raises
    ------
    InputError
        When the text names none.
    """
    product = protocol.products[protocol.regimen.product]
    if not product.signals:
        raise InputError(
            "the text of the product names no signal of exposure", given=product.name, hint="name one: --exposure"
        )
    measured = {each.signal for each in protocol.monitoring.observables}
    signal = next((each for each in product.signals if each in measured), product.signals[0])
    return f"{'mean' if product.input else 'max'} {signal}"


def default_response(protocol: Protocol) -> str:
    """Every level of response; overall survival where the protocol knows none."""
    return "/".join(reversed(protocol.response.ranks[1:])) or "OS"


def exposure_response(
    patients: Population,
    protocol: Protocol,
    question: Question,
    *,
    processes: int = 1,
    told: Callable[[str], None] = lambda words: None,
) -> ExposureResponse:
    """Simulate the patients and tell how response goes with exposure.

    Parameters
    ----------
    patients : Population
    protocol : Protocol
    question : Question
        As `ask` reads it.
    processes : int
        The result does not depend on it.
    told : callable
        Is told which dose was simulated.

    Raises
    ------
    InputError
        When too few patients have an exposure, or all have the same.
    """
    simulated = _simulated(patients, protocol, question, processes)
    found = relation(simulated, question)
    if not question.doses:
        return found
    rows = [_dose(simulated, question, 1.0)]
    for factor in question.doses:
        told(f"the same patients at {factor:g} times the dose")
        changed = _simulated(patients, scaled(protocol, factor), question, processes)
        rows.append(_dose(changed, question, factor))
    return replace(found, doses=tuple(sorted(rows, key=lambda row: row.factor)))


def relation(result: Result, question: Question) -> ExposureResponse:
    """The relation in a result whose records hold the signals of the question; see `exposure_response`."""
    from virtuall.analysis.explore_patients import patient_frame

    outcome, protocol = question.response, result.protocol
    values, unit = _exposure(result, question.exposure)
    frame = patient_frame(result)
    simulated = result.status == 0
    exposed = simulated & np.isfinite(values) & ((values > 0) | (question.scale == "linear"))
    begin = _begin(result)
    others = {name: result.patients.columns[name] for name in question.adjust}
    early = unknown = 0
    from_day = 0.0
    answered: Flags | None = None
    if isinstance(outcome, Time):
        from_day = question.exposure.last if outcome.landmark else 0.0
        time, event, there = outcome.times(frame, begin + from_day)
        counted = exposed & there
        early = int(np.count_nonzero(exposed & ~there))
        kept = counted[there]
        time, event = time[kept], event[kept]
        x = values[counted]
        _check_exposures(x, question)
        quarters = quarters_of_times(x, time, event)
        fit = fit_times(x, time, event, question.scale, unit)
        beside = {name: column[counted] for name, column in others.items()}
        adjusted = fit_times(x, time, event, question.scale, unit, beside) if others else None
    else:
        said = _answers(result, frame, outcome)
        counted = exposed & np.isfinite(said)
        unknown = int(np.count_nonzero(exposed & ~np.isfinite(said)))
        x, answered = values[counted], said[counted] > 0
        _check_exposures(x, question)
        quarters = quarters_of_shares(x, answered)
        fit = fit_shares(x, answered, question.scale, unit)
        beside = {name: column[counted] for name, column in others.items()}
        adjusted = fit_shares(x, answered, question.scale, unit, beside) if others else None
    found = ExposureResponse(
        protocol=protocol.name,
        cohort=result.patients.cohort,
        seed=result.patients.seed,
        patients=len(result),
        days=question.days,
        exposure=question.exposure.name,
        unit=unit,
        response=outcome.name,
        kind="share" if answered is not None else "time",
        values=x,
        answered=answered,
        quarters=quarters,
        fit=fit,
        adjusted=adjusted,
        doses=(),
        unexposed=int(np.count_nonzero(simulated & ~exposed)),
        unknown=unknown,
        early=early,
        failed=int(np.count_nonzero(~simulated)),
        from_day=from_day,
        notes=(),
    )
    return replace(found, notes=_notes(found, question))


def recorded_times(protocol: Protocol, question: Question) -> Floats:
    """The days that are recorded: a fine grid up to the last day asked for, all days where cells are made."""
    measures = [question.exposure]
    if isinstance(question.response, Crossing):
        measures.append(question.response.measure)
    if is_made(protocol):
        return np.asarray(_EVERY_OF_CELLS * np.arange(np.floor(question.days / _EVERY_OF_CELLS) + 1))
    last = protocol.regimen.start + max(each.last for each in measures)
    return np.asarray(_EVERY * np.arange(np.ceil(last / _EVERY) + 1))


def _simulated(patients: Population, protocol: Protocol, question: Question, processes: int) -> Result:
    from virtuall.simulation.simulate import simulate

    names = [question.exposure.signal]
    if isinstance(question.response, Crossing):
        names.append(question.response.measure.signal)
    return simulate(
        patients,
        protocol,
        days=question.days,
        record=tuple(dict.fromkeys(names)),
        times=recorded_times(protocol, question),
        chart="key",
        processes=processes,
    )


def _begin(result: Result) -> Floats:
    """The day on which each patient's treatment begins; NaN where it never does."""
    outcomes = result.outcomes
    if is_made(result.protocol):
        return outcomes["infused_day"].to_numpy(np.float64)
    started = outcomes["cycles_started"].to_numpy(np.float64) > 0
    return np.where(started, result.protocol.regimen.start, np.nan)


def _exposure(result: Result, measure: SignalMeasure) -> tuple[Floats, str]:
    records = result.records
    place = records.names.index(measure.signal)
    numbers = measure.of(records.times, records.values[:, :, place], _begin(result))
    return numbers, measure.unit(records.units.get(measure.signal, "1"))


def _answers(result: Result, frame: Any, outcome: Share | Crossing) -> Floats:
    if isinstance(outcome, Share):
        return outcome.measure.read(frame)
    return outcome.of(*_exposure(result, outcome.measure))


def _dose(result: Result, question: Question, factor: float) -> Dose:
    """Response of all who were simulated, exposed or not: a dose that reaches nobody shows as such."""
    from virtuall.analysis.explore_patients import patient_frame

    values, _ = _exposure(result, question.exposure)
    frame, fine = patient_frame(result), result.status == 0
    reached = values[fine & np.isfinite(values) & (values > 0)]
    exposure = float(np.median(reached)) if reached.size else np.nan
    outcome = question.response
    if isinstance(outcome, Time):
        from virtuall.trial.statistics import kaplan_meier

        time, event, there = outcome.times(frame, np.zeros(len(result)))
        curve = kaplan_meier(time[fine[there]], event[fine[there]], landmarks=(question.until,))
        share = curve.landmarks[0].share if curve.landmarks else NOTHING
        return Dose(factor, exposure, share, question.until)
    said = _answers(result, frame, outcome)[fine]
    known = said[np.isfinite(said)]
    return Dose(factor, exposure, exact_share(int(np.count_nonzero(known)), known.size), None)


def _covariates(names: Sequence[str], model: Model) -> tuple[str, ...]:
    for name in names:
        if name not in model.covariates:
            raise InputError("no such covariate", given=name, allowed=tuple(model.covariates))
    return tuple(dict.fromkeys(names))


def _check_exposures(values: Floats, question: Question) -> None:
    if values.size < _LEAST:
        raise InputError(
            f"four groups by exposure need {_LEAST} patients with an exposure and a response",
            given=values.size,
            hint=f"of {question.exposure.name}; simulate more patients (-n), or ask for another window",
        )
    if np.ptp(values) <= 1e-9 * np.abs(values).max():
        raise InputError("all patients have the same exposure: nothing can be told", given=question.exposure.name)


def _notes(found: ExposureResponse, question: Question) -> tuple[str, ...]:
    """What a reader must know, the weightiest first."""
    said = [
        "The relation is confounded: patients with more leukemia, another weight or another course clear drug or "
        "expand cells differently and also answer differently. It does not tell what another dose would do"
        + ("; the same patients at other doses do." if question.doses else ": --dose X simulates the same patients."),
        "The intervals are of differences between virtual patients only: more patients make them narrower, the error "
        "of the model stays.",
    ]
    if found.kind == "share":
        said.append(
            "A patient who dies or stops within the window has the exposure of the time before: a short course can "
            "be the consequence of a bad one."
        )
    elif found.from_day:
        said.append(
            f"Times count from day {found.from_day:g} of treatment, the end of the window, in those still at risk: "
            "nobody's exposure is known before."
        )
    else:
        said.append(
            "Times count from enrollment although exposure is known later: who fails early had less time to be exposed."
        )
    if found.fit is None:
        said.append(
            "No finite slope fits: nobody or everybody has the response or event, or exposure tells them apart."
        )
    left_out = [
        f"{count} {words}"
        for count, words in (
            (found.unexposed, "without exposure in the window"),
            (found.unknown, "whose response is not known"),
            (found.early, "with the event, or lost, before the end of the window"),
            (found.failed, "whose simulation failed"),
        )
        if count
    ]
    if left_out:
        said.append(f"Left out of {found.patients} patients: {', '.join(left_out)}.")
    return tuple(said)
