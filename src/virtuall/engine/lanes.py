"""The lane loop in LLVM code: patients from a queue fill the lanes, each with its own step.

Every lane does the same operations whatever its neighbors do, so a patient's bits depend on nothing but the
patient. The step is written in `lane_step`, what is read from a step in `lane_row`; here patients enter and leave
lanes.
"""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from virtuall.engine import rosenbrock as method
from virtuall.engine.blueprint import Blueprint
from virtuall.engine.elementary import Value
from virtuall.engine.ensemble import MOST_STEPS, NOT_FINITE, STEP_TOO_SMALL, TOO_MANY_STEPS
from virtuall.engine.lane_records import write_next_record, write_records
from virtuall.engine.lane_row import RowCode, spread_out
from virtuall.engine.lane_step import StepCode
from virtuall.engine.lane_table import TRACK, Table
from virtuall.engine.llvm import (
    BIT,
    BYTE,
    DOUBLE,
    HALF,
    POINTER,
    WORD,
    Vectors,
    begin_function,
    begin_private,
    element,
    lane_double,
    leave_if,
    loop,
    repeat,
    variable,
    word,
)
from virtuall.engine.tableau import STAGES

ENTRY = "virtuall_advance"


class LaneCode:
    """Writes the whole kernel of a System into a module."""

    def __init__(self, blueprint: Blueprint, lanes: int) -> None:
        self.module = ir.Module("virtuall")
        self.lanes = lanes
        self.states, self.fixed = len(blueprint.system.states), len(blueprint.fixed.outputs)
        self.clocks = len(blueprint.system.clocks)
        self.step = StepCode(self.module, blueprint, lanes)
        self.memory = self.step.memory
        self.row = RowCode(self.module, blueprint)
        self.records = write_records(self.module, self.memory, self.row.floors, self.states, lanes)
        self.enter = self._write_enter()
        self.worst = self._write_worst()
        self.leave = self._write_leave()
        self._write_advance()

    def _begin(self, name: str, result: ir.Type, kinds: Sequence[ir.Type]) -> tuple[ir.Function, ir.IRBuilder]:
        return begin_private(self.module, name, result, kinds)

    def _lane(self, b: ir.IRBuilder, memory: Value, place: int | Value, lane: Value) -> Value:
        """Address of one lane's double of a vector in memory."""
        return lane_double(b, memory, place, lane, self.lanes)

    def _get(self, b: ir.IRBuilder, memory: Value, place: int, lane: Value) -> Value:
        return b.load(self._lane(b, memory, place, lane), typ=DOUBLE)

    def _is_on(self, b: ir.IRBuilder, memory: Value, place: int, lane: Value) -> Value:
        return b.fcmp_ordered(">", self._get(b, memory, place, lane), ir.Constant(DOUBLE, 0.0))

    # -- patients enter and leave lanes ---------------------------------------------------------------------

    def _write_enter(self) -> ir.Function:
        """(table, lane, queue): put the next patient that needs a step into a lane; its row, or -1."""
        function, b = self._begin("enter", WORD, [POINTER, WORD, POINTER])
        address, lane, queue = function.args
        table = Table(b, address)
        memory, at = table.array("memory"), self.memory
        with repeat(b) as (again, out):
            place = b.load(queue, typ=WORD)
            leave_if(b, b.icmp_signed(">=", place, table.number("count")), out)
            b.store(b.add(place, word(1)), queue)
            patient = table.get("index", place, WORD)
            table.set("ring", patient, ir.Constant(HALF, -1))
            leave_if(b, b.icmp_signed("!=", table.get("status", patient, HALF), ir.Constant(HALF, 0)), again)
            with b.if_then(b.icmp_unsigned("!=", table.get("fresh", patient, BYTE), ir.Constant(BYTE, 0))):
                self._write_restart(b, table, patient)
            leave_if(b, b.call(self.row.deliver, [address, patient]), again)
            track = table.row("track", patient, TRACK * self.states)
            for source, target, count in (
                (element(b, track, self.states, DOUBLE), at.y, self.states),
                (table.row("fixed", patient, self.fixed), at.fixed_at, at.fixed),
                (table.row("thresholds", patient, self.clocks), at.thresholds, self.clocks),
            ):
                spread_out(b, source, element(b, memory, target * self.lanes, DOUBLE), lane, count, self.lanes)
            steps, rejected = (table.get(slot, patient, WORD) for slot in ("steps", "rejected"))
            for value, target in (
                (table.get("after", patient), at.time),
                (table.get("proposal", patient), at.proposal),
                (table.get("stop", patient), at.stop),
                (b.uitofp(table.get("held", patient, BYTE), DOUBLE), at.held),
                (b.sitofp(b.add(steps, rejected), DOUBLE), at.tries),
                (b.sitofp(rejected, DOUBLE), at.rejected),
            ):
                b.store(value, self._lane(b, memory, target, lane))
            self._write_next_record(b, table, lane, patient)
            b.ret(patient)
            b.position_at_end(b.append_basic_block("never"))
        b.ret(word(-1))
        return function

    def _write_restart(self, b: ir.IRBuilder, table: Table, patient: Value) -> None:
        """Begin anew at `now` after a change."""
        zero, now = ir.Constant(DOUBLE, 0.0), table.get("now", patient)
        track, y = table.row("track", patient, TRACK * self.states), table.row("y", patient, self.states)
        with loop(b, 0, self.states) as k:
            value = b.load(element(b, y, k, DOUBLE), typ=DOUBLE)
            b.store(value, element(b, track, k, DOUBLE))
            b.store(value, element(b, track, b.add(k, word(self.states)), DOUBLE))
        with loop(b, 2 * self.states, TRACK * self.states) as k:
            b.store(zero, element(b, track, k, DOUBLE))
        for slot, value in (("before", now), ("after", now), ("proposal", zero)):
            table.set(slot, patient, value)
        for slot in ("held", "fresh"):
            table.set(slot, patient, ir.Constant(BYTE, 0))

    def _write_next_record(self, b: ir.IRBuilder, table: Table, lane: Value, patient: Value) -> None:
        place = self._lane(b, table.array("memory"), self.memory.next_record, lane)
        write_next_record(b, table, patient, place, table.number("time_count"))

    def _write_leave(self) -> ir.Function:
        """(table, lane, patient): fail, arrive or record after a step; whether the lane is free."""
        function, b = self._begin("leave", BIT, [POINTER, WORD, WORD])
        address, lane, patient = function.args
        table = Table(b, address)
        memory, at, m = table.array("memory"), self.memory, Vectors(b, 1)
        accepted, sound = (self._is_on(b, memory, place, lane) for place in (at.accepted, at.sound))
        long_enough = m.le(m.number(method.SHORTEST_STEP), self._get(b, memory, at.proposal, lane))
        small = b.and_(b.not_(accepted), b.not_(long_enough))
        many = m.le(m.number(MOST_STEPS), self._get(b, memory, at.tries, lane))
        codes = [ir.Constant(HALF, code) for code in (STEP_TOO_SMALL, NOT_FINITE, TOO_MANY_STEPS, 0)]
        status = b.select(small, b.select(sound, codes[0], codes[1]), b.select(many, codes[2], codes[3]))
        with b.if_then(b.icmp_signed("!=", status, ir.Constant(HALF, 0))):
            self._write_counts(b, table, lane, patient)
            self._write_failure(b, table, lane, patient, accepted, status)
            b.ret(ir.Constant(BIT, 1))
            b.position_at_end(b.append_basic_block("never"))
        before, after = (self._get(b, memory, place, lane) for place in (at.time, at.later))
        with b.if_then(b.not_(self._is_on(b, memory, at.arrives, lane))):
            track = self._lane(b, memory, at.y, lane)
            b.call(self.row.record, [address, patient, track, word(self.lanes), before, after, after])
            self._write_next_record(b, table, lane, patient)
            b.ret(ir.Constant(BIT, 0))
            b.position_at_end(b.append_basic_block("never"))
        track = table.row("track", patient, TRACK * self.states)
        with loop(b, 0, TRACK * self.states) as k:
            value = b.load(self._lane(b, memory, b.add(k, word(at.y)), lane), typ=DOUBLE)
            b.store(value, element(b, track, k, DOUBLE))
        for slot, value in (
            ("before", before),
            ("after", after),
            ("proposal", self._get(b, memory, at.proposal, lane)),
            ("held", ir.Constant(BYTE, 0)),
        ):
            table.set(slot, patient, value)
        self._write_counts(b, table, lane, patient)
        b.ret(b.call(self.row.deliver, [address, patient]))
        return function

    def _write_bends(self, b: ir.IRBuilder, table: Table, patients: Value) -> None:
        """Dense output of a step: of all states where a lane arrives, for mere records of the needed ones.

        Then the records that many lanes have in common.
        """
        m, memory = Vectors(b, self.lanes), table.array("memory")
        arrives = m.any(m.lt(m.number(0.0), m.load(memory, self.memory.arrives)))
        some = b.select(arrives, ir.Constant(POINTER, None), table.array("needed_states"))
        b.call(self.step.bends, [memory, some, table.number("state_count")])
        states_only = b.icmp_signed("==", table.number("group_count"), word(0))
        wanted = b.icmp_signed(">", table.number("record_count"), word(0))
        with b.if_then(b.and_(states_only, wanted)):
            b.call(self.records, [table.address, patients])

    def _write_counts(self, b: ir.IRBuilder, table: Table, lane: Value, patient: Value) -> None:
        memory, at = table.array("memory"), self.memory
        tries, rejected = (b.fptosi(self._get(b, memory, place, lane), WORD) for place in (at.tries, at.rejected))
        table.set("steps", patient, b.sub(tries, rejected))
        table.set("rejected", patient, rejected)

    def _write_failure(
        self, b: ir.IRBuilder, table: Table, lane: Value, patient: Value, accepted: Value, status: Value
    ) -> None:
        """Leave the patient at its last good state."""
        memory, at = table.array("memory"), self.memory
        table.set("status", patient, status)
        table.set("bad_state", patient, b.call(self.worst, [table.address, lane]))
        track, y = table.row("track", patient, TRACK * self.states), table.row("y", patient, self.states)
        with loop(b, 0, TRACK * self.states) as k:
            b.store(ir.Constant(DOUBLE, 0.0), element(b, track, k, DOUBLE))
        with loop(b, 0, self.states) as k:
            before, after = (
                b.load(self._lane(b, memory, b.add(k, word(place)), lane), typ=DOUBLE) for place in (at.y, at.place)
            )
            value = b.select(accepted, after, before)
            for row in (y, track, element(b, track, self.states, DOUBLE)):
                b.store(value, element(b, row, k, DOUBLE))
        times = [self._get(b, memory, place, lane) for place in (at.later, at.time)]
        for slot in ("now", "before", "after"):
            table.set(slot, patient, b.select(accepted, *times))

    def _write_worst(self) -> ir.Function:
        """(table, lane): the state with the largest share of the error, or the first that is not finite."""
        function, b = self._begin("worst", HALF, [POINTER, WORD])
        address, lane = function.args
        memory, at = Table(b, address).array("memory"), self.memory
        m, infinity = Vectors(b, 1), ir.Constant(DOUBLE, float("inf"))
        found, most = variable(b, HALF), variable(b, DOUBLE)
        b.store(ir.Constant(HALF, 0), found)
        b.store(m.number(-1.0), most)
        with loop(b, 0, self.states) as state:
            last = b.add(b.mul(state, word(STAGES)), word(at.stages + STAGES - 1))
            places = (b.add(state, word(at.y)), b.add(state, word(at.place)), last)
            before, after, error = (b.load(self._lane(b, memory, place, lane), typ=DOUBLE) for place in places)
            scale = b.load(element(b, self.step.scales, state, DOUBLE), typ=DOUBLE)
            share = m.div(m.abs(error), method.error_weight(m, before, after, scale))
            finite = b.and_(m.lt(share, infinity), m.lt(m.abs(after), infinity))
            share = m.select(finite, share, infinity)
            with b.if_then(m.lt(b.load(most, typ=DOUBLE), share)):
                b.store(share, most)
                b.store(b.trunc(state, HALF), found)
        b.ret(b.load(found, typ=HALF))
        return function

    # -- the loop -------------------------------------------------------------------------------------------

    def _write_advance(self) -> None:
        """(table): the entry of the kernel."""
        function = begin_function(self.module, ENTRY, 1, public=True)
        b = ir.IRBuilder(function.append_basic_block("entry"))
        table = Table(b, function.args[0])
        memory, tolerance, at = table.array("memory"), table.array("tolerance"), self.memory
        m = Vectors(b, self.lanes)
        queue, busy = variable(b, WORD), variable(b, WORD)
        patients = variable(b, ir.ArrayType(WORD, self.lanes))
        free = variable(b, ir.ArrayType(BIT, self.lanes))
        b.store(word(0), queue)
        b.store(word(0), busy)

        def fill(lane: Value) -> None:
            patient = b.call(self.enter, [table.address, lane, queue])
            b.store(patient, element(b, patients, lane, WORD))
            here = b.zext(b.icmp_signed(">=", patient, word(0)), WORD)
            b.store(b.add(b.load(busy, typ=WORD), here), busy)

        with loop(b, 0, self.lanes) as lane:
            fill(lane)
        with repeat(b) as (again, out):
            leave_if(b, b.icmp_signed("==", b.load(busy, typ=WORD), word(0)), out)
            b.call(self.step.step, [memory, tolerance])
            quiet, looked_at = (b.append_basic_block(name) for name in ("quiet", "looked_at"))
            b.cbranch(m.any(m.lt(m.number(0.0), m.load(memory, at.event))), looked_at, quiet)
            b.position_at_end(quiet)
            b.call(self.step.commit, [memory])
            b.branch(again)
            b.position_at_end(looked_at)
            self._write_bends(b, table, patients)
            with loop(b, 0, self.lanes) as lane:
                patient = b.load(element(b, patients, lane, WORD), typ=WORD)
                b.store(ir.Constant(BIT, 0), element(b, free, lane, BIT))
                here = b.icmp_signed(">=", patient, word(0))
                with b.if_then(b.and_(here, self._is_on(b, memory, at.event, lane))):
                    done = b.call(self.leave, [table.address, lane, patient])
                    b.store(done, element(b, free, lane, BIT))
            b.call(self.step.commit, [memory])
            with loop(b, 0, self.lanes) as lane, b.if_then(b.load(element(b, free, lane, BIT), typ=BIT)):
                b.store(b.sub(b.load(busy, typ=WORD), word(1)), busy)
                fill(lane)
        b.ret_void()
