"""AMICI: SBML turned into C++ and compiled, CVODES with KLU. Needs a C++ compiler."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from pathlib import Path

import amici
import amici.sim.sundials as sim
import numpy as np
from amici.importers.sbml import SbmlImporter
from clock import core_seconds
from sbml_numbers import SbmlNumbers
from work import Floats, Work


class Engine:
    """Compiled code is kept in ``build/bench``; the clock runs during `run_simulation` alone."""

    name = "AMICI"
    families = ("KLU, atol 1e-6", "KLU, atol 1e-3", "KLU, atol 1e-9", "KLU, atol 1e-12", "dense, atol 1e-6")
    timed = 16

    def __init__(self, work: Work) -> None:
        self.work = work
        self.numbers = SbmlNumbers(work)
        text = self.numbers.plain_text()
        name = "m" + hashlib.sha256((amici.__version__ + text).encode()).hexdigest()[:12]
        folder = Path(__file__).resolve().parents[2] / "build" / "bench" / name
        # swig and cmake come as packages, beside Python
        os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
        if not (folder / "done").exists():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "model.xml").write_bytes(text.encode())
            with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
                SbmlImporter(str(folder / "model.xml")).sbml2amici(
                    name,
                    folder / "code",
                    generate_sensitivity_code=False,
                    compute_conservation_laws=False,
                    simplify=None,
                )
            (folder / "done").touch()
        self.model = amici.import_model_module(name, folder / "code").get_model()
        ids = list(self.model.get_state_ids())
        self.rest = list(self.model.get_initial_state())
        self.order = [ids.index(each) for each in self.numbers.states]
        self.factors = np.where(self.numbers.substance, 1.0, self.numbers.volumes)
        known = list(self.model.get_free_parameter_ids())
        self.columns = [known.index(each) for each in self.numbers.settable if each in known]
        self.kept = [k for k, each in enumerate(self.numbers.settable) if each in known]
        self.places = {each: known.index(each) for each in known}

    def run(self, family: str, rtol: float, patients: int) -> tuple[Floats, float]:
        """See `peers.Peer`."""
        work, model = self.work, self.model
        solver = model.create_solver()
        solver.set_relative_tolerance(rtol)
        solver.set_absolute_tolerance(float(family.rpartition(" ")[2]))
        solver.set_max_steps(1_000_000)
        solver.set_linear_solver(sim.LinearSolver_KLU if family.startswith("KLU") else sim.LinearSolver_dense)
        record, seconds = work.empty(patients), 0.0
        for patient in range(patients):
            numbers = np.array(model.get_free_parameters())
            numbers[self.columns] = self.numbers.values[patient, self.kept]
            y = work.first[patient].copy()
            for piece in work.pieces:
                for change in piece.changes:
                    if not change.adds:
                        numbers[self.places[work.ids.get(change.name, change.name)]] = change.value
                for place, amount in piece.additions(work.system.states):
                    y[place] += amount
                x = np.array(self.rest)
                x[self.order] = y / self.factors
                model.set_free_parameters(numbers.tolist())
                model.set_t0(piece.begin)
                model.set_timepoints(piece.grid.tolist())
                model.set_initial_state(x.tolist())
                begin = core_seconds()
                found = sim.run_simulation(model, solver)
                seconds += core_seconds() - begin
                if found.status != 0:
                    record[patient] = np.nan
                    break
                states = np.asarray(found.x)[:, self.order] * self.factors
                record[patient, piece.places] = states[: len(piece.places)]
                y = states[-1].copy()
        return record, seconds / patients
