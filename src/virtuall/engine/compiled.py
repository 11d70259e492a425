"""The LLVM back end: machine code of a System, from the cache or compiled, and the call into it."""

from __future__ import annotations

import ctypes
import hashlib
import operator
import threading
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from virtuall.core.errors import KernelError
from virtuall.engine.blueprint import Blueprint
from virtuall.engine.cache import cached
from virtuall.engine.ensemble import Ensemble, Floats, Ints
from virtuall.engine.host import emit, features, fingerprint, load
from virtuall.engine.lane_memory import memory_of
from virtuall.engine.lane_row import SIGNALS_ENTRY, scratch_size, signal_groups
from virtuall.engine.lane_table import GIVEN, OWNED
from virtuall.engine.lanes import ENTRY, LaneCode
from virtuall.engine.program import pick_outputs
from virtuall.engine.rosenbrock import ERROR_SHARE

# Lanes that were fastest, from 30 to 400 states: one register of AVX-512, elsewhere one or two smaller ones.
LANES, LANES_OF_SMALLER_REGISTERS = 8, 4
FIRST_CACHE = 32 * 1024  # bytes
_LINE = 8  # doubles of a cache line
# Kinds of an ensemble's arrays that are not float64.
_KINDS: dict[str, type] = {
    "status": np.int32,
    "ring": np.int32,
    "bad_state": np.int32,
    "steps": np.int64,
    "rejected": np.int64,
    "cursor": np.int64,
    "held": np.bool_,
    "fresh": np.bool_,
}
# Arrays, how many there are in each, and where they lie.
Needs = tuple[tuple[Ints, Ints, Ints], list[int], list[int]]
Loaded = tuple[Any, Callable[[int], None], Callable[[int], None]]
# Machine code must stay in memory as long as anything may call it.
_loaded: dict[str, Loaded] = {}


class CompiledBackend:
    """Moves patients in compiled lanes. The lock of the interpreter is released during a call."""

    def __init__(self, blueprint: Blueprint, rtol: float, cache: bool, lanes: int | None = None) -> None:
        self.lanes = lanes = lanes or host_lanes(memory_of(blueprint).size)
        self.blueprint, self.states = blueprint, len(blueprint.system.states)
        self.scratch_size = scratch_size(blueprint)
        self.memory_size = memory_of(blueprint).size * lanes
        self.inverse_tolerance = np.array([1.0 / (ERROR_SHARE * rtol)])
        self._needs: dict[bytes, Needs] = {}
        # Every thread works in memory of its own.
        self._own = threading.local()
        self._known: WeakKeyDictionary[Ensemble, tuple[tuple[NDArray[Any], ...], NDArray[np.int64]]]
        self._known = WeakKeyDictionary()
        key = code_key(blueprint, lanes)
        if key not in _loaded:
            _loaded[key] = _load(_find_code(key, blueprint, lanes, cache))
        # The machine code lives as long as its engine is referred to.
        self._engine, self._advance, self._signals = _loaded[key]

    def advance(self, ens: Ensemble, index: Ints, stop: Floats) -> None:
        """Move each patient of `index` to its stop (float64[N]) or its first ring."""
        if index.size:
            columns = ens.recorded_columns
            table = self._table(ens, index, columns, ens.recorded, len(ens.times), stop)
            self._advance(_address(table))

    def read(self, ens: Ensemble, index: Ints, columns: Ints) -> Floats:
        """States and signals at `now`: float64[len(index), len(columns)]."""
        result = np.empty((len(index), len(columns)))
        if result.size:
            # Held in a name: the code must not outlive the table that it reads.
            table = self._table(ens, index, columns, result, 0, ens.now)
            self._signals(_address(table))
        return result

    def _table(
        self, ens: Ensemble, index: Ints, columns: Ints, result: Floats, times: int, stop: Floats
    ) -> NDArray[np.int64]:
        """What the code reads, in the order of `SLOTS`. The caller holds the arrays during the call."""
        if not hasattr(self._own, "memory"):
            self._own.memory, self._own.row = _aligned(self.memory_size), _aligned(self.scratch_size)
            self._own.addresses = [_address(each) for each in (self.inverse_tolerance, self._own.memory, self._own.row)]
        table = self._addresses_of(ens).copy()
        _, counts, needs = self._needs_of(columns)
        table[: len(GIVEN)] = (
            len(index),
            times,
            len(columns),
            *counts,
            _address(index),
            _address(stop),
            _address(columns),
            *needs,
            _address(result),
            *self._own.addresses,
        )
        return table

    def _needs_of(self, columns: Ints) -> Needs:
        """States, fixed columns and groups of signals that the wanted columns need."""
        key = columns.tobytes()
        if key not in self._needs:
            found = self._find_needs(columns)
            # Compiled code reads these arrays: the first ones stay, whichever thread comes next.
            self._needs.setdefault(key, (found, [*map(len, found)], [*map(_address, found)]))
        return self._needs[key]

    def _find_needs(self, columns: Ints) -> tuple[Ints, Ints, Ints]:
        states, fixed, groups = set(), set(), set()
        known = signal_groups(self.blueprint)
        for column in columns.tolist():
            if column < self.states:
                states.add(column)
                continue
            number = next(k for k, group in enumerate(known) if column - self.states in group)
            groups.add(number)
            program = pick_outputs(self.blueprint.signals, known[number])
            slots = {int(step[1]) for step in program.steps if step[0] == "input"}
            states |= {slot for slot in slots if slot < self.states}
            fixed |= {slot - self.states - 1 for slot in slots if slot > self.states}
        wanted = (np.array(sorted(each), np.int64) for each in (states, fixed, groups))
        return next(wanted), next(wanted), next(wanted)

    def _addresses_of(self, ens: Ensemble) -> NDArray[np.int64]:
        """Table with the addresses of an ensemble's own arrays; asking NumPy for them takes long."""
        arrays = _arrays_of(ens)
        known = self._known.get(ens)
        if known is None or any(map(operator.is_not, known[0], arrays)):
            _check_arrays(ens)
            addresses = [0] * len(GIVEN) + [_address(array) for array in arrays]
            known = self._known[ens] = arrays, np.array(addresses, np.int64)
        return known[1]


