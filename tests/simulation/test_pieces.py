"""How patients are dealt out to processes: everybody once, and no figure depends on it."""

from __future__ import annotations

import pandas as pd
import pytest

import virtuall as va
from virtuall.simulation import simulate as module


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
