"""Writing and reading the chunks of a run."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from virtuall.core.errors import StoreError
from virtuall.store.atomic import as_store_error, checksum, replace_file, replace_folder
from virtuall.store.encode import (
    decode_frame,
    decode_signals,
    encode_frame,
    encode_signals,
    join_frames,
    join_signals,
)
from virtuall.store.folder import CHUNKS, EVENTS, LOCK, OUTCOMES, REALIZED, SIGNALS, open_folder
from virtuall.store.manifest import (
    STATES,
    ChunkRecord,
    Manifest,
    Run,
    chunk_name,
    read_manifest,
    write_manifest,
)

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from filelock import BaseFileLock


@dataclass(frozen=True)
class Stored:
    """What a result folder holds so far.

    Attributes
    ----------
    manifest : Manifest
    outcomes, events : pandas.DataFrame
        The finished chunks one below the other, in the order of patients.
    signals : xarray.Dataset or None
        Over patient and time; None when none were recorded or none were asked for.
    realized : pandas.DataFrame or None
        Every change of the patients' models; None when a chunk lacks them (written by an older version).
    """

    manifest: Manifest
    outcomes: pd.DataFrame
    events: pd.DataFrame
    signals: xr.Dataset | None
    realized: pd.DataFrame | None = None


def create(path: str | Path, run: Run, force: bool = False) -> Path:
    """Begin a result folder; errors as in `open_folder`."""
    folder = open_folder(path, force)
    with as_store_error(folder, "nothing was written"):
        (folder / CHUNKS).mkdir()
        write_manifest(folder, Manifest(run))
    return folder


def resume(path: str | Path, run: Run) -> tuple[int, ...]:
    """Go on with an interrupted run: the numbers of the chunks still to compute.

    A chunk whose files are gone or damaged counts as missing.

    Raises
    ------
    StoreError
        When the folder holds another run: which setting differs is said.
    """
    folder = Path(path)
    with as_store_error(folder, "nothing was changed"), _lock(folder):
        manifest = read_manifest(folder)
        _same_run(folder, manifest.run, run)
        whole = tuple(chunk for chunk in manifest.chunks if _damage(folder, chunk) is None)
        kept = {chunk.name for chunk in whole}
        (folder / CHUNKS).mkdir(exist_ok=True)
        for entry in (folder / CHUNKS).iterdir():
            if entry.name not in kept and not entry.is_symlink():
                shutil.rmtree(entry)
        manifest = replace(manifest, chunks=whole, state="running")
        write_manifest(folder, manifest)
    return manifest.missing()


def missing(path: str | Path) -> tuple[int, ...]:
    """Numbers of the chunks that are not finished."""
    return read_manifest(path).missing()


def write_chunk(
    path: str | Path,
    number: int,
    outcomes: pd.DataFrame,
    events: pd.DataFrame,
    signals: xr.Dataset | None = None,
    realized: pd.DataFrame | None = None,
) -> None:
    """Add a finished chunk. Safe from several processes at once.

    Parameters
    ----------
    path : str or Path
        A folder made by `create`.
    number : int
        Of the chunk, from 0.
    outcomes, events : pandas.DataFrame
    signals : xarray.Dataset, optional
        Dimensions patient and time.
    realized : pandas.DataFrame, optional
        Every change of the patients' models.

    Raises
    ------
    StoreError
        When the disk is full or unwritable; it names the chunks that stay readable. On any error, and on
        Ctrl-C, nothing half-written is left.
    """
    folder = Path(path)
    files = {OUTCOMES: encode_frame(outcomes), EVENTS: encode_frame(events)}
    if signals is not None:
        files[SIGNALS] = encode_signals(signals)
    if realized is not None:
        files[REALIZED] = encode_frame(realized)
    kept = read_manifest(folder).finished_words()
    with as_store_error(folder / CHUNKS / chunk_name(number), kept):
        replace_folder(folder / CHUNKS / chunk_name(number), files)
        sums = {name: checksum(content) for name, content in files.items()}
        with _lock(folder):
            record = ChunkRecord(number, len(outcomes), sums)
            write_manifest(folder, read_manifest(folder).with_chunk(record))


def write_file(path: str | Path, name: str, content: str | bytes) -> Path:
    """Write a file (a report, say) beside the chunks, in one step, and note it in the manifest."""
    folder = Path(path)
    if Path(name).name != name or name.startswith("."):
        raise StoreError("not a plain file name", given=name, where=str(folder))
    with as_store_error(folder / name, read_manifest(folder).finished_words()), _lock(folder):
        replace_file(folder / name, content.encode() if isinstance(content, str) else content)
        manifest = read_manifest(folder)
        write_manifest(folder, replace(manifest, files=tuple(sorted({*manifest.files, name}))))
    return folder / name


def close(path: str | Path, state: str = "finished") -> None:
    """Note how the run ended: "finished", "stopped" (by the user) or "failed".

    Raises
    ------
    StoreError
        For an unknown state, or "finished" while chunks are missing.
    """
    folder = Path(path)
    if state not in STATES:
        raise StoreError("unknown state of a run", given=state, allowed=STATES, where=str(folder))
    with as_store_error(folder, "the chunks stay readable"), _lock(folder):
        manifest = read_manifest(folder)
        if state == "finished" and manifest.missing():
            raise StoreError(
                "the run is not finished",
                given=f"{len(manifest.missing())} missing chunks",
                where=str(folder),
            )
        write_manifest(folder, replace(manifest, state=state))


def read(path: str | Path, signals: bool = True) -> Stored:
    """Read what is finished; works while the run goes on.

    Parameters
    ----------
    path : str or Path
    signals : bool
        Whether to read the signals too (they are the large part).

    Raises
    ------
    StoreError
        When it is not a result folder, no chunk is finished yet, or a file is gone or damaged.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    if not manifest.chunks:
        raise StoreError("no chunk is finished yet", where=str(folder), hint=f"state of the run: {manifest.state}")
    contents = [_contents(folder, chunk, signals) for chunk in manifest.chunks]
    return Stored(
        manifest=manifest,
        outcomes=join_frames([decode_frame(files[OUTCOMES]) for files in contents]),
        events=join_frames([decode_frame(files[EVENTS]) for files in contents]),
        signals=join_signals([decode_signals(files[SIGNALS]) for files in contents if SIGNALS in files]),
        realized=(
            join_frames([decode_frame(files[REALIZED]) for files in contents])
            if all(REALIZED in files for files in contents)
            else None
        ),
    )


