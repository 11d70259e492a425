"""LLVM code: the vector machine, small words for loops and memory, and functions made from programs.

A value of the vector machine is a vector of lanes (one patient a lane), or a plain double when there is one
lane. Memory of a function is an array of such values. No fast-math flag is ever set.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from virtuall.engine import elementary
from virtuall.engine.elementary import Value
from virtuall.engine.program import LEAVES, Program, run_step

DOUBLE, BYTE, WORD, HALF = ir.DoubleType(), ir.IntType(8), ir.IntType(64), ir.IntType(32)
BIT, POINTER, NOTHING = ir.IntType(1), ir.PointerType(), ir.VoidType()
# Longer straight-line functions compile slowly.
LARGEST_FUNCTION = 400

Operation = Callable[..., Value]


def word(value: int) -> ir.Constant:
    """Constant of 64 bits."""
    return ir.Constant(WORD, value)


class Vectors:
    """The LLVM machine: emits the operations of formulas over `lanes` lanes at the place of a builder."""

    def __init__(self, builder: ir.IRBuilder, lanes: int) -> None:
        self.builder = builder
        self.lanes = lanes
        self.real = _wide(DOUBLE, lanes)
        self.integer = _wide(WORD, lanes)
        self.bit = _wide(BIT, lanes)
        self.add: Operation = builder.fadd
        self.sub: Operation = builder.fsub
        self.mul: Operation = builder.fmul
        self.div: Operation = builder.fdiv
        self.neg: Operation = builder.fneg
        self.add_bits: Operation = builder.add
        self.sub_bits: Operation = builder.sub
        self.and_: Operation = builder.and_
        self.or_: Operation = builder.or_
        self.not_: Operation = builder.not_
        self.select: Operation = builder.select

    def number(self, value: float) -> Value:
        return self._splat(self.real, DOUBLE, float(value))

    def truth(self, value: bool) -> Value:
        return self._splat(self.bit, BIT, int(value))

    def whole(self, value: int) -> Value:
        return self._splat(self.integer, WORD, value)

    def spread(self, value: Value) -> Value:
        """One double or whole number in all lanes."""
        if self.lanes == 1:
            return value
        empty = ir.Constant(_wide(value.type, self.lanes), ir.Undefined)
        single = self.builder.insert_element(empty, value, ir.Constant(HALF, 0))
        zeros = ir.Constant(ir.VectorType(HALF, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(single, empty, zeros)

    def transposed(self, rows: list[Value]) -> list[Value]:
        """As many vectors as there are lanes: lane k of vector i becomes lane i of vector k."""
        step = 1
        while step < self.lanes:
            # Squares of lanes change places across the diagonal, larger ones at each turn.
            low = [lane if not lane & step else self.lanes + lane - step for lane in range(self.lanes)]
            high = [lane + step if not lane & step else self.lanes + lane for lane in range(self.lanes)]
            new = list(rows)
            for row in range(self.lanes):
                if not row & step:
                    pair = rows[row], rows[row + step]
                    new[row], new[row + step] = self._shuffled(*pair, low), self._shuffled(*pair, high)
            rows, step = new, 2 * step
        return rows

    def _shuffled(self, a: Value, b: Value, places: list[int]) -> Value:
        mask = ir.Constant(ir.VectorType(HALF, self.lanes), [ir.Constant(HALF, place) for place in places])
        return self.builder.shuffle_vector(a, b, mask)

    def lane(self, value: Value, lane: int) -> Value:
        """One lane's double."""
        return value if self.lanes == 1 else self.builder.extract_element(value, ir.Constant(HALF, lane))

    def sqrt(self, a: Value) -> Value:
        return self._intrinsic("sqrt", a)

    def abs(self, a: Value) -> Value:
        return self._intrinsic("fabs", a)

    def rint(self, a: Value) -> Value:
        return self._intrinsic("rint", a)

    def lt(self, a: Value, b: Value) -> Value:
        if a.type == self.integer:
            return self.builder.icmp_signed("<", a, b)
        return self.builder.fcmp_ordered("<", a, b)

    def le(self, a: Value, b: Value) -> Value:
        return self.builder.fcmp_ordered("<=", a, b)

    def eq(self, a: Value, b: Value) -> Value:
        if a.type == self.integer:
            return self.builder.icmp_signed("==", a, b)
        return self.builder.fcmp_ordered("==", a, b)

    def isnan(self, a: Value) -> Value:
        return self.builder.fcmp_unordered("uno", a, a)

    def exp(self, a: Value) -> Value:
        return self._elementary("exp", elementary.exp, a)

    def log(self, a: Value) -> Value:
        return self._elementary("log", elementary.log, a)

    def pow(self, a: Value, b: Value) -> Value:
        return self._elementary("pow", _power_with_short_way, a, b)

    def shared(self, name: str, body: Callable[..., Value], *arguments: Value) -> Value:
        """Run a function that is written once in this module and called wherever it is used."""
        return self._elementary(name, body, *arguments)

    def bits_of(self, a: Value) -> Value:
        return self.builder.bitcast(a, self.integer)

    def from_bits(self, a: Value) -> Value:
        return self.builder.bitcast(a, self.real)

    def shift_left(self, a: Value, places: int) -> Value:
        return self.builder.shl(a, self.whole(places))

    def shift_right(self, a: Value, places: int) -> Value:
        return self.builder.ashr(a, self.whole(places))

    def any(self, condition: Value) -> Value:
        """One bit: the condition holds in some lane."""
        if self.lanes == 1:
            return condition
        mask = self.builder.bitcast(condition, ir.IntType(self.lanes))
        return self.builder.icmp_unsigned("!=", mask, ir.Constant(ir.IntType(self.lanes), 0))

    def load(self, base: Value, place: Value | int) -> Value:
        """Value number `place` of an array of values."""
        value = self.builder.load(element(self.builder, base, place, self.real), typ=self.real)
        value.align = 8
        return value

    def store(self, value: Value, base: Value, place: Value | int) -> None:
        """Write value number `place` of an array of values."""
        self.builder.store(value, element(self.builder, base, place, self.real), align=8)

    def load_doubles(self, base: Value, place: Value | int) -> Value:
        """The doubles from number `place` on, one a lane."""
        value = self.builder.load(element(self.builder, base, place, DOUBLE), typ=self.real)
        value.align = 8
        return value

    def store_doubles(self, value: Value, base: Value, place: Value | int) -> None:
        """Write the doubles from number `place` on, one a lane."""
        self.builder.store(value, element(self.builder, base, place, DOUBLE), align=8)

    def _splat(self, kind: ir.Type, single: ir.Type, value: Any) -> ir.Constant:
        return ir.Constant(kind, value if self.lanes == 1 else [ir.Constant(single, value)] * self.lanes)

    def _intrinsic(self, name: str, a: Value) -> Value:
        suffix = "f64" if self.lanes == 1 else f"v{self.lanes}f64"
        function = _declare(self.builder.module, f"llvm.{name}.{suffix}", self.real, [self.real])
        return self.builder.call(function, [a])

    def _elementary(self, name: str, body: Callable[..., Value], *arguments: Value) -> Value:
        """Call a function of this module, writing it at its first use."""
        module, full = self.builder.module, f"{name}.{self.lanes}"
        function = module.globals.get(full)
        if function is None:
            function = _declare(module, full, self.real, [self.real] * len(arguments))
            function.linkage = "internal"
            builder = ir.IRBuilder(function.append_basic_block("entry"))
            builder.ret(body(Vectors(builder, self.lanes), *function.args))
        return self.builder.call(function, list(arguments))


