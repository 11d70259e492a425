"""Published points beside a band come from the published rows and their mapping."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from virtuall.report.check_figure import Point, points_of
from virtuall.trial.mapping import read_mapping
from virtuall.trial.published import read_published

TRIALS = Path(str(files("virtuall"))) / "library" / "trials"


def test_quartiles_and_ranges_are_told_with_their_medians() -> None:
    cells = TRIALS / "mt103_202_pd"
    published, mapped = read_published(cells / "published.csv"), read_mapping(cells / "endpoints.toml")
    points = points_of(mapped, published, signal="cd8_blood", arm="blinatumomab", relative=True)
    assert len(points) == 11
    assert points[2] == Point(0.25, 0.15, 0.07, 0.24)
    (baseline,) = points_of(mapped, published, signal="cd8_blood", arm="blinatumomab")
    assert baseline == Point(0.0, 171.7, 102.9, 272.5)
    cytokine = TRIALS / "nhl_il6"
    published, mapped = read_published(cytokine / "published.csv"), read_mapping(cytokine / "endpoints.toml")
    points = points_of(mapped, published, signal="il6", arm="60 ug/m2/d flat")
    assert [point.middle for point in points] == [706, 284, 73.7, 37]
    assert points[0].day == pytest.approx(4 / 24)
    assert points[0].high == 55303
