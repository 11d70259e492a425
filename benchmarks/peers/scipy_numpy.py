"""SciPy's LSODA with a right-hand side as SymPy's lambdify makes it: Python over NumPy's numbers."""

from __future__ import annotations

import numpy as np
from equations import rates_list_function
from work import Work

from peers import compile_python
from peers.scipy_lsoda import Engine as OnFloats


class Engine(OnFloats):
    """The same equations and solver; a state is NumPy's number, as indexing an array gives it."""

    name = "SciPy LSODA, Python on NumPy numbers"

    def __init__(self, work: Work) -> None:
        self.work = work
        self.rates = compile_python(rates_list_function(work.blueprint), "rates", vars(np))
