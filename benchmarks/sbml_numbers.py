"""How a piece of work speaks to a tool that reads SBML: what things are called, and which numbers to set."""

from __future__ import annotations

import numpy as np
from work import Work


class SbmlNumbers:
    """Names and numbers for tools that read SBML.

    Attributes
    ----------
    states : list of str
        SBML id of each state.
    volumes : float64[S]
        Size of the compartment of a species, for tools that speak of concentrations; 1 for what is no species.
    substance : bool[S]
        Species that stand for an amount in formulas.
    settable : list of str
        SBML ids of what differs between patients.
    values : float64[N, len(settable)]
    """

    def __init__(self, work: Work) -> None:
        import libsbml

        self.document = libsbml.readSBMLFromString(work.sbml)
        model = self.document.getModel()
        self.states = [work.ids.get(name, name) for name in work.system.states]
        self.volumes, self.substance = np.ones(len(self.states)), np.zeros(len(self.states), bool)
        for k, name in enumerate(self.states):
            species = model.getSpecies(name)
            if species is not None:
                self.volumes[k] = model.getCompartment(species.getCompartment()).getSize()
                self.substance[k] = species.getHasOnlySubstanceUnits()
        varied = work.varied or work.system.parameters
        self.settable = [work.ids.get(name, name) for name in varied]
        columns = [work.system.parameters.index(name) for name in varied]
        self.values = np.ascontiguousarray(work.rows[:, columns])

    def plain_text(self) -> str:
        """The model with every number that has no rule as a plain constant, without formulas of first values."""
        import libsbml

        document = self.document.clone()
        model = document.getModel()
        while model.getNumInitialAssignments():
            model.removeInitialAssignment(0)
        first = dict(zip(self.settable, self.values[0].tolist(), strict=True))
        for parameter in model.getListOfParameters():
            name = parameter.getId()
            if model.getRule(name) is None:
                parameter.setConstant(True)
                if name in first:
                    parameter.setValue(first[name])
            elif not parameter.isSetValue():
                parameter.setValue(0.0)
        return str(libsbml.writeSBMLToString(document))
