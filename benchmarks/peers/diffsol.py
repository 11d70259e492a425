"""diffsol (Rust) by pydiffsol: DiffSL text made from our equations, compiled by its LLVM back end."""

from __future__ import annotations

import numpy as np
import pydiffsol
from clock import core_seconds
from equations import diffsl_text
from work import Floats, Work

MATRICES = {"dense": pydiffsol.nalgebra_dense, "faer": pydiffsol.faer_dense, "sparse": pydiffsol.faer_sparse}
METHODS = {"BDF": pydiffsol.bdf, "TR-BDF2": pydiffsol.tr_bdf2, "ESDIRK34": pydiffsol.esdirk34}


class Engine:
    """The states are divided by their scales, for the tool has one absolute tolerance for all."""

    name = "pydiffsol"
    families = tuple(
        f"{method}, {matrix}, atol {each}"
        for method, matrix in (("BDF", "dense"), ("BDF", "sparse"), ("TR-BDF2", "dense"), ("ESDIRK34", "dense"))
        for each in ("rtol scale", "1e3 rtol scale")
    )
    timed = 64

    def __init__(self, work: Work) -> None:
        self.work = work
        self.text = diffsl_text(work.blueprint)
        self.odes: dict[str, pydiffsol.Ode] = {}

    def ode(self, matrix: str) -> pydiffsol.Ode:
        """Compiled once for a kind of matrix."""
        if matrix not in self.odes:
            # its KLU ended the process on our model, so the sparse matrices are solved by its own LU
            self.odes[matrix] = pydiffsol.Ode(self.text, matrix_type=MATRICES[matrix], linear_solver=pydiffsol.lu)
        return self.odes[matrix]

    def run(self, family: str, rtol: float, patients: int) -> tuple[Floats, float]:
        """See `peers.Peer`."""
        work = self.work
        method, matrix, words = family.split(", ")
        ode = self.ode(matrix)
        ode.ode_solver = METHODS[method]
        ode.rtol = rtol
        ode.atol = rtol * (float(words.split()[1]) if words.split()[1] != "rtol" else 1.0)
        scales, width = work.scales, len(work.system.states)
        count = len(work.blueprint.fixed.outputs)
        record, seconds = work.empty(patients), 0.0
        numbers = np.zeros(count + width + 1)
        for patient in range(patients):
            y = work.first[patient] / scales
            begin = core_seconds()
            for piece in work.pieces:
                for place, amount in piece.additions(work.system.states):
                    y[place] += amount / scales[place]
                numbers[:count], numbers[count : count + width] = piece.fixed[patient], y
                numbers[-1] = piece.begin
                try:
                    found = ode.solve_dense(numbers, piece.grid - piece.begin).ys
                except Exception:
                    record[patient] = np.nan
                    break
                record[patient, piece.places] = found.T[: len(piece.places)] * scales
                y = found[:, -1].copy()
            seconds += core_seconds() - begin
        return record, seconds / patients
