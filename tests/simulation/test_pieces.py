"""How patients are dealt out to processes: everybody once, and no figure depends on it."""

from __future__ import annotations

import pandas as pd
import pytest

import virtuall as va
from virtuall.core.errors import InputError
from virtuall.simulation import simulate as module
from virtuall.simulation.replay import replay


@pytest.mark.parametrize(
    ("sizes", "processes", "ends"),
    [
        ([271, 134], 2, [[202, 271], [134]]),  # few: one line, half of it each
        ([271, 134], 1, [[271], [134]]),
        ([10, 20, 30], 4, [[10], [5, 20], [15, 30]]),
        ([3], 5, [[1, 2, 3]]),
        ([5000, 3000], 2, [[2500, 5000], [1500, 3000]]),  # many: half of each
        ([0], 2, [[0]]),
        ([70000], 1, [[23333, 46666, 70000]]),  # no share is too large
    ],
)
def test_everybody_is_dealt_out_once(sizes: list[int], processes: int, ends: list[list[int]]) -> None:
    pieces = module._pieces(sizes, processes)
    assert [[piece.stop for piece in shares] for shares in pieces] == ends
    for shares, size in zip(pieces, sizes, strict=True):
        assert [each for piece in shares for each in range(size)[piece]] == list(range(size))


def test_figures_do_not_depend_on_how_many_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    protocol = va.load_protocol("blinatumomab/relapsed")
    runs = [module.planned(va.sample("adult_relapsed", n, seed=n), protocol, days=40.0, chart="key") for n in (7, 5)]
    found = []
    for few in (1000, 0):
        monkeypatch.setattr(module, "_FEW", few)
        monkeypatch.setattr(module, "_in_processes", lambda tasks, _: map(module._chunk, tasks))
        found.append(list(module.simulate_together(runs, processes=2)))
    for one, other in zip(*found, strict=True):
        for name in ("outcomes", "events", "realized"):
            pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)
        assert one.signals.identical(other.signals)


def test_the_same_figures_without_realized_changes() -> None:
    patients, protocol = va.sample("adult_relapsed", 6, seed=2), va.load_protocol("blinatumomab/relapsed")
    kept, without = (
        va.simulate(patients, protocol, days=60.0, record=["il6"], every=5.0, realized=each) for each in (True, False)
    )
    assert kept.realized is not None and len(kept.realized) and without.realized is None
    pd.testing.assert_frame_equal(kept.outcomes, without.outcomes)
    pd.testing.assert_frame_equal(kept.events, without.events)
    assert kept.signals.equals(without.signals)
    with pytest.raises(InputError, match="realized"):
        replay(without)
