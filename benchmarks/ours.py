"""Our engine on a piece of work."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from clock import core_seconds, wall_seconds
from work import Floats, Work

from virtuall.engine.ensemble import Ensemble
from virtuall.engine.kernel import Kernel, build_kernel


def run_kernel(kernel: Kernel, work: Work, names: Sequence[str] | None = None, times: Floats | None = None) -> Ensemble:
    """Run all patients of the work; records all its states on its times unless told otherwise."""
    ens = kernel.start(work.rows, time=float(work.times[0]))
    every = np.arange(len(work.rows))
    if names != ():
        kernel.record(ens, work.times if times is None else times, names or work.system.states)
    for piece in work.pieces:
        settings = {change.name: change.value for change in piece.changes if not change.adds}
        added: dict[str, float | Floats] = {}
        for place, amount in piece.additions(work.system.states):
            name = work.system.states[place]
            added[name] = added.get(name, ens.y[:, place]) + amount
        if settings or added:
            kernel.change(ens, every, parameters=settings, states=added)
        kernel.advance(ens, every, piece.end)
    return ens


class VirtuALL:
    """The same face as the peers have: see `peers.Peer`."""

    name = "VirtuALL"
    families = ("Rodas5P, 8 lanes",)
    timed = 1024

    def __init__(self, work: Work) -> None:
        self.work = work
        self.kernels: dict[float, Kernel] = {}

    def kernel(self, rtol: float) -> Kernel:
        """The kernel of a tolerance, built once."""
        if rtol not in self.kernels:
            self.kernels[rtol] = build_kernel(self.work.system, rtol=rtol)
        return self.kernels[rtol]

    def run(self, family: str, rtol: float, patients: int) -> tuple[Floats, float]:
        """Record of the first patients, and seconds a patient."""
        work, kernel = self.work.of(patients), self.kernel(rtol)
        assert work.pieces  # split before the clock runs, as for the peers
        begin = core_seconds()
        ens = run_kernel(kernel, work)
        seconds = core_seconds() - begin
        ens.recorded[ens.status != 0] = np.nan
        return ens.recorded, seconds / len(work.rows)


def in_threads(kernel: Kernel, work: Work, threads: int) -> float:
    """Seconds for all patients, shared out between threads: the lock of the interpreter is free during a call."""
    edges = [len(work.rows) * k // threads for k in range(threads + 1)]
    shares = [_rows(work, first, last) for first, last in zip(edges[:-1], edges[1:], strict=True)]
    for share in shares:
        assert share.pieces
    with ThreadPoolExecutor(threads) as pool:
        begin = wall_seconds()
        list(pool.map(lambda share: run_kernel(kernel, share), shares))
        return wall_seconds() - begin


def _rows(work: Work, first: int, last: int) -> Work:
    from dataclasses import replace

    return replace(work, rows=work.rows[first:last], first=work.first[first:last])
