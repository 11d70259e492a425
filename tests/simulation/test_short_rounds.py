"""Short rounds: who waits for whom changes nobody's course."""

from __future__ import annotations

import pandas as pd
import pytest

import virtuall as va
from virtuall.simulation import rounds


def test_how_often_short_rounds_are_made_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    patients, protocol = va.sample("adult_relapsed", 6, seed=4), va.load_protocol("blinatumomab/relapsed")
    short, results = rounds._short_round, []
    for share in (0.05, 0.4, 2.0):  # whenever somebody could take part, as shipped, never
        made = []
        monkeypatch.setattr(rounds, "_MANY", share)
        monkeypatch.setattr(rounds, "_short_round", lambda *each, made=made: made.append(1) or short(*each))
        results.append(va.simulate(patients, protocol, days=40.0, record=("il6",)))
        assert bool(made) == (share < 1)
    for other in results[1:]:
        for name in ("outcomes", "events", "realized"):
            pd.testing.assert_frame_equal(getattr(results[0], name), getattr(other, name), check_exact=True)
        assert results[0].signals.identical(other.signals)
