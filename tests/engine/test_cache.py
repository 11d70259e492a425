"""Compiled code on disk: found again, and never trusted when damaged, foreign or out of reach."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from virtuall.engine import cache, compiled
from virtuall.engine.kernel import build_kernel
from virtuall.engine.system import System


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache and no kernel in memory."""
    monkeypatch.setenv("VIRTUALL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(compiled, "_loaded", {})
    monkeypatch.setattr(cache, "_said", set())
    return tmp_path / "cache" / "kernels"


@pytest.fixture
def system(make_system: Callable[..., System]) -> System:
    return make_system({"x": "-k*x"}, {"x": 1}, ("k",))


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each compilation."""
    made: list[int] = []
    compile_code = compiled.compile_code

    def counting(*arguments: object) -> bytes:
        made.append(1)
        return compile_code(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(compiled, "compile_code", counting)
    return made


def build(system: System) -> float:
    """A new kernel as in a new process, and a value from it."""
    compiled._loaded.clear()
    kernel = build_kernel(system, rtol=1e-8)
    ens = kernel.start([[0.5]])
    kernel.advance(ens, [0], 2.0)
    assert ens.y[0, 0] == pytest.approx(np.exp(-1.0), rel=1e-6)
    return float(ens.y[0, 0])


def test_second_start_finds_the_code(folder: Path, system: System, compilations: list[int]) -> None:
    assert build(system) == build(system)
    assert len(compilations) == 1
    (file,) = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", ["cut", "flipped", "other", "empty"])
def test_damaged_code_is_made_again(
    folder: Path, system: System, compilations: list[int], damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = build(system)
    (file,) = folder.iterdir()
    content = file.read_bytes()
    flipped = bytearray(content)
    flipped[-100] ^= 1
    file.write_bytes({"cut": content[:-7], "flipped": bytes(flipped), "other": b"no kernel", "empty": b""}[damage])
    with caplog.at_level(logging.WARNING):
        assert build(system) == first
    assert len(compilations) == 2 and "damaged" in caplog.text
    assert build(system) == first
    assert len(compilations) == 2, "the damaged file was replaced"


def test_folder_open_to_others_is_not_used(
    folder: Path, system: System, compilations: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    build(system)
    folder.chmod(0o777)
    with caplog.at_level(logging.WARNING):
        build(system)
        build(system)
    assert len(compilations) == 3
    assert caplog.text.count("written by others") == 1, "one notice"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owner here")
def test_folder_of_another_user_is_not_used(
    folder: Path,
    system: System,
    compilations: list[int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    build(system)
    monkeypatch.setattr(os, "getuid", lambda: 987654)
    with caplog.at_level(logging.WARNING):
        build(system)
    assert len(compilations) == 2 and "another user" in caplog.text


def test_folder_that_cannot_be_made_is_bypassed(
    folder: Path, system: System, compilations: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    folder.parent.write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING):
        build(system)
    assert len(compilations) == 1 and "cannot be used" in caplog.text


def test_full_disk_is_bypassed(
    folder: Path, system: System, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.os, "replace", full)
    with caplog.at_level(logging.WARNING):
        build(system)
    assert "cannot be written" in caplog.text and list(folder.iterdir()) == []


def test_no_cache_on_request(folder: Path, system: System) -> None:
    build_kernel(system, cache=False)
    assert not folder.exists()


def test_oldest_files_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_MOST_FILES", 3)
    for k in range(6):
        cache.cached(f"key{k}", lambda: b"code")
        os.utime(folder / f"key{k}.kernel", (k, k))
    assert len(list(folder.glob("*.kernel"))) == 3
    assert cache.cached("key5", lambda: b"other") == b"code"
