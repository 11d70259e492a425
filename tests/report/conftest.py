"""Rows and bands of a small made-up trial, enough for every figure."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from virtuall.trial.curves import StrataBand, SurvivalBand
from virtuall.trial.scoring import TrialRow


def a_row(target: str, simulated: float | None, **changes: object) -> TrialRow:
    """A row with an interval of a tenth to each side."""
    known = simulated is not None
    plain: dict[str, object] = {
        "target": target,
        "trial": "made up",
        "arm": "drug",
        "endpoint": "CR",
        "timepoint": "12 weeks",
        "unit": "%",
        "simulated": simulated,
        "low": simulated * 0.9 if known else None,  # type: ignore[operator]
        "high": simulated * 1.1 if known else None,  # type: ignore[operator]
        "width_ratio": 1.02 if known else None,
        "published": 34.0,
        "published_low": 28.0,
        "published_high": 39.5,
        "use": "calibrate",
        "scored": True,
        "mark": "V",
        "inside": True if known else None,
    }
    return TrialRow(**{**plain, **changes})  # type: ignore[arg-type]


@pytest.fixture
def rows() -> list[TrialRow]:
    """Inside, outside, not reached, a ratio, not scored, not simulated."""
    return [
        a_row("T1", 33.0),
        a_row("T2", 12.0, arm="control <b>", inside=False, published_low=None, published_high=None),
        a_row("T3", 7.0, endpoint="OS_median", timepoint="", unit="months", published=7.7, high=np.inf),
        a_row("T4", 0.7, endpoint="HR_OS", timepoint="", unit="ratio", published=0.71, label="all & sundry"),
        a_row("T5", 2.0, endpoint="cycles_median", unit="cycles", scored=False, published=2.0),
        a_row("T6", None, endpoint="CRS_g3plus", note="not simulated yet: <script>alert(1)</script>"),
    ]


@pytest.fixture
def bands() -> list[SurvivalBand]:
    """Two arms."""
    days = np.arange(0.0, 731.0, 10.0)
    risk = np.arange(0, 25, 6) * 30.4375
    made = []
    for arm, rate in (("drug", 300.0), ("control <b>", 150.0)):
        middle = np.exp(-days / rate)
        made.append(
            SurvivalBand(
                arm,
                "os",
                days,
                middle,
                middle * 0.9,
                np.minimum(1, middle * 1.1),
                risk,
                270 * np.exp(-risk / rate),
                np.full(5, rate * 0.69),
            )  # fmt: skip
        )
    return made


@pytest.fixture
def strata() -> list[StrataBand]:
    """Two arms in three strata."""
    share = np.array([0.66, 0.64, 0.36])
    return [
        StrataBand(arm, (0.05, 0.25, 0.5, 1.01), share * factor, share * factor - 0.1, share * factor + 0.1, share)
        for arm, factor in (("drug", 1.0), ("control <b>", 0.5))
    ]


@pytest.fixture
def signals() -> xr.Dataset:
    """One patient: cells that fall to nothing, and a drug."""
    days = np.arange(0.0, 60.0)
    cells = np.where(days < 40, 1e12 * np.exp(-days / 2), 0.0)
    return xr.Dataset(
        {
            "L": (("patient", "time"), cells[None, :], {"units": "cell", "long_name": "leukemic cells"}),
            "C": (("patient", "time"), np.full((1, 60), 600.0), {"units": "pg/mL", "long_name": "drug"}),
        },
        coords={"patient": [12], "time": days},
    )


@pytest.fixture
def chart() -> pd.DataFrame:
    """That patient's chart."""
    return pd.DataFrame(
        [
            (0.0, "dose", "dexamethasone", 16.0, "mg", "premedication", ""),
            (0.0, "infusion_start", "blinatumomab", 9.0, "ug/d", "", ""),
            (1.0, "sample", "marrow", np.nan, "", "", ""),
            (3.25, "crs", "crs", 3.0, "grade", "", ""),
            (3.25, "hold", "blinatumomab", np.nan, "", "CRS of grade 3", ""),
            (6.0, "resume", "blinatumomab", 9.0, "ug/d", "", ""),
            (29.0, "response", "CR", np.nan, "", "", "MRD-negative"),
            (50.0, "relapse", "CD19-negative", np.nan, "", "", ""),
        ],
        columns=["day", "kind", "what", "value", "unit", "rule", "detail"],
    )
