"""Draw virtual patients of a cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virtuall.core.errors import InputError, TextError
from virtuall.core.random import normal
from virtuall.model import Model, load_system, open_shelf
from virtuall.population.distribution import transformed
from virtuall.population.ensemble import center
from virtuall.population.numbers import checked, numbers_of
from virtuall.population.population import Population
from virtuall.texts.cohort import Cohort, read_cohort
from virtuall.texts.values import Correlation, Random

Floats = NDArray[np.float64]
_MOST_PATIENTS = 2**31


def sample(
    cohort: str,
    n: int,
    seed: int,
    library: Sequence[Path | str] = (),
    *,
    first: int = 0,
    ids: object = None,
    luck: object = None,
    numbers: Mapping[str, ArrayLike] | None = None,
    parameters: str = "calibrated",
) -> Population:
    """Draw `n` virtual patients; the first 8 of 200 are the 8 of 8.

    Parameters
    ----------
    cohort : str
        Name of a cohort, such as ``"adult_relapsed"``.
    n : int
        How many, at least 1.
    seed : int
        Seed of every draw, 0 or more.
    library : sequence of path
        Folders laid over the shipped library.
    first : int
        The id of the first patient.
    ids : array of int, optional
        The ids of all patients, instead of `first` and on.
    luck : array of int, optional
        Whose draws each of them has, by default its own: patients of two parameter sets with the same luck differ by
        the parameters alone.
    numbers : mapping of str to float or float64[N], optional
        Numbers in place of those of the texts, by address (`virtuall.population.numbers`).
    parameters : "calibrated" or "shipped"
        What stands where `numbers` say nothing: the median of the calibrated parameter sets, or the texts as they are.

    Raises
    ------
    InputError
        When the cohort is unknown (nearest match offered), or n or seed is not usable, or a number is not one of the
        library.
    TextError, Problems
        When a text is wrong.
    """
    for name, value, least in (("n", n, 1), ("seed", seed, 0), ("first", first, 0)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise InputError(f"{name} must be a whole number", given=value)
        if value < least:
            raise InputError(f"{name} must be at least {least}", given=int(value))
    if n > _MOST_PATIENTS:
        raise InputError("too many patients at once", given=n, hint=f"at most {_MOST_PATIENTS}")
    path = open_shelf(library).cohort(cohort)
    people = np.arange(first, first + n, dtype=np.int64) if ids is None else np.asarray(ids, np.int64)
    lots = people if luck is None else np.asarray(luck, np.int64)
    model = load_system(library)
    own = {**center(parameters, library), **checked(numbers or {}, model, library)}
    return draw(model, read_cohort(path), cohort, people, seed, luck=lots, numbers=own)


def draw(
    model: Model,
    text: Cohort,
    name: str,
    ids: NDArray[np.int64],
    seed: int,
    *,
    luck: NDArray[np.int64] | None = None,
    numbers: Mapping[str, ArrayLike] | None = None,
) -> Population:
    """Draw the patients with these ids of a cohort; `luck` and `numbers` as in `sample`."""
    _check_names(model, text)
    lots = ids if luck is None else luck
    own = numbers_of(numbers or {}, model, text, name, len(ids))
    randoms: dict[str, Random] = {**model.random, **text.covariates, **text.random}
    randoms |= {each: replace(randoms[each], numbers=changed) for each, changed in own.random.items()}
    normals = {each: normal(seed, f"patient {each}", lots) for each in randoms}
    normals = correlated(normals, (*model.correlations, *text.correlations))
    columns: dict[str, Floats] = {each: transformed(randoms[each], normals[each]) for each in randoms}
    columns |= {each: np.full(len(ids), value.value) for each, value in text.parameters.items()}
    columns |= own.columns
    units = {each: random.unit for each, random in randoms.items()}
    units |= {each: value.unit for each, value in text.parameters.items()}
    units |= own.units
    return Population(name, int(seed), ids, columns, units, lots)


def correlated(normals: Mapping[str, Floats], correlations: Sequence[Correlation]) -> dict[str, Floats]:
    """Normal draws with the stated correlations; who is in none of them keeps the draw.

    Raises
    ------
    TextError
        When the correlations contradict each other.
    """
    result = dict(normals)
    names = list(dict.fromkeys(name for each in correlations for name in each.between))
    if not names:
        return result
    matrix = np.eye(len(names))
    for each in correlations:
        a, b = (names.index(name) for name in each.between)
        matrix[a, b] = matrix[b, a] = each.value
    try:
        factor = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        raise TextError("the correlations contradict each other", where=correlations[0].position) from None
    for row, name in enumerate(names):
        total = np.zeros_like(normals[name])
        for column in range(row + 1):  # term by term: no sum across patients, the same bits for any subset
            if factor[row, column]:
                total = total + factor[row, column] * normals[names[column]]
        result[name] = total
    return result


def _check_names(model: Model, text: Cohort) -> None:
    for name, random in text.covariates.items():
        if name not in model.covariates:
            raise TextError("no such covariate", given=name, allowed=tuple(model.covariates), where=random.position)
        if random.unit != model.covariates[name].unit:
            raise TextError(f"{name} is in {model.covariates[name].unit}", given=random.unit, where=random.position)
    for name in model.covariates:
        if name not in text.covariates:
            raise TextError(f"the cohort {text.name} says nothing of {name}", where=text.position)
    for name, random in text.random.items():
        if name not in model.random:
            raise TextError("no such random number", given=name, allowed=tuple(model.random), where=random.position)
    for name, value in text.parameters.items():
        if name not in model.values:
            raise TextError("no such parameter", given=name, allowed=tuple(model.values), where=value.position)
    known = {*model.random, *model.covariates}
    for each in text.correlations:
        for name in each.between:
            if name not in known:
                raise TextError("no such random number", given=name, allowed=tuple(known), where=each.position)
