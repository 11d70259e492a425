"""The manifest of a result folder: what was run and which chunks are finished."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from virtuall.core.errors import StoreError
from virtuall.store.atomic import replace_file

MANIFEST = "manifest.json"
FORMAT = "virtuall result 1"
STATES = ("running", "finished", "stopped", "failed")


@dataclass(frozen=True)
class Run:
    """What decides the content of a result folder: two runs that agree here give the same chunks.

    Attributes
    ----------
    seed : int
    cohort, protocol : str
        Names as given on the command line. A trial writes its own name as protocol.
    n : int
        Patients in all.
    chunk_size : int
        Patients of every chunk but the last.
    fingerprint : str
        Checksum of every text that was read.
    versions : mapping of str to str
        Package and library versions.
    settings : mapping
        Anything else that decides the results (must be JSON).
    """

    seed: int
    cohort: str
    protocol: str
    n: int
    chunk_size: int
    fingerprint: str
    versions: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def chunk_count(self) -> int:
        """Number of chunks that make the whole run."""
        return -(-self.n // self.chunk_size)

    def patients_of(self, number: int) -> range:
        """Positions of the patients of a chunk."""
        return range(number * self.chunk_size, min(self.n, (number + 1) * self.chunk_size))


@dataclass(frozen=True)
class ChunkRecord:
    """A finished chunk: its number, how many patients, and the SHA-256 of each of its files."""

    number: int
    patients: int
    files: Mapping[str, str]

    @property
    def name(self) -> str:
        """Folder name of the chunk."""
        return chunk_name(self.number)


@dataclass(frozen=True)
class Manifest:
    """A run, its state (one of `STATES`), its finished chunks, and other files written beside them."""

    run: Run
    state: str = "running"
    chunks: tuple[ChunkRecord, ...] = ()
    files: tuple[str, ...] = ()

    def with_chunk(self, record: ChunkRecord) -> Manifest:
        """The manifest with one more finished chunk (or a newer one in the place of the old)."""
        others = [chunk for chunk in self.chunks if chunk.number != record.number]
        return replace(self, chunks=tuple(sorted([*others, record], key=lambda chunk: chunk.number)))

    def missing(self) -> tuple[int, ...]:
        """Numbers of the chunks that are not finished."""
        done = {chunk.number for chunk in self.chunks}
        return tuple(number for number in range(self.run.chunk_count) if number not in done)

    def finished_words(self) -> str:
        """What is finished, in words for an error message."""
        if not self.chunks:
            return "no chunk was finished"
        patients = sum(chunk.patients for chunk in self.chunks)
        names = ", ".join(chunk.name for chunk in self.chunks[:4])
        more = "" if len(self.chunks) <= 4 else f" and {len(self.chunks) - 4} more"
        share = f"{len(self.chunks)} of {self.run.chunk_count} chunks ({patients} patients)"
        return f"{share} stay readable: {names}{more}"


def chunk_name(number: int) -> str:
    """Folder name of a chunk: ``chunk-0007``."""
    return f"chunk-{number:04d}"


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest in one step."""
    content = {"format": FORMAT, **asdict(manifest)}
    replace_file(folder / MANIFEST, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())


def read_manifest(folder: str | Path) -> Manifest:
    """Read the manifest of a result folder.

    Raises
    ------
    StoreError
        When the folder is not a result folder of VirtuALL, or its manifest cannot be understood.
    """
    path = Path(folder) / MANIFEST
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise StoreError("not a result folder: it has no manifest.json", where=str(folder)) from None
    except (OSError, ValueError) as error:
        raise StoreError(f"the manifest cannot be read ({error})", where=str(path)) from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise StoreError("unknown format of a manifest", given=found, allowed=[FORMAT], where=str(path))
    try:
        return _manifest(content)
    except (KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"the manifest is incomplete ({error})", where=str(path)) from error


def _manifest(content: Mapping[str, Any]) -> Manifest:
    run = content["run"]
    return Manifest(
        run=Run(**{item.name: run[item.name] for item in fields(Run)}),
        state=content["state"],
        chunks=tuple(ChunkRecord(**chunk) for chunk in content["chunks"]),
        files=tuple(content["files"]),
    )
