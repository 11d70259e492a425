"""Endpoints of patients who enter in remission: small groups worked by hand, and what their texts must say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from virtuall.core.errors import VirtuallError
from virtuall.trial import endpoints
from virtuall.trial.mapping import Row, read_mapping

NEVER = np.nan

# found in remission, then: relapse; transplant; transplant after relapse; transplant after another therapy; death.
# Never found in remission: left the protocol; died before a marrow; still under treatment at the cut
PATIENTS: dict[str, Any] = {
    "patient": np.arange(8),
    "best_response": np.array(["CR"] * 5 + ["none"] * 3),
    "response_day": np.array([31, 31, 31, 31, 31, NEVER, NEVER, NEVER]),
    "response_cycle": np.array([1, 1, 1, 1, 1, NEVER, NEVER, NEVER]),
    "cr_day": np.array([31, 31, 31, 31, 31, NEVER, NEVER, NEVER]),
    "mrd_negative": np.array([True, True, False, True, True, False, False, False]),
    "mrd_day": np.array([31, 73, NEVER, 31, 31, NEVER, NEVER, NEVER]),
    "relapse_day": np.array([200, NEVER, 90, NEVER, NEVER, NEVER, NEVER, NEVER]),
    "transplant_day": np.array([NEVER, 100, 150, 180, NEVER, NEVER, NEVER, NEVER]),
    "next_line_day": np.array([220, NEVER, 110, 120, NEVER, 50, NEVER, NEVER]),
    "off_protocol_day": np.array([200, 100, 90, 110, 170, 32, NEVER, NEVER]),
    "death_day": np.array([300, NEVER, 400, NEVER, 170, 250, 20, NEVER]),
    "follow_up": np.array([300, 500, 400, 500, 170, 250, 20, 25]),
}


def test_a_remission_lost_at_the_first_marrow_is_a_relapse_on_that_day() -> None:
    time, event = endpoints.times_to_event(PATIENTS, "rfs")
    assert list(time) == [200, 500, 90, 500, 170, 32, 20, 25]
    assert list(event) == [True, False, True, False, True, True, True, False]
    time, event = endpoints.times_to_event(PATIENTS, "rfs", ["transplant"])
    assert list(time) == [200, 100, 90, 180, 170, 32, 20, 25]
    assert list(event) == [True, False, True, False, True, True, True, False]


def test_a_landmark_keeps_those_at_risk_and_what_was_known_then() -> None:
    time, event = endpoints.times_to_event(PATIENTS, "rfs", landmark=45)
    assert list(time) == [155, 455, 45, 455, 125]
    assert list(event) == [True, False, True, False, True]
    time, _ = endpoints.times_to_event(PATIENTS, "rfs", landmark=45, mrd_negative=True)
    assert list(time) == [155, 455, 125], "found negative on day 73 is not known on day 45"
    time, event = endpoints.times_to_event(PATIENTS, "os", landmark=45, mrd_negative=False)
    assert list(time) == [455, 355, 205]
    assert list(event) == [False, True, True]


@pytest.mark.parametrize("of", ["dor", "efs"])
def test_a_landmark_is_refused_where_days_count_from_elsewhere(of: str) -> None:
    with pytest.raises(ValueError, match="landmark"):
        endpoints.times_to_event(PATIENTS, of, response_by=60, landmark=45)


def test_mrd_of_responders_and_of_all() -> None:
    assert endpoints.mrd_negative_share(PATIENTS, by=56) == pytest.approx(3 / 5)
    assert endpoints.mrd_negative_share(PATIENTS, by=56, of_all=True) == pytest.approx(3 / 8)
    assert endpoints.mrd_negative_share(PATIENTS, of_all=True) == pytest.approx(4 / 8)


def test_transplanted_in_remission_is_before_relapse_and_another_therapy() -> None:
    chosen = endpoints.selected(PATIENTS, {"transplanted_in_remission": True})
    assert np.flatnonzero(chosen).tolist() == [1]
    assert endpoints.transplant_share(PATIENTS, in_remission=True) == pytest.approx(1 / 8)
    assert endpoints.transplant_share(PATIENTS) == pytest.approx(3 / 8)
    others = endpoints.selected(PATIENTS, {"transplanted_in_remission": False})
    assert np.count_nonzero(others) == 7


def mapped(folder: Path, row: str) -> Row:
    path = folder / "endpoints.toml"
    head = '[[row]]\ntargets = ["A"]\nendpoint = "survival_median"\n'
    path.write_text(head + row, encoding="utf-8")
    return read_mapping(path).rows[0]


def test_a_landmark_is_read(tmp_path: Path) -> None:
    row = mapped(tmp_path, 'of = "rfs"\nlandmark = "45 d"\nmrd_negative = false\n')
    assert row.options == {"of": "rfs", "landmark": 45.0, "mrd_negative": False}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('of = "dor"\nlandmark = "45 d"\n', "a landmark goes with os, pfs, rfs"),
        ('of = "rfs"\nmrd_negative = true\n', "on the day of a landmark"),
    ],
)
def test_a_landmark_that_says_nothing_is_refused(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(VirtuallError, match=message):
        mapped(tmp_path, row)
