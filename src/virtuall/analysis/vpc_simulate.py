"""Replicates of a data set: for each subject a virtual one, measured at the same times by the same assay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from virtuall.analysis.scaled_dose import scaled
from virtuall.analysis.signal_measure import is_made
from virtuall.analysis.vpc_data import Observations
from virtuall.clinic.monitoring import Laboratory, Observable, measured
from virtuall.core.units import unit as read_unit

if TYPE_CHECKING:
    from virtuall.population import Population
    from virtuall.simulation.protocol import Protocol

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# Days between records where treatment begins on another day for each: values between are interpolated.
_EVERY = 0.25


@dataclass(frozen=True, eq=False)
class Replicates:
    """R simulated data sets of P measurements.

    Attributes
    ----------
    truth : float64[R, P]
        In the unit of the signal; NaN after death, or where treatment never began.
    value : float64[R, P]
        As the assay reports them.
    """

    truth: Floats
    value: Floats


def replicate(
    seen: Observations,
    protocols: Sequence[Protocol],
    cohort: str,
    signal: str,
    of_signal: str,
    assay: Observable,
    *,
    count: int,
    seed: int,
    processes: int = 1,
    library: Sequence[Path] = (),
) -> Replicates:
    """Simulate the whole data set `count` times.

    Parameters
    ----------
    seen : Observations
    protocols : sequence of Protocol
        Of each subject.
    cohort, signal, of_signal : str
        Whose virtual patients, what of them, and its unit.
    assay : Observable
    count, seed : int
    processes : int
        The result does not depend on it.
    library : sequence of Path
    """
    from virtuall.population import sample

    many = len(seen.subjects)
    patients = sample(cohort, many * count, seed, library=library)
    for name, values in seen.covariates.items():
        own = np.tile(values, count)
        patients = patients.changed(**{name: np.where(np.isfinite(own), own, patients.columns[name])})
    truth = np.full((count, len(seen)), np.nan)
    for protocol, factor, members in _arms(seen, protocols):
        points = np.flatnonzero(np.isin(seen.subject, members))
        rows = (np.arange(count)[:, None] * many + members[None, :]).ravel()
        place = np.searchsorted(members, seen.subject[points])
        whose = np.arange(count)[:, None] * members.size + place[None, :]
        truth[:, points] = _values(
            patients[rows], scaled(protocol, factor), signal, seen.time[points], whose, processes
        )
    return Replicates(truth, _measured(truth, seen, assay, of_signal, seed, many))


def assay_of(protocols: Sequence[Protocol], signal: str, of_signal: str, noise: float | None) -> Observable:
    """How the clinics of these protocols measure a signal; without error where they do not, and none is given.

    Parameters
    ----------
    protocols : sequence of Protocol
    signal, of_signal : str
    noise : float or None
        Standard deviation of the log of one measurement, in place of the text's.
    """
    found = next(
        (each for protocol in protocols for each in protocol.monitoring.observables if each.signal == signal), None
    )
    if found is None or noise is not None:
        return Observable("", signal, of_signal, noise or 0.0, 0.0, np.inf, 0.0, 0.0, "")
    return found


def _arms(seen: Observations, protocols: Sequence[Protocol]) -> list[tuple[Protocol, float, Ints]]:
    """Subjects with the same protocol and dose, ascending."""
    arms: dict[tuple[str, float], list[int]] = {}
    for place, protocol in enumerate(protocols):
        arms.setdefault((protocol.name, float(seen.factor[place])), []).append(place)
    return [(protocols[members[0]], factor, np.array(members)) for (_, factor), members in arms.items()]


def _values(patients: Population, protocol: Protocol, signal: str, time: Floats, whose: Ints, processes: int) -> Floats:
    """The signal of patients `whose[R, P]` at `time[P]` days from the beginning of their treatment."""
    from virtuall.simulation.simulate import simulate

    made = is_made(protocol)
    if made:
        # how long cells take is known only afterwards: everybody is followed as the protocol says
        days = protocol.follow_up
        grid = _EVERY * np.arange(np.floor(days / _EVERY) + 1)
    else:
        grid = np.unique(protocol.regimen.start + time)
        days = max(float(grid[-1]), 1.0)
    result = simulate(
        patients, protocol, days=days, record=(signal,), times=grid, chart="key", processes=processes, realized=False
    )
    values = np.where((result.status == 0)[:, None], result.records.values[:, :, 0], np.nan)
    if not made:
        return values[whose, np.searchsorted(grid, protocol.regimen.start + time)[None, :]]
    at = result.outcomes["infused_day"].to_numpy(np.float64)[whose] + time
    left = np.clip(np.nan_to_num(np.floor(at / _EVERY)), 0, grid.size - 2).astype(np.int64)
    share = at / _EVERY - left
    inside = share <= 1 + 1e-9  # NaN, and what lies after the end, are not known
    between = values[whose, left] * (1 - share) + values[whose, left + 1] * share
    return np.where(inside, between, np.nan)


def _measured(truth: Floats, seen: Observations, assay: Observable, of_signal: str, seed: int, many: int) -> Floats:
    """What the laboratory reports, without its own limit: censoring follows the limits of the data."""
    if not (assay.noise or assay.read or assay.step or np.isfinite(assay.highest)):
        return truth
    one = (1,)
    laboratory = Laboratory(
        np.ones((1, 1), bool),
        np.full(one, assay.noise),
        np.zeros(one),
        np.full(one, assay.highest),
        np.full(one, assay.read),
        np.full(one, assay.step),
        (f"assay {assay.signal}, predictive check",),
        (f"assay {assay.signal}, predictive check, count",),
    )
    to_assay = read_unit(of_signal).factor_to(read_unit(assay.unit))
    known = np.flatnonzero(np.isfinite(truth))
    replicates, points = np.divmod(known, truth.shape[1])
    nothing = np.zeros(known.size, np.int64)
    found = measured(
        laboratory,
        nothing,
        nothing,
        truth.ravel()[known] * to_assay,
        seed,
        replicates * many + seen.subject[points],
        points,
    )
    reported = np.full(truth.size, np.nan)
    reported[known] = found / to_assay
    return reported.reshape(truth.shape)
