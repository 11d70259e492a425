"""Read one text file, or say plainly why not."""

from __future__ import annotations

from pathlib import Path

from virtuall.core.errors import TextError

# No text of a library comes near this; a larger file is something else given by mistake.
_LARGEST = 20_000_000


def shown(path: Path) -> str:
    """Return a path as a person would type it: relative where it lies below the working folder."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path)


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file, with line ends as ``\\n``.

    Raises
    ------
    TextError
        When the file is missing, a folder, empty, too large, unreadable or not UTF-8.
    """
    where = shown(path)
    if path.is_dir():
        raise TextError("is a folder, a text file was expected", where=where)
    if not path.exists():
        near = sorted(p.name for p in path.parent.iterdir() if p.is_file()) if path.parent.is_dir() else []
        raise TextError("there is no such file", given=path.name, allowed=near, where=where)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise TextError(f"cannot be read: {error.strerror}", where=where) from error
    if len(raw) > _LARGEST:
        raise TextError(f"is larger than {_LARGEST // 1_000_000} MB, too large for a text", where=where)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise TextError(f"is not UTF-8 text (byte {error.start})", where=f"{where}:{line}") from error
    if not text.strip():
        raise TextError("is empty", where=where)
    return text.replace("\r\n", "\n")
