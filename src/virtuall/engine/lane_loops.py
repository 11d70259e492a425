"""Elimination and substitution of large or dense matrices in LLVM code: loops over tables instead of straight lines.

The same operations in the same order as the straight lines of `rosenbrock`, so the bits are the same; each costs
more, but the code stays short.
"""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from virtuall.engine.elementary import Value
from virtuall.engine.llvm import HALF, WORD, Vectors, begin_function, element, loop, word
from virtuall.engine.sparse import Elimination
from virtuall.engine.tableau import STAGES

# Products of an elimination that are still written out one by one: some three times as fast, but slow to compile.
MOST_WRITTEN_OUT = 6000


def products_of(plan: Elimination) -> int:
    """Products of one elimination."""
    position = {row: k for k, row in enumerate(plan.order)}
    return sum(1 + len(plan.upper[position[pivot]]) for lower in plan.lower for pivot in lower)


def write_factor(module: ir.Module, plan: Elimination, entries: Sequence[tuple[int, int]], lanes: int) -> ir.Function:
    """(Jacobian entries, diagonal, factors): decompose diagonal * 1 - J."""
    function = begin_function(module, "factor", 3)
    b = ir.IRBuilder(function.append_basic_block("entry"))
    m, (jacobian, diagonal, factors) = Vectors(b, lanes), function.args
    entry = {where: k for k, where in enumerate(entries)}
    wide = m.load(diagonal, 0)
    # The matrix: its entries where they are, the diagonal added, and zero where there is only fill.
    with loop(b, 0, len(plan.slots)) as slot:
        m.store(m.number(0.0), factors, slot)
    filled = [(slot, entry[where]) for where, slot in plan.slots.items() if where in entry]
    to, from_ = _columns(module, "matrix", filled)
    with loop(b, 0, len(filled)) as k:
        m.store(m.neg(m.load(jacobian, _at(b, from_, k))), factors, _at(b, to, k))
    (pivots,) = _columns(module, "pivots", [(plan.slots[row, row],) for row in plan.order])
    with loop(b, 0, len(plan.order)) as k:
        place = _at(b, pivots, k)
        m.store(m.add(wide, m.load(factors, place)), factors, place)
    _write_rows(module, b, m, plan, factors, pivots)
    b.ret_void()
    return function


def _write_rows(
    module: ir.Module, b: ir.IRBuilder, m: Vectors, plan: Elimination, factors: Value, pivots: Value
) -> None:
    position = {row: k for k, row in enumerate(plan.order)}
    rows, pairs, products = [0], [], []
    for row, lower in zip(plan.order, plan.lower, strict=True):
        for pivot in lower:
            upper = plan.upper[position[pivot]]
            products += [(plan.slots[row, column], plan.slots[pivot, column]) for column in upper]
            pairs.append((plan.slots[row, pivot], plan.slots[pivot, pivot], len(products)))
        rows.append(len(pairs))
    (row_ends,) = _columns(module, "rows", [(end,) for end in rows])
    below, above, ends = _columns(module, "pairs", [(0, 0, 0), *pairs])
    to, from_ = _columns(module, "products", products)
    with loop(b, 0, len(plan.order)) as row:
        first, last = _at(b, row_ends, row), _at(b, row_ends, b.add(row, word(1)))
        with loop(b, first, last) as pair:
            # Place 0 of the table is where nothing ends yet.
            place = b.add(pair, word(1))
            low = _at(b, below, place)
            factor = m.mul(m.load(factors, low), m.load(factors, _at(b, above, place)))
            m.store(factor, factors, low)
            with loop(b, _at(b, ends, pair), _at(b, ends, place)) as k:
                target = _at(b, to, k)
                product = m.mul(factor, m.load(factors, _at(b, from_, k)))
                m.store(m.sub(m.load(factors, target), product), factors, target)
        pivot = _at(b, pivots, row)
        m.store(m.div(m.number(1.0), m.load(factors, pivot)), factors, pivot)


def write_solve(module: ir.Module, plan: Elimination, lanes: int) -> ir.Function:
    """(right side, factors, solution)."""
    function = begin_function(module, "solve", 3)
    b = ir.IRBuilder(function.append_basic_block("entry"))
    m, (right, factors, solution) = Vectors(b, lanes), function.args
    forward = list(zip(plan.order, plan.lower, strict=True))
    backward = list(zip(reversed(plan.order), reversed(plan.upper), strict=True))
    for name, rows, start, scaled in (("lower", forward, right, False), ("upper", backward, None, True)):
        ends, terms = [0], []
        for row, others in rows:
            terms += [(plan.slots[row, column], column) for column in others]
            ends.append(len(terms))
        (row_ends,) = _columns(module, f"{name}.ends", [(end,) for end in ends])
        which, pivots = _columns(module, f"{name}.rows", [(row, plan.slots[row, row]) for row, _ in rows])
        slots, columns = _columns(module, f"{name}.terms", terms)
        with loop(b, 0, len(rows)) as k:
            row = _at(b, which, k)
            own = b.mul(row, word(STAGES))
            first = m.load(solution, own) if start is None else m.load(start, row)
            m.store(first, solution, own)
            with loop(b, _at(b, row_ends, k), _at(b, row_ends, b.add(k, word(1)))) as term:
                other = m.load(solution, b.mul(_at(b, columns, term), word(STAGES)))
                product = m.mul(m.load(factors, _at(b, slots, term)), other)
                m.store(m.sub(m.load(solution, own), product), solution, own)
            if scaled:
                m.store(m.mul(m.load(solution, own), m.load(factors, _at(b, pivots, k))), solution, own)
    b.ret_void()
    return function


def _columns(module: ir.Module, name: str, rows: Sequence[Sequence[int]]) -> list[Value]:
    """Tables of numbers, one for each column of some rows."""
    found = []
    for number, column in enumerate(zip(*rows, strict=True) if rows else ((), (), ())):
        kind = ir.ArrayType(HALF, len(column))
        table = ir.GlobalVariable(module, kind, f"{name}.{number}")
        table.global_constant, table.linkage = True, "internal"
        table.initializer = ir.Constant(kind, [ir.Constant(HALF, value) for value in column])
        found.append(table)
    return found if rows else found[:2]


def _at(b: ir.IRBuilder, table: Value, place: Value) -> Value:
    return b.sext(b.load(element(b, table, place, HALF), typ=HALF), WORD)
