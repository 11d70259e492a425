"""The result of a simulation: signals, events, outcomes, status, and where all of it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from virtuall.population import Population
from virtuall.simulation.protocol import Protocol
from virtuall.simulation.ward import FIRST_TIMES, Ward

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Result:
    """What was simulated.

    Attributes
    ----------
    outcomes : pandas.DataFrame
        One row a patient; days from enrollment, NaN where something did not happen.
    events : pandas.DataFrame
        The charts: patient, day, kind, what, value, unit, rule, cycle.
    signals : xarray.Dataset
        Over patient and time (days); NaN after death.
    status : int32[N]
        0 fine; other codes as `virtuall.engine.ensemble.STATUS_TEXT`.
    provenance : mapping
        Versions, seed, cohort, protocol, fingerprint of the model.
    """

    outcomes: pd.DataFrame
    events: pd.DataFrame
    signals: xr.Dataset
    status: NDArray[np.int32]
    provenance: Mapping[str, Any]
    patients: Population
    protocol: Protocol

    def __len__(self) -> int:
        return len(self.status)


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
        "cycles_started": ward.course.cycle,
        "infusion_days": ward.course.total_infused,
        "bed_days": ward.days["bed_days"],
        "best_response": ranks[ward.best],
        "mrd_negative": ~np.isnan(ward.days["mrd_day"]),
        "lines_after": ward.lines,
    }
    frame |= {name: ward.days[name] for name in FIRST_TIMES}
    frame |= dict(ward.words.items())
    return pd.DataFrame(frame)


def signals_dataset(
    ids: NDArray[np.int64], times: Floats, recorded: Floats, names: Sequence[str], units: Mapping[str, str]
) -> xr.Dataset:
    """Recorded signals, float64[N, T, R], as an xarray Dataset over patient and time."""
    import xarray as xr

    data = {
        name: (
            ("patient", "time"),
            recorded[:, :, place],
            {"units": units.get(name, ""), "long_name": name.replace("_", " ")},
        )
        for place, name in enumerate(names)
    }
    return xr.Dataset(data, coords={"patient": ids, "time": ("time", times, {"units": "d"})})
