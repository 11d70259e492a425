"""Simulated beside published: intervals over replicates, sharpness, what is not simulated, and speed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from virtuall.core.errors import InputError, Problems
from virtuall.trial.accrual import cut_data
from virtuall.trial.mapping import check_mapping, read_mapping
from virtuall.trial.published import Published, read_published
from virtuall.trial.replicates import Stack
from virtuall.trial.scoring import check_units, score, score_trial

Trial = tuple[pd.DataFrame, pd.DataFrame]
TRIALS = Path(str(files("virtuall"))) / "library" / "trials"


def figure(value: float, **changes: object) -> Published:
    plain = {
        "target": "X1", "trial": "t", "population": "", "arm": "a", "n": 10, "endpoint": "e", "timepoint": "",
        "low": np.nan, "high": np.nan, "unit": "%", "event_kind": "efficacy", "use": "calibrate",
        "scored": True, "duplicate": "", "mark": "V", "source": "s",
    }  # fmt: skip
    return Published(value=value, **{**plain, **changes})  # type: ignore[arg-type]


def test_an_interval_is_that_of_the_replicates() -> None:
    values = np.linspace(0, 100, 101)
    row = score(figure(97.0), values, np.linspace(0, 50, 101))
    assert row.simulated == pytest.approx(50)
    assert (row.low, row.high) == (pytest.approx(2.5), pytest.approx(97.5))
    assert row.inside is True
    assert row.width_ratio == pytest.approx(2.0)
    assert score(figure(98.0), values, np.empty(0)).inside is False
    assert score(figure(98.0), values, np.empty(0)).width_ratio is None


def test_the_same_count_of_the_same_patients_is_inside() -> None:
    values = np.array([35, 36, 37, 38, 39]) / 162 * 100
    told = figure(21.6, endpoint="e (35/162)")
    assert score(told, values[[0] * 40], np.empty(0)).inside is True
    assert score(figure(21.6), values[[0] * 40], np.empty(0)).inside is False
    assert score(told, values[[1] * 40], np.empty(0)).inside is False


@pytest.mark.parametrize("values", [[7.0], [7.0, np.nan]])
def test_one_figure_has_no_interval_and_lies_neither_inside_nor_outside(values: list[float]) -> None:
    row = score(figure(7.0), np.array(values), np.linspace(0, 50, 101))
    assert (row.simulated, row.median, row.made) == (7.0, 7.0, True)
    assert (row.low, row.high, row.inside, row.inside50, row.width_ratio) == (None,) * 5
    assert "one figure tells no spread" in row.note
    assert not score(figure(7.0), np.array([np.nan]), np.empty(0)).made


def test_a_median_not_reached_counts_as_large() -> None:
    values = np.array([5.0, 6, 7, 8, np.nan])
    row = score(figure(50.0), values, values, not_reached_is_large=True)
    assert row.simulated == pytest.approx(6.5)
    assert row.high == np.inf
    assert row.inside is True
    assert row.note == "median not reached in 1 of 5 replicates"
    assert row.as_json()["high"] is None
    mostly = score(figure(50.0), np.array([5.0, np.nan, np.nan]), values, not_reached_is_large=True)
    assert mostly.simulated is None
    never = score(figure(50.0), np.array([np.nan, np.nan]), values, not_reached_is_large=True)
    assert (never.simulated, never.low, never.inside) == (None, np.inf, False)


def test_an_estimate_that_cannot_be_had_is_left_out_and_said() -> None:
    row = score(figure(1.0), np.array([1.0, 3.0, np.nan]), np.empty(0))
    assert row.simulated == 2
    assert row.note == "cannot be estimated in 1 of 3 replicates"
    nothing = score(figure(1.0), np.array([np.nan]), np.empty(0))
    assert (nothing.simulated, nothing.low, nothing.inside) == (None, None, None)


def test_quartiles_distance_and_values_stand_beside_the_interval() -> None:
    values, resampled = np.linspace(0, 100, 101), np.array([48.0, 50.0, 52.0])
    row = score(figure(60.0), values, resampled)
    assert (row.median, row.low50, row.high50) == (pytest.approx(50), pytest.approx(25), pytest.approx(75))
    assert row.inside50 is True
    assert score(figure(76.0), values, resampled).inside50 is False
    assert row.sampling_sd == pytest.approx(2.0)
    assert row.z == pytest.approx((60 - 50) / 2)
    assert row.values == tuple(values)
    assert "values" not in row.as_json()
    never = score(figure(1.0), np.zeros(5), np.zeros(5))
    assert (never.sampling_sd, never.z) == (0.0, np.inf)
    assert score(figure(0.0), np.zeros(5), np.zeros(5)).z == 0.0
    assert score(figure(1.0), values, np.empty(0)).z is None


def test_quartiles_of_medians_not_reached() -> None:
    rng = np.random.default_rng(1)
    resampled = rng.normal(10, 2, 4000)
    resampled[resampled > 13] = np.nan
    row = score(figure(50.0), np.array([5.0, 6, 7, np.nan, np.nan]), resampled, not_reached_is_large=True)
    assert (row.median, row.high50, row.inside50) == (7, np.inf, True)
    assert row.sampling_sd == pytest.approx(2.0, rel=0.1), "of the quartiles, which were reached"
    few = score(figure(50.0), np.array([5.0]), np.array([5.0, np.nan]), not_reached_is_large=True)
    assert (few.sampling_sd, few.z) == (None, None)


@pytest.fixture(scope="module")
def cut(trial: Trial) -> Trial:
    outcomes, events = trial
    draws = np.random.default_rng(1).random(len(outcomes))
    return cut_data(outcomes, draws, period=600, deaths=248), events


def test_tower_on_a_made_up_trial(cut: Trial) -> None:
    published = read_published(TRIALS / "tower" / "published.csv")
    mapped = read_mapping(TRIALS / "tower" / "endpoints.toml")
    rows = {row.target: row for row in score_trial(*cut, published, mapped, seed=1, resamples=100)}
    assert len(rows) == len(published), "a row for each published figure"
    antibody = cut[0][cut[0]["arm"] == "blinatumomab"]
    assert rows["T0041"].simulated == pytest.approx(100 * np.mean(antibody["response_day"] <= 84))
    assert rows["T0041"].inside is True
    assert rows["T0045"].simulated == pytest.approx(76, abs=3)
    assert rows["T0120"].simulated == pytest.approx(14, abs=2)
    assert rows["T0121"].simulated == 0
    assert rows["TOWER-untreated-chemotherapy"].simulated == pytest.approx(18.7, abs=2)
    assert 3 < (rows["T0048"].simulated or 0) < 9
    assert rows["T0086"].simulated is None
    assert "no event of the kind 'neurologic on ctcae_v4_encephalopathy'" in rows["T0086"].note
    assert rows["T0070"].note.startswith("not simulated yet: adverse events of every kind")
    for target in ("T0041", "T0047", "T0049", "T0054"):
        assert rows[target].width_ratio == pytest.approx(1.0, abs=0.45), "only sampling varies in this trial"
    text = json.dumps([row.as_json() for row in rows.values()], allow_nan=False)
    assert set(json.loads(text)[0]) == {
        "target", "trial", "arm", "endpoint", "timepoint", "unit", "simulated", "low", "high", "width_ratio",
        "published", "published_low", "published_high", "use", "scored", "mark", "inside",
    }  # fmt: skip


def test_pooled_rows_use_groups_of_their_published_size(cut: Trial) -> None:
    published = read_published(TRIALS / "pooled_relapsed" / "published.csv")
    mapped = read_mapping(TRIALS / "pooled_relapsed" / "endpoints.toml")
    rows = {row.target: row for row in score_trial(*cut, published, mapped, seed=1, resamples=50)}
    assert rows["T0186"].replicates == 20 * 270 // 683
    assert rows["T0186"].simulated == pytest.approx(0.66 / 0.34 / (0.36 / 0.64), rel=0.25)
    few = {row.target: row for row in score_trial(cut[0].iloc[:405], cut[1], published, mapped, seed=1)}
    assert few["T0186"].note == "not simulated: fewer patients than one group of 683"


def test_the_same_seed_gives_the_same_rows_whatever_the_order_of_patients(cut: Trial) -> None:
    published = read_published(TRIALS / "tower" / "published.csv")
    mapped = read_mapping(TRIALS / "tower" / "endpoints.toml")
    rows = score_trial(*cut, published, mapped, seed=1, resamples=0)
    shuffled = cut[0].sample(frac=1.0, random_state=1)
    again = score_trial(shuffled, cut[1], published, mapped, seed=1, resamples=0)
    assert [row.as_json() for row in rows] == [row.as_json() for row in again]


def signals() -> xr.Dataset:
    days = np.array([0, 1, 2, 6, 12, 24, 48, 168, 336, 504, 672, 840]) / 24
    start = np.linspace(100, 300, 40)
    fall = np.where(days == 0, 1.0, np.where(days < 2, 0.1, 1.5))
    return xr.Dataset(
        {
            "cd8_blood": (("patient", "time"), np.outer(start, fall) * 1e6, {"units": "cell/L"}),
            "b_cells_blood": (("patient", "time"), np.outer(start, days == 0), {"units": "cell/uL"}),
        },
        coords={"patient": np.arange(40), "time": days},
    )


def test_signals_are_scored_in_the_published_unit() -> None:
    published = read_published(TRIALS / "mt103_202_pd" / "published.csv")
    mapped = read_mapping(TRIALS / "mt103_202_pd" / "endpoints.toml")
    outcomes = pd.DataFrame(
        {"patient": np.arange(40), "replicate": np.repeat([0, 1], 20), "arm": "blinatumomab", "treated": True}
    )
    events = pd.DataFrame({"patient": [], "day": [], "kind": [], "value": []})
    rows = {
        row.target: row
        for row in score_trial(outcomes, events, published, mapped, seed=1, signals=signals(), resamples=0)
    }
    assert rows["T0286"].simulated == pytest.approx(0.1), "relative to baseline at 6 h"
    assert rows["T0313"].simulated == pytest.approx(200), "cells per uL at baseline"
    assert rows["T0315"].simulated == 100
    assert rows["T0316"].simulated == pytest.approx(0.1)
    assert rows["T0319"].simulated == pytest.approx(1.5)
    blind = score_trial(outcomes, events, published, mapped, seed=1)
    assert {row.note for row in blind if row.target == "T0286"} == {"not simulated: no signals were recorded"}
    with pytest.raises(InputError, match="record a finer grid"):
        score_trial(outcomes, events, published, mapped, seed=1, signals=signals().isel(time=[0, 1]))


def test_a_hundred_replicates_of_tower_are_scored_within_seconds(make_trial: Callable[..., Trial]) -> None:
    outcomes, events = make_trial(replicates=100)
    published = read_published(TRIALS / "tower" / "published.csv")
    mapped = read_mapping(TRIALS / "tower" / "endpoints.toml")
    began = time.perf_counter()
    known = cut_data(outcomes, np.random.default_rng(1).random(len(outcomes)), period=600, deaths=248)
    score_trial(known, events, published, mapped, seed=1)
    assert time.perf_counter() - began < 10


GOOD = """
[[row]]
targets = ["X1"]
endpoint = "response_share"
group = { arm = "a" }
levels = ["CR"]
by = "12 week"
"""


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (GOOD.replace("response_share", "response_shar"), "did you mean 'response_share'"),
        (GOOD.replace('["CR"]', '["CRx"]'), "levels names an unknown word"),
        (GOOD.replace("12 week", "12 mg"), "a quantity in d is expected"),
        (GOOD.replace("arm =", "arms ="), "given 'arms'; did you mean 'arm'"),
        (GOOD.replace("levels", "level"), "needs the key 'levels'"),
        (GOOD + 'of = "os"', "unknown key"),
        (GOOD.replace("response_share", "hazard_ratio"), "needs a second group"),
        (GOOD + 'against = { arm = "b" }', "takes no second group"),
        (GOOD.replace('arm = "a"', "line = [2, 1]"), "two numbers, the lower first"),
    ],
)
def test_a_wrong_mapping_is_placed(tmp_path: Path, changed: str, message: str) -> None:
    path = tmp_path / "endpoints.toml"
    path.write_text(changed)
    with pytest.raises(Problems, match=message) as caught:
        read_mapping(path)
    assert "endpoints.toml:" in str(caught.value)


def test_a_mapping_that_does_not_fit_the_published_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.toml"
    path.write_text(GOOD)
    mapped = read_mapping(path)
    check_mapping(mapped, [figure(1.0)], "here")
    with pytest.raises(Problems, match="neither computed nor listed.*X2"):
        check_mapping(mapped, [figure(1.0), figure(2.0, target="X2")], "here")
    with pytest.raises(Problems, match="no published row has this id; given 'X1'"):
        check_mapping(mapped, [], "here")
    path.write_text(GOOD + GOOD)
    with pytest.raises(Problems, match="computed twice"):
        check_mapping(read_mapping(path), [figure(1.0)], "here")
    with pytest.raises(Exception, match="response_share is in 1, the published row X1 is not"):
        check_units(mapped, [figure(1.0, unit="months")])


HEADER = (TRIALS / "tower" / "published.csv").read_text().splitlines()[0]
LINE = "X1,t,p,a,10,e,,12.5,,,%,efficacy,remission,calibrate,yes,,V,s"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{HEADER}\n{LINE}\n{LINE}", "published.csv:3: this id stands twice"),
        (f"{HEADER}\n{LINE.replace('12.5', 'many')}", "published.csv:2: value must be a number"),
        (f"{HEADER}\n{LINE.replace('12.5', '')}", "needs a value"),
        (f"{HEADER}\n{LINE.replace(',yes,', ',ja,')}", "unknown word for scored"),
        (f"{HEADER}\n{LINE},more", "18 fields are needed"),
        (f"{HEADER.replace(',unit', '')}\n{LINE}", "wrong columns"),
    ],
)
def test_wrong_published_rows_are_placed(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "published.csv"
    path.write_text(text)
    with pytest.raises(Exception, match=message):
        read_published(path)


def test_the_earliest_of_each_arm_are_those_randomized_first() -> None:
    n = 40
    days = np.random.default_rng(1).permutation(n).astype(float)
    outcomes = pd.DataFrame(
        {
            "patient": np.arange(n),
            "replicate": np.arange(n) // 20,
            "arm": np.tile(["a", "b"], n // 2),
            "accrual_day": days,
        }
    )
    row = SimpleNamespace(size=None, earliest=4, group={"arm": "a"})
    stack = Stack(outcomes)
    for number, rows in enumerate(stack.blocks(row)):  # type: ignore[arg-type]
        for arm in ("a", "b"):
            theirs = outcomes[(outcomes["replicate"] == number) & (outcomes["arm"] == arm)]
            expected = theirs.nsmallest(4, "accrual_day")["patient"]
            assert sorted(outcomes["patient"][rows[outcomes["arm"][rows] == arm]]) == sorted(expected)
    (drawn,) = stack.resamples(row, 1, 1)  # type: ignore[arg-type]
    assert sorted(outcomes["arm"][drawn]) == ["a"] * 4 + ["b"] * 4
