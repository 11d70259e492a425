"""The lane loop in LLVM code: patients from a queue fill the lanes, each with its own step.

Every lane does the same operations whatever its neighbors do, so a patient's bits depend on nothing but the
patient. The step is written in `lane_step`; here patients enter and leave lanes, and the last step of
one patient is read as a row: rings, records and the state at a stop.
"""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from virtuall.engine import rosenbrock as method
from virtuall.engine.blueprint import Blueprint
from virtuall.engine.elementary import Value
from virtuall.engine.ensemble import MOST_STEPS, NOT_FINITE, STEP_TOO_SMALL, TOO_MANY_STEPS
from virtuall.engine.lane_step import StepCode
from virtuall.engine.llvm import (
    BIT,
    BYTE,
    DOUBLE,
    HALF,
    NOTHING,
    POINTER,
    WORD,
    Vectors,
    begin_function,
    element,
    leave_if,
    local,
    loop,
    program_function,
    repeat,
    word,
)
from virtuall.engine.tableau import STAGES

# What the caller passes, 64 bits each: numbers and addresses of a call, then addresses of an ensemble.
GIVEN = tuple(
    "count time_count record_count needs_signals index stop record_columns recorded tolerance memory "
    "row".split()
)
OWNED = tuple(
    "times now y status ring bad_state thresholds steps rejected fixed before after proposal track held "
    "cursor".split()
)
SLOTS = (*GIVEN, *OWNED)
ENTRY, SIGNALS_ENTRY = "virtuall_advance", "virtuall_signals"
_TRACK = 5
_HALVINGS = 64
# Doubles of one row that are worked on at a time.
_ROW_LANES = 4


