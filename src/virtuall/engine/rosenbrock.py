"""One step of the method in words that both back ends run: elimination, stages, dense output, step control.

Every function takes a Machine and its values, so NumPy columns and LLVM vectors do the same operations in the
same order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from virtuall.engine.elementary import Machine, Value
from virtuall.engine.sparse import Elimination
from virtuall.engine.tableau import ORDER

# The error estimate is that of the embedded method of order 4. The solution itself, of order 5, was some 30
# times more accurate on the models that were tried, so a step may show this many times rtol: the result is
# then good to a few times rtol.
ERROR_SHARE = 10.0
# Step control (days where not pure numbers).
SAFETY = 0.9
LARGEST_GROWTH = 8.0
LARGEST_CUT = 0.1
CUT_WHEN_NOT_FINITE = 0.2
SHORTEST_STEP = 1e-9
LONGEST_STEP = 64.0
FIRST_STEP_LEAST = 0.005
FIRST_STEP_LIMIT = 0.25
# The first step moves no state by more than this share of its size.
FIRST_STEP_SHARE = 0.1
# States smaller than this are zero: their squares underflow and slow the processor down.
SMALLEST_STATE = 1e-200
# A clock only needs to be as exact as a probability.
SMALLEST_CLOCK_SCALE = 1.0


def eliminate(
    m: Machine,
    plan: Elimination,
    diagonal: Value,
    load: Callable[[int, int], Value | None],
    store: Callable[[int, Value], None],
    fetch: Callable[[int], Value],
    steps: range | None = None,
) -> None:
    """Decompose diagonal * 1 - J into factors; the diagonal slots hold the reciprocals of the pivots.

    Parameters
    ----------
    load : callable
        Entry (row, column) of J, or None where it has none.
    store, fetch : callable
        Write and read a slot of the factors.
    steps : range, optional
        Only these steps of the order (the earlier ones were done before).
    """
    position = {row: k for k, row in enumerate(plan.order)}
    for step in steps or range(len(plan.order)):
        row, lower, upper = plan.order[step], plan.lower[step], plan.upper[step]
        entries: dict[int, Value] = {}
        for column in (*lower, row, *upper):
            value = load(row, column)
            entry = m.number(0.0) if value is None else m.neg(value)
            entries[column] = m.add(diagonal, entry) if column == row else entry
        for pivot in lower:
            factor = m.mul(entries[pivot], fetch(plan.slots[pivot, pivot]))
            store(plan.slots[row, pivot], factor)
            for column in plan.upper[position[pivot]]:
                product = m.mul(factor, fetch(plan.slots[pivot, column]))
                entries[column] = m.sub(entries[column], product)
        store(plan.slots[row, row], m.div(m.number(1.0), entries[row]))
        for column in upper:
            store(plan.slots[row, column], entries[column])


def substitute(
    m: Machine, plan: Elimination, load: Callable[[int], Value], fetch: Callable[[int], Value]
) -> list[Value]:
    """Solve with the factors; `load` gives an entry of the right side, `fetch` a slot of the factors.

    Returns the entries of the solution, by the numbers of their rows.
    """
    result: dict[int, Value] = {}
    for row, lower in zip(plan.order, plan.lower, strict=True):
        value = load(row)
        for column in lower:
            value = m.sub(value, m.mul(fetch(plan.slots[row, column]), result[column]))
        result[row] = value
    for row, upper in zip(reversed(plan.order), reversed(plan.upper), strict=True):
        value = result[row]
        for column in upper:
            value = m.sub(value, m.mul(fetch(plan.slots[row, column]), result[column]))
        result[row] = m.mul(value, fetch(plan.slots[row, row]))
    return [result[row] for row in sorted(plan.order)]


def weighted_sum(m: Machine, weights: Sequence[float], values: Sequence[Value]) -> Value:
    """Sum of weight * value from left to right; weights of 0 are left out."""
    total: Value | None = None
    for weight, value in zip(weights, values, strict=False):
        if weight != 0.0:
            term = value if weight == 1.0 else m.mul(m.number(weight), value)
            total = term if total is None else m.add(total, term)
    return total


def dense_value(m: Machine, part: Value, first: Value, last: Value, bends: Sequence[Value]) -> Value:
    """State at a part (0 to 1) of a step from its ends and the three bends e_1, e_2, e_3."""
    rest = m.sub(m.number(1.0), part)
    bend = m.add(bends[0], m.mul(part, m.add(bends[1], m.mul(part, bends[2]))))
    return m.add(m.mul(rest, first), m.mul(part, m.add(last, m.mul(rest, bend))))


def part_of_step(m: Machine, before: Value, after: Value, time: Value) -> Value:
    """Part (0 to 1) of a step that has passed at a time; 1 for a step without length."""
    width = m.sub(after, before)
    return m.select(m.lt(m.number(0.0), width), m.div(m.sub(time, before), width), m.number(1.0))


def state_within(m: Machine, part: Value, floor: Value, first: Value, last: Value, bends: Sequence[Value]) -> Value:
    """A state inside a step, or its smaller end where an amount (floor 0; else -inf) would come below zero."""
    value = dense_value(m, part, first, last, bends)
    return m.select(m.lt(value, floor), m.select(m.lt(first, last), first, last), value)


def error_weight(m: Machine, before: Value, after: Value, scale: Value) -> Value:
    """Size against which an error counts: the larger end of the step, and the scale of the state."""
    a, b = m.abs(before), m.abs(after)
    return m.add(m.select(m.lt(a, b), b, a), scale)


def dip(m: Machine, after: Value, inverse_scale: Value) -> Value:
    """How far an amount has come below zero, as a share of its scale: an error like any other."""
    return m.mul(m.neg(after), inverse_scale)


def has_turned(m: Machine, before: Value, after: Value) -> Value:
    """Whether a switch has another sign at the end of the step; zero counts as below."""
    zero = m.number(0.0)
    up, down = m.lt(zero, before), m.lt(zero, after)
    return m.or_(m.and_(up, m.not_(down)), m.and_(down, m.not_(up)))


def growth(m: Machine, error: Value) -> Value:
    """Factor for the next step from the error as a multiple of the tolerance, before its bounds."""
    return m.mul(m.number(SAFETY), m.exp(m.mul(m.log(error), m.number(-1.0 / ORDER))))
