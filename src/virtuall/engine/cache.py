"""Compiled code on disk: checksummed files in a folder of the user, or no cache at all.

The folder is ``kernels`` in the user's cache folder of VirtuALL, or in what the environment variable
VIRTUALL_CACHE names. Whatever is wrong with it (damaged file, other owner, no space, no permission) costs a
compilation and one notice in the log, never a wrong result and never an error.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

_MAGIC = b"VirtuALL kernel 1\n"
_MOST_FILES = 64
_log = logging.getLogger("virtuall.engine.cache")
_said: set[str] = set()


def cached(key: str, make: Callable[[], bytes]) -> bytes:
    """Code of a key from the cache, or made and stored.

    Parameters
    ----------
    key : str
        Hexadecimal digest over everything that decides the code.
    make : callable
        Compiles when the cache does not have it.
    """
    folder = cache_folder()
    usable = _prepare(folder)
    path = folder / f"{key}.kernel"
    if usable:
        code = _read(path, key)
        if code is not None:
            return code
    code = make()
    if usable:
        _write(path, key, code)
    return code


def cache_folder() -> Path:
    """Where compiled code is kept."""
    given = os.environ.get("VIRTUALL_CACHE")
    if given:
        return Path(given) / "kernels"
    import platformdirs

    return Path(platformdirs.user_cache_dir("virtuall", appauthor=False)) / "kernels"


def _prepare(folder: Path) -> bool:
    """Make the folder; whether it is ours alone."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = folder.stat()
        if hasattr(os, "getuid"):
            if about.st_uid != os.getuid():
                return _notice(f"kernel cache {folder} belongs to another user and is not used")
            if stat.S_IMODE(about.st_mode) & 0o022:
                return _notice(f"kernel cache {folder} can be written by others and is not used")
        return True
    except OSError as error:
        return _notice(f"kernel cache {folder} cannot be used ({error.strerror})")


def _read(path: Path, key: str) -> bytes | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        _notice(f"kernel cache {path} cannot be read ({error.strerror}); compiling again")
        return None
    head = _MAGIC + key.encode() + b"\n"
    code = content[len(head) + 32 :]
    if not content.startswith(head) or content[len(head) : len(head) + 32] != hashlib.sha256(code).digest():
        _notice(f"kernel cache {path} is damaged; compiling again")
        return None
    return code


def _write(path: Path, key: str, code: bytes) -> None:
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(_MAGIC + key.encode() + b"\n" + hashlib.sha256(code).digest() + code)
        os.replace(temporary, path)
        _remove_oldest(path.parent)
    except OSError as error:
        _notice(f"kernel cache {path} cannot be written ({error.strerror})")
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def _remove_oldest(folder: Path) -> None:
    files = sorted(folder.glob("*.kernel"), key=lambda file: file.stat().st_mtime)
    for file in files[:-_MOST_FILES]:
        file.unlink(missing_ok=True)


def _notice(text: str) -> bool:
    if text not in _said:
        _said.add(text)
        _log.warning(text)
    return False
