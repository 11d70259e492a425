"""How much room a run needs, said before it begins."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from virtuall.core.errors import InputError, StoreError

# Upper figures for parquet files of outcomes and charts: a run stopped half-way costs more than a free disk.
_OUTCOME_BYTES = 400
_EVENT_BYTES = 60
_MARGIN = 1.1


def estimate_bytes(n: int, signals: int = 0, times: int = 0, events_per_patient: float = 100.0) -> int:
    """Bytes on disk of a result.

    Parameters
    ----------
    n : int
        Patients.
    signals, times : int
        Recorded signals and recorded times of each (8 bytes a value).
    events_per_patient : float
    """
    per_patient = _OUTCOME_BYTES + _EVENT_BYTES * events_per_patient + 8 * signals * times
    return int(n * per_patient * _MARGIN)


def check_space(path: str | Path, needed: int) -> None:
    """Refuse a run that will not fit on the disk of `path` (which need not exist yet).

    Raises
    ------
    StoreError
        Saying what is needed and what is free.
    """
    place = Path(path).absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if needed > free:
        raise StoreError(
            f"the result needs about {_words(needed)} and the disk has {_words(free)} free",
            where=str(path),
            hint="fewer patients, fewer recorded signals or a coarser grid, or another disk",
        )


def check_memory(needed: int, available: int | None = None) -> None:
    """Refuse a run that will not fit in memory.

    Parameters
    ----------
    needed : int
        Bytes.
    available : int, optional
        Bytes; by default what the system says is available now, where it says so.

    Raises
    ------
    InputError
        Saying what is needed and what is available.
    """
    room = _available_memory() if available is None else available
    if room is not None and needed > room:
        raise InputError(
            f"the run needs about {_words(needed)} of memory and {_words(room)} is available",
            hint="fewer patients at once (smaller chunks), fewer recorded signals or a coarser grid",
        )


def _available_memory() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _words(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
