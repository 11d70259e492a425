"""What all tests share: where the repository lies, and settings that make a run repeatable."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# Figures are drawn without a screen; the judges' linear algebra leaves the cores to the test workers.
os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# The same examples in every run; no deadline, since the first example may compile a kernel.
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def package(repository: Path) -> Path:
    """The folder of the package."""
    return repository / "src" / "virtuall"


@pytest.fixture(scope="session")
def library(package: Path) -> Path:
    """The folder of the shipped texts."""
    return package / "library"


@pytest.fixture(scope="session")
def evidence(repository: Path) -> Path:
    """The folder of the collected facts, which lies beside the repository where there is one."""
    folder = repository.parent / "shared" / "evidence"
    if not folder.is_dir():
        pytest.skip("the folder shared/evidence does not lie beside the repository")
    return folder
