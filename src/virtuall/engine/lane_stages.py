"""The stages of a step in LLVM code: slopes, elimination, and eight times the rates and a solution.

Written once for all states, and once for each way to leave out absent ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from llvmlite import ir

from virtuall.engine import rosenbrock as method
from virtuall.engine.blueprint import Algebra
from virtuall.engine.elementary import Value
from virtuall.engine.lane_loops import write_factor, write_solve
from virtuall.engine.lane_memory import Memory
from virtuall.engine.llvm import (
    NOTHING,
    POINTER,
    WORD,
    Vectors,
    begin_private,
    begin_vectors,
    element,
    input_loader,
    loop,
    program_function,
    state_table,
    word,
)
from virtuall.engine.sparse import Elimination
from virtuall.engine.tableau import GAMMA, NODES, STAGES, A, C, D

# Rows eliminated in one function.
_ROWS_AT_ONCE = 64


def write_stages(
    module: ir.Module,
    name: str,
    algebra: Algebra,
    memory: Memory,
    lanes: int,
    first_step: ir.Function,
    gather: Sequence[ir.Function],
    error: ir.Function,
    loops: bool,
) -> ir.Function:
    """(memory, inverse tolerance): all stages of a step, its end and its error; elimination as lines or as loops."""
    plan, states, load = algebra.elimination, memory.states, input_loader(memory.states)
    there = [k for k in range(states) if k not in algebra.absent]
    add = partial(_add_and_store, there)
    rates = program_function(module, f"{name}.rates", algebra.rates, lanes, load, add)
    slopes = program_function(module, f"{name}.slopes", algebra.slopes, lanes, load, store_result)
    if loops:
        factor, solve = write_factor(module, plan, algebra.entries, lanes), write_solve(module, plan, lanes)
    else:
        factor, solve = _write_factor(module, name, algebra, lanes), _write_solve(module, name, plan, lanes)
    there_table, absent_table = (
        state_table(module, f"{name}.{word}", WORD, places)
        for word, places in (("there", there), ("absent", sorted(algebra.absent)))
    )

    function, builder, m = begin_vectors(module, f"{name}.stages", 2, lanes)
    base, tolerance = function.args
    address: Callable[[int], Value] = partial(_address, m, base)
    y, place, fixed = address(memory.y), address(memory.place), address(memory.fixed_at)
    at_start, right, diagonal = address(memory.slopes), address(memory.right), address(memory.diagonal)
    entries, factors = address(memory.slopes + states), address(memory.factors_at)
    with loop(builder, 0, len(algebra.absent)) as count:
        state = builder.load(element(builder, absent_table, count, WORD), typ=WORD)
        memory.put(m, m.number(0.0), base, memory.place, state)
        for stage in range(STAGES):
            memory.put(m, m.number(0.0), base, memory.stages + stage, builder.mul(state, word(STAGES)))
    builder.call(slopes, [y, address(memory.time), fixed, y, at_start])
    builder.call(first_step, [base])
    step, time = m.load(base, memory.step), m.load(base, memory.time)
    m.store(m.div(m.number(1.0), step), base, memory.inverse)
    m.store(m.div(m.number(1.0), m.mul(step, m.number(GAMMA))), base, memory.diagonal)
    builder.call(factor, [entries, diagonal, factors])
    for stage in range(STAGES):
        side = at_start
        if stage:
            builder.call(gather[stage - 1], [base, there_table, word(len(there))])
            m.store(m.add(time, m.mul(m.number(NODES[stage]), step)), base, memory.stage_time)
            side = right
            builder.call(rates, [place, address(memory.stage_time), fixed, side, side])
        if algebra.explicit_time and D[stage] != 0.0:
            share = m.mul(step, m.number(D[stage]))
            by_time = memory.slopes + states + len(algebra.entries)
            with loop(builder, 0, states) as state:
                moved = m.mul(share, memory.at(m, base, by_time, state))
                memory.put(m, m.add(m.load(side, state), moved), base, memory.right, state)
            side = right
        builder.call(solve, [side, factors, address(memory.stages + stage)])
    builder.call(error, [base, tolerance, there_table, word(len(there))])
    builder.ret_void()
    return function


def _write_factor(module: ir.Module, name: str, algebra: Algebra, lanes: int) -> ir.Function:
    """(Jacobian entries, diagonal, factors), some rows a function."""
    plan = algebra.elimination
    entry = {where: k for k, where in enumerate(algebra.entries)}
    whole, builder, _ = begin_vectors(module, f"{name}.factor", 3, lanes)
    for start in range(0, len(plan.order), _ROWS_AT_ONCE):
        part, inner, m = begin_vectors(module, f"{name}.factor.{start}", 3, lanes)
        jacobian, diagonal, factors = part.args
        for argument in part.args:
            argument.add_attribute("noalias")
        method.eliminate(
            m,
            plan,
            m.load(diagonal, 0),
            partial(_load_entry, m, jacobian, entry),
            partial(_store_slot, m, factors),
            partial(m.load, factors),
            range(start, min(start + _ROWS_AT_ONCE, len(plan.order))),
        )
        inner.ret_void()
        builder.call(part, whole.args)
    builder.ret_void()
    return whole


def _write_solve(module: ir.Module, name: str, plan: Elimination, lanes: int) -> ir.Function:
    """(right side, factors, solution) of the states that have a row."""
    function, builder, m = begin_vectors(module, f"{name}.solve", 3, lanes)
    right, factors, solution = function.args
    for argument in function.args:
        argument.add_attribute("noalias")
    values = method.substitute(m, plan, lambda row: m.load(right, row), lambda slot: m.load(factors, slot))
    for state, value in zip(sorted(plan.order), values, strict=True):
        m.store(value, solution, state * STAGES)
    builder.ret_void()
    return function


def write_gathers(module: ir.Module, memory: Memory, lanes: int) -> list[ir.Function]:
    """(memory, states, count), one for each stage but the first: where it looks, and its sum of C_ij k_j / h."""
    found = []
    for stage in range(1, STAGES):
        function, b = begin_private(module, f"gather.{stage}", NOTHING, [POINTER, POINTER, WORD])
        base, states, count = function.args
        m = Vectors(b, lanes)
        inverse = m.load(base, memory.inverse)
        with loop(b, 0, count) as number:
            state = b.load(element(b, states, number, WORD), typ=WORD)
            earlier = memory.stages_of(m, base, stage, state)
            if stage < 6:
                moved = m.add(memory.at(m, base, memory.y, state), method.weighted_sum(m, A[stage], earlier))
            else:
                moved = m.add(memory.at(m, base, memory.place, state), earlier[-1])
            memory.put(m, moved, base, memory.place, state)
            gathered = m.mul(method.weighted_sum(m, C[stage], earlier), inverse)
            memory.put(m, gathered, base, memory.right, state)
        b.ret_void()
        found.append(function)
    return found


def _address(m: Vectors, base: Value, place: int) -> Value:
    return element(m.builder, base, place, m.real)


def _load_entry(m: Vectors, base: Value, places: dict[tuple[int, int], int], row: int, column: int) -> Value | None:
    return m.load(base, places[row, column]) if (row, column) in places else None


def _store_slot(m: Vectors, base: Value, slot: int, value: Value) -> None:
    m.store(value, base, slot)


def _add_and_store(states: list[int], m: Vectors, arguments: Any, place: int, value: Value) -> None:
    state = states[place]
    m.store(m.add(value, m.load(arguments[3], state)), arguments[4], state)


def store_result(m: Vectors, arguments: Any, place: int, value: Value) -> None:
    """Write a result of a program in its place."""
    m.store(value, arguments[4], place)
