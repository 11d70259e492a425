"""A tiny library of two modules, and a way to change one line of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from virtuall.core.errors import Problems, VirtuallError
from virtuall.model import load_system

LIBRARY = Path(__file__).parent / "library"
Change = Callable[..., Path]


@pytest.fixture
def tiny() -> Path:
    return LIBRARY


@pytest.fixture
def changed(tmp_path: Path) -> Change:
    """Copy the tiny library and replace pieces of one file; the text to replace must be there."""

    def change(file: str, *pairs: tuple[str, str]) -> Path:
        folder = tmp_path / "library"
        if not folder.exists():
            shutil.copytree(LIBRARY, folder)
        path = folder / file
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        for old, new in pairs:
            assert old in text, f"{old!r} is not in {file}"
            text = text.replace(old, new, 1) if old else text + new
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return folder

    return change


@pytest.fixture
def problems_of() -> Callable[[Path], tuple[VirtuallError, ...]]:
    def problems(library: Path) -> tuple[VirtuallError, ...]:
        with pytest.raises(Problems) as caught:
            load_system([library], shipped=False)
        return caught.value.problems

    return problems
