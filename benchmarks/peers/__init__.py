"""Other people's engines, each behind the same small face.

A peer is made from a `Work` (model loaded and compiled once, all patients' numbers ready) and has ``families`` (kinds
of settings) and ``run(family, rtol, patients)``, which gives the record of the first patients (NaN where it failed)
and the seconds a patient of integration alone. The integration starts anew at each change. A tool that is not
installed, or cannot do the work, raises: it is listed as absent, with the reason.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from work import Floats, Work

# Families of absolute tolerance: a factor of rtol * scale of each state, or one number for all states.
ABSOLUTE = ("1e3 rtol scale", "rtol scale", "1e-3 rtol scale", "1e-9")
TOOLS = {
    "scipy_lsoda": "SciPy LSODA, Python on floats",
    "scipy_numpy": "SciPy LSODA, Python on NumPy numbers",
    "sundae": "scikit-sundae CVODE",
    "diffsol": "pydiffsol",
    "roadrunner": "libRoadRunner",
    "copasi": "COPASI",
    "diffrax": "diffrax",
    "amici": "AMICI",
}


class Peer(Protocol):
    """What all engines look like from here.

    Attributes
    ----------
    name : str
    families : sequence of str
        The best known first.
    timed : int
        How many patients its time is taken on.
    """

    name: str
    families: Sequence[str]
    timed: int

    def __init__(self, work: Work) -> None: ...

    def run(self, family: str, rtol: float, patients: int) -> tuple[Floats, float]: ...


def absolute(family: str, rtol: float, scales: Floats) -> Floats:
    """Absolute tolerance of each state for a family that ends with one of `ABSOLUTE`."""
    words = family.rpartition("atol ")[2].split()
    if "scale" not in words:
        return np.full(len(scales), float(words[0]))
    factor = 1.0 if words[0] == "rtol" else float(words[0])
    return factor * rtol * scales


def compile_python(text: str, name: str, functions: Mapping[str, Any] | None = None) -> Callable[..., Any]:
    """A function from generated source; exp, log and sqrt of `math` unless told otherwise."""
    functions = functions or vars(math)
    space: dict[str, Any] = {key: functions[key] for key in ("exp", "log", "sqrt", "inf")}
    exec(compile(text, f"<{name}>", "exec"), space)  # noqa: S102
    return space[name]


def load(tool: str) -> type[Peer]:
    """The class of a peer; raises ImportError where its package is missing."""
    return importlib.import_module(f"peers.{tool}").Engine
