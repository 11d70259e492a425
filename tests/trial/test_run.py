"""Running a trial: ids, replicates, never treated, data cut, rows and the promised JSON."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from virtuall.core.errors import InputError
from virtuall.core.random import exponential, uniform
from virtuall.model.shelf import shipped_library
from virtuall.trial.check_design import read_check
from virtuall.trial.check_run import CheckResult, run_check
from virtuall.trial.design import load_design
from virtuall.trial.exposure import exposure
from virtuall.trial.run import TrialResult, ever_treated, patient_ids, plan_arm, read_rows, run_trial

KEYS = {
    "target", "trial", "arm", "endpoint", "timepoint", "unit", "simulated", "low", "high", "width_ratio",
    "published", "published_low", "published_high", "use", "scored", "mark", "inside",
}  # fmt: skip


def fake_simulate(patients: Any, protocol: Any, **options: Any) -> SimpleNamespace:
    """Outcomes that depend on seed and id alone, as those of the real one do."""
    ids, seed = patients.ids, patients.seed
    n, days = ids.size, np.asarray(options["days"], np.float64)
    treated = options.get("treated")
    treated = np.ones(n, bool) if treated is None else treated
    strong = protocol.name.startswith("blinatumomab")
    blasts = patients.columns["marrow_blasts"]
    responds = treated & (
        uniform(seed, "fake response", ids) < np.where(blasts < 0.5, 0.6, 0.4) * (1 if strong else 0.6)
    )
    response = np.where(responds, 30.0, np.nan)
    death = exponential(seed, "fake death", ids) * np.where(responds, 700.0, 200.0) + 10
    relapse = np.where(responds & (death > 200), death - 100, np.nan)
    death[death > days] = np.nan
    relapse[relapse > days] = np.nan
    outcomes = pd.DataFrame(
        {
            "patient": ids, "status": 0, "age": patients.columns["age"],
            "sex": np.where(patients.columns["sex"] > 0, "male", "female"),
            "weight": 70.0, "bsa": 1.8, "marrow_blasts": blasts, "line": patients.columns["line"].astype(int),
            "prior_transplant": patients.columns["prior_transplant"] > 0, "treated": treated,
            "cycles_started": np.where(treated, 2, 0),
            "best_response": np.where(responds, "CR", "none"), "response_day": response,
            "cr_day": response,
            "mrd_negative": responds, "mrd_day": response, "relapse_day": relapse, "relapse_phenotype": "",
            "transplant_day": np.where(uniform(seed, "fake transplant", ids) < 0.5, response + 30, np.nan),
            "next_line_day": np.nan, "off_protocol_day": np.nan, "death_day": death, "death_cause": "",
            "last_day": np.where(np.isnan(death), days, death),
        }
    )  # fmt: skip
    answered = ids[responds]
    events = pd.concat(
        [
            pd.DataFrame({"patient": ids[::7], "day": 3.0, "kind": "crs", "rule": "ctcae_v4_crs", "value": 3.0}),
            pd.DataFrame({"patient": answered, "day": 30.0, "kind": "response", "what": "CR", "value": 0.0}),
        ],
        ignore_index=True,
    ).assign(cycle=1)
    names, times = options.get("record") or (), options.get("times", np.arange(2.0))
    units = {"cd8_blood": "cell/uL", "b_cells_blood": "cell/uL"}
    signals = xr.Dataset(
        {name: (("patient", "time"), _trace(ids, seed, times), {"units": units.get(name, "pg/mL")}) for name in names},
        coords={"patient": ids, "time": times},
    )
    provenance = {"versions": {"virtuall": "0"}, "fingerprint": "abc", "protocol": protocol.name}
    return SimpleNamespace(outcomes=outcomes, events=events, signals=signals, provenance=provenance, protocol=protocol)


def _trace(ids: np.ndarray, seed: int, times: np.ndarray) -> np.ndarray:
    """A steady 500 of some spread for a week, then a fall by half every two hours."""
    level = 500 * np.exp(uniform(seed, "fake level", ids) - 0.5)
    return level[:, None] * 0.5 ** (np.maximum(times - 7, 0) * 12)[None, :]


def fake_protocol(name: str, library: Any = (), scales: Any = (), as_of: Any = None) -> SimpleNamespace:
    level = SimpleNamespace(given=lambda weight, bsa, light, luck: np.full(bsa.shape, 28.0))
    cycle = SimpleNamespace(steps=[SimpleNamespace(levels=(0,))], infusion=7.0)
    regimen = SimpleNamespace(levels=[level], cycles=[cycle], start=0.0, light_below=0.0)
    return SimpleNamespace(name=name, regimen=regimen)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("virtuall.simulation.simulate.planned", partial(partial, fake_simulate))
    monkeypatch.setattr("virtuall.simulation.simulate.simulate_together", lambda runs, _=1: (run() for run in runs))
    monkeypatch.setattr("virtuall.simulation.protocol.load_protocol", fake_protocol)


def test_ids_are_unique_and_do_not_depend_on_the_number_of_replicates() -> None:
    design = load_design("tower")
    many = np.concatenate([patient_ids(design, arm, 5) for arm in design.arms])
    assert np.array_equal(np.sort(many), np.arange(5 * design.size))
    for arm in design.arms:
        assert np.array_equal(patient_ids(design, arm, 2), patient_ids(design, arm, 5)[: 2 * arm.size])
        assert set(patient_ids(design, arm, 5) // design.size) == set(range(5))


def test_the_share_never_treated_is_the_published_one_up_to_chance() -> None:
    design = load_design("tower")
    for arm in design.arms:
        never = ~ever_treated(arm, 1, patient_ids(design, arm, 200))
        spread = np.sqrt(arm.never_treated / never.size)
        assert abs(never.mean() - arm.never_treated) < 4 * spread
        counts = never.reshape(200, arm.size).sum(axis=1)
        assert counts.min() < counts.max(), "its number differs between replicates, as in trials"


def test_an_arm_may_have_the_next_lines_of_its_years() -> None:
    lots = np.arange(1)
    for name, own in (("inovate", 0.64), ("tower", None)):
        design = load_design(name)
        arm = design.arms[1]
        planned = plan_arm(design, arm, 1, lots)
        assert arm.protocol == "chemotherapy/salvage" and arm.next_line == own
        assert planned.protocol.next_line.after.get("chemotherapy") == own
        assert planned.protocol.next_line.after["blinatumomab"] < 1, "what follows other products stays"


def result_of(replicates: int) -> TrialResult:
    return run_trial("tower", seed=3, replicates=replicates, processes=1, resamples=20)


@pytest.mark.usefixtures("fake")
def test_a_replicate_is_the_same_among_few_and_many() -> None:
    few, many = result_of(2), result_of(4)
    columns = ["patient", "arm", "replicate", "treated", "death_day", "follow_up", "cut_day"]
    same = many.outcomes[many.outcomes["replicate"] < 2]
    a, b = (frame[columns].sort_values("patient").reset_index(drop=True) for frame in (few.outcomes, same))
    pd.testing.assert_frame_equal(a, b)


@pytest.mark.usefixtures("fake")
def test_rows_are_all_there_and_the_json_has_the_promised_keys() -> None:
    result = result_of(4)
    assert result.patients == 4 * 405 and result.failed == 0
    told = result.as_json()
    assert set(told) == {"trial", "seed", "replicates", "patients", "failed", "rows"}
    assert all(set(row) == KEYS for row in told["rows"])
    json.dumps(told, allow_nan=False)
    rows = {row.target: row for row in result.rows}
    assert len(rows) == len(told["rows"])
    assert set(result.outcomes["response_cycle"].dropna()) == {1.0}
    for target in ("T0039", "T0040", "T0047", "T0048", "T0049", "T0058", "T0088"):
        assert rows[target].simulated is not None, target
        assert rows[target].replicates == 4
    assert rows["T0193"].simulated is None, "listed, not dropped"
    assert rows["T0186"].trial != rows["T0039"].trial, "rows of the pooled analysis come with it"
    never = rows["TOWER-untreated-chemotherapy"]
    assert never.simulated == pytest.approx(18.7, abs=6)


@pytest.mark.usefixtures("fake")
def test_the_pooled_rows_are_simulated_when_there_are_patients_enough() -> None:
    rows = {row.target: row for row in result_of(6).rows}  # two groups of 683 of the one arm
    assert rows["T0186"].replicates == 2 and rows["T0186"].simulated is not None


@pytest.mark.usefixtures("fake")
def test_the_data_are_cut_at_the_stated_deaths() -> None:
    result = result_of(3)
    for _, group in result.outcomes.groupby("replicate"):
        assert len(group) == 405
        assert group["cut_day"].nunique() == 1
        assert np.isfinite(group["death_day"]).sum() == result.design.deaths


@pytest.mark.usefixtures("fake")
def test_the_page_of_a_trial_with_its_checks() -> None:
    from virtuall.report.trial_page import trial_page

    html = trial_page(result_of(3), [check_of("mt103_202_pd"), check_of("nhl_il6"), check_of("pk_label")])
    assert "TOWER on virtual patients" in html and "248 deaths" in html and "published follow-up 11.7 months" in html
    assert html.count("<svg") >= 8
    for words in ("Overall survival", "Event-free survival", "IL-6 under a flat dose", "published 228 pg/mL"):
        assert words in html


@pytest.mark.usefixtures("fake")
def test_no_replicate_is_an_error() -> None:
    with pytest.raises(InputError, match="at least one replicate"):
        run_trial("tower", replicates=0)


@pytest.mark.usefixtures("fake")
def test_a_cut_that_never_comes_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from virtuall.report.trial_page import trial_page

    short = replace(load_design("tower"), horizon=20.0)
    monkeypatch.setattr("virtuall.trial.run.load_design", lambda name, library: short)
    result = result_of(2)
    assert (result.outcomes["cut_day"] == short.cut_latest).all()
    assert "In 2 of 2 replicates so many deaths did not" in trial_page(result)


def check_of(name: str) -> CheckResult:
    from virtuall.model.shelf import open_shelf

    return run_check(read_check(open_shelf().file(f"trials/{name}/check.toml")), seed=1, n=100)


@pytest.mark.usefixtures("fake")
def test_a_check_scores_groups_of_the_stated_size() -> None:
    rows = {row.target: row for row in check_of("pk_label").rows}
    assert rows["T0354"].replicates == 2 and 300 < (rows["T0354"].simulated or 0) < 900
    assert rows["T0358"].simulated == pytest.approx(2.0)
    assert rows["T0359"].simulated is None


def test_exposure_of_a_known_fall() -> None:
    times = np.linspace(0, 3, 73)
    clearance, volume = np.array([2.0, 4.0]), np.array([6.0, 5.0])
    steady = 24.0 / (clearance * 24) * 1000  # ug/d over L/d in pg/mL
    decay = (clearance / volume * 24)[:, None]
    curve = steady[:, None] * np.exp(-decay * np.maximum(times - 2, 0))
    found = exposure(times, curve, np.array([24.0, 24.0]), 2.0, ("ug/d", "pg/mL"))
    assert found["clearance"] == pytest.approx(clearance)
    assert found["volume"] == pytest.approx(volume)
    assert found["half_life"] == pytest.approx(np.log(2) * volume / clearance)


def test_a_published_row_that_changes_on_disk_is_read_anew(tmp_path: Path) -> None:
    own = tmp_path / "trials" / "tower"
    own.mkdir(parents=True)
    shipped = shipped_library() / "trials" / "tower"
    for name in ("published.csv", "endpoints.toml"):
        shutil.copy(shipped / name, own / name)
    before = {each.target: each.value for each in read_rows("tower", [tmp_path]).published}
    text = (own / "published.csv").read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith("T0049,"))
    (own / "published.csv").write_text(text.replace(row, row.replace(",0.71,", ",0.72,")), encoding="utf-8")
    after = {each.target: each.value for each in read_rows("tower", [tmp_path]).published}
    assert (before["T0049"], after["T0049"]) == (0.71, 0.72)
    assert {target for target in before if before[target] != after[target]} == {"T0049"}