def _power_with_short_way(m: Vectors, a: Value, b: Value) -> Value:
    """Power that looks at the special values only when a lane has one."""
    special = m.any(m.not_(elementary.is_ordinary_power(m, a, b)))
    long_way = m.builder.append_basic_block("special")
    leave_if(m.builder, special, long_way)
    m.builder.ret(elementary.ordinary_power(m, a, b))
    m.builder.position_at_end(long_way)
    return elementary.power(m, a, b)


def element(builder: ir.IRBuilder, base: Value, place: Value | int, kind: ir.Type) -> Value:
    """Address of an element of an array."""
    place = word(place) if isinstance(place, int) else place
    address = builder.gep(base, [place], source_etype=kind)
    address.type = POINTER
    return address


def begin_private(
    module: ir.Module, name: str, result: ir.Type, kinds: Sequence[ir.Type]
) -> tuple[ir.Function, ir.IRBuilder]:
    """Function that only this module calls, and a builder at its start."""
    function = _declare(module, name, result, kinds)
    function.linkage = "internal"
    function.attributes.add("noinline")
    return function, ir.IRBuilder(function.append_basic_block("entry"))


def variable(builder: ir.IRBuilder, kind: ir.Type) -> Value:
    """Variable of a function; always in its first block, so that a loop takes no stack."""
    with builder.goto_entry_block():
        return local(builder, kind)


