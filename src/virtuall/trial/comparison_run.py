"""Simulate the same virtual patients under two protocols and compare them."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virtuall.core.errors import InputError
from virtuall.core.random import uniform
from virtuall.model.shelf import Shelf, open_shelf
from virtuall.population.ensemble import Ensemble, read_ensemble
from virtuall.trial.care_response import care_response
from virtuall.trial.comparison import Comparison, compare_results
from virtuall.trial.reporting import comparison_text

Library = Sequence[Path | str]
# Parameter sets when nothing is said, fewer where the pairs would not do.
SETS = 8
_LEAST_PAIRS = 2  # of a set, for a variance


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
    as_of: datetime.date | str | None = None,
    as_of_b: datetime.date | str | None = None,
    sets: int | None = None,
    parameters: str = "calibrated",
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
    as_of, as_of_b : date or str, optional
        The day of the rules, for both and for `b` only; by default the rules of now.
    sets : int, optional
        Parameter sets of the ensemble, at least 2, over which the `n` pairs are spread; both sides have the same ones.
        0: all patients have the medians. By default 8 (fewer of few pairs) where the library has an ensemble.
    parameters : "calibrated" or "shipped"
        "shipped": the numbers of the texts, no ensemble.

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
    ensembles = [read_ensemble(each) if parameters == "calibrated" else None for each in (library, over_b)]
    which = choose_sets(ensembles, n, seed, sets)
    people = [
        sample(cohort, n, seed, library=each, numbers=_numbers(ensemble, which), parameters=parameters)
        for each, ensemble in zip((library, over_b), ensembles, strict=True)
    ]
    results = [
        simulate(patients, protocol, days=horizon, record=(), chart="key", processes=processes, realized=False)
        for patients, protocol in zip(people, protocols, strict=True)
    ]
    return compare_results(
        *results,
        days=horizon,
        text=comparison_text(over_b),
        answer=care_response(over_b),
        changed=changed,
        more=(*_why_no_sets(which, ensembles, parameters), *_differences(*people)),
        sets=which,
    )


def choose_sets(ensembles: Sequence[Ensemble | None], n: int, seed: int, sets: int | None) -> NDArray[np.int64] | None:
    """The parameter set of each of `n` pairs, in turn; None for one set of numbers in all.

    Which sets of the ensemble are taken is told by the seed; fewer sets are the first of more.

    Raises
    ------
    InputError
        When so many sets are not to be had, or the pairs are too few for them.
    """
    held = min(0 if each is None else len(each) for each in ensembles)
    if sets is None:
        sets = min(SETS, held, n // _LEAST_PAIRS)
        sets = sets if sets > 1 else 0
    if sets == 0:
        return None
    if sets < 2:
        raise InputError("parameter sets are at least 2, or 0 for none", given=sets)
    if held == 0:
        raise InputError("no calibrated parameter sets to take from", given=sets, hint="0 for none")
    if sets > held:
        raise InputError("the ensemble has fewer parameter sets", given=sets, hint=f"at most {held}")
    if n < _LEAST_PAIRS * sets:
        raise InputError("too few patients for so many parameter sets", given=n, hint=f"at least {_LEAST_PAIRS * sets}")
    order = np.argsort(uniform(seed, "parameter set of a comparison", np.arange(held)), kind="stable")
    return np.asarray(order[:sets][np.arange(n) % sets], np.int64)


def _numbers(ensemble: Ensemble | None, which: NDArray[np.int64] | None) -> dict[str, NDArray[np.float64]]:
    return {} if ensemble is None or which is None else dict(ensemble.of_sets(which))


def _why_no_sets(
    which: NDArray[np.int64] | None, ensembles: Sequence[Ensemble | None], parameters: str
) -> tuple[str, ...]:
    if which is not None:
        return ()
    if parameters != "calibrated":
        return ("All patients have the parameters of the texts as they are.",)
    if None in ensembles:
        return ("The library has no ensemble of calibrated parameter sets: parameter uncertainty is not included.",)
    return ("All patients have the median of the calibrated parameter sets.",)


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