def _check_arrays(ens: Ensemble) -> None:
    """Compiled code trusts what it is given: an array of another kind would be read as garbage."""
    for name in (*OWNED, "recorded"):
        array, kind = getattr(ens, name), _KINDS.get(name, np.float64)
        count = array.shape[:1] == (len(ens),) or name == "times"
        if array.dtype != kind or not array.flags.c_contiguous or not count:
            given = f"{array.dtype}{list(array.shape)}"
            raise KernelError(f"'{name}' of an ensemble must stay a plain array of {np.dtype(kind)}", given=given)


_arrays_of: Callable[[Ensemble], tuple[NDArray[Any], ...]] = operator.attrgetter(*OWNED)


def _aligned(size: int) -> Floats:
    """Doubles from the start of a cache line on: no vector of eight lies across two lines."""
    memory = np.zeros(size + _LINE)
    first = -_address(memory) // memory.itemsize % _LINE
    return memory[first : first + size]


def _address(array: NDArray[Any]) -> int:
    address: int = array.ctypes.data
    return address


def code_key(blueprint: Blueprint, lanes: int) -> str:
    """Digest over everything that decides the machine code."""
    digest = hashlib.sha256()
    made_by = (*fingerprint(), lanes)
    parts = (blueprint.system.fingerprint(), *made_by)
    digest.update(repr(parts).encode())
    return digest.hexdigest()


def _find_code(key: str, blueprint: Blueprint, lanes: int, cache: bool) -> bytes:
    if cache:
        return cached(key, lambda: compile_code(blueprint, lanes))
    return compile_code(blueprint, lanes)


def compile_code(blueprint: Blueprint, lanes: int) -> bytes:
    """Object code of a System for this machine."""
    return emit(LaneCode(blueprint, lanes).module)


def host_lanes(size: int) -> int:
    """Patients at once on this machine, for a system of so many doubles a lane; no bit depends on it."""
    lanes = LANES if "+avx512f" in features() else LANES_OF_SMALLER_REGISTERS
    # Small systems mostly wait for one result after another: more lanes, as long as they fit into the first cache.
    return 2 * lanes if 2 * lanes * size * 8 <= FIRST_CACHE else lanes


def _load(code: bytes) -> Loaded:
    engine = load(code)
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    return engine, *(kind(engine.get_function_address(name)) for name in (ENTRY, SIGNALS_ENTRY))
