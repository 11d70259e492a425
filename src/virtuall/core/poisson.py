"""Poisson numbers from uniform draws."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def poisson(mean: Floats, draw: Floats) -> Floats:
    """The smallest whole number whose Poisson distribution function reaches the draw; 0 where the mean is 0."""
    from scipy.special import pdtrik

    result = np.zeros_like(mean)
    usable = mean > 0
    if usable.any():
        found = pdtrik(draw[usable], mean[usable])
        result[usable] = np.maximum(np.ceil(np.where(np.isnan(found), 0.0, found) - 1e-9), 0.0)
    return result
