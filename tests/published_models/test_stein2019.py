"""Stein 2019: expansion, contraction and persistence of tisagenlecleucel in a typical patient."""

from __future__ import annotations

import numpy as np
import pytest

from .conftest import Floats, published, simulate

PEAK_DAY = 9.3
# Medians of the first dose of those who had one.
TOCILIZUMAB_DAY, STEROID_DAY = 5.7, 7.5
PEAKED = (PEAK_DAY, {"expanding": 0.0})


def course(days: Floats, *changes: tuple[float, dict[str, float]], signal: str = "transgene") -> Floats:
    return simulate(published("stein2019"), days, [signal], changes=(*changes, PEAKED))[0, :, 0]


def half_life(days: Floats, values: Floats) -> float:
    return float(-np.log(2.0) / np.polyfit(days, np.log(values), 1)[0])


def test_doubling_time_and_half_lives() -> None:
    """The abstract: 0.78, 4.3 and 220 days (217 by the printed rate)."""
    rise, fall, end = np.linspace(1.0, 9.0, 9), np.linspace(10.0, 28.0, 19), np.linspace(200.0, 365.0, 12)
    assert -half_life(rise, course(rise)) == pytest.approx(0.78, abs=0.005)
    assert half_life(fall, course(fall, signal="E")) == pytest.approx(4.3, abs=0.05)
    assert half_life(end, course(end)) == pytest.approx(220.0, rel=0.02)


def test_peak() -> None:
    """Table 1: 24,000 copies/ug on day 9.3, 3,900 times the start."""
    days = np.linspace(0.0, 28.0, 2801)
    found = course(days)
    assert found.max() == pytest.approx(24_000, rel=1e-4)
    assert days[found.argmax()] == pytest.approx(PEAK_DAY)
    assert found.max() / found[0] == pytest.approx(3_900, rel=1e-4)


def test_whole_course_as_the_published_solution() -> None:
    """The supplement: (1 - FB) Cmax exp(-alpha t) + FB Cmax exp(-beta t) after the peak. A year: 61 copies/ug."""
    days = np.linspace(0.0, 365.0, 731)
    late = np.maximum(days - PEAK_DAY, 0.0)
    decline = (1 - 0.0079) * np.exp(-0.16 * late) + 0.0079 * np.exp(-0.0032 * late)
    expected = 24_000 * decline * 3_900.0 ** (np.minimum(days, PEAK_DAY) / PEAK_DAY - 1.0)
    assert course(days) == pytest.approx(expected, rel=1e-6)
    assert expected[-1] == pytest.approx(60.7, abs=0.1)


def test_tocilizumab_and_steroids_do_not_slow_the_expansion() -> None:
    """Table 1: growth times 1.2 under tocilizumab, 1.0 under corticosteroids. The paper: neither had an effect."""
    days = np.array([PEAK_DAY])
    alone = course(days)
    assert course(days, (STEROID_DAY, {"comedication": 1.0})) == pytest.approx(alone, rel=1e-6)
    more = course(days, (TOCILIZUMAB_DAY, {"comedication": 1.2})) / alone
    assert more == pytest.approx(3_900.0 ** (0.2 * (1.0 - TOCILIZUMAB_DAY / PEAK_DAY)), rel=1e-6)
    assert more > 1.0
