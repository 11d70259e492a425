"""Extramedullary disease: it keeps from remission, makes relapses, and is no residual disease of the marrow."""

from __future__ import annotations

import numpy as np
import pytest

import virtuall as va
from virtuall.simulation.result import Result

SEEN = 1e9
SIGNALS = ["extramedullary_cells", "leukemia_cells", "leukemia_cells_marrow", "marrow_blast_fraction", "mrd_fraction"]


def treated(cohort: str, protocol: str, present: float, n: int = 150, days: float = 200.0) -> Result:
    own = {"extramedullary_present.p": np.full(n, present)}
    patients = va.sample(cohort, n, seed=3, numbers=own, parameters="shipped")
    return va.simulate(patients, va.load_protocol(protocol), days=days, record=SIGNALS, every=1.0, chart="key")


@pytest.fixture(scope="module")
def with_it() -> Result:
    return treated("adult_relapsed", "inotuzumab/relapsed", 1.0)


def at(result: Result, signal: str, day: float, rows: np.ndarray) -> np.ndarray:
    return result.signals[signal].sel(time=day).values[rows]


def test_nobody_who_has_it_is_in_remission(with_it: Result) -> None:
    without = treated("adult_relapsed", "inotuzumab/relapsed", 0.0)
    day = with_it.outcomes["response_day"].to_numpy()
    answered = np.flatnonzero(np.isfinite(day) & (day < 200) & (with_it.outcomes["next_line_day"].isna()))
    assert len(answered) > 20
    cells = [at(with_it, "extramedullary_cells", np.floor(day[row]), np.array([row]))[0] for row in answered]
    assert max(cells) < 3 * SEEN, "looked at two days before, with an error of a fifth"
    rows = np.arange(150)
    kept = (at(with_it, "marrow_blast_fraction", 60.0, rows) < 0.05) & (
        at(with_it, "extramedullary_cells", 60.0, rows) > 2 * SEEN
    )
    assert kept.sum() > 10 and not np.isfinite(day[kept][day[kept] < 60]).any()
    share = [np.mean(each.outcomes["response_day"] < 100) for each in (with_it, without)]
    assert share[0] < 0.8 * share[1]


def test_it_is_no_residual_disease_of_the_marrow(with_it: Result) -> None:
    whole, marrow, outside = (
        with_it.signals[name].values for name in ("leukemia_cells", "leukemia_cells_marrow", "extramedullary_cells")
    )
    there = np.isfinite(whole)
    np.testing.assert_allclose(whole[there], (marrow + outside)[there], rtol=1e-9)
    room = there & (marrow < 1e11) & (outside > 0.1 * marrow)  # all of it fits into the marrow
    assert room.sum() > 20
    residual, blasts = (with_it.signals[name].values[room] for name in ("mrd_fraction", "marrow_blast_fraction"))
    np.testing.assert_allclose(residual, blasts, rtol=1e-9)


def test_a_therapy_kills_there_a_share_of_what_it_kills_elsewhere() -> None:
    own = {"extramedullary_present.p": np.ones(60)}
    patients = va.sample("adult_relapsed", 60, seed=3, numbers=own, parameters="shipped")
    protocol = va.load_protocol("inotuzumab/relapsed")
    names = ["loss_L", "loss_O", "leukemia_cells"]
    signals = va.simulate(patients, protocol, days=21.0, record=names, every=1.0, chart="key").signals
    there = signals["leukemia_cells"].values[:, 14] < signals["leukemia_cells"].values[:, 0]
    inside, outside = (signals[name].values[:, 14] - signals[name].values[:, 0] for name in names[:2])
    killed = there & (inside > 0.1)
    assert killed.sum() > 20
    share = patients.columns["extramedullary_access"][killed]
    np.testing.assert_allclose((outside / inside)[killed], share, atol=0.05)
    assert share.min() < 0.2 and share.max() <= 1.0


def test_its_return_is_a_relapse_with_an_empty_marrow() -> None:
    result = treated("eliana", "tisagenlecleucel/relapsed", 1.0, days=500.0)
    day = result.outcomes["relapse_day"].to_numpy()
    rows = np.flatnonzero(np.isfinite(day) & (day < 499))
    outside = [at(result, "extramedullary_cells", np.floor(day[row]), np.array([row]))[0] > SEEN for row in rows]
    marrow = [at(result, "marrow_blast_fraction", np.floor(day[row]), np.array([row]))[0] < 0.02 for row in rows]
    assert np.count_nonzero(np.array(outside) & np.array(marrow)) >= 1


@pytest.mark.parametrize("cohort", ["adult_mrd_positive", "adult_consolidation", "pd_mrd_positive", "nhl_like"])
def test_nobody_in_remission_has_it(cohort: str) -> None:
    patients = va.sample(cohort, 200, seed=1)
    assert not patients.columns["extramedullary_present"].any()
