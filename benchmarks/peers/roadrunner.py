"""libRoadRunner: SBML compiled by LLVM, CVODE."""

from __future__ import annotations

import numpy as np
import roadrunner
from clock import core_seconds
from sbml_numbers import SbmlNumbers
from work import Floats, Work

from peers import absolute

roadrunner.Logger.setLevel(roadrunner.Logger.LOG_FATAL)


class Engine:
    """The model is loaded once; a patient's numbers are put in before the clock runs."""

    name = "libRoadRunner"
    families = (
        *(f"BDF, atol {each}" for each in ("rtol scale", "1e3 rtol scale", "1e-3 rtol scale", "1e-9")),
        "Adams, atol rtol scale",
    )
    timed = 32

    def __init__(self, work: Work) -> None:
        self.work = work
        self.runner = roadrunner.RoadRunner(work.sbml)
        self.numbers = SbmlNumbers(work)
        self.runner.integrator.setValue("maximum_num_steps", 1_000_000)
        model = self.runner.model
        self.runner.timeCourseSelections = self.numbers.states  # amounts, where these are species
        self.places = {name: k for k, name in enumerate(model.getGlobalParameterIds())}

    def tune(self, family: str, rtol: float) -> None:
        """Tolerances are given in the tool's own order of states."""
        runner, work = self.runner, self.work
        runner.integrator.setValue("relative_tolerance", rtol)
        size = dict(zip(self.numbers.states, absolute(family, rtol, work.scales), strict=True))
        # the tool also integrates species that nothing changes
        tolerances = [float(size.get(name, 1.0)) for name in self.order()]
        runner.integrator.setValue("absolute_tolerance", tolerances)
        runner.integrator.setValue("stiff", family.startswith("BDF"))

    def order(self) -> list[str]:
        """Names of the tool's state vector."""
        model = self.runner.model
        sbml = self.numbers.document.getModel()
        moving = [
            name
            for name in model.getFloatingSpeciesIds()
            if sbml.getRule(name) is None and not sbml.getSpecies(name).getConstant()
        ]
        count = model.getNumRateRules() + len(moving)
        return [model.getStateVectorId(k) for k in range(count)]

    def run(self, family: str, rtol: float, patients: int) -> tuple[Floats, float]:
        """See `peers.Peer`."""
        work, runner = self.work, self.runner
        self.tune(family, rtol)
        record, seconds = work.empty(patients), 0.0
        places = [self.places[name] for name in self.numbers.settable]
        own = [self.places[name] for name in self.numbers.states if name in self.places]
        whose = [k for k, name in enumerate(self.numbers.states) if name in self.places]
        for patient in range(patients):
            runner.resetToOrigin()
            runner.model.setGlobalParameterValues(places, self.numbers.values[patient].tolist())
            if whose:
                runner.model.setGlobalParameterValues(own, work.first[patient, whose].tolist())
            begin = core_seconds()
            try:
                for piece in work.pieces:
                    for change in piece.changes:
                        before = runner[change.name] if change.adds else 0.0
                        runner[change.name] = before + change.value
                    found = runner.simulate(times=[piece.begin, *piece.grid])
                    record[patient, piece.places] = found[1 : 1 + len(piece.places)]
            except RuntimeError:  # CVODE gave up
                record[patient] = np.nan
            seconds += core_seconds() - begin
        return record, seconds / patients
