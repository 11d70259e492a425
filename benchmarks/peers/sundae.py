"""CVODE of SUNDIALS by scikit-sundae, with right-hand side and Jacobian compiled by Numba."""

from __future__ import annotations

import math

import numpy as np
from clock import core_seconds
from equations import rates_function, slopes_function
from numba import njit
from sksundae.cvode import CVODE
from work import Floats, Work

from peers import absolute


class Engine:
    """One solver a patient and piece: the tool has no other way to begin anew."""

    name = "scikit-sundae CVODE, Numba"
    families = tuple(
        f"{solver}, atol {each}" for solver in ("dense", "sparse") for each in ("rtol scale", "1e3 rtol scale", "1e-9")
    )
    timed = 16

    def __init__(self, work: Work) -> None:
        self.work = work
        size = len(work.system.states)
        entries = work.blueprint.entries
        self.pattern = np.zeros((size, size), int)
        for row, column in entries:
            self.pattern[row, column] = 1
        by_column = sorted(range(len(entries)), key=lambda k: (entries[k][1], entries[k][0]))
        place = {entry: k for k, entry in enumerate(by_column)}
        space: dict[str, object] = {"math": math, "inf": math.inf}
        self.rates = _compiled(rates_function(work.blueprint), "rates", space)
        self.dense = _compiled(
            slopes_function(work.blueprint, [f"{row}, {column}" for row, column in entries]), "slopes", space
        )
        self.sparse = _compiled(
            slopes_function(work.blueprint, [str(place[k]) for k in range(len(entries))]), "slopes", space
        )
        self.p = np.zeros(len(work.blueprint.fixed.outputs))

    def run(self, family: str, rtol: float, patients: int) -> tuple[Floats, float]:
        """See `peers.Peer`."""
        work, rates, p = self.work, self.rates, self.p
        solver = family.split(",")[0]
        slopes = self.dense if solver == "dense" else self.sparse
        atol = absolute(family, rtol, work.scales)
        more = {"linsolver": "sparse", "sparsity": self.pattern} if solver == "sparse" else {"linsolver": "dense"}
        record, seconds = work.empty(patients), 0.0

        def rhs(t, y, out):  # type: ignore[no-untyped-def]
            rates(t, y, p, out)

        def jacobian(t, y, dy, out):  # type: ignore[no-untyped-def]
            slopes(t, y, p, out)

        for patient in range(patients):
            y = work.first[patient].copy()
            begin = core_seconds()
            for piece in work.pieces:
                p[:] = piece.fixed[patient]
                for place, amount in piece.additions(work.system.states):
                    y[place] += amount
                times = [piece.begin, *piece.grid]
                if len(times) == 2:  # two times would mean all its own steps
                    times.insert(1, 0.5 * (times[0] + times[1]))
                cvode = CVODE(rhs, jacfn=jacobian, rtol=rtol, atol=atol, max_num_steps=100_000, **more)
                try:
                    found = cvode.solve(np.array(times), y)
                except (RuntimeError, ValueError):
                    record[patient] = np.nan
                    break
                if not found.success:
                    record[patient] = np.nan
                    break
                where = np.searchsorted(found.t, piece.times)
                record[patient, piece.places] = found.y[where]
                y = np.ascontiguousarray(found.y[-1])
            seconds += core_seconds() - begin
        return record, seconds / patients


def _compiled(text: str, name: str, space: dict[str, object]) -> object:
    own = dict(space)
    exec(compile(text, f"<{name}>", "exec"), own)  # noqa: S102
    # numpy's way with a division by zero: inf, not an error, as compiled code of the other tools has it
    return njit(error_model="numpy")(own[name])
