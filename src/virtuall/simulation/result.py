"""The result of a simulation: signals, events, outcomes, status, and where all of it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from virtuall.dosing.course import Phase
from virtuall.population import Population
from virtuall.simulation.protocol import Protocol
from virtuall.simulation.ward import FIRST_TIMES, Ward

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Records:
    """Recorded signals: float64[N, T, R] of N patients (ids), T times (days) and R names, with units by name."""

    ids: NDArray[np.int64]
    times: Floats
    values: Floats
    names: tuple[str, ...]
    units: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Result:
    """What was simulated.

    Attributes
    ----------
    outcomes : pandas.DataFrame
        One row a patient; days from enrollment, NaN where something did not happen.
    events : pandas.DataFrame
        The charts: patient, day, kind, what, value, unit, rule, cycle.
    records : Records
        Recorded signals as plain numbers; NaN after death.
    status : int32[N]
        0 fine; other codes as `virtuall.engine.ensemble.STATUS_TEXT`.
    provenance : mapping
        Versions, seed, cohort, protocol, fingerprint of the model.
    realized : pandas.DataFrame or None
        Every change of the models, see `virtuall.simulation.realized`; None where it was not asked for, and in results
        of older versions.
    """

    outcomes: pd.DataFrame
    events: pd.DataFrame
    records: Records
    status: NDArray[np.int32]
    provenance: Mapping[str, Any]
    patients: Population
    protocol: Protocol
    realized: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.status)

    @cached_property
    def signals(self) -> xr.Dataset:
        """Recorded signals over patient and time (days), made when first asked for."""
        return signals_dataset(self.records)


def outcomes_frame(
    patients: Population,
    protocol: Protocol,
    ward: Ward,
    treated: NDArray[np.bool_],
    status: NDArray[np.int32],
    bsa: Floats,
) -> pd.DataFrame:
    """The frame of outcomes, one row a patient."""
    import pandas as pd

    columns, ranks = patients.columns, np.array(protocol.response.ranks, object)
    n = len(patients)
    main = [leg.main for leg in protocol.legs]
    on = (ward.course.phase == Phase.INFUSING) & np.array(main)[ward.course.leg]
    running = np.where(on, ward.days["last_day"] - ward.course.since, 0.0)  # an infusion that the end cuts off

    def covariate(name: str) -> Floats:
        return columns[name] if name in columns else np.full(n, np.nan)

    frame: dict[str, Any] = {
        "patient": patients.ids,
        "cohort": patients.cohort,
        "protocol": protocol.name,
        "status": status,
        "age": covariate("age"),
        "sex": np.where(covariate("sex") > 0.5, "male", "female"),
        "weight": covariate("weight"),
        "bsa": bsa,
        "marrow_blasts": covariate("marrow_blasts"),
        "line": covariate("line"),
        "prior_transplant": covariate("prior_transplant") > 0.5,
        "treated": treated,
        "cycles_started": ward.course.begun[main].sum(axis=0),
        "infusion_days": ward.course.total_infused[main].sum(axis=0) + running,
        "bed_days": ward.days["bed_days"],
        "intensive_days": ward.days["intensive_days"],
        "best_response": ranks[ward.best],
        "mrd_negative": ~np.isnan(ward.days["mrd_day"]),
        "lines_after": ward.lines,
        "collections": ward.collections,
        "out_of_specification": ward.out_of_specification,
    }
    frame |= {name: ward.days[name] for name in FIRST_TIMES}
    frame |= dict(ward.words.items())
    return pd.DataFrame(frame)


def signals_dataset(records: Records) -> xr.Dataset:
    """Recorded signals as an xarray Dataset over patient and time; the numbers are not copied."""
    import xarray as xr

    data = {
        name: (
            ("patient", "time"),
            records.values[:, :, place],
            {"units": records.units.get(name, ""), "long_name": name.replace("_", " ")},
        )
        for place, name in enumerate(records.names)
    }
    return xr.Dataset(data, coords={"patient": records.ids, "time": ("time", records.times, {"units": "d"})})
