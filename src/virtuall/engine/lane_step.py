"""One step of all lanes in LLVM code: slopes, elimination, eight stages, error and the next step length."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from llvmlite import ir

from virtuall.engine import rosenbrock as method
from virtuall.engine.blueprint import Blueprint
from virtuall.engine.elementary import Value
from virtuall.engine.ensemble import MOST_STEPS
from virtuall.engine.lane_loops import MOST_WRITTEN_OUT, products_of, write_factor, write_solve
from virtuall.engine.llvm import (
    DOUBLE,
    NOTHING,
    POINTER,
    WORD,
    Vectors,
    begin_function,
    begin_private,
    element,
    input_loader,
    loop,
    program_function,
    state_table,
    word,
)
from virtuall.engine.reference import tolerance_scales
from virtuall.engine.tableau import GAMMA, NODES, STAGES, A, C, D, H

# Rows eliminated in one function.
_ROWS_AT_ONCE = 64


@dataclass(frozen=True)
class Memory:
    """Places (in vectors) of what the lanes work on.

    time, proposal, held, stop, next_record, tries, rejected and the thresholds: what a lane is loaded with; step,
    later: the step tried and its end; accepted, sound, arrives (the step holds the stop or a ring), event (the
    lane wants to be looked at): 1 or 0. The states at both ends of a step and its bends lie one after another.
    """

    states: int
    entries: int
    factors: int
    fixed: int
    clocks: int
    switches: int

    time = 0
    proposal = 1
    held = 2
    step = 3
    later = 4
    accepted = 5
    sound = 6
    inverse = 7
    diagonal = 8
    stage_time = 9
    stop = 10
    next_record = 11
    tries = 12
    rejected = 13
    arrives = 14
    event = 15
    error = 16
    _single = 17

    @property
    def y(self) -> int:
        return self._single

    @property
    def place(self) -> int:
        return self.y + self.states

    @property
    def bends(self) -> int:
        return self.place + self.states

    @property
    def right(self) -> int:
        return self.bends + len(H) * self.states

    @property
    def gathered(self) -> int:
        return self.right + self.states

    @property
    def stages(self) -> int:
        return self.gathered + self.states

    @property
    def slopes(self) -> int:
        return self.stages + STAGES * self.states

    @property
    def factors_at(self) -> int:
        return self.slopes + 2 * self.states + self.entries

    @property
    def thresholds(self) -> int:
        return self.factors_at + self.factors

    @property
    def switches_at(self) -> int:
        """Switches at the start of a step, then at its end."""
        return self.thresholds + self.clocks

    @property
    def fixed_at(self) -> int:
        return self.switches_at + 2 * self.switches

    @property
    def size(self) -> int:
        return self.fixed_at + self.fixed


def memory_of(blueprint: Blueprint) -> Memory:
    """Places of the arrays of a System."""
    return Memory(
        states=len(blueprint.system.states),
        entries=len(blueprint.entries),
        factors=len(blueprint.elimination.slots),
        fixed=len(blueprint.fixed.outputs),
        clocks=len(blueprint.system.clocks),
        switches=len(blueprint.switches.outputs),
    )


class StepCode:
    """Writes the functions of a step into a module.

    Attributes
    ----------
    step : ir.Function
        ``(memory, inverse tolerance)``: tries one step in every lane.
    bends : ir.Function
        ``(memory, states or null, count)``: dense output of the step just tried, of all states or of some.
    commit : ir.Function
        ``(memory)``: accepted lanes move to the end of their step.
    """

    def __init__(self, module: ir.Module, blueprint: Blueprint, lanes: int) -> None:
        self.module, self.blueprint, self.lanes = module, blueprint, lanes
        self.states = len(blueprint.system.states)
        self.memory = memory_of(blueprint)
        scales, is_amount = tolerance_scales(blueprint), blueprint.is_amount
        self.scales = state_table(module, "scales", DOUBLE, scales.tolist())
        self.inverse_scales = state_table(
            module, "inverse_scales", DOUBLE, np.where(is_amount, 1.0 / scales, 0.0).tolist()
        )
        # Without its sign where a state may be negative.
        self.masks = state_table(module, "masks", WORD, np.where(is_amount, -1, 2**63 - 1).tolist())
        load = input_loader(self.states)
        self.rates = program_function(module, "rates", blueprint.rates, lanes, load, _add_and_store)
        self.slopes = program_function(module, "slopes", blueprint.slopes, lanes, load, _store_result)
        self.switches = program_function(module, "switches", blueprint.switches, lanes, load, _store_result)
        plan = blueprint.elimination
        if products_of(plan) <= MOST_WRITTEN_OUT:
            self.factor, self.solve = self._write_factor(), self._write_solve()
        else:
            self.factor = write_factor(module, plan, blueprint.entries, lanes)
            self.solve = write_solve(module, plan, lanes)
        self.stages = [self._write_gather(stage) for stage in range(1, STAGES)]
        self.first_step = self._write_first_step()
        self.error = self._write_error()
        self.control = self._write_control()
        self.bends = self._write_bends()
        self.commit = self._write_commit()
        self.step = self._write_step()

    # -- elimination ----------------------------------------------------------------------------------------

    def _begin(self, name: str, arguments: int = 1) -> tuple[ir.Function, ir.IRBuilder, Vectors]:
        function = begin_function(self.module, name, arguments)
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        return function, builder, Vectors(builder, self.lanes)

    def _write_factor(self) -> ir.Function:
        """(Jacobian entries, diagonal, factors), some rows a function."""
        plan = self.blueprint.elimination
        entry = {where: k for k, where in enumerate(self.blueprint.entries)}
        whole, builder, _ = self._begin("factor", 3)
        for start in range(0, self.states, _ROWS_AT_ONCE):
            part, inner, m = self._begin(f"factor.{start}", 3)
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
                range(start, min(start + _ROWS_AT_ONCE, self.states)),
            )
            inner.ret_void()
            builder.call(part, whole.args)
        builder.ret_void()
        return whole

    def _write_solve(self) -> ir.Function:
        """(right side, factors, solution)."""
        function, builder, m = self._begin("solve", 3)
        right, factors, solution = function.args
        for argument in function.args:
            argument.add_attribute("noalias")
        values = method.substitute(
            m, self.blueprint.elimination, lambda row: m.load(right, row), lambda slot: m.load(factors, slot)
        )
        for place, value in enumerate(values):
            m.store(value, solution, place * STAGES)
        builder.ret_void()
        return function

    # -- loops over states ----------------------------------------------------------------------------------

    def _at(self, m: Vectors, base: Value, array: int, state: Value) -> Value:
        return m.load(base, m.builder.add(state, ir.Constant(state.type, array)))

    def _put(self, m: Vectors, value: Value, base: Value, array: int, state: Value) -> None:
        m.store(value, base, m.builder.add(state, ir.Constant(state.type, array)))

    def _earlier(self, m: Vectors, base: Value, count: int, state: Value) -> list[Value]:
        first = m.builder.mul(state, word(STAGES))
        return [self._at(m, base, self.memory.stages + k, first) for k in range(count)]

    def _write_gather(self, stage: int) -> ir.Function:
        """Where a stage looks, and its sum of C_ij k_j / h."""
        memory = self.memory
        function, builder, m = self._begin(f"gather.{stage}")
        (base,) = function.args
        inverse = m.load(base, memory.inverse)
        with loop(builder, 0, self.states) as state:
            earlier = self._earlier(m, base, stage, state)
            if stage < 6:
                moved = m.add(self._at(m, base, memory.y, state), method.weighted_sum(m, A[stage], earlier))
            else:
                moved = m.add(self._at(m, base, memory.place, state), earlier[-1])
            self._put(m, moved, base, memory.place, state)
            self._put(m, m.mul(method.weighted_sum(m, C[stage], earlier), inverse), base, memory.gathered, state)
        builder.ret_void()
        return function

    def _write_first_step(self) -> ir.Function:
        memory = self.memory
        function, builder, m = self._begin("first_step")
        (base,) = function.args
        proposal = m.load(base, memory.proposal)
        m.store(proposal, base, memory.step)
        fresh, known = (builder.append_basic_block(name) for name in ("fresh", "known"))
        builder.cbranch(m.any(m.not_(m.lt(m.number(0.0), proposal))), fresh, known)
        builder.position_at_end(known)
        builder.ret_void()
        builder.position_at_end(fresh)
        start = builder.block
        head, body, after = (builder.append_basic_block(name) for name in ("head", "body", "after"))
        builder.branch(head)
        builder.position_at_end(head)
        state, speed = builder.phi(ir.IntType(64)), builder.phi(m.real)
        state.add_incoming(ir.Constant(state.type, 0), start)
        speed.add_incoming(m.number(0.0), start)
        builder.cbranch(builder.icmp_signed("<", state, ir.Constant(state.type, self.states)), body, after)
        builder.position_at_end(body)
        size = m.add(m.abs(self._at(m, base, memory.y, state)), self._constant(m, self.scales, state))
        share = m.div(m.abs(self._at(m, base, memory.slopes, state)), size)
        speed.add_incoming(m.select(m.lt(speed, share), share, speed), body)
        state.add_incoming(builder.add(state, ir.Constant(state.type, 1)), body)
        builder.branch(head)
        builder.position_at_end(after)
        first = m.div(m.number(method.FIRST_STEP_SHARE), speed)
        limit = m.number(method.FIRST_STEP_LIMIT)
        first = m.select(m.lt(first, limit), first, limit)
        least = m.number(method.FIRST_STEP_LEAST)
        first = m.select(m.lt(first, least), least, first)
        m.store(m.select(m.lt(m.number(0.0), proposal), proposal, first), base, memory.step)
        builder.ret_void()
        return function

    def _constant(self, m: Vectors, table: ir.GlobalVariable, state: Value) -> Value:
        return m.spread(m.builder.load(element(m.builder, table, state, DOUBLE), typ=DOUBLE))

    def _write_error(self) -> ir.Function:
        """(memory, inverse tolerance): end of the step and its error."""
        memory = self.memory
        function, builder, m = self._begin("error", 2)
        base, tolerance = function.args
        start = builder.block
        head, body, out = (builder.append_basic_block(name) for name in ("head", "body", "out"))
        builder.branch(head)
        builder.position_at_end(head)
        state = builder.phi(ir.IntType(64))
        largest, sound = builder.phi(m.real), builder.phi(m.bit)
        for phi, first in (
            (state, ir.Constant(state.type, 0)),
            (largest, m.number(0.0)),
            (sound, m.truth(True)),
        ):
            phi.add_incoming(first, start)
        builder.cbranch(builder.icmp_signed("<", state, ir.Constant(state.type, self.states)), body, out)
        builder.position_at_end(body)
        before, last = self._at(m, base, memory.y, state), self._earlier(m, base, STAGES, state)[-1]
        after = m.add(self._at(m, base, memory.place, state), last)
        weight = method.error_weight(m, before, after, self._constant(m, self.scales, state))
        share = m.div(m.abs(last), weight)
        infinity = m.number(float("inf"))
        fine = m.and_(m.lt(share, infinity), m.lt(weight, infinity))
        mask = m.spread(builder.load(element(builder, self.masks, state, WORD), typ=WORD))
        size = m.from_bits(m.and_(m.bits_of(after), mask))
        tiny = m.lt(size, m.number(method.SMALLEST_STATE))
        below = method.dip(m, after, self._constant(m, self.inverse_scales, state))
        self._put(m, m.select(tiny, m.number(0.0), after), base, memory.place, state)
        most = m.select(m.lt(largest, share), share, largest)
        largest.add_incoming(m.select(m.lt(most, below), below, most), body)
        sound.add_incoming(m.and_(sound, fine), body)
        state.add_incoming(builder.add(state, ir.Constant(state.type, 1)), body)
        builder.branch(head)
        builder.position_at_end(out)
        inverse = m.spread(builder.load(tolerance, typ=DOUBLE))
        m.store(m.mul(largest, inverse), base, memory.error)
        m.store(m.select(sound, m.number(1.0), m.number(0.0)), base, memory.sound)
        m.store(m.add(m.load(base, memory.time), m.load(base, memory.step)), base, memory.later)
        builder.ret_void()
        return function

    def _write_control(self) -> ir.Function:
        """(memory): whether the step is accepted, the next one, and whether the lane wants to be looked at."""
        memory = self.memory
        function, _, m = self._begin("control")
        (base,) = function.args
        zero, one = m.number(0.0), m.number(1.0)
        sound = m.lt(zero, m.load(base, memory.sound))
        error = self._stricter_where_turned(m, base, m.load(base, memory.error))
        accepted = m.and_(sound, m.le(error, one))
        factor = method.growth(m, error)
        most, least = m.number(method.LARGEST_GROWTH), m.number(method.LARGEST_CUT)
        factor = m.select(m.lt(factor, most), factor, most)
        factor = m.select(m.lt(least, factor), factor, least)
        held = m.and_(m.lt(zero, m.load(base, memory.held)), m.lt(one, factor))
        factor = m.select(m.and_(accepted, held), one, factor)
        factor = m.select(sound, factor, m.number(method.CUT_WHEN_NOT_FINITE))
        longest = m.number(method.LONGEST_STEP)
        proposal = m.mul(m.load(base, memory.step), factor)
        proposal = m.select(m.lt(proposal, longest), proposal, longest)
        m.store(proposal, base, memory.proposal)
        m.store(m.select(accepted, one, zero), base, memory.accepted)
        m.store(m.select(accepted, zero, one), base, memory.held)
        tries = m.add(m.load(base, memory.tries), one)
        rejected = m.load(base, memory.rejected)
        m.store(tries, base, memory.tries)
        m.store(m.select(accepted, rejected, m.add(rejected, one)), base, memory.rejected)
        later = m.load(base, memory.later)
        arrives = m.le(m.load(base, memory.stop), later)
        for clock, name in enumerate(self.blueprint.system.clocks):
            state = self.blueprint.system.states.index(name)
            reached = m.le(m.load(base, memory.thresholds + clock), m.load(base, memory.place + state))
            arrives = m.or_(arrives, reached)
        arrives = m.and_(accepted, arrives)
        records = m.and_(accepted, m.le(m.load(base, memory.next_record), later))
        small = m.and_(m.not_(accepted), m.not_(m.le(m.number(method.SHORTEST_STEP), proposal)))
        fails = m.or_(small, m.le(m.number(MOST_STEPS), tries))
        m.store(m.select(arrives, one, zero), base, memory.arrives)
        event = m.or_(fails, m.or_(arrives, records))
        m.store(m.select(event, one, zero), base, memory.event)
        m.builder.ret_void()
        return function

    def _stricter_where_turned(self, m: Vectors, base: Value, error: Value) -> Value:
        """A step over a kink must meet the bare tolerance: the estimate of its error is blind to the kink."""
        first = self.memory.switches_at
        turned = m.truth(False)
        for switch in range(self.memory.switches):
            before, after = (m.load(base, first + switch + k) for k in (0, self.memory.switches))
            turned = m.or_(turned, method.has_turned(m, before, after))
        return m.select(turned, m.mul(error, m.number(method.ERROR_SHARE)), error)

    def _write_bends(self) -> ir.Function:
        """(memory, states or null, count): dense output of the step just tried, of all states or of some."""
        function, builder = begin_private(self.module, "bends", NOTHING, [POINTER, POINTER, WORD])
        m, (base, some, count) = Vectors(builder, self.lanes), function.args
        every = builder.icmp_unsigned("==", some, ir.Constant(POINTER, None))
        with builder.if_else(every) as (all_, listed):
            with all_, loop(builder, 0, self.states) as state:
                self._write_bend(m, base, state)
            with listed, loop(builder, 0, count) as place:
                state = builder.load(element(builder, some, place, WORD), typ=WORD)
                self._write_bend(m, base, state)
        builder.ret_void()
        return function

    def _write_bend(self, m: Vectors, base: Value, state: Value) -> None:
        stages = self._earlier(m, base, STAGES, state)
        for place, weights in enumerate(H):
            bend = method.weighted_sum(m, weights, stages)
            self._put(m, bend, base, self.memory.bends + place * self.states, state)

    def _write_commit(self) -> ir.Function:
        memory = self.memory
        function, builder, m = self._begin("commit")
        (base,) = function.args
        accepted = m.lt(m.number(0.0), m.load(base, memory.accepted))
        with loop(builder, 0, self.states) as state:
            before, after = self._at(m, base, memory.y, state), self._at(m, base, memory.place, state)
            self._put(m, m.select(accepted, after, before), base, memory.y, state)
        later, time = m.load(base, memory.later), m.load(base, memory.time)
        m.store(m.select(accepted, later, time), base, memory.time)
        builder.ret_void()
        return function

    def _write_step(self) -> ir.Function:
        memory = self.memory
        function, builder, m = self._begin("step", 2)
        base, tolerance = function.args
        at = {
            name: element(builder, base, getattr(memory, name), m.real)
            for name in (
                "y",
                "time",
                "place",
                "right",
                "gathered",
                "slopes",
                "inverse",
                "diagonal",
                "stage_time",
            )
        }
        entries = element(builder, base, memory.slopes + self.states, m.real)
        factors = element(builder, base, memory.factors_at, m.real)
        fixed = element(builder, base, memory.fixed_at, m.real)
        builder.call(self.slopes, [at["y"], at["time"], fixed, at["y"], at["slopes"]])
        builder.call(self.first_step, [base])
        step, time = m.load(base, memory.step), m.load(base, memory.time)
        m.store(m.div(m.number(1.0), step), base, memory.inverse)
        m.store(m.div(m.number(1.0), m.mul(step, m.number(GAMMA))), base, memory.diagonal)
        builder.call(self.factor, [entries, at["diagonal"], factors])
        for stage in range(STAGES):
            right = at["slopes"]
            if stage:
                builder.call(self.stages[stage - 1], [base])
                m.store(m.add(time, m.mul(m.number(NODES[stage]), step)), base, memory.stage_time)
                right = at["right"]
                builder.call(self.rates, [at["place"], at["stage_time"], fixed, at["gathered"], right])
            if self.blueprint.explicit_time and D[stage] != 0.0:
                share = m.mul(step, m.number(D[stage]))
                by_time = memory.slopes + self.states + memory.entries
                with loop(builder, 0, self.states) as state:
                    moved = m.mul(share, self._at(m, base, by_time, state))
                    self._put(m, m.add(m.load(right, state), moved), base, memory.right, state)
                right = at["right"]
            target = element(builder, base, memory.stages + stage, m.real)
            builder.call(self.solve, [right, factors, target])
        builder.call(self.error, [base, tolerance])
        if memory.switches:
            for at_end, places in enumerate(((memory.y, memory.time), (memory.place, memory.later))):
                y, when = (element(builder, base, place, m.real) for place in places)
                result = element(builder, base, memory.switches_at + at_end * memory.switches, m.real)
                builder.call(self.switches, [y, when, fixed, y, result])
        builder.call(self.control, [base])
        builder.ret_void()
        return function


def _load_entry(m: Vectors, base: Value, places: dict[tuple[int, int], int], row: int, column: int) -> Value | None:
    return m.load(base, places[row, column]) if (row, column) in places else None


def _store_slot(m: Vectors, base: Value, slot: int, value: Value) -> None:
    m.store(value, base, slot)


def _add_and_store(m: Vectors, arguments: Any, place: int, value: Value) -> None:
    m.store(m.add(value, m.load(arguments[3], place)), arguments[4], place)


def _store_result(m: Vectors, arguments: Any, place: int, value: Value) -> None:
    m.store(value, arguments[4], place)
