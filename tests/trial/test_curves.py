"""Bands for the report: curves over replicates, response by burden, signals over patients."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from virtuall.core.errors import InputError
from virtuall.trial.curves import medians_of, response_by_burden, signal_band, survival_band
from virtuall.trial.replicates import Stack
from virtuall.trial.traced import SignalColumn, signal_columns

Trial = tuple[pd.DataFrame, pd.DataFrame]


def test_a_survival_band_holds_its_curve(trial: Trial) -> None:
    stack = Stack(trial[0])
    days = np.arange(0.0, 1200.0, 30.0)
    band = survival_band(stack, of="os", arm="blinatumomab", days=days, at_risk_days=[0.0, 300.0, 1e4])
    known = np.isfinite(band.middle)
    assert band.middle[0] == 1
    assert not known[days > 900].any(), "nobody is seen after the end of the simulation"
    assert (np.diff(band.middle[known]) <= 0).all()
    assert (band.low[known] <= band.middle[known]).all() and (band.middle[known] <= band.high[known]).all()
    assert band.at_risk[0] == 270 and band.at_risk[2] == 0
    half = days[np.flatnonzero(band.middle <= 0.5)[0]]
    assert medians_of([band])["blinatumomab"] == pytest.approx(half, abs=30)


def test_response_by_burden_counts_within_strata(trial: Trial) -> None:
    band = response_by_burden(trial[0], arm="blinatumomab", edges=(0.05, 0.25, 0.5, 1.01), by=84)
    assert band.share[0] > 0.5 > band.share[2]
    assert band.patients.sum() < 270, "below 5 % is in no stratum"
    empty = response_by_burden(trial[0], arm="blinatumomab", edges=(2.0, 3.0))
    assert np.isnan(empty.share).all()


def test_a_signal_band_relative_to_baseline() -> None:
    values = np.outer([1.0, 2.0, 4.0, 0.0], [1.0, 0.5])
    traces = xr.Dataset(
        {"x": (("patient", "time"), values, {"units": "cell/uL", "long_name": "cells"})},
        coords={"time": [0.0, 1.0]},
    )
    band = signal_band(traces, "x", relative=True)
    np.testing.assert_allclose([band.low[1], band.middle[1], band.high[1]], 0.5)
    assert (band.title, band.unit) == ("cells", "relative to baseline")
    assert signal_band(traces, "x", factor=1000.0).middle[0] == 1500


def test_windows_reductions_and_floors_of_signals() -> None:
    traces = xr.Dataset(
        {"x": (("patient", "time"), np.array([[8.0, 2.0, 30.0], [4.0, 1.0, 1.0]]), {"units": "ng/mL"})},
        coords={"time": [0.0, 1.0, 2.0]},
    )

    def values(**changes: object) -> np.ndarray:
        column = SignalColumn("x", "pg/mL", 1.0, 2.0)._replace(**changes)
        return signal_columns(traces, [column])[column.name]

    np.testing.assert_allclose(values(), [[2000, 30000], [1000, 1000]])
    np.testing.assert_allclose(values(reduce="max"), [30000, 1000])
    np.testing.assert_allclose(values(relative=True, reduce="min"), [0.25, 0.25])
    np.testing.assert_allclose(values(floor=1500.0), [[2000, 30000], [np.nan, np.nan]])
    assert np.isnan(values(floor=1500.0, reduce="mean")[1])
    with pytest.raises(InputError, match="was not recorded; given 'y'"):
        values(signal="y")
    with pytest.raises(InputError, match="between day 5 and 6"):
        values(first=5.0, last=6.0)


def test_windows_count_from_a_day_of_each_patient_and_end_when_last_seen() -> None:
    traces = xr.Dataset(
        {"x": (("patient", "time"), np.arange(20.0).reshape(4, 5), {"units": "1"})},
        coords={"time": np.arange(5.0)},
    )
    days = {"infused_day": np.array([0.0, 2.0, 2.0, np.nan])}
    column = SignalColumn("x", "1", 0.5, 1.5, reduce="mean", since="infused_day")

    def values(column: SignalColumn) -> np.ndarray:
        return signal_columns(traces, [column], days, np.array([4.0, 4.0, 2.5, 4.0]))[column.name]

    np.testing.assert_array_equal(values(column), [1, 8, np.nan, np.nan])
    np.testing.assert_array_equal(values(column._replace(change=True)), [1, 3, np.nan, np.nan])
    np.testing.assert_array_equal(values(column._replace(first=9.0, last=10.0)), [np.nan] * 4)
    assert values(column._replace(reduce="none")).shape == (4, 2)
    np.testing.assert_array_equal(values(column._replace(first=0.0, last=9.0, reduce="last")), [4, 9, 12, np.nan])
