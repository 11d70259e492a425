"""Simulate the same virtual patients under two protocols and compare them."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from virtuall.core.errors import InputError
from virtuall.model.shelf import Shelf, open_shelf
from virtuall.trial.care_response import care_response
from virtuall.trial.comparison import Comparison, compare_results
from virtuall.trial.reporting import comparison_text

Library = Sequence[Path | str]


def compare(
    a: str,
    b: str,
    *,
    cohort: str,
    n: int,
    seed: int = 1,
    days: float | None = None,
    processes: int = 1,
    library: Library = (),
    library_b: Library = (),
    as_of: datetime.date | None = None,
    as_of_b: datetime.date | None = None,
) -> Comparison:
    """The same virtual patients under protocol `a` and under protocol `b`.

    Parameters
    ----------
    a, b : str
        Names of protocols; they may be the same when `library_b` changes a text.
    cohort : str
    n : int
        How many patients, at least 2.
    seed : int
    days : float, optional
        Follow-up of each patient (d); by default the shorter one of the two protocols.
    processes : int
        Does not change a bit of the result.
    library : sequence of path
        The user's own folders, laid over the shipped library for both.
    library_b : sequence of path
        Folders laid over these for `b` only: a changed rule.
    as_of, as_of_b : date, optional
        The day of the rules, for both and for `b` only; by default the rules of now.

    Raises
    ------
    InputError
        When a protocol or the cohort is unknown (nearest match offered), there is nothing to compare, or a number is
        not usable.
    TextError, Problems
        When a text is wrong.
    """
    from virtuall.population import sample
    from virtuall.simulation.protocol import load_protocol
    from virtuall.simulation.simulate import simulate

    if n < 2:
        raise InputError("a comparison needs at least 2 patients", given=n)
    if days is not None and not 0 < days < np.inf:
        raise InputError("days must be above 0", given=days)
    library, over_b = _folders(library), (*_folders(library), *_folders(library_b))
    shelf_a, shelf_b = open_shelf(library), open_shelf(over_b)
    shelf_a.protocol(a)
    shelf_b.protocol(b)
    shelf_a.cohort(cohort)
    changed = changed_texts(shelf_a, shelf_b)
    days_of_rules = (as_of, as_of_b if as_of_b is not None else as_of)
    if a == b and not changed and days_of_rules[0] == days_of_rules[1]:
        raise InputError("nothing to compare: A and B are one protocol with the same texts", given=a)
    protocols = (
        load_protocol(a, library=library, as_of=days_of_rules[0]),
        load_protocol(b, library=over_b, as_of=days_of_rules[1]),
    )
    horizon = min(each.follow_up for each in protocols) if days is None else float(days)
    people = [sample(cohort, n, seed, library=each) for each in (library, over_b)]
    results = [
        simulate(patients, protocol, days=horizon, record=(), chart="key", processes=processes)
        for patients, protocol in zip(people, protocols, strict=True)
    ]
    return compare_results(
        *results,
        days=horizon,
        text=comparison_text(over_b),
        answer=care_response(over_b),
        changed=changed,
        more=_differences(*people),
    )


def changed_texts(a: Shelf, b: Shelf) -> tuple[str, ...]:
    """Names of the texts that only one of the shelves holds, or that differ between them."""
    names = sorted({*a.files, *b.files})
    return tuple(name for name in names if _content(a, name) != _content(b, name))


def _content(shelf: Shelf, name: str) -> bytes | None:
    return shelf.files[name].read_bytes() if name in shelf.files else None


def _folders(library: Library | Path | str) -> tuple[Path | str, ...]:
    return (library,) if isinstance(library, str | Path) else tuple(library)


def _differences(a: Any, b: Any) -> tuple[str, ...]:
    """A note when the texts of B make other patients of the same draws."""
    shared = sorted(set(a.columns) & set(b.columns))
    other = [name for name in shared if not np.array_equal(a.columns[name], b.columns[name])]
    if not other:
        return ()
    return (f"The texts of B give the patients other numbers, so they are not the same: {', '.join(other)}.",)
