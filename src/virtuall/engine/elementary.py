"""exp, log, pow, min and max, written once for every machine that can add, multiply and look at bits.

Both back ends (NumPy columns, LLVM vectors) run these same lines, without fused multiply-add and without the
C library, so that all processors give the same bits. exp and log are within 1 unit in the last place, pow
within 2 + 2 |b log a| units: far closer than any rate is known, at half the cost of the last bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

# ln 2 in two parts; whole multiples of the high part up to 2**11 are exact (fdlibm).
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_LOG2_E = 1.44269504088896338700
# Adding 1.5 * 2**52 rounds to a whole number and leaves it in the low bits.
_MAGIC = 6755399441055744.0
_MAGIC_BITS = 0x4338000000000000
_ONE_BITS = 0x3FF0000000000000
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
# Beyond these exp is 0 or inf in any case.
_EXP_LOW, _EXP_HIGH = -746.0, 710.0
# Taylor: (exp(r) - 1 - r) / r**2 for |r| <= ln(2)/2, remainder below 1e-17.
_EXP_TAIL = tuple(1.0 / math.factorial(n) for n in range(2, 15))
# Minimax of fdlibm: log((1 + s)/(1 - s)) = 2 s + s R(s**2).
_LOG_TAIL = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)
_SMALLEST_NORMAL = 2.2250738585072014e-308
_HUGE_EXPONENT = 2.0**70

Value = Any


class Machine(Protocol):
    """What formulas run on: NumPy columns, or the builder of LLVM code over vectors."""

    def number(self, value: float) -> Value: ...
    def truth(self, value: bool) -> Value: ...
    def add(self, a: Value, b: Value) -> Value: ...
    def sub(self, a: Value, b: Value) -> Value: ...
    def mul(self, a: Value, b: Value) -> Value: ...
    def div(self, a: Value, b: Value) -> Value: ...
    def neg(self, a: Value) -> Value: ...
    def sqrt(self, a: Value) -> Value: ...
    def abs(self, a: Value) -> Value: ...
    def rint(self, a: Value) -> Value: ...
    def lt(self, a: Value, b: Value) -> Value: ...
    def le(self, a: Value, b: Value) -> Value: ...
    def eq(self, a: Value, b: Value) -> Value: ...
    def isnan(self, a: Value) -> Value: ...
    def and_(self, a: Value, b: Value) -> Value: ...
    def or_(self, a: Value, b: Value) -> Value: ...
    def not_(self, a: Value) -> Value: ...
    def select(self, condition: Value, a: Value, b: Value) -> Value: ...
    def exp(self, a: Value) -> Value: ...
    def log(self, a: Value) -> Value: ...
    def pow(self, a: Value, b: Value) -> Value: ...
    def whole(self, value: int) -> Value: ...
    def bits_of(self, a: Value) -> Value: ...
    def from_bits(self, a: Value) -> Value: ...
    def add_bits(self, a: Value, b: Value) -> Value: ...
    def sub_bits(self, a: Value, b: Value) -> Value: ...
    def shift_left(self, a: Value, places: int) -> Value: ...
    def shift_right(self, a: Value, places: int) -> Value: ...
    def shared(self, name: str, body: Callable[..., Value], *arguments: Value) -> Value: ...


def minimum(m: Machine, a: Value, b: Value) -> Value:
    """Smaller of two; NaN when either is NaN."""
    return m.select(m.isnan(a), a, m.select(m.lt(a, b), a, b))


def maximum(m: Machine, a: Value, b: Value) -> Value:
    """Larger of two; NaN when either is NaN."""
    return m.select(m.isnan(a), a, m.select(m.lt(b, a), a, b))


def exp(m: Machine, x: Value) -> Value:
    """e ** x."""
    return m.select(m.isnan(x), x, _exp_of_number(m, x))


def _exp_of_number(m: Machine, x: Value) -> Value:
    """e ** x of anything but NaN."""
    bounded = m.select(m.lt(x, m.number(_EXP_LOW)), m.number(_EXP_LOW), x)
    bounded = m.select(m.lt(m.number(_EXP_HIGH), bounded), m.number(_EXP_HIGH), bounded)
    shifted = m.add(m.mul(bounded, m.number(_LOG2_E)), m.number(_MAGIC))
    count = m.sub(shifted, m.number(_MAGIC))
    r = m.sub(bounded, m.mul(count, m.number(_LN2_HIGH)))
    r = m.sub(r, m.mul(count, m.number(_LN2_LOW)))
    tail = m.mul(m.mul(r, r), polynomial(m, r, _EXP_TAIL))
    result = m.add(m.number(1.0), m.add(r, tail))
    # Two scalings, so that both ends of the range are reached.
    whole = m.sub_bits(m.bits_of(shifted), m.whole(_MAGIC_BITS))
    half = m.shift_right(whole, 1)
    for places in (half, m.sub_bits(whole, half)):
        result = m.mul(result, m.from_bits(m.add_bits(m.shift_left(places, 52), m.whole(_ONE_BITS))))
    return result


def log(m: Machine, x: Value) -> Value:
    """Natural logarithm; -inf at zero, NaN below."""
    zero, infinity = m.number(0.0), m.number(math.inf)
    result = m.select(m.eq(x, zero), m.number(-math.inf), _log_of_positive(m, x))
    result = m.select(m.lt(x, zero), m.number(math.nan), result)
    return m.select(m.or_(m.isnan(x), m.eq(x, infinity)), x, result)


def _log_of_positive(m: Machine, x: Value) -> Value:
    """Natural logarithm of a positive finite number."""
    mantissa, power = _split(m, x)
    f = m.sub(mantissa, m.number(1.0))
    s = m.div(f, m.add(m.number(2.0), f))
    square = m.mul(s, s)
    tail = m.mul(square, polynomial(m, square, _LOG_TAIL))
    half = m.mul(m.mul(m.number(0.5), f), f)
    low = m.add(m.mul(s, m.add(half, tail)), m.mul(power, m.number(_LN2_LOW)))
    return m.sub(m.mul(power, m.number(_LN2_HIGH)), m.sub(m.sub(half, low), f))


def power(m: Machine, a: Value, b: Value) -> Value:
    """a ** b with the special values of the C standard."""
    zero, one, infinity, nan = (m.number(v) for v in (0.0, 1.0, math.inf, math.nan))
    size = m.abs(a)
    # The exponent is bounded so that products stay finite; beyond, the result is 0, 1 or inf in any case.
    bounded = m.select(m.lt(b, m.number(-_HUGE_EXPONENT)), m.number(-_HUGE_EXPONENT), b)
    bounded = m.select(m.lt(m.number(_HUGE_EXPONENT), bounded), m.number(_HUGE_EXPONENT), bounded)
    result = ordinary_power(m, size, bounded)
    falling = m.lt(b, zero)
    result = m.select(m.eq(size, zero), m.select(falling, infinity, zero), result)
    result = m.select(m.eq(size, infinity), m.select(falling, zero, infinity), result)
    # A negative base: a whole exponent is needed, an odd one keeps the sign.
    is_whole = m.eq(m.rint(b), b)
    half = m.mul(b, m.number(0.5))
    is_odd = m.and_(is_whole, m.not_(m.eq(m.rint(half), half)))
    result = m.select(m.and_(m.lt(m.bits_of(a), m.whole(0)), is_odd), m.neg(result), result)
    finite_negative = m.and_(m.lt(a, zero), m.lt(size, infinity))
    result = m.select(m.and_(finite_negative, m.not_(is_whole)), nan, result)
    result = m.select(m.or_(m.isnan(a), m.isnan(b)), nan, result)
    return m.select(m.or_(m.eq(b, zero), m.eq(a, one)), one, result)


def is_ordinary_power(m: Machine, a: Value, b: Value) -> Value:
    """Whether `ordinary_power` suffices: a positive finite base and an exponent that is not huge."""
    base = m.and_(m.lt(m.number(0.0), a), m.lt(a, m.number(math.inf)))
    return m.and_(base, m.le(m.abs(b), m.number(_HUGE_EXPONENT)))


def ordinary_power(m: Machine, a: Value, b: Value) -> Value:
    """a ** b of a positive finite base: the same bits as `power` there."""
    return _exp_of_number(m, m.mul(b, _log_of_positive(m, a)))


def _split(m: Machine, x: Value) -> tuple[Value, Value]:
    """Mantissa between sqrt(1/2) and sqrt(2), and the power of two as a float, of a positive number."""
    small = m.lt(x, m.number(_SMALLEST_NORMAL))
    bits = m.bits_of(m.select(small, m.mul(x, m.number(2.0**54)), x))
    count = m.shift_right(m.sub_bits(bits, m.whole(_SQRT_HALF_BITS)), 52)
    mantissa = m.from_bits(m.sub_bits(bits, m.shift_left(count, 52)))
    power_of_two = m.sub(m.from_bits(m.add_bits(count, m.whole(_MAGIC_BITS))), m.number(_MAGIC))
    # Counting from sqrt(1/2), which itself belongs to the power -1 ... 0.
    return mantissa, m.select(small, m.sub(power_of_two, m.number(54.0)), power_of_two)


def polynomial(m: Machine, x: Value, coefficients: Sequence[float]) -> Value:
    """Sum of coefficients[n] * x**n, in pairs (Estrin): less waiting than one after another."""
    terms = [m.number(value) for value in coefficients]
    while len(terms) > 1:
        pairs = [m.add(terms[n], m.mul(terms[n + 1], x)) for n in range(0, len(terms) - 1, 2)]
        terms = pairs + terms[len(pairs) * 2 :]
        x = m.mul(x, x) if len(terms) > 1 else x
    return terms[0]
