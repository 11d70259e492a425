"""Parameter sets that agree with the published rows, by an ensemble sampler (emcee) on the surrogate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from virtuall.calibrate.surrogate import Surrogate

Floats = NDArray[np.float64]
_WALKERS_PER_ENTRY = 4
_STEPS = 600
_SHORT = 200
_FARTHEST = 3.0


def votes(families: Sequence[str]) -> Floats:
    """The weight of each row of a family of n: 1/sqrt(n), between one vote for all of them and one for each.

    Rows of a family overlap (a share at 6 and at 12 months), but hold more than one of them alone.
    """
    names, of, counts = np.unique(np.asarray(families), return_inverse=True, return_counts=True)
    return np.asarray(1.0 / np.sqrt(counts[of]))


def log_density(
    places: Floats, surrogate: Surrogate, rows: NDArray[np.bool_], discrepancy: float, tail: float
) -> Floats:
    """Log posterior density up to a constant, float64[N].

    Standard normal prior; rows with Student's t around the prediction, their error widened by the discrepancy; rows
    weighted by `votes`.
    """
    misfit = surrogate.misfit(places)[:, rows] / np.sqrt(1 + discrepancy**2)
    weights = votes([target.family for target, used in zip(surrogate.targets, rows, strict=True) if used])
    likelihood = -(tail + 1) / 2 * np.log1p(misfit**2 / tail) @ weights
    return np.asarray(likelihood - 0.5 * np.sum(places**2, axis=1))


def sample_stage(
    surrogate: Surrogate,
    rows: NDArray[np.bool_],
    free: NDArray[np.int64],
    given: Floats,
    *,
    discrepancy: float,
    tail: float,
    seed: int,
) -> Floats:
    """Draw the entries of one stage, those of earlier stages as given; never the other way round.

    Parameters
    ----------
    rows : bool[T]
        The rows that the stage reads.
    free : int64[K]
        The entries of the stage.
    given : float64[M, P]
        One row a parameter set; earlier stages are set, later ones are 0.

    Returns
    -------
    float64[M, P]
        The sets with the stage's entries drawn.
    """
    drawn = given.copy()
    if not np.any(rows) or not free.size:
        return drawn
    groups, group_of = np.unique(given, axis=0, return_inverse=True)
    for number, base in enumerate(groups):
        members = np.flatnonzero(group_of == number)
        steps = _STEPS if len(groups) == 1 else _SHORT
        chain = _chain(surrogate, rows, free, base, discrepancy, tail, seed + number, steps)
        keep = np.random.default_rng([seed, number]).choice(len(chain), len(members), replace=len(chain) < len(members))
        drawn[members[:, None], free] = chain[keep]
    return drawn


def _chain(
    surrogate: Surrogate,
    rows: NDArray[np.bool_],
    free: NDArray[np.int64],
    base: Floats,
    discrepancy: float,
    tail: float,
    seed: int,
    steps: int,
) -> Floats:
    """The second half of a chain from starts all over the prior (so several modes are found), float64[S, K]."""
    import emcee

    def density(places: Floats) -> Floats:
        whole = np.tile(base, (len(places), 1))
        whole[:, free] = places
        found = log_density(whole, surrogate, rows, discrepancy, tail)
        # the surrogate was learned within the prior's reach
        return np.where(np.any(np.abs(places) > _FARTHEST, axis=1), -np.inf, found)

    walkers = max(2 * _WALKERS_PER_ENTRY, _WALKERS_PER_ENTRY * len(free))
    draws = np.random.default_rng(seed)
    starts = np.clip(draws.standard_normal((10 * walkers, len(free))), -2.5, 2.5)
    starts = starts[np.argsort(-density(starts))[:walkers]]  # multistart: the better ones of many
    sampler = emcee.EnsembleSampler(walkers, len(free), density, vectorize=True)
    sampler.random_state = np.random.MT19937(seed).state
    sampler.run_mcmc(starts, steps, skip_initial_state_check=True)
    return np.asarray(sampler.get_chain(discard=steps // 2, thin=5, flat=True))
