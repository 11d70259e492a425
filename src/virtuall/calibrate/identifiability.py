"""What the published rows told about each fitted entry: posterior against prior, correlations, sensitivity (SALib)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virtuall.calibrate.fit import BlockFit

Floats = NDArray[np.float64]
Sensitivity = tuple[tuple[str, ...], Floats]
_TOLD = 0.15
_SOBOL = 128


@dataclass(frozen=True)
class Identified:
    """One entry.

    Attributes
    ----------
    name, stage : str
    fitted : bool
        False: it keeps its prior.
    address : str
        The first of its numbers.
    shipped, median, low, high : float
        Value of the texts; median and 95 % interval of the ensemble, in the units of the model.
    shift : float
        Posterior mean, in prior standard deviations.
    narrowed : float
        1 - posterior variance / prior variance: 0 when the rows told nothing.
    partner, correlation : str, float
        The entry that it is most correlated with in the posterior; empty where it is alone.
    told_by : tuple of str
        Ids of the rows whose surrogates react most.
    """

    name: str
    stage: str
    fitted: bool
    address: str
    shipped: float
    median: float
    low: float
    high: float
    shift: float
    narrowed: float
    partner: str
    correlation: float
    told_by: tuple[str, ...]


def identified(fit: BlockFit) -> tuple[Identified, ...]:
    """One for each entry of a block."""
    draws = fit.posterior
    together = np.atleast_2d(np.corrcoef(draws.T))
    slopes = _slopes(fit)
    found = []
    for place, entry in enumerate(fit.fitted):
        values = entry.values(fit.members[:, place])[entry.numbers[0]]
        others = np.abs(np.where(np.arange(len(together)) == place, 0.0, together[place]))
        most = int(np.argmax(others)) if len(others) > 1 else None
        strongest = np.argsort(-np.abs(slopes[:, place]))[:3]
        low, high = np.quantile(values, [0.025, 0.975])
        found.append(
            Identified(
                name=entry.name,
                stage=entry.stage,
                fitted=entry.free,
                address=entry.numbers[0],
                shipped=entry.shipped[0],
                median=float(np.median(values)),
                low=float(low),
                high=float(high),
                shift=float(draws[:, place].mean()),
                narrowed=float(1 - draws[:, place].var()),
                partner="" if most is None else fit.fitted[most].name,
                correlation=0.0 if most is None else float(together[place, most]),
                told_by=tuple(
                    fit.surrogate.targets[row].figure.target for row in strongest if abs(slopes[row, place]) > _TOLD
                ),
            )
        )
    return tuple(found)


def sobol(fit: BlockFit, seed: int) -> Sensitivity:
    """Total Sobol indices over the prior, of rows that the surrogate can predict.

    Returns
    -------
    tuple of str, float64[T, P]
        Ids of the rows; share of the variance of each that goes with each entry and what it interacts with.
    """
    from SALib.analyze import sobol as analyze
    from SALib.sample import sobol as sample

    count = len(fit.fitted)
    names = [entry.name for entry in fit.fitted]
    problem = {"num_vars": count, "names": names, "bounds": [[0.0, 1.0]] * count, "dists": ["norm"] * count}
    places = np.clip(sample.sample(problem, _SOBOL, calc_second_order=False, seed=seed), -3, 3)
    predicted = fit.surrogate.predict(places)
    rows = np.flatnonzero(fit.surrogate.told > _TOLD)
    found = [analyze.analyze(problem, predicted[:, row], calc_second_order=False, seed=seed)["ST"] for row in rows]
    ids = tuple(fit.surrogate.targets[row].figure.target for row in rows)
    return ids, np.array(found).reshape(len(ids), count)


def _slopes(fit: BlockFit) -> Floats:
    """Change of each row per posterior standard deviation of an entry, in spreads of the row, float64[T, P]."""
    center = fit.posterior.mean(axis=0)
    steps = fit.posterior.std(axis=0)
    found = []
    for place, step in enumerate(steps):
        ends = np.tile(center, (2, 1))
        ends[:, place] += [-step / 2, step / 2]
        predicted = fit.surrogate.predict(ends)
        found.append((predicted[1] - predicted[0]) / fit.surrogate.spread)
    return np.array(found).T