class LaneCode:
    """Writes the whole kernel of a System into a module."""

    def __init__(self, blueprint: Blueprint, lanes: int) -> None:
        self.module = ir.Module("virtuall")
        self.blueprint, self.lanes = blueprint, lanes
        self.states, self.fixed = len(blueprint.system.states), len(blueprint.fixed.outputs)
        self.clocks = [blueprint.system.states.index(name) for name in blueprint.system.clocks]
        self.step = StepCode(self.module, blueprint, lanes)
        self.memory = self.step.memory
        self.signals = program_function(
            self.module, "signals", blueprint.signals, 1, self._row_input, self._row_output
        )
        self.dense = self._write_dense()
        self.root = self._write_root() if self.clocks else None
        self.record = self._write_record()
        self.deliver = self._write_deliver()
        self.enter = self._write_enter()
        self.worst = self._write_worst()
        self.leave = self._write_leave()
        self._write_advance()
        self._write_signals()

    # -- small words ----------------------------------------------------------------------------------------

    def _begin(
        self, name: str, result: ir.Type, kinds: Sequence[ir.Type]
    ) -> tuple[ir.Function, ir.IRBuilder]:
        function = ir.Function(self.module, ir.FunctionType(result, kinds), name)
        function.linkage = "internal"
        function.attributes.add("noinline")
        return function, ir.IRBuilder(function.append_basic_block("entry"))

    def _local(self, b: ir.IRBuilder, kind: ir.Type) -> Value:
        """Variable of a function; always in its first block, so that a loop takes no stack."""
        with b.goto_entry_block():
            return local(b, kind)

    def _number(self, b: ir.IRBuilder, table: Value, slot: str) -> Value:
        return b.load(element(b, table, SLOTS.index(slot), WORD), typ=WORD)

    def _array(self, b: ir.IRBuilder, table: Value, slot: str) -> Value:
        return b.load(element(b, table, SLOTS.index(slot), POINTER), typ=POINTER)

    def _get(self, b: ir.IRBuilder, table: Value, slot: str, place: Value, kind: ir.Type = DOUBLE) -> Value:
        return b.load(element(b, self._array(b, table, slot), place, kind), typ=kind)

    def _set(self, b: ir.IRBuilder, table: Value, slot: str, place: Value, value: Value) -> None:
        b.store(value, element(b, self._array(b, table, slot), place, value.type))

    def _row(self, b: ir.IRBuilder, table: Value, slot: str, patient: Value, width: int | Value) -> Value:
        width = word(width) if isinstance(width, int) else width
        return element(b, self._array(b, table, slot), b.mul(patient, width), DOUBLE)

    def _lane(self, b: ir.IRBuilder, memory: Value, place: int | Value, lane: Value) -> Value:
        """Address of one lane's double of a vector in memory."""
        place = word(place) if isinstance(place, int) else place
        return element(b, memory, b.add(b.mul(place, word(self.lanes)), lane), DOUBLE)

    def _lane_value(self, b: ir.IRBuilder, memory: Value, place: int, lane: Value) -> Value:
        return b.load(self._lane(b, memory, place, lane), typ=DOUBLE)

    # -- one patient's last step, as a row ------------------------------------------------------------------

    def _row_input(self, m: Vectors, arguments: Sequence[Value], slot: int) -> Value:
        y, time, fixed = arguments[:3]
        if slot < self.states:
            return m.load(y, slot)
        return m.load(time, 0) if slot == self.states else m.load(fixed, slot - self.states - 1)

    @staticmethod
    def _row_output(m: Vectors, arguments: Sequence[Value], place: int, value: Value) -> None:
        m.store(value, arguments[4], place)

    def _write_dense(self) -> ir.Function:
        """(table, patient, time, result): all states at a time within the last step."""
        function, b = self._begin("dense", NOTHING, [POINTER, WORD, DOUBLE, POINTER])
        table, patient, time, result = function.args
        track = self._row(b, table, "track", patient, _TRACK * self.states)
        before = self._get(b, table, "before", patient)
        width = b.fsub(self._get(b, table, "after", patient), before)
        one = ir.Constant(DOUBLE, 1.0)
        moving = b.fcmp_ordered(">", width, ir.Constant(DOUBLE, 0.0))
        part = b.select(moving, b.fdiv(b.fsub(time, before), width), one)
        whole = self.states - self.states % _ROW_LANES
        for lanes, start, end in ((_ROW_LANES, 0, whole), (1, whole, self.states)):
            m = Vectors(b, lanes)
            wide = m.spread(part)
            with loop(b, start, end, lanes) as state:
                first, last, *bends = (
                    m.load_doubles(track, b.add(state, word(k * self.states))) for k in range(_TRACK)
                )
                m.store_doubles(method.dense_value(m, wide, first, last, bends), result, state)
        b.ret_void()
        return function

    def _write_root(self) -> ir.Function:
        """(table, patient, state, threshold): when a clock reaches its threshold within the last step."""
        function, b = self._begin("root", DOUBLE, [POINTER, WORD, WORD, DOUBLE])
        table, patient, state, threshold = function.args
        m = Vectors(b, 1)
        track = element(b, self._row(b, table, "track", patient, _TRACK * self.states), state, DOUBLE)
        first, last, *bends = (m.load_doubles(track, k * self.states) for k in range(_TRACK))
        low, high = self._local(b, DOUBLE), self._local(b, DOUBLE)
        b.store(m.number(0.0), low)
        b.store(m.number(1.0), high)
        with loop(b, 0, _HALVINGS):
            lower, upper = b.load(low, typ=DOUBLE), b.load(high, typ=DOUBLE)
            middle = m.mul(m.number(0.5), m.add(lower, upper))
            above = m.le(threshold, method.dense_value(m, middle, first, last, bends))
            b.store(m.select(above, middle, upper), high)
            b.store(m.select(above, lower, middle), low)
        part = m.select(m.le(threshold, first), m.number(0.0), b.load(high, typ=DOUBLE))
        before, after = self._get(b, table, "before", patient), self._get(b, table, "after", patient)
        time = m.add(before, m.mul(part, m.sub(after, before)))
        b.ret(m.select(m.lt(time, after), time, after))
        return function

    def _write_record(self) -> ir.Function:
        """(table, patient, end): fill the record grid up to and including a time."""
        function, b = self._begin("record", NOTHING, [POINTER, WORD, DOUBLE])
        table, patient, end = function.args
        row = self._array(b, table, "row")
        count, width = self._number(b, table, "time_count"), self._number(b, table, "record_count")
        fixed = self._row(b, table, "fixed", patient, self.fixed)
        recorded = self._row(b, table, "recorded", patient, b.mul(count, width))
        when = self._local(b, DOUBLE)
        with repeat(b) as (_, out):
            cursor = self._get(b, table, "cursor", patient, WORD)
            leave_if(b, b.icmp_signed(">=", cursor, count), out)
            time = self._get(b, table, "times", cursor)
            leave_if(b, b.fcmp_ordered(">", time, end), out)
            b.call(self.dense, [table, patient, time, row])
            with b.if_then(b.icmp_signed("!=", self._number(b, table, "needs_signals"), word(0))):
                b.store(time, when)
                result = element(b, row, self.states, DOUBLE)
                b.call(self.signals, [row, when, fixed, row, result])
            self._write_line(b, table, element(b, recorded, b.mul(cursor, width), DOUBLE))
            self._set(b, table, "cursor", patient, b.add(cursor, word(1)))
        b.ret_void()
        return function

    def _write_deliver(self) -> ir.Function:
        """(table, patient): go through the last step up to the stop or a ring; whether it has arrived."""
        function, b = self._begin("deliver", BIT, [POINTER, WORD])
        table, patient = function.args
        m = Vectors(b, 1)
        stop, after = self._get(b, table, "stop", patient), self._get(b, table, "after", patient)
        end = self._local(b, DOUBLE)
        ring = self._local(b, HALF)
        b.store(m.select(m.lt(stop, after), stop, after), end)
        b.store(ir.Constant(HALF, -1), ring)
        self._write_rings(b, table, patient, end, ring)
        last = b.load(end, typ=DOUBLE)
        b.call(self.record, [table, patient, last])
        self._set(b, table, "now", patient, last)
        rang = b.load(ring, typ=HALF)
        self._set(b, table, "ring", patient, rang)
        arrived = b.or_(b.icmp_signed(">=", rang, ir.Constant(HALF, 0)), m.le(stop, last))
        with b.if_then(arrived):
            b.call(self.dense, [table, patient, last, self._row(b, table, "y", patient, self.states)])
        b.ret(arrived)
        return function

    def _write_rings(self, b: ir.IRBuilder, table: Value, patient: Value, end: Value, ring: Value) -> None:
        if self.root is None:
            return
        m = Vectors(b, 1)
        track = self._row(b, table, "track", patient, _TRACK * self.states)
        thresholds = self._row(b, table, "thresholds", patient, len(self.clocks))
        for clock, state in enumerate(self.clocks):
            threshold = m.load(thresholds, clock)
            with b.if_then(m.le(threshold, m.load(track, self.states + state))):
                time = b.call(self.root, [table, patient, word(state), threshold])
                now, last = self._get(b, table, "now", patient), b.load(end, typ=DOUBLE)
                time = m.select(m.lt(time, now), now, time)
                silent = b.icmp_signed("<", b.load(ring, typ=HALF), ir.Constant(HALF, 0))
                first = b.or_(m.lt(time, last), b.and_(m.eq(time, last), silent))
                with b.if_then(first):
                    b.store(time, end)
                    b.store(ir.Constant(HALF, clock), ring)

    # -- patients enter and leave lanes ---------------------------------------------------------------------

    def _write_enter(self) -> ir.Function:
        """(table, lane, queue): put the next patient that needs a step into a lane; its row, or -1."""
        function, b = self._begin("enter", WORD, [POINTER, WORD, POINTER])
        table, lane, queue = function.args
        memory, none = self._array(b, table, "memory"), word(-1)
        with repeat(b) as (again, out):
            place = b.load(queue, typ=WORD)
            leave_if(b, b.icmp_signed(">=", place, self._number(b, table, "count")), out)
            b.store(b.add(place, word(1)), queue)
            patient = self._get(b, table, "index", place, WORD)
            self._set(b, table, "ring", patient, ir.Constant(HALF, -1))
            status = self._get(b, table, "status", patient, HALF)
            leave_if(b, b.icmp_signed("!=", status, ir.Constant(HALF, 0)), again)
            leave_if(b, b.call(self.deliver, [table, patient]), again)
            track = self._row(b, table, "track", patient, _TRACK * self.states)
            self._copy_in(b, memory, lane, self.memory.y, element(b, track, self.states, DOUBLE), self.states)
            fixed = self._row(b, table, "fixed", patient, self.fixed)
            self._copy_in(b, memory, lane, self.memory.fixed_at, fixed, self.fixed)
            for slot, where in (("after", self.memory.time), ("proposal", self.memory.proposal)):
                b.store(self._get(b, table, slot, patient), self._lane(b, memory, where, lane))
            held = b.uitofp(self._get(b, table, "held", patient, BYTE), DOUBLE)
            b.store(held, self._lane(b, memory, self.memory.held, lane))
            b.ret(patient)
            b.position_at_end(b.append_basic_block("never"))
        b.ret(none)
        return function

    def _copy_in(
        self, b: ir.IRBuilder, memory: Value, lane: Value, place: int, row: Value, count: int
    ) -> None:
        with loop(b, 0, count) as k:
            value = b.load(element(b, row, k, DOUBLE), typ=DOUBLE)
            b.store(value, self._lane(b, memory, b.add(k, word(place)), lane))

    def _copy_out(
        self, b: ir.IRBuilder, memory: Value, lane: Value, place: int, row: Value, count: int
    ) -> None:
        with loop(b, 0, count) as k:
            value = b.load(self._lane(b, memory, b.add(k, word(place)), lane), typ=DOUBLE)
            b.store(value, element(b, row, k, DOUBLE))

    def _write_leave(self) -> ir.Function:
        """(table, lane, patient, bent): count the step tried, fail or deliver; whether the lane is free."""
        function, b = self._begin("leave", BIT, [POINTER, WORD, WORD, POINTER])
        table, lane, patient, bent = function.args
        memory, at = self._array(b, table, "memory"), self.memory
        m, zero = Vectors(b, 1), ir.Constant(DOUBLE, 0.0)
        accepted = m.lt(zero, self._lane_value(b, memory, at.accepted, lane))
        sound = m.lt(zero, self._lane_value(b, memory, at.sound, lane))
        taken = b.zext(accepted, WORD)
        steps = b.add(self._get(b, table, "steps", patient, WORD), taken)
        rejected = b.add(self._get(b, table, "rejected", patient, WORD), b.sub(word(1), taken))
        self._set(b, table, "steps", patient, steps)
        self._set(b, table, "rejected", patient, rejected)
        proposal = self._lane_value(b, memory, at.proposal, lane)
        long_enough = m.le(m.number(method.SHORTEST_STEP), proposal)
        small = b.and_(b.not_(accepted), b.not_(long_enough))
        many = b.icmp_signed(">=", b.add(steps, rejected), word(MOST_STEPS))
        codes = [ir.Constant(HALF, code) for code in (STEP_TOO_SMALL, NOT_FINITE, TOO_MANY_STEPS, 0)]
        status = b.select(small, b.select(sound, codes[0], codes[1]), b.select(many, codes[2], codes[3]))
        with b.if_then(b.icmp_signed("!=", status, ir.Constant(HALF, 0))):
            self._write_failure(b, table, lane, patient, accepted, status)
            b.ret(ir.Constant(BIT, 1))
            b.position_at_end(b.append_basic_block("never"))
        with b.if_then(b.not_(accepted)):
            b.ret(ir.Constant(BIT, 0))
            b.position_at_end(b.append_basic_block("never"))
        with b.if_then(b.not_(self._due(b, table, lane, patient))):
            b.ret(ir.Constant(BIT, 0))
            b.position_at_end(b.append_basic_block("never"))
        with b.if_then(b.not_(b.load(bent, typ=BIT))):
            b.call(self.step.bends, [memory])
            b.store(ir.Constant(BIT, 1), bent)
        track = self._row(b, table, "track", patient, _TRACK * self.states)
        for k, place in enumerate((at.y, at.place, *(at.bends + k * self.states for k in range(_TRACK - 2)))):
            self._copy_out(b, memory, lane, place, element(b, track, k * self.states, DOUBLE), self.states)
        for slot, where in (("before", at.time), ("after", at.later), ("proposal", at.proposal)):
            self._set(b, table, slot, patient, self._lane_value(b, memory, where, lane))
        self._set(b, table, "held", patient, ir.Constant(BYTE, 0))
        b.ret(b.call(self.deliver, [table, patient]))
        return function

    def _due(self, b: ir.IRBuilder, table: Value, lane: Value, patient: Value) -> Value:
        """Whether the step just taken holds the stop, a record time or a ring."""
        m, memory = Vectors(b, 1), self._array(b, table, "memory")
        later = self._lane_value(b, memory, self.memory.later, lane)
        due = self._local(b, BIT)
        b.store(m.le(self._get(b, table, "stop", patient), later), due)
        cursor = self._get(b, table, "cursor", patient, WORD)
        with b.if_then(b.icmp_signed("<", cursor, self._number(b, table, "time_count"))):
            within = m.le(self._get(b, table, "times", cursor), later)
            b.store(b.or_(b.load(due, typ=BIT), within), due)
        thresholds = self._row(b, table, "thresholds", patient, len(self.clocks))
        for clock, state in enumerate(self.clocks):
            reached = self._lane_value(b, memory, self.memory.place + state, lane)
            rings = m.le(m.load(thresholds, clock), reached)
            b.store(b.or_(b.load(due, typ=BIT), rings), due)
        return b.load(due, typ=BIT)

    def _write_failure(
        self, b: ir.IRBuilder, table: Value, lane: Value, patient: Value, accepted: Value, status: Value
    ) -> None:
        """Leave the patient at its last good state."""
        memory, at = self._array(b, table, "memory"), self.memory
        self._set(b, table, "status", patient, status)
        self._set(b, table, "bad_state", patient, b.call(self.worst, [table, lane]))
        width = word(_TRACK * self.states)
        track = self._row(b, table, "track", patient, width)
        y = self._row(b, table, "y", patient, self.states)
        with loop(b, 0, _TRACK * self.states) as k:
            b.store(ir.Constant(DOUBLE, 0.0), element(b, track, k, DOUBLE))
        with loop(b, 0, self.states) as k:
            before, after = (
                b.load(self._lane(b, memory, b.add(k, word(place)), lane), typ=DOUBLE)
                for place in (at.y, at.place)
            )
            value = b.select(accepted, after, before)
            for row in (y, track, element(b, track, self.states, DOUBLE)):
                b.store(value, element(b, row, k, DOUBLE))
        times = [self._lane_value(b, memory, place, lane) for place in (at.later, at.time)]
        for slot in ("now", "before", "after"):
            self._set(b, table, slot, patient, b.select(accepted, *times))

    def _write_worst(self) -> ir.Function:
        """(table, lane): the state with the largest share of the error, or the first that is not finite."""
        function, b = self._begin("worst", HALF, [POINTER, WORD])
        table, lane = function.args
        memory, at = self._array(b, table, "memory"), self.memory
        m, infinity = Vectors(b, 1), ir.Constant(DOUBLE, float("inf"))
        found, most = self._local(b, HALF), self._local(b, DOUBLE)
        b.store(ir.Constant(HALF, 0), found)
        b.store(m.number(-1.0), most)
        with loop(b, 0, self.states) as state:
            last = b.add(b.mul(state, word(STAGES)), word(at.stages + STAGES - 1))
            places = (b.add(state, word(at.y)), b.add(state, word(at.place)), last)
            before, after, error = (
                b.load(self._lane(b, memory, place, lane), typ=DOUBLE) for place in places
            )
            scale = b.load(element(b, self.step.scales, state, DOUBLE), typ=DOUBLE)
            share = m.div(m.abs(error), method.error_weight(m, before, after, scale))
            finite = b.and_(m.lt(share, infinity), m.lt(m.abs(after), infinity))
            share = m.select(finite, share, infinity)
            with b.if_then(m.lt(b.load(most, typ=DOUBLE), share)):
                b.store(share, most)
                b.store(b.trunc(state, HALF), found)
        b.ret(b.load(found, typ=HALF))
        return function

    def _write_signals(self) -> None:
        """(table): states and signals of the patients of `index` at `now`, into `recorded` line by line."""
        function = begin_function(self.module, SIGNALS_ENTRY, 1, public=True)
        (table,) = function.args
        b = ir.IRBuilder(function.append_basic_block("entry"))
        row, width = self._array(b, table, "row"), self._number(b, table, "record_count")
        signals = element(b, row, self.states, DOUBLE)
        with loop(b, 0, self._number(b, table, "count")) as line:
            patient = self._get(b, table, "index", line, WORD)
            y = self._row(b, table, "y", patient, self.states)
            time = element(b, self._array(b, table, "now"), patient, DOUBLE)
            fixed = self._row(b, table, "fixed", patient, self.fixed)
            with loop(b, 0, self.states) as k:
                b.store(b.load(element(b, y, k, DOUBLE), typ=DOUBLE), element(b, row, k, DOUBLE))
            with b.if_then(b.icmp_signed("!=", self._number(b, table, "needs_signals"), word(0))):
                b.call(self.signals, [y, time, fixed, row, signals])
            self._write_line(b, table, self._row(b, table, "recorded", line, width))
        b.ret_void()

    def _write_line(self, b: ir.IRBuilder, table: Value, line: Value) -> None:
        """The wanted columns of the row of states and signals."""
        row, width = self._array(b, table, "row"), self._number(b, table, "record_count")
        with loop(b, 0, width) as k:
            column = self._get(b, table, "record_columns", k, WORD)
            value = b.load(element(b, row, column, DOUBLE), typ=DOUBLE)
            b.store(value, element(b, line, k, DOUBLE))

    # -- the loop -------------------------------------------------------------------------------------------

    def _write_advance(self) -> None:
        """(table): the entry of the kernel."""
        function = begin_function(self.module, ENTRY, 1, public=True)
        (table,) = function.args
        b = ir.IRBuilder(function.append_basic_block("entry"))
        memory, tolerance = self._array(b, table, "memory"), self._array(b, table, "tolerance")
        queue, busy, bent = self._local(b, WORD), self._local(b, WORD), self._local(b, BIT)
        patients = self._local(b, ir.ArrayType(WORD, self.lanes))
        free = self._local(b, ir.ArrayType(BIT, self.lanes))
        b.store(word(0), queue)
        with loop(b, 0, self.lanes) as lane:
            b.store(b.call(self.enter, [table, lane, queue]), element(b, patients, lane, WORD))
        with repeat(b) as (_, out):
            b.store(word(0), busy)
            with loop(b, 0, self.lanes) as lane:
                patient = b.load(element(b, patients, lane, WORD), typ=WORD)
                here = b.zext(b.icmp_signed(">=", patient, word(0)), WORD)
                b.store(b.add(b.load(busy, typ=WORD), here), busy)
            leave_if(b, b.icmp_signed("==", b.load(busy, typ=WORD), word(0)), out)
            b.call(self.step.step, [memory, tolerance])
            b.store(ir.Constant(BIT, 0), bent)
            with loop(b, 0, self.lanes) as lane:
                patient = b.load(element(b, patients, lane, WORD), typ=WORD)
                b.store(ir.Constant(BIT, 0), element(b, free, lane, BIT))
                with b.if_then(b.icmp_signed(">=", patient, word(0))):
                    done = b.call(self.leave, [table, lane, patient, bent])
                    b.store(done, element(b, free, lane, BIT))
            b.call(self.step.commit, [memory])
            with loop(b, 0, self.lanes) as lane, b.if_then(b.load(element(b, free, lane, BIT), typ=BIT)):
                b.store(b.call(self.enter, [table, lane, queue]), element(b, patients, lane, WORD))
        b.ret_void()