def _contents(folder: Path, chunk: ChunkRecord, signals: bool) -> Mapping[str, bytes]:
    contents = {}
    for name, expected in chunk.files.items():
        if name == SIGNALS and not signals:
            continue
        path = folder / CHUNKS / chunk.name / name
        try:
            contents[name] = path.read_bytes()
        except OSError as error:
            raise StoreError(
                f"a file of a finished chunk cannot be read ({error.strerror})", where=str(path)
            ) from error
        if checksum(contents[name]) != expected:
            raise StoreError(
                "a file differs from its checksum in the manifest",
                where=str(path),
                hint="resume the run to compute it again",
            )
    return contents


def _damage(folder: Path, chunk: ChunkRecord) -> StoreError | None:
    try:
        _contents(folder, chunk, signals=True)
    except StoreError as error:
        return error
    return None


def _same_run(folder: Path, old: Run, new: Run) -> None:
    before, now = asdict(old), asdict(new)
    differing = [name for name in before if before[name] != now[name]]
    if differing:
        words = ", ".join(f"{name} {before[name]!r} there, {now[name]!r} now" for name in differing)
        raise StoreError(f"the folder holds another run: {words}", where=str(folder), hint="choose another folder")


def _lock(folder: Path) -> BaseFileLock:
    from filelock import FileLock

    return FileLock(folder / LOCK)
