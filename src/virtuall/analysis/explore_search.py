"""Which candidates are tried: all of a grid, or those that a Bayesian search asks for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from virtuall.analysis.explore_candidate import Candidate
from virtuall.analysis.explore_dial import Dial, Setting

if TYPE_CHECKING:
    import optuna

# Tells the value to maximize of a candidate; NaN for one that cannot be simulated.
Judge = Callable[[Candidate], float]
# Tries by chance before the search learns from them. It does not depend on how many follow, so that more tries go on
# where fewer ended.
_FIRST = 10
# Below every utility: a search ranks by it, so that its size does not matter.
_BROKEN = -1e9


def objective(utility: float, excess: float) -> float:
    """What a search maximizes: the utility, and first of all that the limits are kept."""
    return utility if excess == 0 or math.isnan(utility) else _BROKEN * (1.0 + excess)


def search(dials: Sequence[Dial], tries: int, seed: int, judge: Judge) -> None:
    """Try candidates one after the other by tree-structured Parzen estimators (Bergstra et al.), seeded.

    The same seed and the same judgments give the same candidates, so that a search goes on where it was stopped when
    the judge knows the finished ones.

    Parameters
    ----------
    dials : sequence of Dial
    tries : int
    seed : int
    judge : callable
        Called once for each try.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_FIRST)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for _ in range(tries):
        trial = study.ask()
        value = judge(Candidate(tuple(_setting(dial, trial) for dial in dials)))
        if math.isnan(value):
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, value)


def _setting(dial: Dial, trial: optuna.Trial | Any) -> Setting:
    if not dial.settings:
        return dial.at(trial.suggest_float(dial.name, dial.low, dial.high))
    if not dial.numeric:
        words = [each.words for each in dial.settings]
        return dial.settings[words.index(trial.suggest_categorical(dial.name, words))]
    ordered = sorted(dial.settings, key=lambda each: each.number or 0.0)
    return ordered[trial.suggest_int(dial.name, 0, len(ordered) - 1)]
