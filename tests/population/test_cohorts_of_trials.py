"""The cohorts of trials look like the published baseline tables."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from virtuall.population import Population, sample

COUNT = 4000


@cache
def drawn(cohort: str) -> Population:
    return sample(cohort, COUNT, seed=7)


def share(cohort: str, column: str, low: float, high: float) -> float:
    values = drawn(cohort).columns[column]
    return float(np.mean((values >= low) & (values < high)))


@pytest.mark.parametrize(
    ("low", "high", "published"), [(0.0, 0.5, 101 / 323), (0.5, 0.9, 162 / 323), (0.9, 1.0, 60 / 323)]
)
def test_burden_of_inovate_falls_into_the_published_strata(low: float, high: float, published: float) -> None:
    assert share("inovate", "marrow_blasts", low, high) == pytest.approx(published, abs=0.03)


@pytest.mark.parametrize(
    ("cohort", "column", "median", "within"),
    [
        ("inovate", "age", 47, 2),
        ("adult_mrd_positive", "age", 45, 2),
        ("eliana", "age", 11, 1),
        ("eliana", "marrow_blasts", 0.74, 0.03),
        ("adult_consolidation", "age", 51, 2),
        ("allcar19", "age", 41.5, 2),
        ("zuma3", "age", 40, 2),
        ("zuma3", "marrow_blasts", 0.65, 0.03),
    ],
)
def test_medians_are_those_published(cohort: str, column: str, median: float, within: float) -> None:
    assert np.median(drawn(cohort).columns[column]) == pytest.approx(median, abs=within)


@pytest.mark.parametrize(
    ("cohort", "column", "value", "published"),
    [
        ("inovate", "line", 1, 0.66),
        ("inovate", "line", 2, 0.33),
        ("inovate", "prior_transplant", 1, 0.17),
        ("adult_mrd_positive", "line", 1, 0.65),
        ("eliana", "prior_transplant", 1, 0.61),
        ("eliana", "cd19_negative_present", 1, 0.33),
        ("zuma3", "line", 1, 10 / 55),
        ("zuma3", "prior_transplant", 1, 23 / 55),
    ],
)
def test_shares_are_those_published(cohort: str, column: str, value: float, published: float) -> None:
    assert share(cohort, column, value, value + 0.5) == pytest.approx(published, abs=0.03)


def test_residual_disease_is_within_what_remission_allows() -> None:
    residual = drawn("adult_mrd_positive").columns["marrow_blasts"]
    assert residual.min() >= 0.001
    assert residual.max() < 0.05


def test_residual_disease_below_detection_is_often_none() -> None:
    columns = drawn("adult_consolidation").columns
    assert 30 <= columns["age"].min() and columns["age"].max() <= 70
    residual = columns["marrow_blasts"]
    assert 0 < residual.min() and residual.max() < 1e-4
    cells = residual * 1e12
    assert 0.3 < np.mean(cells < 1) < 0.6, "some have no cell left"
    assert np.mean(cells > 1e4) > 0.05, "others have many"


def test_younger_children_grow_too() -> None:
    columns = drawn("child_relapsed").columns
    age, height, weight = columns["age"], columns["height"], columns["weight"]
    assert age.min() >= 0.6
    assert age.max() < 18
    for low, high, tall, heavy in (
        (1, 2, (74, 90), (8, 14)),
        (7, 9, (118, 134), (21, 31)),
        (16, 18, (160, 182), (50, 75)),
    ):
        of_age = (age >= low) & (age < high)
        assert tall[0] < np.median(height[of_age]) < tall[1]
        assert heavy[0] < np.median(weight[of_age]) < heavy[1]


def test_children_grow() -> None:
    columns = drawn("eliana").columns
    age, height, weight = columns["age"], columns["height"], columns["weight"]
    assert age.min() >= 3
    assert age.max() <= 25
    for low, high, tall, heavy in (
        (3, 5, (93, 115), (13, 22)),
        (10, 12, (135, 150), (32, 43)),
        (18, 25, (165, 180), (58, 76)),
    ):
        of_age = (age >= low) & (age < high)
        assert tall[0] < np.median(height[of_age]) < tall[1]
        assert heavy[0] < np.median(weight[of_age]) < heavy[1]
    mass_index = weight / (height / 100) ** 2
    assert 12 < np.quantile(mass_index, 0.02)
    assert np.quantile(mass_index, 0.98) < 34


def test_the_clone_of_children_may_be_large_or_tiny() -> None:
    size = np.log10(drawn("eliana").columns["cd19_negative_share"])
    assert size.min() == pytest.approx(-8.8, abs=0.02)
    assert size.max() == pytest.approx(-2.2, abs=0.02)
