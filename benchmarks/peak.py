"""The share of the core's multiply-add peak that the kernel reaches.

The operations of a step are counted by running the step's own code on a machine that only counts. The peak is
measured: chains of multiply-adds that do not wait for each other, in vectors, once as fused instructions and once as a
product and a sum, for the kernel may not fuse (the same bits on every processor).
"""

from __future__ import annotations

import ctypes
from collections import Counter
from typing import Any

import llvmlite.binding as binding
import llvmlite.ir as ir
from clock import best_of, core_seconds, on_one_core
from full_model import full_model
from ours import run_kernel
from table import Row, Section, show
from work import Work

from virtuall.engine.kernel import build_kernel
from virtuall.engine.program import Program, run_program
from virtuall.engine.rosenbrock import eliminate, substitute
from virtuall.engine.tableau import STAGES, A, C

ARITHMETIC = ("add", "sub", "mul", "div", "sqrt")
RTOL = 1e-4
CHAINS, ROUNDS = 16, 2_000_000


class Counting:
    """A machine whose values are nothing and whose operations are counted."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        def operation(*_: Any) -> int:
            self.count[name] += 1
            return 0

        return operation

    def shared(self, name: str, body: Any, *arguments: Any) -> Any:
        """A function of its own: its body counts each time."""
        return body(self, *arguments)

    def exp(self, a: Any) -> Any:
        from virtuall.engine import elementary

        return elementary.exp(self, a)  # type: ignore[arg-type]

    def log(self, a: Any) -> Any:
        from virtuall.engine import elementary

        return elementary.log(self, a)  # type: ignore[arg-type]

    def pow(self, a: Any, b: Any) -> Any:
        from virtuall.engine import elementary

        return elementary.power(self, a, b)  # type: ignore[arg-type]

    @property
    def arithmetic(self) -> int:
        """Sums, products, quotients and roots."""
        return sum(self.count[name] for name in ARITHMETIC)


def of_program(program: Program) -> int:
    """Arithmetic of one run of a program."""
    m = Counting()
    run_program(program, m, lambda slot: 0)  # type: ignore[arg-type]
    return m.arithmetic


def of_step(work: Work) -> int:
    """Arithmetic of one step: slopes, the elimination, eight stages, their sums."""
    blueprint = work.blueprint
    size = len(work.system.states)
    m = Counting()
    entries = set(blueprint.entries)
    plan = blueprint.elimination
    eliminate(m, plan, 0, lambda r, c: 0 if (r, c) in entries else None, lambda k, v: None, lambda k: 0)  # type: ignore[arg-type]
    for _ in range(STAGES):
        substitute(m, plan, lambda k: 0, lambda k: 0)  # type: ignore[arg-type]
    weights = sum(weight != 0.0 for row in (*A, *C) for weight in row)
    return of_program(blueprint.slopes) + (STAGES - 1) * of_program(blueprint.rates) + m.arithmetic + 2 * weights * size


def measured_peak(fused: bool) -> float:
    """Arithmetic operations a second of one core (a multiply-add counts as two)."""
    lanes = _lanes()
    vector = ir.VectorType(ir.DoubleType(), lanes)
    whole = ir.IntType(64)
    module = ir.Module("peak")
    function = ir.Function(module, ir.FunctionType(ir.DoubleType(), [ir.DoubleType(), ir.DoubleType(), whole]), "peak")
    entry, body, done = (function.append_basic_block(name) for name in ("entry", "body", "done"))
    builder = ir.IRBuilder(entry)
    a, b = (_splat(builder, vector, lanes, function.args[k]) for k in (0, 1))
    builder.branch(body)
    builder.position_at_end(body)
    turn = builder.phi(whole)
    turn.add_incoming(ir.Constant(whole, 0), entry)
    chains = [builder.phi(vector) for _ in range(CHAINS)]
    fma = ir.Function(module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{lanes}f64")
    new = []
    for chain in chains:
        chain.add_incoming(ir.Constant(vector, [1.0] * lanes), entry)
        new.append(builder.call(fma, [chain, a, b]) if fused else builder.fadd(builder.fmul(chain, a), b))
    after = builder.add(turn, ir.Constant(whole, 1))
    for chain, value in zip(chains, new, strict=True):
        chain.add_incoming(value, body)
    turn.add_incoming(after, body)
    builder.cbranch(builder.icmp_unsigned("<", after, function.args[2]), body, done)
    builder.position_at_end(done)
    total = new[0]
    for value in new[1:]:
        total = builder.fadd(total, value)
    result = builder.extract_element(total, ir.Constant(ir.IntType(32), 0))
    builder.ret(result)
    seconds = _seconds(str(module))
    return 2.0 * CHAINS * lanes * ROUNDS / seconds


def _splat(builder: ir.IRBuilder, vector: ir.VectorType, lanes: int, value: Any) -> Any:
    found: Any = ir.Constant(vector, ir.Undefined)
    for k in range(lanes):
        found = builder.insert_element(found, value, ir.Constant(ir.IntType(32), k))
    return found


def _lanes() -> int:
    features = binding.get_host_cpu_features()
    return 8 if features.get("avx512f") else 4 if features.get("avx2") else 2


def _seconds(text: str) -> float:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_triple(binding.get_process_triple())
    machine = target.create_target_machine(
        cpu=binding.get_host_cpu_name(), features=binding.get_host_cpu_features().flatten(), opt=2
    )
    engine = binding.create_mcjit_compiler(binding.parse_assembly(text), machine)
    engine.finalize_object()
    kind = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_double, ctypes.c_int64)
    call = kind(engine.get_function_address("peak"))
    return best_of(lambda: call(0.999, 0.001, ROUNDS), 5)


def peak_section() -> Section:
    """Counted operations, measured time, measured peak."""
    work = full_model(1024)
    kernel = build_kernel(work.system, rtol=RTOL)
    assert work.pieces
    count = of_step(work)
    with on_one_core():
        fused, plain = measured_peak(True), measured_peak(False)
        best, steps = float("inf"), 0
        for _ in range(5):
            begin = core_seconds()
            ens = run_kernel(kernel, work, names=())
            best = min(best, core_seconds() - begin)
            steps = int((ens.steps + ens.rejected).sum())
    rate = count * steps / best
    return Section(
        "Share of the core's peak",
        "Sums, products, quotients and roots of a step, exp, log and pow by their polynomials; not counted: "
        "comparisons, choices, bit operations, step control, dense output. A quotient counts as one operation "
        "and costs as much as ten.",
        rows=(
            Row("arithmetic operations of a step and patient", f"{count}"),
            Row("steps of a patient-year, rejected ones included", show(steps / len(work.rows))),
            Row("ns a step and patient", show(best / steps * 1e9)),
            Row("reached, 1e9 operations a second of one core", f"{rate / 1e9:.1f}"),
            Row("measured peak of the core, product and sum / fused", f"{plain / 1e9:.1f} / {fused / 1e9:.1f}"),
            Row("share of the peak without / with fused multiply-adds", f"{rate / plain:.0%} / {rate / fused:.0%}"),
        ),
    )
