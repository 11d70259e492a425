"""When patients enter a trial, when the data are cut, and what is known at the cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virtuall.core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Days on which something happened: unknown when they lie after a patient's end of follow-up.
EVENT_DAYS = (
    "response_day",
    "cr_day",
    "crh_day",
    "cri_day",
    "mrd_day",
    "relapse_day",
    "collected_day",
    "product_ready_day",
    "lymphodepletion_day",
    "infused_day",
    "intensive_day",
    "transplant_day",
    "next_line_day",
    "off_protocol_day",
    "death_day",
)
_OF_REMISSION = ("response_day", "cr_day", "crh_day", "cri_day", "mrd_day", "relapse_day")
# What is no longer known when the day beside it is not.
_TELLS: dict[str, dict[str, Any]] = {
    "response_day": {"best_response": "none", "response_level": "none", "response_cycle": np.nan},
    "mrd_day": {"mrd_negative": False},
    "relapse_day": {"relapse_phenotype": ""},
    "product_ready_day": {"out_of_specification": False},
    "off_protocol_day": {"off_protocol_reason": "", "supply_failure": ""},
    "death_day": {"death_cause": ""},
}


def accrual_days(uniforms: ArrayLike, period: float) -> Floats:
    """Days of randomization, uniform over an accrual period.

    Parameters
    ----------
    uniforms : array
        One draw in (0, 1) for each patient.
    period : float
        Length of accrual in days.

    Returns
    -------
    float64 array
        Days since the trial opened.
    """
    return np.asarray(uniforms, np.float64) * period


def cut_day(accrual: ArrayLike, death_day: ArrayLike, deaths: int) -> float:
    """Day of the data cut, since the trial opened: that of the given number of deaths over all arms.

    Parameters
    ----------
    accrual : array of float
        Days of randomization since the trial opened.
    death_day : array of float
        Days from randomization to death, NaN for those alive.
    deaths : int
        Number of deaths that triggers the analysis.

    Returns
    -------
    float
        inf when so many deaths do not occur within the simulated follow-up.
    """
    calendar = np.asarray(accrual, np.float64) + np.asarray(death_day, np.float64)
    calendar = np.sort(calendar[np.isfinite(calendar)])
    return float(calendar[deaths - 1]) if calendar.size >= deaths else np.inf


def cut_data(
    outcomes: pd.DataFrame,
    uniforms: ArrayLike,
    *,
    period: float,
    deaths: int | None = None,
    after: float | None = None,
    latest: float | None = None,
) -> pd.DataFrame:
    """What the trial knows at its data cut, replicate by replicate.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        One row a patient, with a column ``replicate``; days from randomization.
    uniforms : array
        One draw in (0, 1) for each row.
    period : float
        Length of accrual in days.
    deaths : int, optional
        Deaths over the arms of one replicate at which its data are cut.
    after : float, optional
        Or the day of the cut, since the trial opened. Without either everybody is followed to the end.
    latest : float, optional
        The day of the cut where there were fewer deaths by then.

    Returns
    -------
    pandas.DataFrame
        The same rows with ``accrual_day``, ``cut_day`` (both since the trial opened) and ``follow_up`` (days
        from randomization to death, the end of simulation or the cut, whichever is first). What happens after
        the end of follow-up has not happened yet. Who would enter after the cut has a follow-up of zero.

    Raises
    ------
    InputError
        When a needed column is missing, or the draws do not fit the rows.
    """
    _check_columns(outcomes, ("replicate", "death_day", "last_day"))
    accrual = accrual_days(uniforms, period)
    if accrual.shape != (len(outcomes),):
        raise InputError(
            "accrual needs one draw for each patient", given=f"{accrual.shape} for {len(outcomes)} patients"
        )
    replicate, death = outcomes["replicate"].to_numpy(), outcomes["death_day"].to_numpy(float)
    cut = np.full(len(outcomes), np.inf if after is None else after)
    if deaths is not None:
        for number in np.unique(replicate):
            rows = replicate == number
            cut[rows] = min(cut_day(accrual[rows], death[rows], deaths), np.inf if latest is None else latest)
    left = np.maximum(cut - accrual, 0.0)
    # Rounding must not hide the very death that triggers the cut.
    left = np.where(accrual + death <= cut, np.fmax(left, death), left)
    end = np.fmin(left, outcomes["last_day"].to_numpy(float))
    known = follow_until(outcomes, end)
    return known.assign(accrual_day=accrual, cut_day=cut)


def confirmed(outcomes: pd.DataFrame, maintained: float) -> pd.DataFrame:
    """Outcomes in which a remission counts only when neither relapse nor death came up to so many days after it.

    Who lost it sooner was never in remission, and did not relapse.
    """
    known = outcomes.copy()
    response = outcomes["response_day"].to_numpy(float)
    lost = np.fmin(outcomes["relapse_day"].to_numpy(float), outcomes["death_day"].to_numpy(float)) - response
    for day in _OF_REMISSION:
        _forget(known, day, lost <= maintained)
    return known


def follow_until(outcomes: pd.DataFrame, end: ArrayLike) -> pd.DataFrame:
    """Outcomes as known at `end` (days from randomization, one a patient), with a column ``follow_up``."""
    until = np.asarray(end, np.float64)
    known = outcomes.copy()
    for day in EVENT_DAYS:
        if day in known:
            _forget(known, day, outcomes[day].to_numpy(float) > until)
    known["follow_up"] = np.fmin(known["death_day"].to_numpy(float), until)
    return known


def _forget(known: pd.DataFrame, day: str, these: Flags) -> None:
    """Take this day, and what goes with it, from what is known of these patients."""
    if day not in known:
        return
    known[day] = np.where(these, np.nan, known[day].to_numpy(float))
    for column, nothing in _TELLS.get(day, {}).items():
        if column in known:
            known[column] = known[column].mask(these, nothing)


def _check_columns(outcomes: pd.DataFrame, needed: tuple[str, ...]) -> None:
    for name in needed:
        if name not in outcomes:
            raise InputError("the outcomes lack a column", given=name, allowed=list(outcomes.columns))
