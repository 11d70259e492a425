"""COPASI by its Python package basico: SBML, interpreted; LSODA or RADAU5."""

from __future__ import annotations

import basico
import numpy as np
from clock import core_seconds
from sbml_numbers import SbmlNumbers
from work import Floats, Work

import COPASI  # isort: skip

METHODS = {"LSODA": COPASI.CTaskEnum.Method_deterministic, "RADAU5": COPASI.CTaskEnum.Method_RADAU5}


class Engine:
    """The clock runs during the integration alone: reading its result value by value would cost as much again."""

    name = "COPASI"
    families = ("LSODA, atol 1e-9", "LSODA, atol 1e-6", "LSODA, atol 1e-3", "LSODA, atol 1e-12", "RADAU5, atol 1e-9")
    timed = 16

    def __init__(self, work: Work) -> None:
        self.work = work
        self.numbers = SbmlNumbers(work)
        self.data = basico.load_model_from_string(work.sbml)
        self.model = self.data.getModel()
        self.task = self.data.getTask("Time-Course")
        self.objects = {}
        for group in (self.model.getModelValues(), self.model.getMetabolites(), self.model.getCompartments()):
            for k in range(group.size()):
                self.objects[group.get(k).getSBMLId()] = group.get(k)
        for name in (*self.numbers.settable, *self.numbers.states):
            # all numbers are given; a formula of a first value would be computed anew after each change
            self.objects[name].setInitialExpression("")
        self.model.compileIfNecessary()
        pairs = zip(self.numbers.states, self.numbers.volumes.tolist(), strict=True)
        self.species = {
            name: volume for name, volume in pairs if hasattr(self.objects[name], "setInitialConcentration")
        }
        self.columns: list[int] = []

    def _tune(self, family: str, rtol: float) -> None:
        method, _, words = family.partition(", atol ")
        self.task.setMethodType(METHODS[method])
        chosen = self.task.getMethod()
        for name, value in (("Relative Tolerance", rtol), ("Absolute Tolerance", float(words))):
            chosen.getParameter(name).setDblValue(value)
        for name in ("Max Internal Steps",):
            if chosen.getParameter(name) is not None:
                chosen.getParameter(name).setUIntValue(1_000_000)

    def _set(self, values: dict[str, float]) -> None:
        changed = COPASI.ObjectStdVector()
        for name, value in values.items():
            thing = self.objects[name]
            if name in self.species:
                thing.setInitialConcentration(value / self.species[name])
                changed.append(thing.getInitialConcentrationReference())
            else:
                thing.setInitialValue(value)
                changed.append(thing.getInitialValueReference())
        self.model.updateInitialValues(changed)

    def run(self, family: str, rtol: float, patients: int) -> tuple[Floats, float]:
        """See `peers.Peer`."""
        work, task, model = self.work, self.task, self.model
        self._tune(family, rtol)
        problem = task.getProblem()
        problem.setAutomaticStepSize(False)
        problem.setTimeSeriesRequested(True)
        problem.setOutputEvent(False)
        problem.setUseValues(True)
        task.setUpdateModel(True)
        record, seconds = work.empty(patients), 0.0
        states = self.numbers.states
        for patient in range(patients):
            model.setInitialTime(float(work.times[0]))
            y = work.first[patient].copy()
            numbers = dict(zip(self.numbers.settable, self.numbers.values[patient].tolist(), strict=True))
            self._set(numbers | dict(zip(states, y.tolist(), strict=True)))
            for piece in work.pieces:
                begin = core_seconds()
                changes = {}
                for change in piece.changes:
                    before = y[work.system.states.index(change.name)] if change.adds else 0.0
                    changes[work.ids.get(change.name, change.name)] = before + change.value
                if changes:
                    self._set(changes)
                times = piece.grid
                start = model.getInitialTime()  # stays 0 where the equations know no time
                problem.setOutputStartTime(start)
                problem.setDuration(piece.end - piece.begin)
                problem.setValues(" ".join(repr(float(start + each - piece.begin)) for each in [piece.begin, *times]))
                fine = task.initializeRaw(COPASI.CCopasiTask.ONLY_TIME_SERIES) and task.processRaw(True)
                seconds += core_seconds() - begin
                task.restore(True)
                series = task.getTimeSeries()
                if not fine or series.getRecordedSteps() < len(times) + 1:
                    record[patient] = np.nan
                    break
                found = self._read(series, range(series.getRecordedSteps() - len(times), series.getRecordedSteps()))
                record[patient, piece.places] = found[: len(piece.places)]
                y = found[-1]
        return record, seconds / patients

    def _read(self, series: object, rows: range) -> Floats:
        if not self.columns:
            place = {series.getSBMLId(k, self.data): k for k in range(series.getNumVariables())}
            self.columns = [place[name] for name in self.numbers.states]
        found = np.array([[series.getConcentrationData(row, k) for k in self.columns] for row in rows])
        return found * self.numbers.volumes
