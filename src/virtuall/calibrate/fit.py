"""The calibration: points, surrogates, stages without feedback, and parameter sets that were simulated anew.

For each block: a first wave of points over the prior; surrogates; stage after stage a posterior; further waves where
the posterior lies; at last candidates, simulated with common random numbers, two for each member of the ensemble, of
which the one nearer to the published rows is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virtuall.calibrate.budget import Block, Budget, Fitted, read_budget
from virtuall.calibrate.evaluation import Points, Target, block_targets, evaluate
from virtuall.calibrate.posterior import sample_stage, votes
from virtuall.calibrate.surrogate import Surrogate, learn, scaled
from virtuall.core.errors import InputError
from virtuall.population.ensemble import Ensemble
from virtuall.trial.design import load_design

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
CANDIDATES = 2  # for each member of the ensemble
LOTS = 2  # trials of the published size for each candidate
_WIDER = 1.3
_WORST = 3.0


@dataclass(frozen=True, eq=False)
class BlockFit:
    """What a block found.

    Attributes
    ----------
    block : Block
    fitted : tuple of Fitted
    all_targets : tuple of Target
        Every row that was evaluated.
    surrogate : Surrogate
        Of those that could be learned.
    posterior : float64[S, P]
        Draws by the surrogate, standardized.
    members : float64[M, P]
        Accepted candidates.
    sets : int64[M]
        Which set of the earlier blocks each of them goes with.
    distance : float64[C]
        Of all candidates.
    simulated : float64[M, T]
        Rows of the accepted ones, mean of their trials, in published units; in the order of `all_targets`.
    evaluated, failed : int
        Points simulated, and how many of them had patients that failed.
    """

    block: Block
    fitted: tuple[Fitted, ...]
    all_targets: tuple[Target, ...]
    surrogate: Surrogate
    posterior: Floats
    members: Floats
    sets: NDArray[np.int64]
    distance: Floats
    simulated: Floats
    evaluated: int
    failed: int


@dataclass(frozen=True, eq=False)
class Calibration:
    """All blocks and the ensemble that they make."""

    budget: Budget
    blocks: tuple[BlockFit, ...]
    ensemble: Ensemble
    seed: int


def calibrate(
    folder: Path,
    *,
    seed: int = 1,
    processes: int = 2,
    library: Sequence[Path | str] = (),
    smoke: bool = False,
    told: Callable[[str], None] = lambda line: None,
) -> Calibration:
    """Calibrate the library's budget; finished batches in `folder` are taken over.

    Parameters
    ----------
    smoke : bool
        The smallest trial of each budget with a handful of points: shows that everything runs, finds nothing.

    Raises
    ------
    InputError, TextError, Problems, StoreError
    """
    budget = read_budget(library)
    if smoke:
        budget = _small(budget, library)
    blocks: list[BlockFit] = []
    ensemble = None
    for block in budget.blocks:
        blocks.append(_fit_block(block, budget, folder, seed, processes, library, told, ensemble))
        ensemble = _extended(ensemble, blocks[-1])
    if ensemble is None:
        raise InputError("the budget has no block")
    return Calibration(budget, tuple(blocks), ensemble, seed)


def _fit_block(
    block: Block,
    budget: Budget,
    folder: Path,
    seed: int,
    processes: int,
    library: Sequence[Path | str],
    told: Callable[[str], None],
    earlier: Ensemble | None,
) -> BlockFit:
    """Fit one block; each point has one of the sets that earlier blocks found, which it never changes."""
    fitted, targets = budget.of_block(block.name), block_targets(block, budget.without, library)

    def points_at(name: str, places: Floats, lots: NDArray[np.int64] | None = None) -> Points:
        place = folder / f"{block.name}_{name}"
        given = {} if earlier is None else earlier.of_sets(_set_of(len(places), len(earlier), lots))
        return evaluate(
            block,
            targets,
            fitted,
            places,
            place,
            seed=seed,
            processes=processes,
            library=library,
            given=given,
            lots=lots,
            told=told,
        )

    known = points_at("wave_1", _spread_out(block.points, len(fitted), seed))
    surrogate = learn(known, targets)
    for wave in range(2, budget.waves + 1):
        draws = _posterior(surrogate, fitted, budget, block.points, seed + wave)
        known = known + points_at(f"wave_{wave}", _widened(draws, seed + wave))
        surrogate = learn(known, targets)
    posterior = _posterior(surrogate, fitted, budget, 20 * budget.members, seed)
    count = CANDIDATES * budget.members
    candidates = posterior[:count]  # one after the other of each chain, then again
    lots = np.tile(np.arange(LOTS, dtype=np.int64), count)
    tried = points_at("candidates", np.repeat(candidates, LOTS, axis=0), lots)
    rows = _known_mean(tried.values.reshape(count, LOTS, -1))
    failed = tried.failed.reshape(count, LOTS).mean(axis=1)
    distance = _distance(rows, surrogate, targets_of=[t.figure.target for t in targets], failed=failed)
    # the better candidate of each chain, not the best of all: what earlier stages and blocks found stays as it was
    best = np.arange(budget.members) + budget.members * np.argmin(distance.reshape(CANDIDATES, -1), axis=0)
    evaluated = len(known.places) + len(tried.places)
    lost = int(np.count_nonzero(known.failed) + np.count_nonzero(tried.failed))
    sets = best % (1 if earlier is None else len(earlier))
    return BlockFit(
        block, fitted, targets, surrogate, posterior, candidates[best], sets, distance, rows[best], evaluated, lost
    )


def _known_mean(values: Floats) -> Floats:
    """Mean over the second axis of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(total / known.sum(axis=1))


