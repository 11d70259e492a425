"""Taking times."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any

# Seconds of work of this process: others on the machine do not count, all its own threads do.
core_seconds = time.process_time
wall_seconds = time.perf_counter


def best_of(work: Callable[[], Any], repeats: int, clock: Callable[[], float] = core_seconds) -> float:
    """Seconds of the fastest run."""
    found = []
    for _ in range(repeats):
        gc.collect()
        start = clock()
        work()
        found.append(clock() - start)
    return min(found)


def best_in_turns(
    works: Sequence[Callable[[], Any]], turns: int, clock: Callable[[], float] = core_seconds
) -> list[float]:
    """Seconds of the fastest run of each, run one after the other, so that load on the machine meets all of them."""
    found = [float("inf")] * len(works)
    for _ in range(turns):
        found = [min(known, best_of(work, 1, clock)) for known, work in zip(found, works, strict=True)]
    return found


@contextmanager
def on_one_core():  # type: ignore[no-untyped-def]
    """Stay on one core, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
