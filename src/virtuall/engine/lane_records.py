"""Records of several lanes at once in LLVM code.

Most steps hold one record time or two, in most lanes: one line of days after another is computed for all lanes
together and then handed out. A lane with many record times in its step, or one that records signals, is read by
itself (`lane_row`).
"""

from __future__ import annotations

from llvmlite import ir

from virtuall.engine import rosenbrock as method
from virtuall.engine.elementary import Value
from virtuall.engine.lane_memory import Memory
from virtuall.engine.lane_table import TRACK, Table
from virtuall.engine.llvm import (
    BIT,
    DOUBLE,
    NOTHING,
    POINTER,
    WORD,
    Vectors,
    begin_private,
    element,
    lane_double,
    leave_if,
    loop,
    repeat,
    variable,
    word,
)

# Record times of a lane's step from which on they are computed side by side instead.
MANY = 4


def write_records(module: ir.Module, memory: Memory, floors: ir.GlobalVariable, states: int, lanes: int) -> ir.Function:
    """(table, patients): record the states of all lanes that stay and have few record times in their step.

    Moves cursors and next record times on; what is left for others stays due.
    """
    function, b = begin_private(module, "records", NOTHING, [POINTER, POINTER])
    address, patients = function.args
    table, m = Table(b, address), Vectors(b, lanes)
    base = table.array("memory")
    count, width = table.number("time_count"), table.number("record_count")
    # A lane that is not due writes to a place of its own, again and again.
    targets, masks = (variable(b, ir.ArrayType(WORD, lanes)) for _ in range(2))
    nowhere, due = variable(b, ir.ArrayType(DOUBLE, lanes)), variable(b, WORD)
    before, after = m.load(base, memory.time), m.load(base, memory.later)
    with repeat(b) as (_, out):
        b.store(word(0), due)
        with loop(b, 0, lanes) as lane:
            b.store(b.ptrtoint(nowhere, WORD), element(b, targets, lane, WORD))
            b.store(word(0), element(b, masks, lane, WORD))
            patient = b.load(element(b, patients, lane, WORD), typ=WORD)
            with b.if_then(_is_due(b, table, memory, lane, lanes, patient, count)):
                cursor = table.get("cursor", patient, WORD)
                line = table.row("recorded", patient, b.mul(count, width))
                target = b.ptrtoint(element(b, line, b.mul(cursor, width), DOUBLE), WORD)
                b.store(target, element(b, targets, lane, WORD))
                b.store(word(-1), element(b, masks, lane, WORD))
                table.set("cursor", patient, b.add(cursor, word(1)))
                b.store(word(1), due)
        leave_if(b, b.icmp_signed("==", b.load(due, typ=WORD), word(0)), out)
        part = method.part_of_step(m, before, after, m.load(base, memory.next_record))
        columns = table.array("record_columns")
        begin, mask = (
            [b.load(element(b, row, lane, WORD), typ=WORD) for lane in range(lanes)] for row in (targets, masks)
        )
        whole = b.and_(width, word(-lanes))

        def values(column: Value) -> Value:
            """One column of all lanes."""
            state = b.load(element(b, columns, column, WORD), typ=WORD)
            first, last, *bends = (m.load(base, b.add(state, word(memory.y + k * states))) for k in range(TRACK))
            floor = m.spread(b.load(element(b, floors, state, DOUBLE), typ=DOUBLE))
            return method.state_within(m, part, floor, first, last, bends)

        def address(column: Value, lane: int) -> Value:
            offset = b.and_(b.mul(column, word(8)), mask[lane])
            return b.inttoptr(b.add(begin[lane], offset), POINTER)

        with loop(b, 0, whole, lanes) as column:
            rows = m.transposed([values(b.add(column, word(k))) for k in range(lanes)])
            for lane in range(lanes):
                m.store_doubles(rows[lane], address(column, lane), 0)
        with loop(b, whole, width) as column:
            value = values(column)
            for lane in range(lanes):
                b.store(m.lane(value, lane), address(column, lane))
        _move_on(b, table, memory, lanes, patients, masks, count)
    b.ret_void()
    return function


def _is_due(
    b: ir.IRBuilder, table: Table, memory: Memory, lane: Value, lanes: int, patient: Value, count: Value
) -> Value:
    """Whether a lane stays after an accepted step that holds its next record time, but not many of them."""
    base = table.array("memory")

    def of(place: int) -> Value:
        return b.load(lane_double(b, base, place, lane, lanes), typ=DOUBLE)

    zero, later = ir.Constant(DOUBLE, 0.0), of(memory.later)
    due = variable(b, BIT)
    stays = b.and_(b.icmp_signed(">=", patient, word(0)), b.fcmp_ordered("==", of(memory.arrives), zero))
    stays = b.and_(stays, b.fcmp_ordered(">", of(memory.accepted), zero))
    b.store(b.and_(stays, b.fcmp_ordered("<=", of(memory.next_record), later)), due)
    with b.if_then(b.load(due, typ=BIT)):
        ahead = b.add(table.get("cursor", patient, WORD), word(MANY - 1))
        with b.if_then(b.icmp_signed("<", ahead, count)):
            few = b.fcmp_ordered(">", table.get("times", ahead), later)
            b.store(few, due)
    return b.load(due, typ=BIT)


def _move_on(
    b: ir.IRBuilder, table: Table, memory: Memory, lanes: int, patients: Value, masks: Value, count: Value
) -> None:
    """The next record times of the lanes that were recorded."""
    base = table.array("memory")
    with loop(b, 0, lanes) as lane:
        recorded = b.load(element(b, masks, lane, WORD), typ=WORD)
        with b.if_then(b.icmp_signed("!=", recorded, word(0))):
            patient = b.load(element(b, patients, lane, WORD), typ=WORD)
            write_next_record(b, table, patient, lane_double(b, base, memory.next_record, lane, lanes), count)


def write_next_record(b: ir.IRBuilder, table: Table, patient: Value, place: Value, count: Value) -> None:
    """Put a patient's next record time, or infinity, where a lane looks for it."""
    cursor = table.get("cursor", patient, WORD)
    b.store(ir.Constant(DOUBLE, float("inf")), place)
    with b.if_then(b.icmp_signed("<", cursor, count)):
        b.store(table.get("times", cursor), place)
