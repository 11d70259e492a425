"""Measurements in bins of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virtuall.core.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Left to itself: so many bins at most, with so many measurements at least.
_MOST, _POINTS = 12, 8


@dataclass(frozen=True)
class Binning:
    """How time is cut: at these days (edges), or into so many bins of equal counts; by neither: as the times lie."""

    count: int | None = None
    edges: tuple[float, ...] = ()


def read_bins(text: str, day: float = 1.0) -> Binning:
    """A number of bins such as "8", or edges such as "0,1,7,28"; `day` is the unit of time in days.

    Raises
    ------
    InputError
        When it is neither.
    """
    parts = text.split(",")
    try:
        numbers = [float(each) for each in parts]
    except ValueError:
        raise InputError("bins are their number, or edges with commas between them", given=text) from None
    if len(numbers) == 1:
        if not (numbers[0].is_integer() and numbers[0] >= 1):
            raise InputError("the number of bins is a whole number, 1 or more", given=text)
        return Binning(count=int(numbers[0]))
    if not (np.isfinite(numbers).all() and np.all(np.diff(numbers) > 0)):
        raise InputError("the edges of bins must rise", given=text)
    return Binning(edges=tuple(day * each for each in numbers))


def binned(time: Floats, how: Binning) -> list[Ints]:
    """The places of the measurements in each bin, bins in the order of time; none is empty.

    Parameters
    ----------
    time : float64[P]
    how : Binning
        A bin holds its lower edge, the last one its upper edge too. Measurements at the same time are never parted.
    """
    if how.edges:
        edges = np.asarray(how.edges)
        place = np.searchsorted(edges, time, side="right") - 1
        place = np.where(time == edges[-1], edges.size - 2, place)
        place = np.where((time < edges[0]) | (time > edges[-1]), -1, place)
        return _groups(place)
    days, of_day, counts = np.unique(time, return_inverse=True, return_counts=True)
    if how.count is None and days.size <= _MOST and np.median(counts) >= min(_POINTS, time.size / days.size):
        return _groups(of_day)
    count = max(1, min(_MOST, time.size // _POINTS)) if how.count is None else how.count
    middle = (np.cumsum(counts) - counts / 2) / time.size  # where the measurements of a day lie among all
    return _groups(np.minimum((middle * count).astype(np.int64), count - 1)[of_day])


def _groups(place: Ints) -> list[Ints]:
    return [np.flatnonzero(place == each) for each in np.unique(place[place >= 0])]
