"""Opening a folder for results without destroying anything that is not ours."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from virtuall.core.errors import StoreError
from virtuall.store.atomic import as_store_error, is_temporary, write_bytes
from virtuall.store.manifest import MANIFEST, read_manifest

CHUNKS = "chunks"
LOCK = ".lock"
CHUNK_FILES = OUTCOMES, EVENTS, SIGNALS, REALIZED = (
    "outcomes.parquet",
    "events.parquet",
    "signals.npz",
    "realized.parquet",
)
_CHUNK = re.compile(r"chunk-\d{4,}")


def open_folder(path: str | Path, force: bool = False) -> Path:
    """Make sure that `path` is an empty folder that can be written to.

    Parameters
    ----------
    path : str or Path
        Made when absent, parents included.
    force : bool
        Remove an earlier result there. Only what a result folder is known to hold is removed; when anything
        else lies there, nothing is.

    Raises
    ------
    StoreError
        When it is a file, unwritable, not empty (without `force`) or holds foreign things (with `force`).
    """
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise StoreError("the output folder is a file", given=str(path), hint="name a folder, or a new name")
    with as_store_error(folder, "nothing was written"):
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            if not force:
                raise StoreError(
                    "the output folder is not empty",
                    given=str(path),
                    hint="choose another, or use --force to replace the earlier result in it",
                )
            _remove_result(folder)
        probe = folder / ".new-probe"
        write_bytes(probe, b"")
        probe.unlink()
    return folder


def _remove_result(folder: Path) -> None:
    manifest = read_manifest(folder)  # no manifest of ours: not ours to remove
    ours = {MANIFEST, LOCK, CHUNKS, *manifest.files}
    foreign = sorted(entry.name for entry in folder.iterdir() if entry.name not in ours and not _left_over(entry))
    foreign += _foreign_chunks(folder / CHUNKS)
    if foreign:
        raise StoreError(
            f"the output folder holds things that are not part of a result: {', '.join(foreign[:5])}",
            given=str(folder),
            hint="nothing was removed; move them away first",
        )
    shutil.rmtree(folder / CHUNKS, ignore_errors=True)
    for entry in list(folder.iterdir()):
        entry.unlink() if not entry.is_dir() else shutil.rmtree(entry)


def _left_over(entry: Path) -> bool:
    return is_temporary(entry.name) and not entry.is_symlink()


def _foreign_chunks(chunks: Path) -> list[str]:
    if not chunks.is_dir():
        return []
    if chunks.is_symlink():
        return [CHUNKS]
    foreign = []
    for entry in sorted(chunks.iterdir()):
        if entry.is_symlink() or not (_CHUNK.fullmatch(entry.name) or is_temporary(entry.name)):
            foreign.append(f"{CHUNKS}/{entry.name}")
        elif entry.is_dir():
            unknown = sorted(file.name for file in entry.iterdir() if file.name not in CHUNK_FILES)
            foreign += [f"{CHUNKS}/{entry.name}/{name}" for name in unknown]
    return foreign
