"""Compute patients again from what was done to them: the model alone, without clinic and without draws of care.

The numbers of the patient and the realized changes decide every bit of the trajectory, so the same version on the
same machine gives the stored signals to the last bit. Only the thresholds of deaths are drawn again (a draw is a
function of seed, purpose and patient), so that the day of death is computed and not copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.event import Event
from virtuall.core.errors import InputError
from virtuall.core.random import exponential
from virtuall.engine.ensemble import Ensemble
from virtuall.engine.kernel import build_kernel
from virtuall.model import Model, load_system
from virtuall.simulation.bind import bind, parameter_rows
from virtuall.simulation.realized import give
from virtuall.simulation.result import Result

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
FOLLOWED, FAILED = "end of follow-up", "numerical failure"
# Whoever died or failed is followed this long beyond the stored day (d), to see the replayed end.
_BEYOND = 1.0
# A value below this share of the patient's largest is compared with that share: no digit of it means anything.
_NOISE = 1e-9
_SIGNAL_COLUMNS = ("signal", "unit", "values", "identical", "relative", "absolute", "patient", "day")


@dataclass(frozen=True, eq=False)
class Replay:
    """How replayed patients compare with the stored ones.

    Attributes
    ----------
    patients : int64[N]
    signals : pandas.DataFrame
        One row a signal: signal, unit, values (how many are compared), identical (to the last bit), relative (the
        largest difference over the larger of the two values), absolute (that of the same place), its patient and day.
        A value that only one of the two has counts as an infinite difference.
    ends : pandas.DataFrame
        One row a patient: patient, end and day as stored, replayed_end, replayed_day, identical.
    """

    patients: Ints
    signals: pd.DataFrame
    ends: pd.DataFrame

    @property
    def identical(self) -> bool:
        """Whether every value and every end is the same to the last bit."""
        return bool(self.signals["identical"].all() and self.ends["identical"].all())

    @property
    def worst(self) -> float:
        """The largest relative difference of a signal or of the day of an end; infinite for another end."""
        ends = self.ends
        days = _relative(ends["day"].to_numpy(), ends["replayed_day"].to_numpy())
        other = np.where(ends["end"] == ends["replayed_end"], days, np.inf)
        return float(max(self.signals["relative"].to_numpy().max(initial=0.0), other.max(initial=0.0)))


def replay(result: Result, patients: Iterable[int] | None = None, *, rtol: float | None = None) -> Replay:
    """Compute patients of a result again from their numbers and realized changes, and compare; pure.

    Parameters
    ----------
    result : Result
    patients : iterable of int, optional
        Their ids; everybody by default.
    rtol : float, optional
        Another relative tolerance than that of the result.

    Raises
    ------
    InputError
        When the result holds no realized changes, comes from another model, or has no such patient.
    """
    model = matching_model(result)
    places = patient_places(result, patients)
    people = result.patients[places]
    outcomes = result.outcomes.iloc[places]
    tolerance = float(result.provenance["rtol"]) if rtol is None else rtol
    kernel = build_kernel(model.system, rtol=tolerance)
    ensemble = kernel.start(parameter_rows(model, people, result.protocol.given_products))
    events = bind(model, result.protocol).events
    for place, event in enumerate(events):
        if event.fatal:
            ensemble.thresholds[:, place] = exponential(people.seed, f"clock {event.name}", people.luck)
    if result.records.names:
        kernel.record(ensemble, result.records.times, result.records.names)
    last, lived = outcomes["last_day"].to_numpy(), np.isnan(outcomes["death_day"].to_numpy(np.float64))
    until = np.where(lived & (result.status[places] == 0), last, last + _BEYOND)
    assert result.realized is not None
    give(kernel, ensemble, people.ids, result.realized, until)
    return Replay(people.ids, _signals(result, places, ensemble), _ends(result, places, ensemble, events))


def matching_model(result: Result) -> Model:
    """The model of a result that can be replayed.

    Raises
    ------
    InputError
        When the result holds no realized changes, or comes from another model.
    """
    if result.realized is None:
        raise InputError(
            "the result does not hold what was done to the models (realized changes)",
            hint="simulate without realized=False; one that an older version wrote: run it again",
        )
    model = load_system(result.protocol.library)
    if result.provenance["fingerprint"] != model.system.fingerprint():
        raise InputError(
            "the result comes from another model: its equations or names differ from those of this library",
            given=result.provenance["fingerprint"],
            hint="replay it with the version and the library that it was simulated with",
        )
    return model


def patient_places(result: Result, patients: Iterable[int] | None = None) -> Ints:
    """Rows of these patients in the result.

    Raises
    ------
    InputError
        When the result has no such patient or one of them twice, or nobody is asked for.
    """
    ids = result.patients.ids
    if len(np.unique(ids)) < len(ids):
        raise InputError("a patient is in the result twice, and realized changes go by the id")
    if patients is None:
        return np.arange(len(ids))
    wanted = list(dict.fromkeys(patients))
    place = {int(patient): row for row, patient in enumerate(ids)}
    for patient in wanted:
        if patient not in place:
            held = f"it holds {len(ids)} patients, {ids.min()} to {ids.max()}"
            raise InputError("the result has no such patient", given=patient, hint=held)
    if not wanted:
        raise InputError("no patient is named")
    return np.array([place[patient] for patient in wanted], np.int64)


def _signals(result: Result, places: Ints, ensemble: Ensemble) -> pd.DataFrame:
    import pandas as pd

    records, last = result.records, result.outcomes["last_day"].to_numpy()[places]
    days, rows = records.times, []
    for column, name in enumerate(records.names):
        there = records.values[places, :, column]
        # days beyond the stored end were computed to see the replayed end, and are not compared
        here = np.where(days > last[:, None], np.nan, ensemble.recorded[:, :, column])
        relative = _relative(there, here, _NOISE * _largest(there))
        patient, day = np.unravel_index(np.argmax(relative), relative.shape)
        rows.append(
            {
                "signal": name,
                "unit": records.units.get(name, ""),
                "values": int((~np.isnan(there)).sum()),
                "identical": bool(np.array_equal(here, there, equal_nan=True)),
                "relative": float(relative[patient, day]),
                "absolute": float(np.abs(here - there)[patient, day]),
                "patient": int(result.patients.ids[places[patient]]),
                "day": float(days[day]),
            }
        )
    return pd.DataFrame(rows, columns=list(_SIGNAL_COLUMNS))


def _ends(result: Result, places: Ints, ensemble: Ensemble, events: Sequence[Event]) -> pd.DataFrame:
    import pandas as pd

    outcomes = result.outcomes.iloc[places]
    stored = _causes(outcomes["death_cause"].to_numpy(str), result.status[places])
    rang = np.array([events[ring].fatal if ring >= 0 else "" for ring in ensemble.ring])
    replayed, day = _causes(rang, ensemble.status), outcomes["last_day"].to_numpy()
    return pd.DataFrame(
        {
            "patient": result.patients.ids[places],
            "end": stored,
            "day": day,
            "replayed_end": replayed,
            "replayed_day": ensemble.now,
            "identical": (stored == replayed) & (day == ensemble.now),
        }
    )


def _causes(died_of: NDArray[np.str_], status: NDArray[np.int32]) -> NDArray[np.object_]:
    ends = np.where(died_of == "", FOLLOWED, np.char.add("death: ", died_of))
    return np.where(status != 0, FAILED, ends).astype(object)


def _largest(values: Floats) -> Floats:
    return np.max(np.abs(np.nan_to_num(values)), axis=-1, keepdims=True, initial=0.0)


def _relative(one: Floats, other: Floats, floor: Floats | float = 0.0) -> Floats:
    """Difference over the larger of the two and the floor; infinite where only one of them is a number."""
    size = np.maximum(np.maximum(np.abs(one), np.abs(other)), floor)
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.abs(one - other) / size
    relative = np.where(np.isnan(one) != np.isnan(other), np.inf, relative)
    return np.where((one == other) | (np.isnan(one) & np.isnan(other)), 0.0, relative)
