"""Lymphodepletion against the published exposure and T cells; and cells that nobody got leave nobody changed."""

from __future__ import annotations

import numpy as np
import pytest

import virtuall as va


def test_exposure_to_fludarabine_and_what_it_leaves() -> None:
    """Threshold of exposure 13.8 mg*h/L over the course; about a hundredth of the T cells is left (1.2 %)."""
    signals = ["flu_concentration", "t_cells_total", "t_cell_lack"]
    result = va.simulate(
        va.sample("eliana", 120, seed=3),
        va.load_protocol("tisagenlecleucel/relapsed"),
        days=80.0,
        record=signals,
        every=1 / 12,
        chart="key",
    )
    outcomes = result.outcomes
    infused = np.flatnonzero(outcomes.infused_day < 70)
    assert len(infused) > 50
    first, end = (
        np.rint(12 * outcomes[day].to_numpy()[infused]).astype(int) for day in ("lymphodepletion_day", "infused_day")
    )
    exposure = result.signals.flu_concentration.values[infused]
    course = np.array([2 * row[a:b].sum() for row, a, b in zip(exposure, first, end, strict=True)])
    assert np.median(course) == pytest.approx(13.8, rel=0.2)
    cells = result.signals.t_cells_total.values[infused]
    left = np.array([row[b] / row[a - 1] for row, a, b in zip(cells, first, end, strict=True)])
    assert 0.005 < np.median(left) < 0.04
    room = result.signals.t_cell_lack.values[infused]
    assert np.median([row[b] for row, b in zip(room, end, strict=True)]) > 0.9


def test_without_cells_nothing_of_them_is_there() -> None:
    signals = ["car_cells", "car_copies", "car_blood", "car_kill", "car_contact", "W_car", "X_car", "car_copies_marrow"]
    result = va.simulate(
        va.sample("adult_relapsed", 64, seed=4),
        va.load_protocol("blinatumomab/relapsed"),
        days=60.0,
        record=signals,
        every=5.0,
        chart="key",
    )
    for name in signals:
        values = result.signals[name].values
        assert np.nanmax(np.abs(values)) == 0.0, name
