"""What rules remember about each patient between rounds.

Every function takes the rows of the patients whose round it is, brings their memory up to date and returns
what the rule language asks for. Nothing here looks at more than one patient at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Truths = NDArray[np.bool_]

# Two instants closer than this (days, about a tenth of a millisecond) are the same instant: 10 d + 8 h - 10 d
# is not exactly 8 h for a computer.
SAME_INSTANT = 1e-9

_FIRST_CAPACITY = 4


@dataclass
class Memory:
    """The memory of a program for a number of patients.

    Attributes
    ----------
    patients : int
        Number of patients.
    arrays : dict of str to array
        By what is remembered; patients along the first axis, so that memories may be stored, cut and joined.
    """

    patients: int
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)


def held(memory: Memory, key: str, rows: Rows, time: Floats, now: Truths, window: float) -> Truths:
    """Say whether a condition has been true at every round since `window` days ago, or longer."""
    since = memory.arrays[key]
    start = since[rows]
    start = np.where(now, np.where(np.isnan(start), time, start), np.nan)
    since[rows] = start
    with np.errstate(invalid="ignore"):
        return np.asarray(time - start >= window - SAME_INSTANT)


def elapsed(memory: Memory, key: str, rows: Rows, time: Floats, happened: Truths) -> Floats:
    """Return the days since an event happened last; infinite before the first time."""
    last = memory.arrays[key]
    last[rows[happened]] = time[happened]
    return np.asarray(time - last[rows])


def total(memory: Memory, key: str, rows: Rows, happened: Truths) -> Floats:
    """Return how often an event has happened."""
    counts = memory.arrays[key]
    counts[rows[happened]] += 1
    return np.asarray(counts[rows])


def recent(memory: Memory, key: str, rows: Rows, time: Floats, happened: Truths, window: float) -> Floats:
    """Return how often an event happened within the last `window` days (exactly that long ago is outside)."""
    times = memory.arrays[key][rows]
    useless = times <= (time - window + SAME_INSTANT)[:, None]
    place = useless.argmax(axis=1)
    if _lacks_room(useless, place, happened):
        _make_room(memory, key)
        return recent(memory, key, rows, time, happened, window)
    times[useless] = -np.inf
    times[happened, place[happened]] = time[happened]
    memory.arrays[key][rows] = times
    return np.count_nonzero(times > -np.inf, axis=1).astype(np.float64)


def first(memory: Memory, key: str, rows: Rows, values: Floats) -> Floats:
    """Return the first value that was ever known."""
    kept = memory.arrays[key]
    result = np.where(np.isnan(kept[rows]), values, kept[rows])
    kept[rows] = result
    return result


def last(memory: Memory, key: str, rows: Rows, values: Floats) -> Floats:
    """Return the value, or the last known one where it is unknown now."""
    kept = memory.arrays[key]
    result = np.where(np.isnan(values), kept[rows], values)
    kept[rows] = result
    return result


def highest(memory: Memory, key: str, rows: Rows, values: Floats) -> Floats:
    """Return the highest value that was ever known."""
    kept = memory.arrays[key]
    result = np.fmax(kept[rows], values)
    kept[rows] = result
    return np.asarray(result)


def highest_within(memory: Memory, key: str, rows: Rows, time: Floats, values: Floats, window: float) -> Floats:
    """Return the highest value known within the last `window` days (exactly that long ago is outside).

    Only values that no later value has reached are kept, so few places are needed.
    """
    times, peaks = memory.arrays[f"{key} times"][rows], memory.arrays[f"{key} values"][rows]
    known = ~np.isnan(values)
    useless = (times <= (time - window + SAME_INSTANT)[:, None]) | (peaks <= values[:, None])
    place = useless.argmax(axis=1)
    if _lacks_room(useless, place, known):
        _make_room(memory, f"{key} times", f"{key} values")
        return highest_within(memory, key, rows, time, values, window)
    times[useless] = -np.inf
    peaks[useless] = -np.inf
    times[known, place[known]] = time[known]
    peaks[known, place[known]] = values[known]
    memory.arrays[f"{key} times"][rows], memory.arrays[f"{key} values"][rows] = times, peaks
    result = peaks.max(axis=1)
    return np.where(result == -np.inf, np.nan, result)


def risen(memory: Memory, key: str, rows: Rows, now: Truths) -> Truths:
    """Say which conditions (rows of `now`) are true now and were not at the patient's round before."""
    before = memory.arrays[key]
    present = np.ascontiguousarray(now.T)
    result = present & ~before[rows]
    before[rows] = present
    return np.ascontiguousarray(result.T)


def _lacks_room(useless: Truths, place: Rows, wanted: Truths) -> bool:
    """Say whether some patient has something to remember and no place that is free or may be freed."""
    return bool((wanted & ~useless[np.arange(len(place)), place]).any())


def _make_room(memory: Memory, *keys: str) -> None:
    """Double the places of all patients. Empty places change no answer, so nobody depends on the others."""
    for key in keys:
        old = memory.arrays[key]
        memory.arrays[key] = np.concatenate([old, np.full_like(old, -np.inf)], axis=1)


def new_array(kind: str, patients: int) -> NDArray[Any]:
    """Return an empty memory: ``number`` unknown, ``instant`` never, ``count`` 0, ``ring`` empty."""
    match kind:
        case "instant":
            return np.full(patients, -np.inf)
        case "count":
            return np.zeros(patients)
        case "ring":
            return np.full((patients, _FIRST_CAPACITY), -np.inf)
        case _:
            return np.full(patients, np.nan)
