"""Toxicity, support and care of the trials: rows that lie inside the range of the trial's size stay there."""

from __future__ import annotations

from functools import lru_cache

import pytest

from virtuall.trial.run import run_trial
from virtuall.trial.scoring import TrialRow

# From one set of host parameters. Rows of the registry and of FELIX are predicted: nothing was set by them.
INSIDE = {
    "eliana": (
        ("T0674", "T0675", "T0676", "T0678", "T0679"),  # cytokine release, and its grades by Penn, onset
        ("T0954", "T0955", "T0956", "T0957", "T0958", "T0959", "T0963"),  # organ support of 137, tocilizumab
        ("T0697", "T0698", "T0699", "T0700", "T0703"),  # neurologic events, with and without severe cytokine release
    ),
    "zuma3": (("T0947",),),  # by Lee
    "felix": (("T0884",),),  # ICANS of grade 3 or more
    "cibmtr_tisa": (("T0935", "T0941", "T0942", "T0943", "T0944"),),  # by the ASTCT, with the onsets
    "tower": (("T0120", "T0122", "T0086", "T0082", "T0083"),),  # as reported events
    "inovate": (("T0433", "T0443", "T0444", "T0484", "T0485", "T0497", "T0560"),),  # liver, counts, bilirubin, QT
}
# Inside in the sixth calibration, outside in the seventh, each by an edge.
OUTSIDE = {
    "zuma3": ("T0946", "cytokine release 77 % (52-91), published 92"),
    "cibmtr_tisa": ("T0936", "its onset 4.5 d (3.3-5.8), published 6"),
}


@lru_cache(maxsize=1)
def rows_of(name: str) -> dict[str, TrialRow]:
    """With so many replicates that the ends of the interval, which luck moves, are near those of the validation."""
    result = run_trial(name, seed=1, replicates=150, processes=2, resamples=0)
    assert result.failed == 0
    return {row.target: row for row in result.rows}


@pytest.mark.slow
@pytest.mark.parametrize("name", INSIDE)
def test_rows_lie_inside(name: str) -> None:
    rows = rows_of(name)
    missed = [str(rows[target]) for group in INSIDE[name] for target in group if not rows[target].inside]
    assert not missed, "\n".join(missed)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "target"),
    [
        pytest.param(name, target, marks=pytest.mark.xfail(strict=True, reason=why))
        for name, (target, why) in OUTSIDE.items()
    ],
)
def test_known_misses(name: str, target: str) -> None:
    assert rows_of(name)[target].inside
