"""The schedules of a protocol as tables: one entry a schedule, so that all samples of a round are looked up at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.monitoring import PLACES, TIMES
from virtuall.simulation.bind import Binding
from virtuall.simulation.protocol import Protocol

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Timetable:
    """S schedules.

    Attributes
    ----------
    every, result_after : float64[S]
        Days.
    times : int64[S]
    during, where : int64[S]
        Places in `TIMES` and `PLACES`.
    judged : bool[S]
        Its results are judged for response and relapse.
    seen : bool[S]
        Its results are read by findings, scales or rules.
    assesses : bool[S]
        Its results tell how a cycle went.
    decides : bool[S]
        Its results decide about a next line.
    """

    every: Floats
    result_after: Floats
    times: Ints
    during: Ints
    where: Ints
    judged: Flags
    seen: Flags
    assesses: Flags
    decides: Flags


def timetable_of(protocol: Protocol, binding: Binding) -> Timetable:
    """The tables of a protocol's schedules."""
    schedules = protocol.monitoring.schedules
    read = [not binding.read.isdisjoint(each.observables) for each in schedules]
    return Timetable(
        every=np.array([each.every for each in schedules], np.float64),
        result_after=np.array([each.result_after for each in schedules], np.float64),
        times=np.array([each.times for each in schedules], np.int64),
        during=np.array([TIMES.index(each.during) for each in schedules], np.int64),
        where=np.array([PLACES.index(each.where) for each in schedules], np.int64),
        judged=np.array([not binding.judged.isdisjoint(each.observables) for each in schedules], bool),
        seen=np.array(read, bool) | binding.feeds.any(axis=0),
        assesses=np.array([each.anchor == "infusion end" for each in schedules], bool),
        decides=np.array([each.anchor in ("infusion end", "next line") for each in schedules], bool),
    )
