"""Truth values of many patients in machine code: comparisons of columns of numbers, and what joins them.

One function, compiled once, works off a table of steps. A step fills one row of truth values from columns of
numbers or from rows that are filled already; a row takes some nanoseconds, where a call of NumPy takes a microsecond.
"""

from __future__ import annotations

import ctypes
import hashlib
import threading
from collections.abc import Callable, Sequence
from typing import Any

import llvmlite.binding as binding
import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from virtuall.engine.cache import cached
from virtuall.engine.host import emit, fingerprint, load
from virtuall.engine.llvm import BIT, BYTE, DOUBLE, NOTHING, POINTER, WORD, element, loop, word

COMPARISONS = ("<", "<=", ">", ">=", "==")
JOINS = ("and", "or", "not")
# The operations of steps by their numbers: a column with a constant, two columns, is a number known, rows.
OPERATIONS = (*(f"{each} constant" for each in COMPARISONS), *COMPARISONS, "known", *JOINS)
# Patients at a time. Rows of truth values are so long that nothing is left over; of numbers, it may be read beyond.
WIDTH = 16
_ENTRY = "truths"
_STEP = 4  # whole numbers of a step: operation, row to fill, two inputs
_loading = threading.Lock()
_loaded: list[tuple[binding.ExecutionEngine, Callable[..., None]]] = []
# Operation, row to fill, inputs, constant.
Step = tuple[str, int, tuple[int, ...], float]


def width(patients: int) -> int:
    """Length of a row of truth values for so many patients."""
    return -(-patients // WIDTH) * WIDTH


def numbers_for(columns: int, patients: int) -> NDArray[np.float64]:
    """Empty columns of numbers, float64[columns, patients], that `Steps.fill` may read."""
    return np.empty(columns * patients + WIDTH)[: columns * patients].reshape(columns, patients)


class Steps:
    """Steps as the machine code reads them.

    Parameters
    ----------
    steps : sequence of (str, int, tuple of int, float)
        Operation (one of `OPERATIONS`), row to fill, its inputs (columns of numbers or rows; ``and`` and ``or`` take
        any number), and the constant of a comparison with one.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = tuple(steps)
        table, constants = [], []
        for name, row, inputs, constant in steps:
            first, *others = inputs
            for other in others or [first]:
                table.append((OPERATIONS.index(name), row, first, other))
                constants.append(constant)
                first = row  # what was joined so far
        self._arrays = np.array(table, np.int64).reshape(len(table), _STEP), np.array(constants, np.float64)
        # Asking NumPy for an address takes long.
        self._known = len(table), *(each.ctypes.data for each in self._arrays)

    def fill(self, numbers: NDArray[np.float64], truths: NDArray[np.bool_]) -> None:
        """Work off the steps. A comparison with NaN is false, as in NumPy.

        Parameters
        ----------
        numbers : float64[columns, patients]
            From `numbers_for`.
        truths : bool[rows, width(patients)]
            Changed in place; what lies beyond the patients means nothing.
        """
        _function()(*self._known, numbers.ctypes.data, numbers.shape[1], truths.ctypes.data, truths.shape[1])

    def __reduce__(self) -> tuple[object, ...]:
        return Steps, (self._steps,)  # addresses do not travel


def _function() -> Callable[..., None]:
    """The machine code, loaded once by whichever thread comes first."""
    if not _loaded:
        with _loading:
            if not _loaded:
                _loaded.append(_compiled())
    # Its engine stays with it: code must not leave the memory as long as anything may call it.
    return _loaded[0][1]


def _compiled() -> tuple[binding.ExecutionEngine, Callable[..., None]]:
    key = hashlib.sha256(repr((_ENTRY, fingerprint())).encode()).hexdigest()
    engine = load(cached(key, lambda: emit(_module())))
    whole, address = ctypes.c_int64, ctypes.c_void_p
    kind = ctypes.CFUNCTYPE(None, whole, address, address, address, whole, address, whole)
    return engine, kind(engine.get_function_address(_ENTRY))


def _module() -> ir.Module:
    module = ir.Module("truths")
    kinds = [WORD, POINTER, POINTER, POINTER, WORD, POINTER, WORD]
    function = ir.Function(module, ir.FunctionType(NOTHING, kinds), _ENTRY)
    count, steps, constants, numbers, patients, truths, length = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    with loop(builder, 0, count) as step:
        at = builder.mul(step, word(_STEP))
        operation, row, first, second = (
            builder.load(element(builder, steps, builder.add(at, word(place)), WORD), typ=WORD)
            for place in range(_STEP)
        )
        out = element(builder, truths, builder.mul(row, length), BYTE)
        done = builder.append_basic_block("done")
        choice = builder.switch(operation, done)
        for number, name in enumerate(OPERATIONS):
            choice.add_case(word(number), block := builder.append_basic_block(f"step.{number}"))
            builder.position_at_end(block)
            constant = element(builder, constants, step, DOUBLE)
            _write_step(builder, name, (first, second), constant, (numbers, patients), (truths, length), out)
            builder.branch(done)
        builder.position_at_end(done)
    builder.ret_void()
    return module


def _write_step(
    builder: ir.IRBuilder,
    name: str,
    inputs: tuple[Any, Any],
    constant: Any,
    numbers: tuple[Any, Any],
    truths: tuple[Any, Any],
    out: Any,
) -> None:
    """All patients of a step, `WIDTH` at a time."""
    many, flags, bits = (ir.VectorType(kind, WIDTH) for kind in (DOUBLE, BYTE, BIT))
    base, length, kind, unit = (*truths, flags, BYTE) if name in JOINS else (*numbers, many, DOUBLE)
    starts = [element(builder, base, builder.mul(each, length), unit) for each in inputs]
    single = name.endswith(" constant") or name in ("known", "not")
    other = None
    if name.endswith(" constant"):
        empty = ir.Constant(many, ir.Undefined)
        lane = builder.insert_element(empty, builder.load(constant, typ=DOUBLE), ir.Constant(ir.IntType(32), 0))
        other = builder.shuffle_vector(lane, empty, ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH))
    with loop(builder, 0, truths[1], WIDTH) as place:
        values = [_load(builder, start, place, unit, kind) for start in starts[: 1 if single else 2]]
        match name:
            case "and":
                found = builder.and_(*values)
            case "or":
                found = builder.or_(*values)
            case "not":
                found = builder.xor(values[0], ir.Constant(flags, [1] * WIDTH))
            case "known":
                found = builder.zext(builder.fcmp_ordered("ord", values[0], values[0]), flags)
            case _:
                second = other if single else values[1]
                found = builder.zext(builder.fcmp_ordered(name.partition(" ")[0], values[0], second), flags)
        builder.store(found, element(builder, out, place, BYTE), align=1)


def _load(builder: ir.IRBuilder, start: Any, place: Any, unit: ir.Type, kind: ir.Type) -> Any:
    value = builder.load(element(builder, start, place, unit), typ=kind)
    value.align = 1 if unit is BYTE else 8
    return value
