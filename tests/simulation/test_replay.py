"""A patient is the numbers and what was done: computed again from these, every bit is the same."""

from __future__ import annotations

import dataclasses
import importlib

import numpy as np
import pandas as pd
import pytest

import virtuall as va
from virtuall.core.errors import InputError
from virtuall.engine.kernel import build_kernel
from virtuall.model import load_system
from virtuall.simulation.bind import parameter_rows
from virtuall.simulation.realized import KINDS, NotingKernel, realized_frame
from virtuall.simulation.replay import replay
from virtuall.simulation.result import Result

DAYS, N = 200.0, 24


@pytest.fixture(scope="module")
def result() -> Result:
    treated = np.arange(N) != 5  # one who never starts
    patients = va.sample("adult_relapsed", N, seed=4)
    return va.simulate(patients, va.load_protocol("blinatumomab/relapsed"), days=DAYS, treated=treated)


def changed(result: Result, **columns: object) -> Result:
    assert result.realized is not None
    return dataclasses.replace(result, realized=result.realized.assign(**columns))


def test_every_bit_and_every_death_is_the_same(result: Result) -> None:
    done = replay(result)
    assert done.identical and done.worst == 0.0
    assert list(done.patients) == list(range(N))
    assert list(done.signals["signal"]) == list(result.signals.data_vars)
    assert (done.signals["values"] == int(result.signals["leukemia_cells"].notnull().sum())).all()
    dead = result.outcomes["death_day"].notna().to_numpy()
    assert 0 < dead.sum() < N
    assert np.array_equal(done.ends["replayed_day"][dead], result.outcomes["death_day"][dead])
    assert (done.ends["replayed_end"].str.startswith("death") == dead).all()


def test_the_changes_are_of_all_kinds(result: Result) -> None:
    realized = result.realized
    assert realized is not None
    assert list(realized) == ["patient", "day", "order", "kind", "name", "before", "value", "unit"]
    assert {"A_dex", "R_blina", "R_next_line", "graft", "L", "Q"} <= set(realized["name"])
    assert set(realized.loc[realized["name"] == "R_blina", "unit"]) == {"ug/d"}
    first = realized.groupby(["patient", "day"])["order"].agg(["min", "max", "size"])
    assert (first["min"] == 0).all() and (first["max"] == first["size"] - 1).all()
    assert (first["size"] > 1).any()
    lists = realized.sort_values(["patient", "day", "order"], ignore_index=True)
    pd.testing.assert_frame_equal(realized, lists)
    assert "R_blina" not in set(realized.loc[realized["patient"] == 5, "name"])  # never treated


def test_some_patients_in_any_order_and_by_the_other_back_end(result: Result) -> None:
    done = replay(result, [7, 5, 2])
    assert done.identical and list(done.ends["patient"]) == [7, 5, 2]
    small = va.simulate(result.patients[:2], result.protocol, days=12.0, backend="numpy")
    assert replay(small).worst < 1e-9


def test_chunks_note_the_same(result: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("virtuall.simulation.simulate"), "CHUNK", 10)
    treated = np.arange(N) != 5
    chunks = va.simulate(result.patients, result.protocol, days=DAYS, treated=treated, record=())
    assert chunks.realized is not None and result.realized is not None
    pd.testing.assert_frame_equal(chunks.realized, result.realized, check_exact=True)
    done = replay(chunks)
    assert done.identical and done.signals.empty


def test_another_dose_would_be_noticed(result: Result) -> None:
    realized = result.realized
    assert realized is not None
    wrong = realized["value"].where(realized["name"] != "R_blina", realized["value"] * (1 + 1e-6))
    treated = int(realized.loc[realized["name"] == "R_blina", "patient"].iloc[0])
    done = replay(changed(result, value=wrong), [treated])
    row = done.signals.set_index("signal").loc["blina_concentration"]
    assert not done.identical and 1e-7 < row["relative"] < 1e-4
    assert row["patient"] == treated


def test_a_tolerance_of_ones_own_is_another_trajectory(result: Result) -> None:
    done = replay(result, [2], rtol=1e-8)
    assert not done.identical and 0 < done.worst < 1


def test_a_patient_that_failed_fails_again(result: Result) -> None:
    growth = result.patients.eta_growth[:4].copy()
    growth[2] = 800.0
    with np.errstate(all="ignore"):
        few = va.simulate(result.patients[:4].changed(eta_growth=growth), result.protocol, days=60.0)
        done = replay(few)
    assert few.status[2] != 0 and done.identical
    assert list(done.ends["end"] == "numerical failure") == [False, False, True, False]


def test_what_cannot_be_replayed_is_refused(result: Result) -> None:
    with pytest.raises(InputError, match="no such patient; given 99; it holds 24 patients"):
        replay(result, [1, 99])
    with pytest.raises(InputError, match="no patient is named"):
        replay(result, [])
    with pytest.raises(InputError, match="does not hold what was done"):
        replay(dataclasses.replace(result, realized=None))
    other = dict(result.provenance) | {"fingerprint": "0" * 64}
    with pytest.raises(InputError, match="comes from another model.*given '0000"):
        replay(dataclasses.replace(result, provenance=other))
    twice = va.simulate(result.patients[np.array([1, 1])], result.protocol, days=5.0)
    with pytest.raises(InputError, match="twice"):
        replay(twice)


def test_a_change_that_changes_nothing_is_a_restart(result: Result) -> None:
    model = load_system()
    kernel = NotingKernel(build_kernel(model.system, rtol=1e-4), [])
    ensemble = kernel.start(parameter_rows(model, result.patients[:3]))
    kernel.advance(ensemble, np.arange(3), 2.0)
    kernel.change(ensemble, [2, 0], parameters={"R_blina": [0.0, 9.0]}, states={"A_dex": 0.0})
    kernel.change(ensemble, [1], states={"A_dex": -0.0})
    kernel.change(ensemble, np.empty(0, np.int64), states={"A_dex": 1.0})
    frame = realized_frame(kernel.notes, np.array([10, 11, 12]), model.system)
    assert frame["patient"].tolist() == [10, 11, 12] and frame["day"].tolist() == [2.0] * 3
    assert frame["kind"].tolist() == ["parameter", "state", "restart"] == list(KINDS)
    assert frame["name"].tolist() == ["R_blina", "A_dex", ""]
    assert np.signbit(frame["value"][1]) and not np.signbit(frame["before"][1])
    assert realized_frame([], np.arange(3), model.system).dtypes.equals(frame.dtypes)
