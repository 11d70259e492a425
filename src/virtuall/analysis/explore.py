"""Explore regimens: the same virtual patients under every candidate of a search, ranked by a stated utility."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from virtuall.analysis.explore_candidate import base_candidate, grid
from virtuall.analysis.explore_dial import Dial, Setting
from virtuall.analysis.explore_notes import explored_notes
from virtuall.analysis.explore_prepared import Prepared
from virtuall.analysis.explore_range import Shipped, beyond, shipped_range
from virtuall.analysis.explore_result import Explored, Row
from virtuall.analysis.explore_search import search
from virtuall.analysis.explore_store import Kept, open_kept
from virtuall.analysis.explore_text import BAYES
from virtuall.analysis.explore_utility import Score, scores
from virtuall.analysis.explore_work import Done, Told, Work
from virtuall.core.errors import InputError


def explore(
    prepared: Prepared,
    *,
    processes: int = 1,
    out: Path | None = None,
    numbers: Mapping[str, ArrayLike] | None = None,
    told: Told = lambda done, of, words: None,
) -> Explored:
    """Simulate the candidates, each on the same patients with the same luck, and rank them.

    Parameters
    ----------
    prepared : Prepared
    processes : int
        Of a grid so many candidates are simulated at once, in a Bayesian search so many parts of one; does not change
        the result.
    out : Path, optional
        A folder where every finished candidate is kept at once; what lies there is not computed again.
    numbers : mapping of str to float or float64[N], optional
        Numbers of the model for each patient in the place of the drawn or shipped ones, such as one set of an ensemble
        of calibrated parameters; passed on to `virtuall.population.sample`.
    told : callable, optional

    Raises
    ------
    InputError, StoreError
        When the arguments are not usable, or the folder is not.
    """
    if processes < 1:
        raise InputError("processes must be at least 1", given=processes)
    with _folder(out) as kept:
        work = Work(prepared, kept, processes, numbers, told)
        base = base_candidate(prepared.dials)
        if prepared.exploration.method == BAYES:
            work.do([base])
            search(prepared.dials, prepared.exploration.tries, prepared.exploration.seed, work.judged)
        else:
            work.do([base, *grid(prepared.dials)])
        found = _explored(prepared, work)
        if out is not None:
            kept.write_result(found.as_json())
        return found


@contextmanager
def _folder(out: Path | None) -> Iterator[Kept]:
    if out is not None:
        yield open_kept(out)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield open_kept(Path(folder))


def _explored(prepared: Prepared, work: Work) -> Explored:
    text, done = prepared.exploration, list(work.done.values())
    base = next(place for place, each in enumerate(done) if each.is_base)
    shipped = [shipped_range(dial) for dial in prepared.dials]
    outside = [_outside(prepared.dials, each.candidate.settings, shipped) for each in done]
    values = [each.values for each in done]
    scored = scores(
        values, base, prepared.measures, text.weighted, prepared.limits, text.seed, [bool(each) for each in outside]
    )
    rows = [
        _row(prepared.dials, each, score, far, each.course == done[base].course)
        for each, score, far in zip(done, scored, outside, strict=True)
    ]
    rows.sort(key=lambda row: (row.score.excess, -np.nan_to_num(row.score.utility, nan=-np.inf), bool(row.beyond)))
    refused = tuple(work.refused.items())
    notes = explored_notes(text, prepared.dials, prepared.limits, rows, refused)
    return Explored(
        text, prepared.dials, prepared.measures, prepared.limits, prepared.days, tuple(rows), refused, notes
    )


def _outside(dials: Sequence[Dial], settings: Sequence[Setting], shipped: Sequence[Shipped | None]) -> tuple[str, ...]:
    """What of these settings lies beyond the shipped regimens, in words."""
    return tuple(words for words in map(beyond, dials, settings, shipped) if words)


def _row(dials: Sequence[Dial], done: Done, score: Score, outside: tuple[str, ...], same: bool) -> Row:
    settings = done.candidate.settings
    return Row(
        words=done.candidate.words(dials),
        numbers=tuple(each.number for each in settings),
        settings=tuple(each.words for each in settings),
        is_base=done.is_base,
        score=score,
        beyond=outside,
        failed=done.failed,
        same=same,
        key=done.key,
    )
