"""diffrax: all patients at once by vmap, Kvaerno5 with a PID controller, double precision on the CPU."""

from __future__ import annotations

import numpy as np
from clock import core_seconds
from equations import jax_function
from work import Floats, Work

from peers import absolute

import jax  # isort: skip

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")

import diffrax  # noqa: E402
import jax.numpy as jnp  # noqa: E402


class Engine:
    """One compiled function for every piece; the tolerance is an argument, so nothing is compiled twice."""

    name = "diffrax, vmap"
    families = ("Kvaerno5, atol rtol scale",)
    timed = 64
    tolerances = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
    patience = 3.0

    def __init__(self, work: Work) -> None:
        self.work = work
        space = {
            name: getattr(jnp, name)
            for name in ("exp", "log", "sqrt", "where", "minimum", "maximum", "stack", "asarray", "inf")
        }
        exec(compile(jax_function(work.blueprint), "<rates>", "exec"), space)  # noqa: S102
        rates = space["rates"]
        term = diffrax.ODETerm(lambda t, y, p: rates(t, y, p))
        solver = diffrax.Kvaerno5()
        self.most = max(len(piece.times) for piece in work.pieces) + 1

        def one(y, p, begin, end, times, rtol, atol):  # type: ignore[no-untyped-def]
            found = diffrax.diffeqsolve(
                term,
                solver,
                begin,
                end,
                None,
                y,
                args=p,
                saveat=diffrax.SaveAt(ts=times),
                stepsize_controller=diffrax.PIDController(rtol=rtol, atol=atol),
                max_steps=100_000,
                throw=False,
            )
            return jnp.where(found.result == diffrax.RESULTS.successful, found.ys, jnp.nan)

        self.solve = jax.jit(jax.vmap(one, in_axes=(0, 0, None, None, None, None, None)))
        self.compiled: set[int] = set()

    def run(self, family: str, rtol: float, patients: int) -> tuple[Floats, float]:
        """See `peers.Peer`. Each number of patients is compiled once, before the clock runs."""
        work = self.work
        atol = jnp.asarray(absolute(family, rtol, work.scales))
        if patients not in self.compiled:
            self._all(rtol, atol, patients, 1)
            self.compiled.add(patients)
        begin = core_seconds()
        record = self._all(rtol, atol, patients, len(work.pieces))
        return record, (core_seconds() - begin) / patients

    def _all(self, rtol: float, atol: object, patients: int, pieces: int) -> Floats:
        work = self.work
        record = work.empty(patients)
        y = np.array(work.first[:patients])
        for piece in work.pieces[:pieces]:
            for place, amount in piece.additions(work.system.states):
                y[:, place] += amount
            times = np.append(piece.times, np.full(self.most - len(piece.times), piece.end))
            found = np.asarray(self.solve(y, piece.fixed[:patients], piece.begin, piece.end, times, rtol, atol))
            record[:, piece.places] = found[:, : len(piece.places)]
            y = found[:, -1].copy()
        return record
