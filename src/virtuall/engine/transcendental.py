"""Circular and hyperbolic functions, whole parts and factorial, on every machine with the same bits.

Like `elementary`: sums, products, quotients, square roots and looks at bits only. Within a few units in the
last place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from virtuall.engine.elementary import Machine, Value, exp, log, polynomial

_SPLITTER = 134217729.0  # 2**27 + 1 (Veltkamp)
# pi/2 as a sum of three numbers.
_HALF_PI = 1.5707963267948966
_HALF_PI_LOW = 6.123233995736766e-17
_HALF_PI_LOWEST = -1.4973849048591833e-33
_TWO_OVER_PI = 0.6366197723675814
# Beyond this an argument no longer holds an angle that is worth its name: the result is not a number.
LARGEST_ANGLE = 2.0**45
# Taylor about 0, for |r| up to pi/4 (the remainder is below the last bit).
_SIN_TAIL = tuple((-1) ** n / math.factorial(2 * n + 1) for n in range(1, 10))
_COS_TAIL = tuple((-1) ** n / math.factorial(2 * n) for n in range(2, 11))
_SINH_TAIL = tuple(1.0 / math.factorial(2 * n + 1) for n in range(1, 11))
_ATAN_TAIL = tuple((-1) ** n / (2 * n + 1) for n in range(1, 14))
_LN2 = math.log(2.0)
_LARGEST_FACTORIAL = 170


def floor(m: Machine, x: Value) -> Value:
    """Largest whole number not above x."""
    near = m.rint(x)
    return m.select(m.lt(x, near), m.sub(near, m.number(1.0)), near)


def ceil(m: Machine, x: Value) -> Value:
    """Smallest whole number not below x."""
    near = m.rint(x)
    return m.select(m.lt(near, x), m.add(near, m.number(1.0)), near)


def sin(m: Machine, x: Value) -> Value:
    """Sine; NaN for arguments beyond `LARGEST_ANGLE`."""
    quarter, sine, cosine = _circle(m, x)
    return _turn(m, quarter, (sine, cosine, m.neg(sine), m.neg(cosine)))


def cos(m: Machine, x: Value) -> Value:
    """Cosine; NaN for arguments beyond `LARGEST_ANGLE`."""
    quarter, sine, cosine = _circle(m, x)
    return _turn(m, quarter, (cosine, m.neg(sine), m.neg(cosine), sine))


def tan(m: Machine, x: Value) -> Value:
    """Tangent; NaN for arguments beyond `LARGEST_ANGLE`."""
    quarter, sine, cosine = _circle(m, x)
    straight, crossed = m.div(sine, cosine), m.neg(m.div(cosine, sine))
    return _turn(m, quarter, (straight, crossed, straight, crossed))


def atan(m: Machine, x: Value) -> Value:
    """Inverse tangent."""
    size, one = m.abs(x), m.number(1.0)
    large = m.lt(one, size)
    part = m.select(large, m.div(one, size), size)
    for _ in range(2):  # half the angle, twice
        part = m.div(part, m.add(one, m.sqrt(m.add(one, m.mul(part, part)))))
    square = m.mul(part, part)
    angle = m.add(part, m.mul(part, m.mul(square, polynomial(m, square, _ATAN_TAIL))))
    angle = m.mul(m.number(4.0), angle)
    turned = m.sub(m.number(_HALF_PI), m.sub(angle, m.number(_HALF_PI_LOW)))
    return _with_sign_of(m, x, m.select(large, turned, angle))


def asin(m: Machine, x: Value) -> Value:
    """Inverse sine; NaN beyond 1."""
    one = m.number(1.0)
    return atan(m, m.div(x, m.sqrt(m.mul(m.sub(one, x), m.add(one, x)))))


def acos(m: Machine, x: Value) -> Value:
    """Inverse cosine; NaN beyond 1."""
    one = m.number(1.0)
    half = atan(m, m.sqrt(m.div(m.sub(one, x), m.add(one, x))))
    # At -1 the quotient is infinite, and beyond 1 the root is of a negative number.
    return m.mul(m.number(2.0), half)


def sinh(m: Machine, x: Value) -> Value:
    """Hyperbolic sine."""
    size = m.abs(x)
    square = m.mul(size, size)
    small = m.add(size, m.mul(size, m.mul(square, polynomial(m, square, _SINH_TAIL))))
    e, half = _growth(m, size)
    large = m.sub(half, m.div(m.number(0.5), e))
    return _with_sign_of(m, x, m.select(m.lt(size, m.number(1.0)), small, large))


def cosh(m: Machine, x: Value) -> Value:
    """Hyperbolic cosine."""
    e, half = _growth(m, m.abs(x))
    return m.add(half, m.div(m.number(0.5), e))


def tanh(m: Machine, x: Value) -> Value:
    """Hyperbolic tangent."""
    size, one = m.abs(x), m.number(1.0)
    bounded = m.select(m.lt(one, size), one, size)
    small = m.div(sinh(m, bounded), cosh(m, bounded))
    large = m.sub(one, m.div(m.number(2.0), m.add(exp(m, m.add(size, size)), one)))
    return _with_sign_of(m, x, m.select(m.lt(size, one), small, large))


def asinh(m: Machine, x: Value) -> Value:
    """Inverse hyperbolic sine."""
    size, one = m.abs(x), m.number(1.0)
    square = m.mul(size, size)
    root = m.sqrt(m.add(square, one))
    near = _log_of_one_and(m, m.add(size, m.div(square, m.add(one, root))))
    far = m.add(log(m, size), m.number(_LN2))
    return _with_sign_of(m, x, m.select(m.lt(size, m.number(2.0**30)), near, far))


def acosh(m: Machine, x: Value) -> Value:
    """Inverse hyperbolic cosine; NaN below 1."""
    beyond = m.sub(x, m.number(1.0))
    root = m.sqrt(m.mul(beyond, m.add(beyond, m.number(2.0))))
    near = _log_of_one_and(m, m.add(beyond, root))
    far = m.add(log(m, x), m.number(_LN2))
    result = m.select(m.lt(x, m.number(2.0**30)), near, far)
    return m.select(m.lt(x, m.number(1.0)), m.number(math.nan), result)


def atanh(m: Machine, x: Value) -> Value:
    """Inverse hyperbolic tangent; NaN beyond 1."""
    size = m.abs(x)
    ratio = m.div(m.add(size, size), m.sub(m.number(1.0), size))
    beyond = m.lt(m.number(1.0), size)
    result = m.mul(m.number(0.5), _log_of_one_and(m, ratio))
    return _with_sign_of(m, x, m.select(beyond, m.number(math.nan), result))


def factorial(m: Machine, x: Value) -> Value:
    """Product of the whole numbers up to x; inf from 171 on, NaN when x is no whole number from 0 on."""
    result = m.number(1.0)
    for count in range(2, _LARGEST_FACTORIAL + 1):
        value = m.number(float(math.factorial(count)))
        result = m.select(m.le(m.number(float(count)), x), value, result)
    result = m.select(m.lt(m.number(float(_LARGEST_FACTORIAL)), x), m.number(math.inf), result)
    fits = m.and_(m.le(m.number(0.0), x), m.eq(m.rint(x), x))
    return m.select(fits, result, m.number(math.nan))


def _circle(m: Machine, x: Value) -> tuple[Value, Value, Value]:
    """Which quarter of the circle (0 to 3), and sine and cosine of the rest within it."""
    bound = m.number(LARGEST_ANGLE)
    x = m.select(m.le(m.abs(x), bound), x, m.number(math.nan))
    count = m.rint(m.mul(x, m.number(_TWO_OVER_PI)))
    product, error = _long_product(m, count, m.number(_HALF_PI))
    high, low = _difference(m, m.sub(x, product), error)
    product, error = _long_product(m, count, m.number(_HALF_PI_LOW))
    high, rest = _difference(m, high, product)
    low = m.sub(m.add(low, rest), m.add(error, m.mul(count, m.number(_HALF_PI_LOWEST))))
    r = m.add(high, low)
    low = m.sub(low, m.sub(r, high))
    square = m.mul(r, r)
    half = m.mul(m.number(0.5), square)
    rest = m.sub(m.number(1.0), half)
    sine = m.mul(r, m.mul(square, polynomial(m, square, _SIN_TAIL)))
    sine = m.add(r, m.add(sine, m.mul(low, rest)))
    cosine = m.mul(m.mul(square, square), polynomial(m, square, _COS_TAIL))
    cosine = m.sub(cosine, m.mul(r, low))
    cosine = m.add(rest, m.add(m.sub(m.sub(m.number(1.0), rest), half), cosine))
    quarter = m.sub(count, m.mul(m.number(4.0), floor(m, m.mul(count, m.number(0.25)))))
    return quarter, sine, cosine


def _turn(m: Machine, quarter: Value, values: Sequence[Value]) -> Value:
    result = values[0]
    for place in (1, 2, 3):
        result = m.select(m.eq(quarter, m.number(float(place))), values[place], result)
    return result


def _difference(m: Machine, a: Value, b: Value) -> tuple[Value, Value]:
    """a - b and its rounding error (Knuth)."""
    total = m.sub(a, b)
    back = m.sub(total, a)
    error = m.sub(m.sub(a, m.sub(total, back)), m.add(b, back))
    return total, error


def _growth(m: Machine, size: Value) -> tuple[Value, Value]:
    """exp(size) and half of it; the half is right where exp itself is too large."""
    root = exp(m, m.mul(m.number(0.5), size))
    long = m.mul(m.mul(m.number(0.5), root), root)
    e = exp(m, size)
    return e, m.select(m.lt(m.number(700.0), size), long, m.mul(m.number(0.5), e))


def _log_of_one_and(m: Machine, u: Value) -> Value:
    """log(1 + u), exact for small u too (Kahan)."""
    one = m.number(1.0)
    whole = m.add(one, u)
    part = m.sub(whole, one)
    infinite = m.eq(whole, m.number(math.inf))
    result = m.mul(log(m, whole), m.div(u, part))
    return m.select(m.eq(part, m.number(0.0)), u, m.select(infinite, whole, result))


def _with_sign_of(m: Machine, x: Value, size: Value) -> Value:
    return m.select(m.lt(x, m.number(0.0)), m.neg(size), size)


FUNCTIONS: dict[str, Callable[..., Value]] = {
    each.__name__: each
    for each in (floor, ceil, sin, cos, tan, asin, acos, atan, sinh, cosh, tanh, asinh, acosh, atanh, factorial)
}


def _long_product(m: Machine, a: Value, b: Value) -> tuple[Value, Value]:
    """a * b and its rounding error (Dekker)."""
    product = m.mul(a, b)
    (a_high, a_low), (b_high, b_low) = (_halves(m, value) for value in (a, b))
    error = m.sub(m.mul(a_high, b_high), product)
    error = m.add(m.add(error, m.mul(a_high, b_low)), m.mul(a_low, b_high))
    return product, m.add(error, m.mul(a_low, b_low))


def _halves(m: Machine, a: Value) -> tuple[Value, Value]:
    spread = m.mul(a, m.number(_SPLITTER))
    high = m.sub(spread, m.sub(spread, a))
    return high, m.sub(a, high)
