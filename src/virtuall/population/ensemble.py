"""Sets of parameters that the calibration found: ``calibration/ensemble.csv`` of the library.

One column for each number by its address (`virtuall.population.numbers`), one row for each set. A simulated trial takes
one set, so that trials differ by what is not known of the parameters as well as by luck. Where no trial is simulated,
patients have the median of each number.

A number that the user's own library changes in a text is the user's: the ensemble leaves it alone.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virtuall.core.errors import InputError, TextError
from virtuall.core.position import Position
from virtuall.core.random import uniform
from virtuall.model import load_system, open_shelf
from virtuall.population.numbers import numbers_at

Floats = NDArray[np.float64]
ENSEMBLE = "calibration/ensemble.csv"
SOURCES = ("calibrated", "shipped")


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Parameter sets.

    Attributes
    ----------
    addresses : tuple of str
    values : float64[M, P]
        In the units of the model, one row a set.
    """

    addresses: tuple[str, ...]
    values: Floats

    def __len__(self) -> int:
        return len(self.values)

    def of_replicates(self, seed: int, replicates: int) -> Mapping[str, Floats]:
        """One set for each replicate, float64[R] by address; the first 8 of 200 are the 8 of 8."""
        draws = uniform(seed, "parameter set", np.arange(replicates))
        return self.of_sets((draws * len(self)).astype(np.int64))

    def of_sets(self, which: NDArray[np.int64]) -> Mapping[str, Floats]:
        """The numbers of these sets, by address."""
        return {address: self.values[which, place] for place, address in enumerate(self.addresses)}

    def center(self) -> Mapping[str, float]:
        """The median of each number over the sets."""
        return dict(zip(self.addresses, np.median(self.values, axis=0).tolist(), strict=True))


def read_ensemble(library: Sequence[Path | str] = ()) -> Ensemble | None:
    """The ensemble of a library; None when it has none.

    Raises
    ------
    TextError
        When it is no table of finite numbers.
    """
    path = open_shelf(library).files.get(ENSEMBLE)
    if path is None:
        return None
    with path.open(newline="", encoding="utf-8") as file:
        lines = [line for line in csv.reader(file) if line]
    if len(lines) < 2:
        raise TextError("the ensemble holds no parameter set", where=Position(str(path), 1))
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(lines[0]):
            problem = f"a set needs {len(lines[0])} numbers"
            raise TextError(problem, given=str(len(line)), where=Position(str(path), number))
        rows.append([_number(text, path, number) for text in line])
    return _without_changed(Ensemble(tuple(lines[0]), np.array(rows)), path, library)


def _without_changed(ensemble: Ensemble, path: Path, library: Sequence[Path | str]) -> Ensemble:
    """Leave out the numbers that folders laid over the one of the ensemble change."""
    shelf = open_shelf(library)
    own = next(place for place, root in enumerate(shelf.roots) if path.is_relative_to(root))
    if own + 1 == len(shelf.roots):
        return ensemble
    before = open_shelf(shelf.roots[: own + 1], shipped=False)
    models = [(each, load_system(each.roots, shipped=False)) for each in (before, shelf)]
    written = [[numbers_at(address, *each) for address in ensemble.addresses] for each in models]
    kept = [at for at, (theirs, ours) in enumerate(zip(*written, strict=True)) if theirs == ours]
    return Ensemble(tuple(ensemble.addresses[at] for at in kept), ensemble.values[:, kept])


def center(parameters: str, library: Sequence[Path | str] = ()) -> Mapping[str, float]:
    """The median of each calibrated number, or none: for patients of no trial.

    Raises
    ------
    InputError
        When `parameters` is neither "calibrated" nor "shipped".
    """
    _check(parameters)
    found = read_ensemble(library) if parameters == "calibrated" else None
    return {} if found is None else found.center()


def sets_for(parameters: str, seed: int, replicates: int, library: Sequence[Path | str] = ()) -> Mapping[str, Floats]:
    """The numbers of each replicate: of the ensemble, or none (the texts as they are).

    Raises
    ------
    InputError
        When `parameters` is neither "calibrated" nor "shipped".
    """
    _check(parameters)
    found = read_ensemble(library) if parameters == "calibrated" else None
    return {} if found is None else found.of_replicates(seed, replicates)


def _check(parameters: str) -> None:
    if parameters not in SOURCES:
        raise InputError("no such parameters", given=parameters, allowed=SOURCES)


def _number(text: str, path: Path, line: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise TextError("no finite number", given=text, where=Position(str(path), line))
    return value
