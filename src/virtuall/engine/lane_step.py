"""One step of all lanes in LLVM code: its stages, its error and the next step length."""

from __future__ import annotations

from functools import partial, reduce

import numpy as np
from llvmlite import ir

from virtuall.engine import rosenbrock as method
from virtuall.engine.blueprint import Blueprint
from virtuall.engine.elementary import Value
from virtuall.engine.ensemble import MOST_STEPS
from virtuall.engine.lane_loops import MOST_WRITTEN_OUT, products_of
from virtuall.engine.lane_memory import memory_of
from virtuall.engine.lane_stages import store_result, write_gathers, write_stages
from virtuall.engine.llvm import (
    DOUBLE,
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
from virtuall.engine.reference import tolerance_scales
from virtuall.engine.tableau import STAGES, H


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
        self.switches = program_function(module, "switches", blueprint.switches, lanes, load, store_result)
        self.first_step = self._write_first_step()
        self.error = self._write_error()
        self.control = self._write_control()
        self.bends = self._write_bends()
        self.commit = self._write_commit()
        self.stages = self._write_stages()
        self.step = self._write_step()

    def _begin(self, name: str, arguments: int = 1) -> tuple[ir.Function, ir.IRBuilder, Vectors]:
        return begin_vectors(self.module, name, arguments, self.lanes)

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
        size = m.add(m.abs(memory.at(m, base, memory.y, state)), self._constant(m, self.scales, state))
        share = m.div(m.abs(memory.at(m, base, memory.slopes, state)), size)
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
        """(memory, inverse tolerance, states, count): end of the step of some states, and its error."""
        memory = self.memory
        function, builder = begin_private(self.module, "error", NOTHING, [POINTER, POINTER, POINTER, WORD])
        base, tolerance, states, count = function.args
        m = Vectors(builder, self.lanes)
        start = builder.block
        head, body, out = (builder.append_basic_block(name) for name in ("head", "body", "out"))
        builder.branch(head)
        builder.position_at_end(head)
        number = builder.phi(WORD)
        largest, sound = builder.phi(m.real), builder.phi(m.bit)
        for phi, first in (
            (number, word(0)),
            (largest, m.number(0.0)),
            (sound, m.truth(True)),
        ):
            phi.add_incoming(first, start)
        builder.cbranch(builder.icmp_signed("<", number, count), body, out)
        builder.position_at_end(body)
        state = builder.load(element(builder, states, number, WORD), typ=WORD)
        before, last = memory.at(m, base, memory.y, state), memory.stages_of(m, base, STAGES, state)[-1]
        after = m.add(memory.at(m, base, memory.place, state), last)
        weight = method.error_weight(m, before, after, self._constant(m, self.scales, state))
        share = m.div(m.abs(last), weight)
        infinity = m.number(float("inf"))
        fine = m.and_(m.lt(share, infinity), m.lt(weight, infinity))
        mask = m.spread(builder.load(element(builder, self.masks, state, WORD), typ=WORD))
        size = m.from_bits(m.and_(m.bits_of(after), mask))
        tiny = m.lt(size, m.number(method.SMALLEST_STATE))
        below = method.dip(m, after, self._constant(m, self.inverse_scales, state))
        memory.put(m, m.select(tiny, m.number(0.0), after), base, memory.place, state)
        most = m.select(m.lt(largest, share), share, largest)
        largest.add_incoming(m.select(m.lt(most, below), below, most), body)
        sound.add_incoming(m.and_(sound, fine), body)
        number.add_incoming(builder.add(number, word(1)), body)
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
        memory = self.memory
        stages = memory.stages_of(m, base, STAGES, state)
        for place, weights in enumerate(H):
            bend = method.weighted_sum(m, weights, stages)
            memory.put(m, bend, base, memory.bends + place * self.states, state)

    def _write_commit(self) -> ir.Function:
        memory = self.memory
        function, builder, m = self._begin("commit")
        (base,) = function.args
        accepted = m.lt(m.number(0.0), m.load(base, memory.accepted))
        with loop(builder, 0, self.states) as state:
            before, after = memory.at(m, base, memory.y, state), memory.at(m, base, memory.place, state)
            memory.put(m, m.select(accepted, after, before), base, memory.y, state)
        later, time = m.load(base, memory.later), m.load(base, memory.time)
        m.store(m.select(accepted, later, time), base, memory.time)
        builder.ret_void()
        return function

    def _write_stages(self) -> ir.Function:
        """(memory, inverse tolerance): stages and error of as few states as will do.

        A lean way when all that it leaves out is zero.
        """
        blueprint, memory = self.blueprint, self.memory
        products = products_of(blueprint.elimination)
        leans = blueprint.leans if (1 + len(blueprint.leans)) * products <= MOST_WRITTEN_OUT else ()
        gather = write_gathers(self.module, memory, self.lanes)
        write = partial(
            write_stages,
            self.module,
            memory=memory,
            lanes=self.lanes,
            first_step=self.first_step,
            gather=gather,
            error=self.error,
        )
        codes = [write(f"lean{k}", lean, loops=False) for k, lean in enumerate(leans)]
        whole = write("whole", blueprint.whole, loops=products > MOST_WRITTEN_OUT)
        function, builder, m = self._begin("stages", 2)
        base, tolerance = function.args
        for lean, code in zip(leans, codes, strict=True):
            places = [memory.y + k for k in sorted(lean.absent)] + [memory.fixed_at + k for k in lean.guards]
            bits = reduce(m.or_, (m.bits_of(m.load(base, place)) for place in places))
            with builder.if_then(builder.not_(m.any(m.not_(m.eq(bits, m.whole(0)))))):
                builder.call(code, [base, tolerance])
                builder.ret_void()
                builder.position_at_end(builder.append_basic_block("never"))
        builder.call(whole, [base, tolerance])
        builder.ret_void()
        return function

    def _write_step(self) -> ir.Function:
        memory = self.memory
        function, builder, m = self._begin("step", 2)
        base, tolerance = function.args
        builder.call(self.stages, [base, tolerance])
        fixed = element(builder, base, memory.fixed_at, m.real)
        if memory.switches:
            for at_end, places in enumerate(((memory.y, memory.time), (memory.place, memory.later))):
                y, when = (element(builder, base, place, m.real) for place in places)
                result = element(builder, base, memory.switches_at + at_end * memory.switches, m.real)
                builder.call(self.switches, [y, when, fixed, y, result])
        builder.call(self.control, [base])
        builder.ret_void()
        return function