def lane_double(builder: ir.IRBuilder, base: Value, place: Value | int, lane: Value, lanes: int) -> Value:
    """Address of one lane's double of a vector in memory."""
    place = word(place) if isinstance(place, int) else place
    return element(builder, base, builder.add(builder.mul(place, word(lanes)), lane), DOUBLE)


def state_table(module: ir.Module, name: str, kind: ir.Type, values: Sequence[float]) -> ir.GlobalVariable:
    """Constants, one for each state."""
    table = ir.GlobalVariable(module, ir.ArrayType(kind, len(values)), name)
    table.global_constant, table.linkage = True, "internal"
    table.initializer = ir.Constant(table.value_type, [ir.Constant(kind, value) for value in values])
    return table


def local(builder: ir.IRBuilder, kind: ir.Type) -> Value:
    """Memory of a function, as an untyped address."""
    address = builder.alloca(kind)
    address.type = POINTER
    return address


def begin_function(module: ir.Module, name: str, arguments: int, *, public: bool = False) -> ir.Function:
    """Function of pointers without a result; the pointers of a private one never overlap where it writes."""
    function = _declare(module, name, NOTHING, [POINTER] * arguments)
    if not public:
        function.linkage = "internal"
        function.attributes.add("noinline")
    return function


def begin_vectors(
    module: ir.Module, name: str, arguments: int, lanes: int
) -> tuple[ir.Function, ir.IRBuilder, Vectors]:
    """Private function of pointers, a builder at its start, and the machine on it."""
    function = begin_function(module, name, arguments)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    return function, builder, Vectors(builder, lanes)


@contextmanager
def loop(builder: ir.IRBuilder, start: Value | int, end: Value | int, step: int = 1) -> Iterator[Value]:
    """Count from start up to (not including) end; gives the counter."""
    start = word(start) if isinstance(start, int) else start
    end = word(end) if isinstance(end, int) else end
    before = builder.block
    head, body, after = (builder.append_basic_block(name) for name in ("head", "body", "after"))
    builder.branch(head)
    builder.position_at_end(head)
    counter = builder.phi(WORD)
    counter.add_incoming(start, before)
    builder.cbranch(builder.icmp_signed("<", counter, end), body, after)
    builder.position_at_end(body)
    yield counter
    counter.add_incoming(builder.add(counter, word(step)), builder.block)
    builder.branch(head)
    builder.position_at_end(after)


@contextmanager
def repeat(builder: ir.IRBuilder) -> Iterator[tuple[ir.Block, ir.Block]]:
    """Repeat for ever; gives the blocks to branch to: (again, out)."""
    again, out = builder.append_basic_block("again"), builder.append_basic_block("out")
    builder.branch(again)
    builder.position_at_end(again)
    yield again, out
    builder.branch(again)
    builder.position_at_end(out)


def leave_if(builder: ir.IRBuilder, condition: Value, target: ir.Block) -> None:
    """Branch away when the condition holds; otherwise go on."""
    on = builder.append_basic_block("on")
    builder.cbranch(condition, target, on)
    builder.position_at_end(on)


