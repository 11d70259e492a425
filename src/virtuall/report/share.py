"""A share of patients with its exact interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Share:
    """How many of how many, as a share with its exact 95 % interval (Clopper and Pearson)."""

    value: float
    low: float
    high: float
    count: int
    of: int


def exact_share(count: int, of: int) -> Share:
    """A share with the interval of Clopper and Pearson; NaN when of nobody."""
    from scipy.stats import binomtest

    if not of:
        return Share(np.nan, np.nan, np.nan, 0, 0)
    bounds = binomtest(count, of).proportion_ci()
    return Share(count / of, float(bounds.low), float(bounds.high), count, of)
