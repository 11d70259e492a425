"""Accrual and data cut: the cut comes with a stated number of deaths, and nothing later is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from virtuall.core.errors import InputError
from virtuall.trial.accrual import accrual_days, confirmed, cut_data, cut_day

Trial = tuple[pd.DataFrame, pd.DataFrame]


def test_accrual_is_spread_over_the_period() -> None:
    np.testing.assert_allclose(accrual_days([0.0, 0.25, 1.0], 600), [0, 150, 600])


def test_the_cut_is_the_day_of_the_last_death_needed() -> None:
    assert cut_day([0, 10, 20, 30], [100, np.nan, 5, 60], deaths=2) == 90
    assert cut_day([0, 10], [100, np.nan], deaths=2) == np.inf


def test_each_replicate_is_cut_at_its_own_number_of_deaths(trial: Trial) -> None:
    outcomes, _ = trial
    draws = np.random.default_rng(1).random(len(outcomes))
    known = cut_data(outcomes, draws, period=300, deaths=248)
    for _, replicate in known.groupby("replicate"):
        assert replicate["death_day"].notna().sum() == 248
        assert replicate["cut_day"].nunique() == 1
        assert (replicate["accrual_day"] + replicate["follow_up"]).max() <= replicate["cut_day"].iloc[0] + 1e-9


def test_what_comes_after_the_end_of_follow_up_is_not_known() -> None:
    outcomes = pd.DataFrame(
        {
            "replicate": 0,
            "patient": [0, 1, 2],
            "best_response": ["CR", "CR", "none"],
            "response_day": [30.0, 30.0, np.nan],
            "response_cycle": [1, 1, 0],
            "cr_day": [30.0, 75.0, np.nan],
            "mrd_negative": [True, True, False],
            "mrd_day": [30.0, 80.0, np.nan],
            "relapse_day": [200.0, np.nan, np.nan],
            "relapse_phenotype": ["CD19-positive", "", ""],
            "death_day": [np.nan, np.nan, 60.0],
            "last_day": [900.0, 900.0, 60.0],
        }
    )
    known = cut_data(outcomes, [0.0, 0.35, 0.1], period=100, deaths=1)
    assert list(known["cut_day"]) == [70.0] * 3
    assert list(known["follow_up"]) == [70.0, 35.0, 60.0]
    assert list(known["relapse_phenotype"]) == ["", "", ""]
    assert list(known["mrd_negative"]) == [True, False, False]
    assert known["cr_day"].isna().tolist() == [False, True, True]
    assert list(known["death_day"].fillna(-1)) == [-1, -1, 60]
    assert list(outcomes["relapse_day"].fillna(-1)) == [200, -1, -1], "the outcomes handed in are left alone"
    late = cut_data(outcomes, [0.0, 0.75, 0.1], period=100, deaths=1)
    assert list(late["follow_up"]) == [70.0, 0.0, 60.0]
    assert list(late["best_response"]) == ["CR", "none", "none"]


def test_a_remission_that_is_lost_too_soon_never_was_one() -> None:
    outcomes = pd.DataFrame(
        {
            "best_response": ["CR", "CR", "CRi", "none"],
            "response_day": [30.0, 30.0, 30.0, np.nan],
            "cr_day": [30.0, 30.0, np.nan, np.nan],
            "mrd_negative": [True, True, False, False],
            "mrd_day": [30.0, 30.0, np.nan, np.nan],
            "relapse_day": [60.0, 60.5, np.nan, np.nan],
            "relapse_phenotype": ["CD19-positive", "CD19-positive", "", ""],
            "death_day": [300.0, np.nan, 40.0, 20.0],
        }
    )
    known = confirmed(outcomes, 30.0)
    assert known["best_response"].tolist() == ["none", "CR", "none", "none"]
    for day in ("response_day", "relapse_day"):
        assert known[day].notna().tolist() == [False, True, False, False]
    assert known["mrd_negative"].tolist() == [False, True, False, False]
    assert known["relapse_phenotype"].tolist() == ["", "CD19-positive", "", ""]
    assert known["death_day"].tolist()[:1] == [300.0], "deaths stay"
    assert outcomes["response_day"].tolist()[0] == 30.0, "the outcomes handed in are left alone"


def test_without_enough_deaths_follow_up_runs_to_the_end_of_the_simulation(trial: Trial) -> None:
    outcomes, _ = trial
    known = cut_data(outcomes, np.zeros(len(outcomes)), period=600, deaths=10_000)
    pd.testing.assert_series_equal(known["follow_up"], outcomes["last_day"], check_names=False)
    pd.testing.assert_frame_equal(known[outcomes.columns], outcomes, check_dtype=False)


def test_missing_columns_and_draws_are_named(trial: Trial) -> None:
    outcomes, _ = trial
    with pytest.raises(InputError, match=r"lack a column; given 'death_day'"):
        cut_data(outcomes.drop(columns="death_day"), np.zeros(len(outcomes)), period=1, deaths=1)
    with pytest.raises(InputError, match="one draw for each patient"):
        cut_data(outcomes, [0.5], period=1, deaths=1)
