"""What ends a first remission: relapse, death in remission or transplant, as competing risks.

The first of them ends the wait for the others, so one less the Kaplan-Meier curve of one of them would say too much.
The estimate is that of Aalen and Johansen (``statsmodels.duration.survfunc.CumIncidenceRight``; lifelines would move
equal times apart at random).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virtuall.trial.endpoints import Patients, responded

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# In this order at equal times: who dies of a relapse has relapsed.
CAUSES = {"relapse": "relapse_day", "death in remission": "death_day", "transplant": "transplant_day"}


@dataclass(frozen=True, eq=False)
class Incidence:
    """The share of the patients in first remission to whom something happened first.

    Attributes
    ----------
    arm, cause : str
    patients, events : int
        Of all in remission; those with this cause.
    days, share, low, high : float64 array
        From remission on, with the interval on the scale of log(-log).
    """

    arm: str
    cause: str
    patients: int
    events: int
    days: Floats
    share: Floats
    low: Floats
    high: Floats

    def at(self, day: float) -> tuple[float, float, float]:
        """Share, low and high at a day."""
        place = int(np.searchsorted(self.days, day, side="right")) - 1
        return float(self.share[place]), float(self.low[place]), float(self.high[place])


def incidences(patients: pd.DataFrame, *, arm: str, response_by: float) -> tuple[Incidence, ...]:
    """Cumulative incidences in one arm; none when nobody responded.

    Parameters
    ----------
    patients : pandas.DataFrame
        As known at the data cut.
    arm : str
    response_by : float
        Days within which remission must come.
    """
    time, cause = first_of(patients, response_by)
    return cumulative_incidences(time, cause, tuple(CAUSES), arm) if time.size else ()


def first_of(patients: pd.DataFrame, response_by: float) -> tuple[Floats, Ints]:
    """Days from remission to the first of the causes or the end of follow-up, and which (1 and on; 0: none yet)."""
    group = patients[responded(cast(Patients, patients), by=response_by)]
    if not len(group):
        return np.empty(0), np.empty(0, np.int64)
    days = np.array([group[name].to_numpy(np.float64) for name in CAUSES.values()])
    days[np.isnan(days)] = np.inf
    first = days.argmin(axis=0)
    when, end = days.min(axis=0), group["follow_up" if "follow_up" in group else "last_day"].to_numpy(np.float64)
    happened = when <= end
    time = np.where(happened, when, end) - group["response_day"].to_numpy(np.float64)
    return np.maximum(time, 0.0), np.where(happened, first + 1, 0)


def cumulative_incidences(
    time: ArrayLike, cause: ArrayLike, names: tuple[str, ...], arm: str = ""
) -> tuple[Incidence, ...]:
    """Cumulative incidences of competing causes.

    Parameters
    ----------
    time : array of float
        Days to the first event or the end of follow-up, at least one patient.
    cause : array of int
        Which event: 1 for the first of `names` and so on; 0 for none yet.
    names : tuple of str
    arm : str
    """
    from scipy.stats import norm
    from statsmodels.duration.survfunc import CumIncidenceRight

    days, which = np.asarray(time, np.float64), np.asarray(cause, np.int64)
    found = []
    with np.errstate(divide="ignore", invalid="ignore"):
        fit = CumIncidenceRight(days, which) if which.any() else None
    for number, name in enumerate(names, start=1):
        if fit is not None and number <= len(fit.cinc):
            share = np.append(0.0, fit.cinc[number - 1])
            # Not finite from where all still at risk have had an event: no interval can be told there.
            error = np.append(0.0, fit.cinc_se[number - 1])
            grid = np.append(0.0, np.asarray(fit.times, np.float64))
        else:  # nobody had it
            grid, share, error = np.array([0.0, days.max()]), np.zeros(2), np.zeros(2)
        low, high = _log_log(share, error, float(norm.ppf(0.975)))
        found.append(Incidence(arm, name, days.size, int(np.count_nonzero(which == number)), grid, share, low, high))
    return tuple(found)


def _log_log(share: Floats, error: Floats, quantile: float) -> tuple[Floats, Floats]:
    inner = (share > 0) & (share < 1)
    logs = np.log(share, out=np.full_like(share, -1.0), where=inner)
    half = np.divide(quantile * error, share * logs, out=np.zeros_like(share), where=inner)
    power = np.exp(np.abs(half))
    low, high = np.exp(logs * power), np.exp(logs / power)
    return np.where(inner, low, share), np.where(inner, high, share)
