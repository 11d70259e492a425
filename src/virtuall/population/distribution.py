"""From a standard normal draw to a number with its own distribution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.core.arithmetic import exp, log
from virtuall.texts.values import Random

Floats = NDArray[np.float64]


def transformed(random: Random, normal: Floats) -> Floats:
    """Numbers with the distribution of `random` (its unit), from standard normal draws.

    Truncation maps the whole draw into the part of the distribution that is allowed, so nobody is drawn twice.
    """
    from scipy.special import ndtr, ndtri

    low, high = _normal_limits(random)
    if np.isfinite(low) or np.isfinite(high):
        share = ndtr(low) + ndtr(normal) * (ndtr(high) - ndtr(low))
        normal = np.clip(ndtri(share), low, high)
    numbers = random.numbers
    match random.distribution:
        case "normal":
            return np.asarray(numbers["mean"] + numbers["sd"] * normal)
        case "lognormal":
            return numbers["median"] * exp(numbers["sd_log"] * normal)
        case "logitnormal":
            return 1 / (1 + exp(-(numbers["mean"] + numbers["sd"] * normal)))
        case "uniform":
            return np.asarray(numbers["low"] + (numbers["high"] - numbers["low"]) * ndtr(normal))
        case "loguniform":
            bottom, top = log(numbers["low"]), log(numbers["high"])
            return exp(bottom + (top - bottom) * ndtr(normal))
        case "bernoulli":
            return (ndtr(normal) > 1 - numbers["p"]).astype(np.float64)
        case _:
            edges = np.cumsum(random.weights)[:-1]
            return np.asarray(random.choices)[np.searchsorted(edges, ndtr(normal), side="right")]


def _normal_limits(random: Random) -> tuple[float, float]:
    """Truncation in terms of the underlying normal; only the normal family is truncated."""
    numbers = random.numbers
    with np.errstate(divide="ignore"):
        match random.distribution:
            case "normal":
                spread = numbers["sd"] or 1.0
                return (random.low - numbers["mean"]) / spread, (random.high - numbers["mean"]) / spread
            case "lognormal":
                spread = numbers["sd_log"] or 1.0
                ends = [float(log(max(end, 0.0) / numbers["median"])) for end in (random.low, random.high)]
                return ends[0] / spread, ends[1] / spread
            case "logitnormal":
                spread = numbers["sd"] or 1.0
                ends = [_logit(end) for end in (random.low, random.high)]
                return (ends[0] - numbers["mean"]) / spread, (ends[1] - numbers["mean"]) / spread
            case _:
                return -np.inf, np.inf


def _logit(share: float) -> float:
    if share <= 0:
        return -np.inf
    return np.inf if share >= 1 else float(log(share / (1 - share)))
