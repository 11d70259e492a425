"""Boundaries of looks against published tables and against an integral of the multivariate normal by another hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from virtuall.analysis.boundary import SPENDING, crossing_chances, efficacy_bounds
from virtuall.core.errors import InputError


@pytest.mark.parametrize(
    ("kind", "looks", "published", "within"),
    [
        # SAS, PROC SEQDESIGN, method=errfuncobf, two-sided 0.05 (as quoted by gsDesign's vignette SeqDesignSurvival)
        ("obrien-fleming", [0.25, 0.5, 0.75, 1], [4.33263, 2.96333, 2.35902, 2.01409], 3e-4),
        # as in the tables of Lan and DeMets' program, two-sided 0.05: recalled, not read
        ("obrien-fleming", [0.2, 0.4, 0.6, 0.8, 1], [4.8769, 3.3569, 2.6803, 2.2898, 2.0310], 2e-4),
        ("obrien-fleming", [0.5, 1], [2.9626, 1.9686], 1e-4),
        ("pocock", [0.2, 0.4, 0.6, 0.8, 1], [2.4380, 2.4268, 2.4101, 2.3966, 2.3859], 2e-4),
        ("pocock", [0.5, 1], [2.1570, 2.2010], 1e-4),
        ("obrien-fleming", [1], [1.95996], 1e-5),
        ("pocock", [1], [1.95996], 1e-5),
    ],
)
def test_the_published_boundaries(kind: str, looks: list[float], published: list[float], within: float) -> None:
    assert efficacy_bounds(looks, 0.025, kind) == pytest.approx(published, abs=within)


@pytest.mark.parametrize("kind", SPENDING)
def test_the_error_is_spent_as_said(kind: str) -> None:
    looks, error = [0.3, 0.55, 0.8, 1.0], 0.04
    bounds = efficacy_bounds(looks, error, kind)
    chances = crossing_chances(looks, bounds)
    assert np.cumsum(chances) == pytest.approx([SPENDING[kind](look, error) for look in looks], abs=1e-9)
    assert chances.sum() == pytest.approx(error, abs=1e-9)


@pytest.mark.parametrize("drift", [0.0, 2.5])
def test_crossing_is_that_of_a_multivariate_normal(drift: float) -> None:
    looks = np.array([0.4, 0.7, 1.0])
    bounds = efficacy_bounds(list(looks), 0.025, "obrien-fleming")
    spread = np.sqrt(np.minimum.outer(looks, looks) / np.maximum.outer(looks, looks))
    never = multivariate_normal(drift * np.sqrt(looks), spread).cdf(bounds, rng=np.random.default_rng(1))
    assert 1 - crossing_chances(list(looks), list(bounds), drift).sum() == pytest.approx(float(never), abs=2e-5)


def test_with_one_look_power_is_that_of_a_single_test() -> None:
    assert crossing_chances([1.0], [norm.isf(0.025)], 3.2415).sum() == pytest.approx(0.9, abs=1e-4)


def test_a_look_too_early_to_spend_anything_stops_nobody() -> None:
    bounds = efficacy_bounds([0.01, 0.02, 1.0], 0.025, "obrien-fleming")
    assert bounds[0] > 15 and bounds[1] == np.inf and bounds[2] == pytest.approx(norm.isf(0.025))


@pytest.mark.parametrize("looks", [[], [0.5], [0.5, 0.5, 1.0], [0.8, 0.4, 1.0], [0.0, 1.0], [0.5, 1.0, 1.2]])
def test_looks_that_are_not_shares_are_refused(looks: list[float]) -> None:
    with pytest.raises(InputError, match="ascending order"):
        efficacy_bounds(looks, 0.025, "pocock")


def test_an_unknown_boundary_and_an_error_that_is_none() -> None:
    with pytest.raises(InputError, match="no such boundary"):
        efficacy_bounds([1.0], 0.025, "haybittle")
    with pytest.raises(InputError, match="one half"):
        efficacy_bounds([1.0], 0.5, "pocock")
