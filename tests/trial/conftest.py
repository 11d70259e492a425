"""A made-up trial: outcomes of stacked replicates drawn from simple distributions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

Trial = tuple[pd.DataFrame, pd.DataFrame]


def made_trial(replicates: int = 20, size: int = 405, seed: int = 0, share: float = 2 / 3) -> Trial:
    """Outcomes and events of two arms; burden lowers response in both."""
    rng = np.random.default_rng(seed)
    n = replicates * size
    antibody = np.tile(np.arange(size) < round(size * share), replicates)
    blasts = 1 / (1 + np.exp(-rng.normal(1.18, 1.84, n)))
    treated = rng.random(n) > np.where(antibody, 0.015, 0.187)
    chance = np.where(antibody, np.where(blasts < 0.5, 0.66, 0.36), np.where(blasts < 0.5, 0.4, 0.2))
    responds = treated & (rng.random(n) < chance)
    level = np.where(responds, rng.choice(["CR", "CRh", "CRi"], n, p=[0.76, 0.16, 0.08]), "none")
    first_cycle = rng.random(n) < 0.8
    response_day = np.where(responds, np.where(first_cycle, 30.0, 72.0), np.nan)
    relapse_day = response_day + rng.exponential(300, n)
    death_day = np.where(responds, relapse_day + rng.exponential(200, n), rng.exponential(150, n) + 5)
    transplant_day = np.where(responds & (rng.random(n) < 0.5), response_day + 60, np.nan)
    transplant_day[transplant_day > death_day] = np.nan
    end = 900.0
    death_day = np.where(death_day > end, np.nan, death_day)
    mrd = responds & (rng.random(n) < np.where(antibody, 0.76, 0.48))
    outcomes = pd.DataFrame(
        {
            "patient": np.arange(n),
            "replicate": np.repeat(np.arange(replicates), size),
            "arm": np.where(antibody, "blinatumomab", "chemotherapy"),
            "status": 0,
            "age": rng.uniform(18, 80, n),
            "sex": np.where(rng.random(n) < 0.6, "male", "female"),
            "marrow_blasts": blasts,
            "line": rng.choice([1, 2, 3], n, p=[0.42, 0.34, 0.24]),
            "prior_transplant": rng.random(n) < 0.35,
            "treated": treated,
            "cycles_started": np.where(treated, np.where(antibody, rng.integers(1, 6, n), 1), 0),
            "best_response": level,
            "response_day": response_day,
            "response_cycle": np.where(responds, np.where(first_cycle, 1, 2), np.nan),
            "cr_day": np.where(level == "CR", response_day, np.nan),
            "mrd_negative": mrd,
            "mrd_day": np.where(mrd, response_day, np.nan),
            "relapse_day": np.where(relapse_day > np.fmin(death_day, end), np.nan, relapse_day),
            "relapse_phenotype": "",
            "transplant_day": transplant_day,
            "next_line_day": np.nan,
            "death_day": death_day,
            "last_day": np.fmin(death_day, end),
        }
    )
    chance = np.where(antibody, 0.14, 0.0)
    hit = np.flatnonzero(treated & (rng.random(n) < chance))
    events = pd.DataFrame(
        {
            "patient": hit,
            "day": rng.uniform(1, 10, hit.size),
            "kind": "crs",
            "what": "release",
            "rule": "ctcae_v4_crs",
            "value": rng.choice([1.0, 2.0, 3.0], hit.size, p=[0.5, 0.3, 0.2]),
        }
    )
    return outcomes, events


@pytest.fixture(scope="session")
def trial() -> Trial:
    """Twenty replicates of 405."""
    return made_trial()


@pytest.fixture(scope="session")
def make_trial() -> Callable[..., Trial]:
    """The maker itself."""
    return made_trial
