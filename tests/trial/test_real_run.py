"""A small trial on simulated patients, and the checks: end to end."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from virtuall.model.shelf import open_shelf
from virtuall.trial.check_design import read_check
from virtuall.trial.check_run import run_check
from virtuall.trial.run import TrialResult, run_trial


@pytest.fixture(scope="module")
def result() -> TrialResult:
    return run_trial("tower", seed=1, replicates=2, processes=2, resamples=20)


@pytest.mark.slow
def test_a_small_trial_computes_every_row_it_promises(result: TrialResult) -> None:
    assert result.failed == 0
    assert result.patients == 2 * 405
    rows = {row.target: row for row in result.rows}
    for target in ("T0039", "T0040", "T0041", "T0042", "T0047", "T0048", "T0049", "T0058", "T0059", "T0062"):
        row = rows[target]
        assert row.simulated is not None and row.low is not None, (target, row.note)
    assert 0 < (rows["T0039"].simulated or 0) < 100
    assert ((result.outcomes["cycles_started"] > 0) == result.outcomes["treated"]).all()
    answered = result.outcomes[np.isfinite(result.outcomes["response_day"])]
    assert (answered["response_cycle"] >= 1).all() and (answered["response_level"] != "none").all()


@pytest.mark.slow
def test_replicates_do_not_depend_on_their_number_or_the_processes(result: TrialResult) -> None:
    few = run_trial("tower", seed=1, replicates=1, processes=1, resamples=0)
    same = result.outcomes[result.outcomes["replicate"] < 1]
    a, b = (frame.sort_values("patient").reset_index(drop=True) for frame in (few.outcomes, same))
    pd.testing.assert_frame_equal(a, b, check_exact=True)


@pytest.mark.parametrize("name", ["pk_label", "mt103_202_pd", "nhl_il6"])
def test_a_check_gives_every_figure_something_to_draw(name: str) -> None:
    check = read_check(open_shelf().file(f"trials/{name}/check.toml"))
    ran = run_check(check, seed=1, n=100)
    for text in check.figures:
        for arm in text.arms:
            assert np.isfinite(ran.signals[arm][text.signal].to_numpy()).any()
    assert any(row.simulated is not None for row in ran.rows)
