"""This machine: what it can do, and the way from LLVM's assembly to code that it runs."""

from __future__ import annotations

import hashlib
import threading
from functools import cache
from pathlib import Path

import llvmlite
import llvmlite.binding as binding
from llvmlite import ir

OPTIMIZATION = 2
_starting = threading.Lock()
_ready = False


def fingerprint() -> tuple[object, ...]:
    """What decides machine code beside what it is made for: the engine's own texts, LLVM, this processor."""
    version = ".".join(map(str, binding.llvm_version_info))
    host = (binding.get_process_triple(), binding.get_host_cpu_name(), features())
    return (_generator(), llvmlite.__version__, version, *host, OPTIMIZATION)


def features() -> str:
    """What the processor has, as LLVM calls it; nothing where that cannot be told."""
    try:
        return binding.get_host_cpu_features().flatten()
    except RuntimeError:
        return ""


def emit(module: ir.Module) -> bytes:
    """Object code of a module for this machine."""
    return target_machine().emit_object(parsed(module))


def parsed(module: ir.Module) -> binding.ModuleRef:
    """A module as LLVM reads it, for this machine."""
    machine = target_machine()
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    return binding.parse_assembly(str(module))


def load(code: bytes) -> binding.ExecutionEngine:
    """Object code, ready to be called. It lives as long as what is returned here."""
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), target_machine())
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine


def target_machine() -> binding.TargetMachine:
    """What LLVM makes code for: this processor with all that it has."""
    _start()
    target = binding.Target.from_triple(binding.get_process_triple())
    return target.create_target_machine(
        cpu=binding.get_host_cpu_name(), features=features(), opt=OPTIMIZATION, reloc="pic", codemodel="jitdefault"
    )


@cache
def _generator() -> str:
    """Digest over the engine's own texts: another generator, another code."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _start() -> None:
    global _ready
    with _starting:
        if _ready:
            return
        try:
            binding.initialize()
        except RuntimeError:
            pass  # newer versions do it by themselves and refuse the call
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        _ready = True
