"""Rows as smooth functions of the parameters, learned from evaluated points.

Each row is a quadratic in the entries that a Lasso picks for it, fitted by ridge regression with its penalty chosen by
leave-one-out (scikit-learn). A row that this does not predict better than its mean is a constant. What the surrogate
leaves over is the luck of one trial of the published size and its own lack of fit; both belong to the error of the row.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from virtuall.calibrate.evaluation import Points, Target

Floats = NDArray[np.float64]
_MOST_ENTRIES = 7
_LEAST_SHARE = 0.8
_PENALTIES = np.logspace(-2, 4, 13)


@dataclass(frozen=True, eq=False)
class Surrogate:
    """All rows of a block.

    Attributes
    ----------
    targets : tuple of Target
        Rows that could be learned.
    coefficients : float64[T, F]
        Over 1, the places, and their products.
    spread : float64[T]
        Standard deviation of what is left over, on the scale of the row.
    told : float64[T]
        Share of the variance between points that it predicts (leave-one-out); 0 for a constant.
    published : float64[T]
        On the scale of the row.
    """

    targets: tuple[Target, ...]
    coefficients: Floats
    spread: Floats
    told: Floats
    published: Floats

    def predict(self, places: Floats) -> Floats:
        """float64[N, T] on the scale of the rows, at float64[N, P]."""
        return np.asarray(_features(places) @ self.coefficients.T)

    def misfit(self, places: Floats) -> Floats:
        """(published - predicted) / spread, float64[N, T]."""
        return np.asarray((self.published - self.predict(places)) / self.spread)


def scaled(target: Target, values: Floats) -> Floats:
    """Values on the scale on which a row is fitted: logit of a share (with half a patient), log of a time or ratio."""
    values = np.asarray(values, np.float64)
    if _is_share(target):
        most = (
            100.0 if target.figure.unit.startswith("%") else 1.0 if target.figure.n is None else float(target.figure.n)
        )
        half = most / (2 * (target.figure.n or 100))
        return np.asarray(np.log((np.clip(values, 0, most) + half) / (most - np.clip(values, 0, most) + half)))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.log(np.maximum(values, 0) + 0.05 * abs(target.figure.value)))


def learn(points: Points, targets: Sequence[Target]) -> Surrogate:
    """Learn every row that is known at enough points; points with failed patients are left out."""
    sound = points.failed == 0
    kept, coefficients, spreads, told, published = [], [], [], [], []
    for place, target in enumerate(targets):
        values = scaled(target, points.values[:, place])
        usable = sound & np.isfinite(values)
        if np.mean(usable[sound]) < _LEAST_SHARE:
            continue
        weights, spread, share = _fitted(points.places[usable], values[usable])
        kept.append(target)
        coefficients.append(weights)
        spreads.append(max(spread, _least_spread(target)))
        told.append(share)
        published.append(float(scaled(target, np.array([target.figure.value]))[0]))
    return Surrogate(tuple(kept), np.array(coefficients), np.array(spreads), np.array(told), np.array(published))


def _fitted(places: Floats, values: Floats) -> tuple[Floats, float, float]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LassoCV, RidgeCV

    features = _features(places)
    constant = np.zeros(features.shape[1])
    constant[0] = values.mean()
    total = float(values.std())
    if total <= 1e-12:
        return constant, 0.0, 0.0
    with warnings.catch_warnings():  # it only picks; the ridge regression that counts is exact
        warnings.simplefilter("ignore", ConvergenceWarning)
        picked = LassoCV(cv=5, alphas=20, max_iter=5000).fit(places, (values - values.mean()) / total).coef_
    order = np.argsort(-np.abs(picked))
    chosen = np.sort([place for place in order[:_MOST_ENTRIES] if picked[place]])
    if not chosen.size:
        return constant, total, 0.0
    columns = _columns(places.shape[1], chosen)
    ridge = RidgeCV(alphas=_PENALTIES, store_cv_results=True).fit(features[:, columns], values)
    best = int(np.flatnonzero(ridge.alphas == ridge.alpha_)[0])
    left = float(np.sqrt(np.mean(ridge.cv_results_[:, best])))
    if left >= total:
        return constant, total, 0.0
    weights = np.zeros(features.shape[1])
    weights[columns] = ridge.coef_
    weights[0] = ridge.intercept_
    return weights, left, 1 - (left / total) ** 2


def _features(places: Floats) -> Floats:
    """1, each place, each product of two."""
    pairs = [places[:, a] * places[:, b] for a, b in combinations_with_replacement(range(places.shape[1]), 2)]
    return np.column_stack([np.ones(len(places)), places, *pairs])


def _columns(count: int, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of the chosen entries and of their products among the features."""
    pairs = list(combinations_with_replacement(range(count), 2))
    inside = set(chosen.tolist())
    return np.array(
        [1 + c for c in chosen] + [1 + count + at for at, (a, b) in enumerate(pairs) if a in inside and b in inside]
    )


def _is_share(target: Target) -> bool:
    unit = target.figure.unit
    return unit.startswith("%") or unit.partition(" ")[0] in ("patients", "relapses")


def _least_spread(target: Target) -> float:
    """A row without luck of its own (the same in each simulated trial) still has the luck of the published trial."""
    if _is_share(target) and target.figure.n:
        share = np.clip(
            target.figure.value / (100.0 if target.figure.unit.startswith("%") else target.figure.n), 0.02, 0.98
        )
        return float(1 / np.sqrt(target.figure.n * share * (1 - share)))
    return 0.05
