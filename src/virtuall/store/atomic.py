"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from virtuall.core.errors import StoreError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_TEMPORARY = ".new-"


def checksum(content: bytes) -> str:
    """SHA-256 of `content` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def files_checksum(files: Iterable[tuple[str, Path]], what: str = "") -> str:
    """SHA-256 over files, each with a name, and over `what` before them, in hexadecimal."""
    whole = hashlib.sha256(what.encode())
    for name, path in files:
        whole.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def is_temporary(name: str) -> bool:
    """Whether a file name is one that an interrupted write may leave behind after a power cut."""
    return name.startswith(_TEMPORARY)


def write_bytes(path: Path, content: bytes) -> None:
    """Write and flush to the disk; the one place where bytes of a result leave this process."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` at `path` in one step: readers see the old file or the new one, never a part.

    Raises
    ------
    OSError
        As the system gave it; nothing is left behind, the old file stays.
    """
    temporary = path.with_name(f"{_TEMPORARY}{path.name}")
    try:
        write_bytes(temporary, content)
        os.replace(temporary, path)
    except BaseException:  # Ctrl-C included: a half-written file is never left
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def replace_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Put a folder with `files` at `path` in one step; an unfinished one of that name is replaced.

    Raises
    ------
    OSError
        As the system gave it; nothing is left behind.
    """
    temporary = path.with_name(f"{_TEMPORARY}{path.name}")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        for name, content in files.items():
            write_bytes(temporary / name, content)
        if path.exists():
            shutil.rmtree(path)
        os.replace(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


@contextlib.contextmanager
def as_store_error(path: Path, kept: str) -> Iterator[None]:
    """Turn an OSError inside the block into a StoreError that says what is still readable.

    Parameters
    ----------
    path : Path
        What was being written.
    kept : str
        What is finished and stays readable, in words.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            problem, hint = (
                "no space left on the disk",
                "free some space and run again: only missing chunks are computed",
            )
        elif error.errno in _FORBIDDEN:
            problem, hint = "not allowed to write here", "choose a folder that you may write to"
        else:
            problem, hint = f"cannot write ({error.strerror or error})", None
        raise StoreError(f"{problem}; {kept}", where=str(path), hint=hint) from error
