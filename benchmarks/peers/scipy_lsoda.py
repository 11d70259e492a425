"""SciPy's LSODA with a right-hand side in plain Python, as a modeler writes it first."""

from __future__ import annotations

import numpy as np
from clock import core_seconds
from equations import rates_list_function
from scipy.integrate import solve_ivp
from work import Floats, Work

from peers import absolute, compile_python


class Engine:
    """`scipy.integrate.solve_ivp`; the generated function works on plain floats, faster here than NumPy's."""

    name = "SciPy LSODA, Python on floats"
    families = ("atol rtol scale", "atol 1e3 rtol scale")
    timed = 3

    def __init__(self, work: Work) -> None:
        self.work = work
        rates = compile_python(rates_list_function(work.blueprint), "rates")
        self.rates = lambda t, y, p: rates(t, y.tolist(), p)

    def run(self, family: str, rtol: float, patients: int) -> tuple[Floats, float]:
        """See `peers.Peer`."""
        work, rates = self.work, self.rates
        atol = absolute(family, rtol, work.scales)
        record, seconds = work.empty(patients), 0.0
        for patient in range(patients):
            y = work.first[patient].copy()
            numbers = [piece.fixed[patient].tolist() for piece in work.pieces]
            begin = core_seconds()
            for piece, p in zip(work.pieces, numbers, strict=True):
                for place, amount in piece.additions(work.system.states):
                    y[place] += amount
                try:
                    found = solve_ivp(
                        rates,
                        (piece.begin, piece.end),
                        y,
                        method="LSODA",
                        t_eval=piece.grid,
                        args=(p,),
                        rtol=rtol,
                        atol=atol,
                    )
                except (ArithmeticError, ValueError):  # plain Python raises where others go on with inf
                    record[patient] = np.nan
                    break
                if not found.success:
                    record[patient] = np.nan
                    break
                record[patient, piece.places] = found.y.T[: len(piece.places)]
                y = found.y[:, -1]
            seconds += core_seconds() - begin
        return record, seconds / patients
