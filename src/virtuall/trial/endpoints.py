"""The endpoints of a trial: pure functions from the patients of a group to one number.

A group is a mapping from column names to arrays, one entry a patient (a frame of outcomes will do). Days
count from randomization. Shares are between 0 and 1, durations in days: units are turned into those of the
publication in `virtuall.trial.scoring`. Estimands:

- Response: the best level reached within the window. A patient whose CR came after the window counts with the
  first level reached (column ``response_level``; where the outcomes have none, as CRi).
- Overall survival: randomization to death; everybody randomized counts, treated or not.
- Event-free survival: randomization to relapse or death; no remission within the window is an event on day 0,
  whatever the reason. Who is alive, without remission, and followed for less than the window is censored on
  day 0.
- Progression-free survival: randomization to relapse, death, or another therapy without remission.
- Relapse-free survival of those who enter in remission: randomization to relapse or death; who leaves the protocol
  and was never found in remission had lost it, on that day. Of those who come into remission only later it is the
  duration of remission.
- From a landmark: only who is at risk after that day, and days from it; what is asked of them was known by then.
- Duration of remission: first remission to relapse or death, of responders.
- Medians are those of Kaplan-Meier; NaN when not reached.
- Where a product is made for each patient: everybody enrolled counts, unless the row says ``since``; then only
  those infused count, and days from the infusion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virtuall.trial import survival

Patients = Mapping[str, Any]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

LEVELS = ("CR", "CRh", "CRi")
SURVIVALS = ("os", "efs", "pfs", "rfs", "dor")
FROM_LANDMARK = ("os", "pfs", "rfs")
DAYS_OF_YEAR = 365.25
CENSORINGS = ("transplant", "next_line")
# Conditions on what happened to a patient, and the day that tells it.
HAPPENED = {
    "responded": "response_day",
    "relapsed": "relapse_day",
    "infused": "infused_day",
    "transplanted": "transplant_day",
}
IN_REMISSION = "transplanted_in_remission"
STATISTICS: Mapping[str, Callable[[Floats], Any]] = {
    "mean": np.mean,
    "geometric_mean": lambda values: np.exp(np.log(values[values > 0]).mean()) if (values > 0).any() else np.nan,
    "median": np.median,
    "sd": lambda values: np.std(values, ddof=1),
    "min": np.min,
    "max": np.max,
    "q1": lambda values: np.quantile(values, 0.25),
    "q3": lambda values: np.quantile(values, 0.75),
}


@dataclass(frozen=True)
class Endpoint:
    """An endpoint: what computes it, in which unit, from how many groups, with which options of the text.

    The unit is that of the value computed, unless the text of a row states another (``unit``).
    """

    compute: Callable[..., float]
    unit: str
    options: tuple[str, ...]
    groups: int = 1
    nan_means_not_reached: bool = False


# what each patient did


def responded(
    patients: Patients,
    levels: Sequence[str] = LEVELS,
    by: float | None = None,
    by_cycle: int | None = None,
) -> Flags:
    """Who reached one of `levels` as best response within `by` days, or within `by_cycle` cycles."""
    window = np.inf if by is None else by
    answered = _column(patients, "response_day") <= window
    complete = _column(patients, "cr_day") <= window
    if by_cycle is not None:
        answered &= _column(patients, "response_cycle") <= by_cycle
        complete &= answered
    best = np.asarray(patients["best_response"], str)
    first = np.asarray(patients["response_level"], str) if "response_level" in patients else np.array("CRi")
    lower = np.where(best != "CR", best, np.where(first == "CR", "CRi", first))
    level = np.where(complete, "CR", np.where(answered, lower, "none"))
    return np.isin(level, list(levels))


def times_to_event(
    patients: Patients,
    of: str,
    censor_at: Sequence[str] = (),
    response_by: float | None = None,
    levels: Sequence[str] = LEVELS,
    landmark: float | None = None,
    mrd_negative: bool | None = None,
) -> tuple[Floats, Flags]:
    """Days and event flags for a survival: overall, event-, progression- or relapse-free, or of remission ("dor").

    Parameters
    ----------
    patients : mapping of arrays
        With ``follow_up`` (a patient's last day seen) where the data were cut, else ``last_day``.
    of : str
        One of `SURVIVALS`. "dor" gives responders only, so fewer entries than patients.
    censor_at : sequence of str
        Follow-up ends at the first of these, "transplant" or "next_line"; an event on that day counts.
    response_by : float, optional
        Days within which remission must come; needed by "efs", for "dor" it chooses the responders.
    levels : sequence of str
        Which levels are a remission.
    landmark : float, optional
        A day from which the days count; only who is at risk after it. For one of `FROM_LANDMARK`.
    mrd_negative : bool, optional
        Only who was found MRD-negative by the landmark, or was not.

    Returns
    -------
    time : float64 array
        Days, from randomization, from the landmark or, for "dor", from remission.
    event : bool array
    """
    death = _column(patients, "death_day")
    end = np.fmin(_column(patients, "follow_up" if "follow_up" in patients else "last_day"), death)
    event_day = death if of == "os" else np.fmin(_column(patients, "relapse_day"), death)
    if of == "pfs":
        event_day = np.fmin(event_day, _without_remission(patients, response_by))
    if of == "rfs":
        event_day = np.fmin(event_day, _never_in_remission(patients))
    for stop in censor_at:
        end = np.fmin(end, _column(patients, f"{stop}_day"))
    event = event_day <= end
    time = np.where(event, event_day, end)
    if landmark is not None:
        if of not in FROM_LANDMARK:
            raise ValueError(f"no landmark for {of}")
        there = time > landmark
        if mrd_negative is not None:
            there &= _mrd_negative(patients, landmark) == mrd_negative
        return time[there] - landmark, event[there]
    if of in FROM_LANDMARK:
        return time, event
    remission = responded(patients, levels, by=response_by)
    if of == "dor":
        return (time - _column(patients, "response_day"))[remission], event[remission]
    if response_by is None:
        raise ValueError("event-free survival needs the window within which remission must come")
    died = np.isfinite(death)
    failed = ~remission & (died | (_last_seen(patients) >= response_by))
    return np.where(remission, time, 0.0), np.where(remission, event, failed)


# endpoints of one group


def response_share(patients: Patients, *, levels: Sequence[str], **window: Any) -> float:
    """Share of all randomized patients with one of `levels` within the window (see `responded`)."""
    return _share(responded(patients, levels, **window))


def mrd_negative_share(
    patients: Patients, *, levels: Sequence[str] = LEVELS, of_all: bool = False, **window: Any
) -> float:
    """Share of responders found MRD-negative within the window; NaN without responders.

    With `of_all` the share of all patients, whether they responded or not.
    """
    remission = responded(patients, levels, **window)
    negative = _mrd_negative(patients, window.get("by"))
    return _share(negative & remission) if of_all else _share(negative[remission])


def survival_median(patients: Patients, *, of: str, **rule: Any) -> float:
    """Median in days of a survival (see `times_to_event`); NaN when not reached."""
    return survival.median_survival(*times_to_event(patients, of, **rule))


def survival_share(patients: Patients, *, of: str, at: float, **rule: Any) -> float:
    """Share without the event at day `at` (see `times_to_event`)."""
    return survival.survival_at(*times_to_event(patients, of, **rule), at)


def transplant_share(patients: Patients, *, in_remission: bool = False, by: float | None = None) -> float:
    """Share of patients transplanted within follow-up, or within `by` days.

    With `in_remission` only straight after remission: before a relapse and before another therapy.
    """
    done = _column(patients, "transplant_day") <= (np.inf if by is None else by)
    return _share(done & _transplanted_in_remission(patients) if in_remission else done)


def happened_share(patients: Patients, *, column: str, by: float | None = None) -> float:
    """Share of patients to whom something happened within `by` days; `column` tells the day."""
    day = _column(patients, column)
    return _share(np.isfinite(day) & (day <= (np.inf if by is None else by)))


def death_share(patients: Patients, *, causes: Sequence[str] = (), by: float | None = None) -> float:
    """Share of patients who died within `by` days, of one of `causes` if any are named."""
    died = _column(patients, "death_day") <= (np.inf if by is None else by)
    if causes:
        died &= np.isin(np.asarray(patients["death_cause"], str), list(causes))
    return _share(died)


def interval(patients: Patients, *, last: str, statistic: str, first: str = "") -> float:
    """A statistic of the days between two columns of days, of those who have both; `first` is day 0 if not given."""
    days = _column(patients, last) - (_column(patients, first) if first else 0.0)
    days = days[np.isfinite(days)]
    return float(STATISTICS[statistic](days)) if days.size else np.nan


def not_infused_share(patients: Patients, *, causes: Sequence[str]) -> float:
    """Share of all enrolled who were never infused for one of these causes.

    A cause is a word of ``supply_failure``; without such a word "death" (died while the product was awaited) or
    "other" (left for another reason, or still waits).
    """
    failure = np.asarray(patients["supply_failure"], str)
    died = np.isfinite(_column(patients, "death_day"))
    cause = np.where(failure != "", failure, np.where(died, "death", "other"))
    return _share(~np.isfinite(_column(patients, "infused_day")) & np.isin(cause, list(causes)))


def relapse_share(patients: Patients, *, phenotype: str, by: float | None = None) -> float:
    """Share of the relapses within `by` days that are of a phenotype; NaN without relapses."""
    relapsed = _column(patients, "relapse_day") <= (np.inf if by is None else by)
    return _share(np.asarray(patients["relapse_phenotype"], str)[relapsed] == phenotype)


def untreated_share(patients: Patients) -> float:
    """Share of all randomized patients who never got a dose of the assigned therapy."""
    return _share(~np.asarray(patients["treated"], bool))


def cycles(patients: Patients, *, statistic: str) -> float:
    """A statistic of the cycles started by treated patients."""
    started = _column(patients, "cycles_started")[np.asarray(patients["treated"], bool)]
    return float(STATISTICS[statistic](started)) if started.size else np.nan


def baseline(patients: Patients, *, column: str, statistic: str) -> float:
    """A statistic of a baseline column, in the column's unit; who has no value is left out."""
    values = _finite(patients, column)
    return float(STATISTICS[statistic](values)) if values.size else np.nan


def baseline_share(patients: Patients, *, having: Mapping[str, Any]) -> float:
    """Share of patients with the stated baseline (see `selected`)."""
    return _share(selected(patients, having))


def event_share(patients: Patients, *, column: str) -> float:
    """Share of treated patients with an event; `column` is one that `virtuall.trial.charted` added."""
    return _share(np.asarray(patients[column], bool)[np.asarray(patients["treated"], bool)])


def event_days(patients: Patients, *, column: str, statistic: str) -> float:
    """A statistic of the first days of an event, or of how long it lasted; who has none is left out.

    `column` is one that `virtuall.trial.charted` added. An event that was not over when it was last seen has no length.
    """
    days = _finite(patients, column)
    return float(STATISTICS[statistic](days)) if days.size else np.nan


def event_rate(patients: Patients, *, column: str) -> float:
    """Events by year under the protocol, of treated patients; `column` tells how many each had."""
    treated = np.asarray(patients["treated"], bool)
    under = np.fmin(_column(patients, "off_protocol_day"), _last_seen(patients))[treated]
    years = float(under.sum()) / DAYS_OF_YEAR
    return float(_column(patients, column)[treated].sum()) / years if years > 0 else np.nan


def signal(patients: Patients, *, column: str, statistic: str) -> float:
    """A statistic over all finite values of a signal; `column` is one that `virtuall.trial.traced` added."""
    values = _finite(patients, column)
    return float(STATISTICS[statistic](values)) if values.size else np.nan


def signal_share(patients: Patients, *, column: str, at_most: float | None = None, above: float | None = None) -> float:
    """Share of the finite values of a signal that are `at_most` or less, or that are `above` a limit."""
    values = _finite(patients, column)
    return _share(
        (values <= (np.inf if at_most is None else at_most)) & (values > (-np.inf if above is None else above))
    )


# endpoints of two groups


def hazard_ratio(patients: Patients, others: Patients, *, of: str, **rule: Any) -> float:
    """Hazard ratio of the first group against the second (unstratified Cox, see `times_to_event`)."""
    time, event = times_to_event(patients, of, **rule)
    other_time, other_event = times_to_event(others, of, **rule)
    member = np.arange(time.size + other_time.size) < time.size
    return survival.hazard_ratio(np.concatenate([time, other_time]), np.concatenate([event, other_event]), member)


def odds_ratio(patients: Patients, others: Patients, *, of: str, **window: Any) -> float:
    """Odds ratio of response ("response") or of MRD-negative response ("mrd") of the first group.

    When any of the four counts is zero, one half is added to each (Haldane). NaN when a group is empty.
    """
    counts = []
    for group in (patients, others):
        success = responded(group, **window)
        if of == "mrd":
            success &= _mrd_negative(group, window.get("by"))
        counts += [np.count_nonzero(success), np.count_nonzero(~success)]
    if counts[0] + counts[1] == 0 or counts[2] + counts[3] == 0:
        return np.nan
    a, b, c, d = np.array(counts, float) + (0.5 if 0 in counts else 0.0)
    return float(a * d / (b * c))


# choosing patients


def selected(patients: Patients, conditions: Mapping[str, Any]) -> Flags:
    """Who fits all conditions on columns.

    A condition is a value (equal), a list of texts (one of them), or a list of two numbers (from the first up
    to, not including, the second). Those of `HAPPENED` ask whether there is such a day; `IN_REMISSION` whether the
    transplant came straight after remission.
    """
    fits = np.ones(len(patients["patient"]), bool)
    for column, wanted in conditions.items():
        values = _condition(patients, column)
        if isinstance(wanted, list | tuple) and not isinstance(wanted[0], str):
            fits &= (values >= wanted[0]) & (values < wanted[1])
        elif isinstance(wanted, list | tuple):
            fits &= np.isin(values.astype(str), list(wanted))
        else:
            fits &= values == wanted
    return fits


_WINDOW = ("levels", "by", "by_cycle")
_SURVIVAL = ("of", "censor_at", "response_by", "levels", "landmark", "mrd_negative")
_SIGNAL = ("signal", "unit", "between", "relative", "change", "reduce", "floor")

ENDPOINTS: Mapping[str, Endpoint] = {
    "response_share": Endpoint(response_share, "1", _WINDOW),
    "mrd_negative_share": Endpoint(mrd_negative_share, "1", (*_WINDOW, "of_all")),
    "survival_median": Endpoint(survival_median, "day", _SURVIVAL, nan_means_not_reached=True),
    "survival_share": Endpoint(survival_share, "1", (*_SURVIVAL, "at")),
    "hazard_ratio": Endpoint(hazard_ratio, "1", _SURVIVAL, groups=2),
    "odds_ratio": Endpoint(odds_ratio, "1", ("of", *_WINDOW), groups=2),
    "transplant_share": Endpoint(transplant_share, "1", ("in_remission", "by")),
    "happened_share": Endpoint(happened_share, "1", ("column", "by")),
    "death_share": Endpoint(death_share, "1", ("causes", "by")),
    "interval": Endpoint(interval, "day", ("first", "last", "statistic")),
    "not_infused_share": Endpoint(not_infused_share, "1", ("causes",)),
    "relapse_share": Endpoint(relapse_share, "1", ("phenotype", "by")),
    "untreated_share": Endpoint(untreated_share, "1", ()),
    "cycles": Endpoint(cycles, "cycle", ("statistic",)),
    "baseline": Endpoint(baseline, "1", ("column", "statistic", "unit")),
    "baseline_share": Endpoint(baseline_share, "1", ("having",)),
    "event_share": Endpoint(event_share, "1", ()),
    "event_onset": Endpoint(event_days, "day", ("statistic",)),
    "event_duration": Endpoint(event_days, "day", ("statistic",)),
    "event_rate": Endpoint(event_rate, "1/year", ()),
    "signal": Endpoint(signal, "1", (*_SIGNAL, "statistic")),
    "signal_share": Endpoint(signal_share, "1", (*_SIGNAL, "at_most", "above")),
}


def _column(patients: Patients, name: str) -> Floats:
    return np.asarray(patients[name], np.float64)


def _finite(patients: Patients, column: str) -> Floats:
    values = _column(patients, column)
    return values[np.isfinite(values)]


def _share(flags: Flags) -> float:
    return float(np.mean(flags)) if flags.size else np.nan


def _last_seen(patients: Patients) -> Floats:
    return _column(patients, "follow_up" if "follow_up" in patients else "last_day")


def _condition(patients: Patients, name: str) -> Any:
    if name == IN_REMISSION:
        return _transplanted_in_remission(patients)
    happened = HAPPENED.get(name)
    return np.asarray(patients[name]) if happened is None else np.isfinite(_column(patients, happened))


def _transplanted_in_remission(patients: Patients) -> Flags:
    """Who was transplanted straight after remission: before a relapse and before another therapy."""
    day = _column(patients, "transplant_day")
    done = _column(patients, "response_day") <= day
    for end in ("relapse_day", "next_line_day"):
        done &= ~(_column(patients, end) <= day)
    return done


def _never_in_remission(patients: Patients) -> Floats:
    """The day on which those left the protocol who were never found in remission, NaN for the others."""
    found = np.isfinite(_column(patients, "response_day"))
    return np.where(found, np.nan, _column(patients, "off_protocol_day"))


def _without_remission(patients: Patients, by: float | None) -> Floats:
    """The day of another therapy or a transplant before any remission within `by` days, NaN without."""
    day = np.fmin(_column(patients, "next_line_day"), _column(patients, "transplant_day"))
    remission = np.where(responded(patients, by=by), _column(patients, "response_day"), np.inf)
    return np.where(day < remission, day, np.nan)


def _mrd_negative(patients: Patients, by: float | None) -> Flags:
    window = np.inf if by is None else by
    return np.asarray(patients["mrd_negative"], bool) & (_column(patients, "mrd_day") <= window)