Loader = Callable[[Vectors, Sequence[Value], int], Value]
Writer = Callable[[Vectors, Sequence[Value], int, Value], None]


def input_loader(states: int) -> Loader:
    """Reads the inputs of a program of `states` states: see `virtuall.engine.blueprint.Blueprint`."""

    def load(m: Vectors, arguments: Sequence[Value], slot: int) -> Value:
        y, time, fixed = arguments[:3]
        if slot < states:
            return m.load(y, slot)
        return m.load(time, 0) if slot == states else m.load(fixed, slot - states - 1)

    return load


def program_function(
    module: ir.Module, name: str, program: Program, lanes: int, load: Loader, store: Writer
) -> ir.Function:
    """Function of five pointers that runs a program: states, time, fixed columns, one more input, results.

    A long program is cut into several functions; what one of them leaves for another goes through memory.
    """
    pieces = _cut(program)
    function = begin_function(module, name, 5)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    kept = {k: place for place, k in enumerate(_kept(program, pieces))}
    spill = local(builder, ir.ArrayType(Vectors(builder, lanes).real, max(len(kept), 1)))
    for number, piece in enumerate(pieces):
        part = begin_function(module, f"{name}.{number}", 6)
        builder.call(part, [*function.args, spill])
        _write_piece(part, program, piece, kept, lanes, load, store)
    builder.ret_void()
    return function


def _write_piece(
    function: ir.Function,
    program: Program,
    piece: range,
    kept: dict[int, int],
    lanes: int,
    load: Loader,
    store: Writer,
) -> None:
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    m, values = Vectors(builder, lanes), {}
    arguments, spill = function.args[:5], function.args[5]

    def value_of(k: int) -> Value:
        if k not in values:
            name, *rest = program.steps[k]
            if name == "input":
                values[k] = load(m, arguments, rest[0])  # type: ignore[arg-type]
            elif name in ("number", "truth"):
                values[k] = getattr(m, name)(rest[0])
            else:  # left in memory by an earlier piece; conditions are kept as numbers
                value = m.load(spill, kept[k])
                values[k] = m.lt(m.number(0.0), value) if _is_condition(name) else value
        return values[k]

    results: dict[int, list[int]] = {}
    for place, k in enumerate(program.outputs):
        results.setdefault(k, []).append(place)
    for k in piece:
        name, *rest = program.steps[k]
        if name not in LEAVES:
            values[k] = run_step(m, name, [value_of(a) for a in rest])  # type: ignore[arg-type]
        if k in kept:
            condition = _is_condition(name)
            m.store(m.select(values[k], m.number(1.0), m.number(0.0)) if condition else values[k], spill, kept[k])
        for place in results.get(k, ()):
            store(m, arguments, place, value_of(k))
    builder.ret_void()


def _cut(program: Program) -> list[range]:
    count = max(1, math.ceil(len(program.steps) / LARGEST_FUNCTION))
    size = math.ceil(len(program.steps) / count)
    return [range(k, min(k + size, len(program.steps))) for k in range(0, len(program.steps), max(size, 1))]


def _kept(program: Program, pieces: list[range]) -> list[int]:
    """Steps whose value a later piece needs."""
    found: set[int] = set()
    for piece in pieces[1:]:
        for k in piece:
            if program.steps[k][0] not in LEAVES:
                earlier = (int(a) for a in program.steps[k][1:])
                found |= {a for a in earlier if a < piece.start and program.steps[a][0] not in LEAVES}
    return sorted(found)


def _is_condition(name: object) -> bool:
    return name in ("lt", "le", "and", "or", "not")


def _wide(kind: ir.Type, lanes: int) -> ir.Type:
    return kind if lanes == 1 else ir.VectorType(kind, lanes)


def _declare(module: ir.Module, name: str, result: ir.Type, arguments: Sequence[ir.Type]) -> ir.Function:
    known = module.globals.get(name)
    return ir.Function(module, ir.FunctionType(result, arguments), name) if known is None else known
