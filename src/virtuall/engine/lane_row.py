"""One patient's last step in LLVM code: the state within it, rings, records, and signals.

A step is read where it lies: in a patient's row of `track`, or among the lanes, one double in every so many
(the stride). Records of one step are computed several times at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from llvmlite import ir

from virtuall.engine import rosenbrock as method
from virtuall.engine.blueprint import Blueprint
from virtuall.engine.elementary import Value
from virtuall.engine.lane_table import TRACK, Table
from virtuall.engine.llvm import (
    BIT,
    DOUBLE,
    HALF,
    NOTHING,
    POINTER,
    WORD,
    Vectors,
    begin_function,
    begin_private,
    element,
    input_loader,
    lane_double,
    leave_if,
    loop,
    program_function,
    repeat,
    state_table,
    variable,
    word,
)
from virtuall.engine.program import pick_outputs

SIGNALS_ENTRY = "virtuall_signals"
_HALVINGS = 64
# Doubles that are worked on at once, and record times that are looked up at a time.
WIDTH = 8
_BLOCK = 64
# Operations of a signal that is computed together with others.
_LONG_SIGNAL = 100


class Step(NamedTuple):
    """Where the arrays of a step lie, and its ends."""

    track: Value
    stride: Value
    before: Value
    after: Value


def scratch_size(blueprint: Blueprint) -> int:
    """Doubles that the code of this file works in: states, signals and fixed columns, several of each."""
    return WIDTH * (len(blueprint.system.states) + len(blueprint.system.signals) + len(blueprint.fixed.outputs))


def signal_groups(blueprint: Blueprint) -> list[list[int]]:
    """Signals by the function that computes them: each by itself, but those that take long together.

    So a record pays for the signals that are wanted, and the code stays in proportion to the formulas.
    """
    count = len(blueprint.signals.outputs)
    size = {k: len(pick_outputs(blueprint.signals, [k]).steps) for k in range(count)}
    long_ones = [k for k in range(count) if size[k] > _LONG_SIGNAL]
    return [[k] for k in range(count) if size[k] <= _LONG_SIGNAL] + ([long_ones] if long_ones else [])


class RowCode:
    """Writes the functions that read a step into a module.

    Attributes
    ----------
    record : ir.Function
        ``(table, patient, track, stride, before, after, end)``: fill the record grid up to and including a time.
    deliver : ir.Function
        ``(table, patient)``: go through the last step up to the stop or a ring; whether it has arrived.
    """

    def __init__(self, module: ir.Module, blueprint: Blueprint) -> None:
        self.module = module
        self.states, self.fixed = len(blueprint.system.states), len(blueprint.fixed.outputs)
        self.outputs = len(blueprint.system.signals)
        self.clocks = [blueprint.system.states.index(name) for name in blueprint.system.clocks]
        self.floors = state_table(module, "floors", DOUBLE, blueprint.floors.tolist())
        self.signals = self._write_groups(blueprint)
        self.dense = self._write_dense()
        self.root = self._write_root() if self.clocks else None
        self.record = self._write_record()
        self.deliver = self._write_deliver()
        self._write_signals()

    def _write_groups(self, blueprint: Blueprint) -> ir.GlobalVariable:
        """Table of functions (states, time, fixed, states, results), one for each group of signals."""
        functions, load = [], input_loader(self.states)
        for number, group in enumerate(signal_groups(blueprint)):
            program = pick_outputs(blueprint.signals, group)
            store = partial(_store_signal, group)
            functions.append(program_function(self.module, f"signals.{number}", program, WIDTH, load, store))
        kind = ir.ArrayType(POINTER, len(functions))
        table = ir.GlobalVariable(self.module, kind, "signal_groups")
        table.global_constant, table.linkage = True, "internal"
        table.initializer = ir.Constant(kind, [function.bitcast(POINTER) for function in functions])
        return table

    def _call_groups(self, b: ir.IRBuilder, table: Table, days: Value) -> None:
        """Compute the needed groups of signals from what lies in the scratch memory."""
        states, signals, fixed = self._scratch(b, table)
        needed = table.array("needed_groups")
        kind = ir.FunctionType(NOTHING, [POINTER] * 5)
        with loop(b, 0, table.number("group_count")) as place:
            group = b.load(element(b, needed, place, WORD), typ=WORD)
            function = b.load(element(b, self.signals, group, POINTER), typ=kind.as_pointer())
            b.call(function, [states, days, fixed, states, signals])

    def _begin(self, name: str, result: ir.Type, kinds: Sequence[ir.Type]) -> tuple[ir.Function, ir.IRBuilder]:
        return begin_private(self.module, name, result, kinds)

    # -- within a step --------------------------------------------------------------------------------------

    def _write_dense(self) -> ir.Function:
        """(table, patient, time, result): all states at a time within the last step."""
        function, b = self._begin("dense", NOTHING, [POINTER, WORD, DOUBLE, POINTER])
        address, patient, time, result = function.args
        table = Table(b, address)
        track = table.row("track", patient, TRACK * self.states)
        before, after = table.get("before", patient), table.get("after", patient)
        part = method.part_of_step(Vectors(b, 1), before, after, time)
        whole = self.states - self.states % WIDTH
        for lanes, start, end in ((WIDTH, 0, whole), (1, whole, self.states)):
            m = Vectors(b, lanes)
            wide = m.spread(part)
            with loop(b, start, end, lanes) as state:
                first, last, *bends = (m.load_doubles(track, b.add(state, word(k * self.states))) for k in range(TRACK))
                floor = m.load_doubles(self.floors, state)
                m.store_doubles(method.state_within(m, wide, floor, first, last, bends), result, state)
        b.ret_void()
        return function

    def _write_root(self) -> ir.Function:
        """(table, patient, state, threshold): when a clock reaches its threshold within the last step."""
        function, b = self._begin("root", DOUBLE, [POINTER, WORD, WORD, DOUBLE])
        address, patient, state, threshold = function.args
        table = Table(b, address)
        m = Vectors(b, 1)
        track = element(b, table.row("track", patient, TRACK * self.states), state, DOUBLE)
        first, last, *bends = (m.load_doubles(track, k * self.states) for k in range(TRACK))
        low, high = variable(b, DOUBLE), variable(b, DOUBLE)
        b.store(m.number(0.0), low)
        b.store(m.number(1.0), high)
        with loop(b, 0, _HALVINGS):
            lower, upper = b.load(low, typ=DOUBLE), b.load(high, typ=DOUBLE)
            middle = m.mul(m.number(0.5), m.add(lower, upper))
            above = m.le(threshold, method.dense_value(m, middle, first, last, bends))
            b.store(m.select(above, middle, upper), high)
            b.store(m.select(above, lower, middle), low)
        part = m.select(m.le(threshold, first), m.number(0.0), b.load(high, typ=DOUBLE))
        before, after = table.get("before", patient), table.get("after", patient)
        time = m.add(before, m.mul(part, m.sub(after, before)))
        b.ret(m.select(m.lt(time, after), time, after))
        return function

    def _write_deliver(self) -> ir.Function:
        function, b = self._begin("deliver", BIT, [POINTER, WORD])
        address, patient = function.args
        table, m = Table(b, address), Vectors(b, 1)
        stop, after = table.get("stop", patient), table.get("after", patient)
        end, ring = variable(b, DOUBLE), variable(b, HALF)
        b.store(m.select(m.lt(stop, after), stop, after), end)
        b.store(ir.Constant(HALF, -1), ring)
        self._write_rings(b, table, patient, end, ring)
        last = b.load(end, typ=DOUBLE)
        track = table.row("track", patient, TRACK * self.states)
        b.call(self.record, [address, patient, track, word(1), table.get("before", patient), after, last])
        table.set("now", patient, last)
        rang = b.load(ring, typ=HALF)
        table.set("ring", patient, rang)
        arrived = b.or_(b.icmp_signed(">=", rang, ir.Constant(HALF, 0)), m.le(stop, last))
        with b.if_then(arrived):
            b.call(self.dense, [address, patient, last, table.row("y", patient, self.states)])
        b.ret(arrived)
        return function

    def _write_rings(self, b: ir.IRBuilder, table: Table, patient: Value, end: Value, ring: Value) -> None:
        if self.root is None:
            return
        m = Vectors(b, 1)
        track = table.row("track", patient, TRACK * self.states)
        thresholds = table.row("thresholds", patient, len(self.clocks))
        for clock, state in enumerate(self.clocks):
            threshold = m.load(thresholds, clock)
            reached = m.le(threshold, m.load(track, self.states + state))
            with b.if_then(b.and_(reached, m.lt(threshold, m.number(float("inf"))))):
                time = b.call(self.root, [table.address, patient, word(state), threshold])
                now, last = table.get("now", patient), b.load(end, typ=DOUBLE)
                time = m.select(m.lt(time, now), now, time)
                silent = b.icmp_signed("<", b.load(ring, typ=HALF), ir.Constant(HALF, 0))
                first = b.or_(m.lt(time, last), b.and_(m.eq(time, last), silent))
                with b.if_then(first):
                    b.store(time, end)
                    b.store(ir.Constant(HALF, clock), ring)

    # -- records --------------------------------------------------------------------------------------------

    def _write_record(self) -> ir.Function:
        kinds = [POINTER, WORD, POINTER, WORD, DOUBLE, DOUBLE, DOUBLE]
        function, b = self._begin("record", NOTHING, kinds)
        address, patient, track, stride, before, after, end = function.args
        table, step = Table(b, address), Step(track, stride, before, after)
        count, width = table.number("time_count"), table.number("record_count")
        recorded = table.row("recorded", patient, b.mul(count, width))
        # What is computed several at once may read beyond the last time of a block.
        parts, days = (variable(b, ir.ArrayType(DOUBLE, _BLOCK + WIDTH)) for _ in range(2))
        with repeat(b) as (_, out):
            cursor = table.get("cursor", patient, WORD)
            found = self._write_times(b, table, step, cursor, count, end, parts, days)
            leave_if(b, b.icmp_signed("==", found, word(0)), out)
            target = element(b, recorded, b.mul(cursor, width), DOUBLE)
            with b.if_else(b.icmp_signed(">", table.number("group_count"), word(0))) as (signals, states):
                with signals:
                    self._write_signal_lines(b, table, step, patient, found, parts, days, target)
                with states:
                    self._write_states(b, table, step, found, parts, target)
            table.set("cursor", patient, b.add(cursor, found))
        b.ret_void()
        return function

    @staticmethod
    def _write_times(
        b: ir.IRBuilder, table: Table, step: Step, cursor: Value, count: Value, end: Value, parts: Value, days: Value
    ) -> Value:
        """How many record times lie between the cursor and the end (a block at most); their parts of the step."""
        found = variable(b, WORD)
        b.store(word(0), found)
        with repeat(b) as (_, out):
            number = b.load(found, typ=WORD)
            place = b.add(cursor, number)
            leave_if(b, b.icmp_signed(">=", number, word(_BLOCK)), out)
            leave_if(b, b.icmp_signed(">=", place, count), out)
            time = table.get("times", place)
            leave_if(b, b.fcmp_ordered(">", time, end), out)
            b.store(time, element(b, days, number, DOUBLE))
            part = method.part_of_step(Vectors(b, 1), step.before, step.after, time)
            b.store(part, element(b, parts, number, DOUBLE))
            b.store(b.add(number, word(1)), found)
        return b.load(found, typ=WORD)

    def _write_states(
        self, b: ir.IRBuilder, table: Table, step: Step, found: Value, parts: Value, target: Value
    ) -> None:
        """The wanted states at some times."""
        several = variable(b, ir.ArrayType(DOUBLE, WIDTH))
        self._repeat_last(b, found, parts)
        columns = table.array("record_columns")
        with loop(b, 0, table.number("record_count")) as column:
            state = b.load(element(b, columns, column, WORD), typ=WORD)
            values = self._track_values(b, step, state)
            width = table.number("record_count")
            m = Vectors(b, WIDTH)
            with loop(b, 0, found, WIDTH) as place:
                m.store(self._dense_values(m, m.load_doubles(parts, place), state, values), several, 0)
                left = b.sub(found, place)
                count = b.select(b.icmp_signed("<", left, word(WIDTH)), left, word(WIDTH))
                with loop(b, 0, count) as k:
                    line = b.add(b.mul(b.add(place, k), width), column)
                    b.store(b.load(element(b, several, k, DOUBLE), typ=DOUBLE), element(b, target, line, DOUBLE))

    def _dense_values(self, m: Vectors, part: Value, state: Value, values: list[Value]) -> Value:
        """One state at some times of a step."""
        first, last, *bends = (m.spread(value) for value in values)
        floor = m.spread(m.builder.load(element(m.builder, self.floors, state, DOUBLE), typ=DOUBLE))
        return method.state_within(m, part, floor, first, last, bends)

    def _track_values(self, b: ir.IRBuilder, step: Step, state: Value) -> list[Value]:
        places = (b.mul(step.stride, b.add(state, word(k * self.states))) for k in range(TRACK))
        return [b.load(element(b, step.track, place, DOUBLE), typ=DOUBLE) for place in places]

    def _write_signal_lines(
        self,
        b: ir.IRBuilder,
        table: Table,
        step: Step,
        patient: Value,
        found: Value,
        parts: Value,
        days: Value,
        target: Value,
    ) -> None:
        """The wanted states and signals at some times."""
        m = Vectors(b, WIDTH)
        states, _, fixed = self._scratch(b, table)
        known = table.row("fixed", patient, self.fixed)
        with each(b, table, "needed_fixed", "fixed_count") as k:
            m.store(m.spread(b.load(element(b, known, k, DOUBLE), typ=DOUBLE)), fixed, k)
        self._repeat_last(b, found, parts, days)
        with loop(b, 0, found, WIDTH) as start:
            part = m.load_doubles(parts, start)
            with each(b, table, "needed_states", "state_count") as state:
                value = self._dense_values(m, part, state, self._track_values(b, step, state))
                m.store(value, states, state)
            self._call_groups(b, table, element(b, days, start, DOUBLE))
            left = b.sub(found, start)
            count = b.select(b.icmp_signed("<", left, word(WIDTH)), left, word(WIDTH))
            with loop(b, 0, table.number("record_count")) as column:
                wanted = table.get("record_columns", column, WORD)
                source = element(b, states, b.mul(wanted, word(WIDTH)), DOUBLE)
                width = table.number("record_count")
                with loop(b, 0, count) as k:
                    line = b.add(b.mul(b.add(start, k), width), column)
                    b.store(b.load(element(b, source, k, DOUBLE), typ=DOUBLE), element(b, target, line, DOUBLE))

    @staticmethod
    def _repeat_last(b: ir.IRBuilder, found: Value, *rows: Value) -> None:
        for row in rows:
            last = b.load(element(b, row, b.sub(found, word(1)), DOUBLE), typ=DOUBLE)
            with loop(b, 0, WIDTH) as k:
                b.store(last, element(b, row, b.add(found, k), DOUBLE))

    def _scratch(self, b: ir.IRBuilder, table: Table) -> tuple[Value, Value, Value]:
        """Memory for states, signals (right behind the states) and fixed columns."""
        row = table.array("row")
        ends = (0, self.states, self.states + self.outputs)
        states, signals, fixed = (element(b, row, WIDTH * end, DOUBLE) for end in ends)
        return states, signals, fixed

    # -- signals at now -------------------------------------------------------------------------------------

    def _write_signals(self) -> None:
        """(table): states and signals of the patients of `index` at `now`, into `recorded` line by line."""
        function = begin_function(self.module, SIGNALS_ENTRY, 1, public=True)
        b = ir.IRBuilder(function.append_basic_block("entry"))
        table = Table(b, function.args[0])
        states, _, fixed = self._scratch(b, table)
        times = variable(b, ir.ArrayType(DOUBLE, WIDTH))
        count, width = table.number("count"), table.number("record_count")
        recorded = table.array("recorded")
        with loop(b, 0, count, WIDTH) as start:
            left = b.sub(count, start)
            here = b.select(b.icmp_signed("<", left, word(WIDTH)), left, word(WIDTH))
            # Empty places repeat the last patient.
            with loop(b, 0, WIDTH) as lane:
                last = b.sub(here, word(1))
                place = b.add(start, b.select(b.icmp_signed("<", lane, last), lane, last))
                patient = table.get("index", place, WORD)
                b.store(table.get("now", patient), element(b, times, lane, DOUBLE))
                for source, width_, target, needed, size in (
                    ("y", self.states, states, "needed_states", "state_count"),
                    ("fixed", self.fixed, fixed, "needed_fixed", "fixed_count"),
                ):
                    row = table.row(source, patient, width_)
                    with each(b, table, needed, size) as k:
                        value = b.load(element(b, row, k, DOUBLE), typ=DOUBLE)
                        b.store(value, lane_double(b, target, k, lane, WIDTH))
            self._call_groups(b, table, times)
            with loop(b, 0, here) as lane:
                line = element(b, recorded, b.mul(b.add(start, lane), width), DOUBLE)
                with loop(b, 0, width) as column:
                    wanted = table.get("record_columns", column, WORD)
                    source = lane_double(b, states, wanted, lane, WIDTH)
                    b.store(b.load(source, typ=DOUBLE), element(b, line, column, DOUBLE))
        b.ret_void()


def spread_out(b: ir.IRBuilder, row: Value, target: Value, lane: Value, count: int, lanes: int) -> None:
    """Copy a row of doubles into one lane of as many vectors."""
    with loop(b, 0, count) as k:
        value = b.load(element(b, row, k, DOUBLE), typ=DOUBLE)
        b.store(value, lane_double(b, target, k, lane, lanes))


@contextmanager
def each(b: ir.IRBuilder, table: Table, slot: str, count: str) -> Iterator[Value]:
    """Go through an array of numbers."""
    numbers = table.array(slot)
    with loop(b, 0, table.number(count)) as place:
        yield b.load(element(b, numbers, place, WORD), typ=WORD)


def _store_signal(group: Sequence[int], m: Vectors, arguments: Sequence[Value], place: int, value: Value) -> None:
    m.store(value, arguments[4], group[place])
