"""exp, log and pow on arrays by fixed sums and products, so that every processor gives the same bits.

NumPy and the C library choose their own instructions by processor and differ in the last place. Here only
correctly rounded operations (+ - * /) and exact scalings occur. Accurate to about 1 unit in the last place.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_LOG2_E = 1.44269504088896338700
_OVERFLOW, _UNDERFLOW = 709.782712893384, -745.1332191019412
_SQRT_HALF = 0.70710678118654752440
_EXP_SERIES = tuple(1.0 / math.factorial(term) for term in range(14, -1, -1))
_LOG_SERIES = tuple(1.0 / (2 * term + 1) for term in range(12, 0, -1))


def exp(x: ArrayLike) -> Floats:
    """Exponential of an array (float64, any shape)."""
    values = np.asarray(x, np.float64)
    ordinary = bool(np.all((values >= _UNDERFLOW) & (values <= _OVERFLOW)))  # NaN is not
    bounded = values if ordinary else _bounded(values)
    whole = np.rint(bounded * _LOG2_E)
    rest = (bounded - whole * _LN2_HIGH) - whole * _LN2_LOW
    total = np.full_like(rest, _EXP_SERIES[0])
    for coefficient in _EXP_SERIES[1:]:
        total *= rest
        total += coefficient
    exponent = whole.astype(np.int64)
    halves = exponent >> 1
    with np.errstate(over="ignore", under="ignore"):  # two scalings reach the ends of the range
        result = np.ldexp(np.ldexp(total, halves), exponent - halves)
    if ordinary:
        return np.asarray(result)
    result = np.where(values > _OVERFLOW, np.inf, np.where(values < _UNDERFLOW, 0.0, result))
    return np.where(np.isnan(values), np.nan, result)


def _bounded(values: Floats) -> Floats:
    return np.clip(np.where(np.isnan(values), 0.0, values), _UNDERFLOW - 1, _OVERFLOW + 1)


def log(x: ArrayLike) -> Floats:
    """Natural logarithm of an array (float64, any shape); NaN below zero, -inf at zero."""
    values = np.asarray(x, np.float64)
    usable = (values > 0) & (values < np.inf)
    ordinary = bool(np.all(usable))
    mantissa, exponent = np.frexp(values if ordinary else np.where(usable, values, 1.0))
    small = mantissa < _SQRT_HALF
    mantissa = np.where(small, mantissa * 2, mantissa)
    power = exponent - small
    ratio = (mantissa - 1) / (mantissa + 1)  # log m = 2 atanh(ratio)
    square = ratio * ratio
    total = np.zeros_like(ratio)
    for coefficient in _LOG_SERIES:
        total += coefficient
        total *= square
    result = power * _LN2_HIGH + (power * _LN2_LOW + (2 * ratio + 2 * ratio * total))
    if ordinary:
        return np.asarray(result)
    result = np.where(values == 0, -np.inf, np.where(values == np.inf, np.inf, result))
    return np.where((values < 0) | np.isnan(values), np.nan, result)


def power(base: ArrayLike, exponent: ArrayLike) -> Floats:
    """base ** exponent for bases of zero or more (float64 arrays, broadcast)."""
    bases, exponents = np.broadcast_arrays(np.asarray(base, np.float64), np.asarray(exponent, np.float64))
    with np.errstate(invalid="ignore"):
        result = exp(exponents * log(bases))
    return np.where(exponents == 0, 1.0, result)
