"""Results on disk: a folder of chunks, each written whole or not at all, readable while the run goes on.

A result folder holds ``manifest.json`` (what was run, which chunks are finished, their checksums) and
``chunks/chunk-0000/`` with ``outcomes.parquet``, ``events.parquet``, ``realized.parquet`` (every change of the
patients' models) and ``signals.npz`` (if recorded).
"""

from virtuall.store.chunks import Stored, close, create, missing, read, resume, write_chunk, write_file
from virtuall.store.folder import open_folder
from virtuall.store.manifest import ChunkRecord, Manifest, Run, read_manifest
from virtuall.store.space import check_memory, check_space, estimate_bytes

__all__ = [
    "ChunkRecord",
    "Manifest",
    "Run",
    "Stored",
    "check_memory",
    "check_space",
    "close",
    "create",
    "estimate_bytes",
    "missing",
    "open_folder",
    "read",
    "read_manifest",
    "resume",
    "write_chunk",
    "write_file",
]
