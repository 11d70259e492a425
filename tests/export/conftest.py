"""The second engine of the benchmarks, for what is exported."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

JUDGE = Path(__file__).parents[2] / "benchmarks" / "second_engine.py"


@pytest.fixture(scope="module")
def judge() -> ModuleType:
    """The module that compares a patient in another engine."""
    spec = importlib.util.spec_from_file_location("second_engine", JUDGE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