def _posterior(surrogate: Surrogate, fitted: Sequence[Fitted], budget: Budget, count: int, seed: int) -> Floats:
    """Stage after stage; a later stage sees what the earlier ones drew, never changes it.

    Entries that keep their prior are drawn first and seen by every stage.
    """
    draws = np.zeros((count, len(fitted)))
    kept_prior = [place for place, each in enumerate(fitted) if not each.free]
    if kept_prior:
        some = _spread_out(min(count, budget.members), len(kept_prior), seed)
        draws[:, kept_prior] = np.resize(some, (count, len(kept_prior)))
    block = fitted[0].block
    for number, stage in enumerate(each for each in budget.stages if each.block == block):
        rows = np.array([stage.reads(target.endpoint) for target in surrogate.targets])
        own = [each.free and each.stage == stage.name for each in fitted]
        free = np.flatnonzero(own)
        if number:  # one draw of each chain so far: as many different sets as members, each a chain of its own
            draws = np.resize(draws[: budget.members], draws.shape)
        draws = sample_stage(
            surrogate, rows, free, draws, discrepancy=budget.discrepancy, tail=budget.tail, seed=seed + 1000 * number
        )
    return draws


def _distance(rows: Floats, surrogate: Surrogate, *, targets_of: Sequence[str], failed: Floats) -> Floats:
    """Mean over families of the squared misfit in standard deviations of a trial (at most 9); failures add."""
    weights = votes([target.family for target in surrogate.targets])
    total, votes_cast = np.zeros(len(rows)), 0.0
    for place, target in enumerate(surrogate.targets):
        values = scaled(target, rows[:, targets_of.index(target.figure.target)])
        misfit = np.minimum(np.abs(surrogate.published[place] - values) / surrogate.spread[place], _WORST)
        total += weights[place] * np.where(np.isfinite(misfit), misfit, _WORST) ** 2
        votes_cast += weights[place]
    return np.asarray(total / votes_cast + 100.0 * failed)


def _spread_out(count: int, entries: int, seed: int) -> Floats:
    """Standard normal places, evenly spread (scrambled Sobol)."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    exponent = int(np.ceil(np.log2(count)))
    unit = qmc.Sobol(entries, scramble=True, rng=np.random.default_rng(seed)).random_base2(exponent)[:count]
    return np.asarray(ndtri(np.clip(unit, 1e-3, 1 - 1e-3)))


def _widened(draws: Floats, seed: int) -> Floats:
    """Posterior draws a little further apart, so that the next surrogate sees the surroundings."""
    center = draws.mean(axis=0)
    noise = 0.3 * np.random.default_rng(seed).standard_normal(draws.shape)
    return np.asarray(np.clip(center + _WIDER * (draws - center) + noise, -3.0, 3.0))


def _set_of(points: int, sets: int, lots: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """The earlier set of each point; the trials of one candidate have one set."""
    trials = 1 if lots is None else LOTS
    return np.asarray(np.arange(points) // trials % sets, np.int64)


def _extended(earlier: Ensemble | None, fit: BlockFit) -> Ensemble:
    """The members of a block, each beside the earlier set with which it was simulated."""
    columns = {} if earlier is None else dict(earlier.of_sets(fit.sets))
    for place, entry in enumerate(fit.fitted):
        columns |= entry.values(fit.members[:, place])
    return Ensemble(tuple(columns), np.column_stack(list(columns.values())))


def _small(budget: Budget, library: Sequence[Path | str]) -> Budget:
    """The smallest trial alone, a handful of points."""
    trials = {trial: each for each in budget.blocks for trial in each.trials}
    smallest = min(trials, key=lambda trial: load_design(trial, library).size)
    block = replace(trials[smallest], trials=(smallest,), points=16)
    fitted = tuple(each for each in budget.fitted if each.block == block.name)
    if not fitted:
        raise InputError("this block of the budget has no fitted entry", given=block.name)
    stages = tuple(each for each in budget.stages if each.block == block.name)
    return replace(budget, members=3, waves=1, blocks=(block,), stages=stages, fitted=fitted)
