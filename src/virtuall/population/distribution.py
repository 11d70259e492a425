"""From a standard normal draw to a number with its own distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virtuall.core.arithmetic import exp, log
from virtuall.texts.values import Random

Floats = NDArray[np.float64]


def transformed(random: Random, normal: Floats) -> Floats:
    """Numbers with the distribution of `random` (its unit; each of its numbers may be one for each patient),
    from standard normal draws.

    Truncation maps the whole draw into the part of the distribution that is allowed, so nobody is drawn twice.
    """
    from scipy.special import ndtr, ndtri

    low, high = _normal_limits(random)
    if np.isfinite(low).any() or np.isfinite(high).any():
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


def _normal_limits(random: Random) -> tuple[NDArray[Any], NDArray[Any]]:
    """Truncation in terms of the underlying normal; only the normal family is truncated."""
    numbers = random.numbers
    with np.errstate(divide="ignore"):
        match random.distribution:
            case "normal":
                return _in_spreads((random.low, random.high), numbers["mean"], numbers["sd"])
            case "lognormal":
                ends = [log(np.maximum(end, 0.0) / np.asarray(numbers["median"])) for end in (random.low, random.high)]
                return _in_spreads(ends, 0.0, numbers["sd_log"])
            case "logitnormal":
                return _in_spreads([_logit(end) for end in (random.low, random.high)], numbers["mean"], numbers["sd"])
            case _:
                return np.asarray(-np.inf), np.asarray(np.inf)


def _in_spreads(ends: Sequence[Any], mean: Any, spread: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both ends as multiples of the spread; of a spread of 0, as they are."""
    spread = np.where(np.asarray(spread) == 0, 1.0, spread)
    return (np.asarray(ends[0]) - mean) / spread, (np.asarray(ends[1]) - mean) / spread


def _logit(share: float) -> float:
    if share <= 0:
        return -np.inf
    return np.inf if share >= 1 else float(log(share / (1 - share)))
