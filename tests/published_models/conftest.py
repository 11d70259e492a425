"""Published models, written as texts of our own, run by our own engine."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virtuall.engine.kernel import build_kernel
from virtuall.model import Model, load_system

FOLDER = Path(__file__).parent.parent / "data" / "published_models"

Floats = NDArray[np.float64]


def published(*names: str) -> Model:
    """The model of a folder, with others laid over it."""
    return load_system([FOLDER / name for name in names], shipped=False)


def reference(name: str) -> dict[str, Floats]:
    """The columns of a table of figures to compare with."""
    with (FOLDER / "reference" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {column: np.array([float(row[column]) for row in rows]) for column in rows[0]}


def simulate(
    model: Model,
    times: ArrayLike,
    signals: Sequence[str],
    *,
    columns: Mapping[str, ArrayLike] | None = None,
    changes: Sequence[tuple[float, Mapping[str, ArrayLike]]] = (),
    rtol: float = 1e-8,
) -> Floats:
    """Run patients from day 0 and read signals: float64[patients, times, signals].

    `columns` replaces numbers, one value or one for each patient; `changes` sets inputs and states on a day.
    """
    names = model.system.parameters
    given = {name: np.atleast_1d(value) for name, value in (columns or {}).items()}
    assert set(given) <= set(names)
    rows = np.zeros((max((len(value) for value in given.values()), default=1), len(names)))
    for place, name in enumerate(names):
        start = model.inputs[name].start if name in model.inputs else 0.0
        rows[:, place] = given.get(name, model.values[name].value if name in model.values else start)
    kernel = build_kernel(model.system, rtol=rtol)
    ens, everyone, grid = kernel.start(rows), np.arange(len(rows)), np.atleast_1d(times)
    kernel.record(ens, grid, signals)
    for day, values in changes:
        kernel.advance(ens, everyone, day)
        states = {name: value for name, value in values.items() if name in model.system.states}
        inputs = {name: value for name, value in values.items() if name not in states}
        kernel.change(ens, everyone, parameters=inputs, states=states)
    kernel.advance(ens, everyone, max(grid[-1], ens.now.max()))
    assert not ens.status.any()
    return ens.recorded
