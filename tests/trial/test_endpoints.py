"""Endpoints on small groups worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from virtuall.trial import endpoints

NEVER = np.nan


def group(**columns: Any) -> dict[str, np.ndarray]:
    size = len(next(iter(columns.values())))
    nothing: dict[str, Any] = {
        "patient": list(range(size)),
        "best_response": ["none"] * size,
        "response_day": [NEVER] * size,
        "response_cycle": [NEVER] * size,
        "cr_day": [NEVER] * size,
        "mrd_negative": [False] * size,
        "mrd_day": [NEVER] * size,
        "relapse_day": [NEVER] * size,
        "transplant_day": [NEVER] * size,
        "next_line_day": [NEVER] * size,
        "death_day": [NEVER] * size,
        "last_day": [1000.0] * size,
        "treated": [True] * size,
    }
    return {name: np.array(values) for name, values in {**nothing, **columns}.items()}


# CR early; CR early; CRh then CR after the window; CRi; CRh too late; nothing
RESPONDERS = group(
    best_response=["CR", "CR", "CR", "CRi", "CRh", "none"],
    response_day=[29, 71, 71, 29, 120, NEVER],
    response_cycle=[1, 2, 2, 1, 3, NEVER],
    cr_day=[29, 71, 130, NEVER, NEVER, NEVER],
    mrd_negative=[True, True, False, False, True, False],
    mrd_day=[29, 113, NEVER, NEVER, 120, NEVER],
)


@pytest.mark.parametrize(
    ("levels", "window", "share"),
    [
        (["CR"], {"by": 84}, 2 / 6),
        (["CR"], {}, 3 / 6),
        (["CR", "CRh", "CRi"], {"by": 84}, 4 / 6),
        (["CRi"], {"by": 84}, 2 / 6),
        (["CRh"], {}, 1 / 6),
        (["CR", "CRh"], {"by_cycle": 1}, 1 / 6),
        (["CR", "CRh", "CRi"], {"by_cycle": 2}, 4 / 6),
    ],
)
def test_response_within_a_window(levels: list[str], window: dict[str, Any], share: float) -> None:
    assert endpoints.response_share(RESPONDERS, levels=levels, **window) == pytest.approx(share)


def test_a_first_level_is_used_where_the_outcomes_have_one() -> None:
    told = {**RESPONDERS, "response_level": np.array(["CR", "CR", "CRh", "CRi", "CRh", "none"])}
    assert endpoints.response_share(told, levels=["CRh"], by=84) == pytest.approx(1 / 6)


def test_mrd_is_told_of_responders_only() -> None:
    assert endpoints.mrd_negative_share(RESPONDERS, by=84) == pytest.approx(1 / 4)
    assert endpoints.mrd_negative_share(RESPONDERS) == pytest.approx(3 / 5)
    assert np.isnan(endpoints.mrd_negative_share(group(death_day=[5.0])))


def test_overall_survival_counts_everybody_and_stops_at_the_data_cut() -> None:
    patients = group(death_day=[100, NEVER, 50], follow_up=[100, 70, 50], treated=[True, True, False])
    time, event = endpoints.times_to_event(patients, "os")
    assert list(time) == [100, 70, 50]
    assert list(event) == [True, False, True]


def test_censoring_at_transplant_keeps_a_death_on_that_day() -> None:
    patients = group(death_day=[100, 100, 100], transplant_day=[60, 100, NEVER])
    time, event = endpoints.times_to_event(patients, "os", ["transplant"])
    assert list(time) == [60, 100, 100]
    assert list(event) == [False, True, True]


def test_no_remission_in_the_window_is_an_event_on_day_zero() -> None:
    patients = group(
        response_day=[30, 100, NEVER, NEVER, NEVER, 30],
        best_response=["CR", "CR", "none", "none", "none", "CRh"],
        relapse_day=[200, NEVER, NEVER, NEVER, NEVER, NEVER],
        death_day=[300, NEVER, 40, NEVER, NEVER, 250],
        follow_up=[300, 500, 40, 500, 50, 250],
    )
    time, event = endpoints.times_to_event(patients, "efs", response_by=84)
    assert list(time) == [200, 0, 0, 0, 0, 250]
    assert list(event) == [True, True, True, True, False, True], "the fifth is not followed long enough"
    with pytest.raises(ValueError, match="window"):
        endpoints.times_to_event(patients, "efs")


def test_duration_of_remission_counts_from_remission_of_responders() -> None:
    patients = group(
        response_day=[30, 30, NEVER, 30],
        best_response=["CR", "CRi", "none", "CR"],
        relapse_day=[200, NEVER, NEVER, NEVER],
        death_day=[300, 100, 40, NEVER],
        transplant_day=[90, NEVER, NEVER, NEVER],
    )
    time, event = endpoints.times_to_event(patients, "dor")
    assert list(time) == [170, 70, 970]
    assert list(event) == [True, True, False]
    time, event = endpoints.times_to_event(patients, "dor", ["transplant"])
    assert list(time) == [60, 70, 970]
    assert list(event) == [False, True, False]


def test_odds_ratio_and_its_empty_cells() -> None:
    low = group(best_response=["CR", "CR", "CR", "none"], response_day=[9, 9, 9, NEVER], cr_day=[9, 9, 9, NEVER])
    high = group(best_response=["CR", "none", "none"], response_day=[9, NEVER, NEVER], cr_day=[9, NEVER, NEVER])
    assert endpoints.odds_ratio(low, high, of="response") == pytest.approx(3 / 1 / (1 / 2))
    none = group(death_day=[1.0, 2.0])
    assert endpoints.odds_ratio(low, none, of="response") == pytest.approx(3.5 / 1.5 / (0.5 / 2.5))
    assert np.isnan(endpoints.odds_ratio(low, group(patient=np.array([], int)), of="response"))


def test_hazard_ratio_of_two_groups() -> None:
    rng = np.random.default_rng(0)
    fast, slow = rng.exponential(100, 3000), rng.exponential(200, 3000)
    ratio = endpoints.hazard_ratio(group(death_day=slow), group(death_day=fast), of="os")
    assert ratio == pytest.approx(0.5, rel=0.1)


def test_shares_of_treated_and_randomized() -> None:
    patients = group(
        treated=[True, True, False, True],
        transplant_day=[90, NEVER, 100, NEVER],
        cycles_started=[2, 5, 0, 1],
        hit=[True, False, True, False],
    )
    assert endpoints.transplant_share(patients) == 0.5
    assert endpoints.untreated_share(patients) == 0.25
    assert endpoints.event_share(patients, column="hit") == pytest.approx(1 / 3)
    assert endpoints.cycles(patients, statistic="median") == 2
    assert endpoints.cycles(patients, statistic="max") == 5


def test_conditions_choose_patients() -> None:
    patients = group(
        arm=["a", "b", "a"],
        line=[1, 2, 3],
        marrow_blasts=[0.05, 0.5, 0.9],
        prior_transplant=[True, False, True],
    )
    assert list(endpoints.selected(patients, {"arm": "a", "line": (1, 2)})) == [True, False, False]
    assert list(endpoints.selected(patients, {"marrow_blasts": (0.5, 1.01)})) == [False, True, True]
    assert list(endpoints.selected(patients, {"arm": ["a", "b"], "prior_transplant": False})) == [
        False,
        True,
        False,
    ]
    assert endpoints.baseline_share(patients, having={"arm": "a"}) == pytest.approx(2 / 3)
    assert endpoints.baseline(patients, column="line", statistic="sd") == pytest.approx(1.0)
    assert endpoints.baseline(patients, column="line", statistic="geometric_mean") == pytest.approx(6 ** (1 / 3))
    nothing = group(line=[0, 0])
    assert np.isnan(endpoints.baseline(nothing, column="line", statistic="geometric_mean"))
