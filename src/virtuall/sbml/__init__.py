"""SBML in: read models, simulate them, run the cases of the SBML Test Suite."""

from __future__ import annotations

from virtuall.sbml.model import SbmlModel, read_sbml
from virtuall.sbml.simulate import simulate_sbml

__all__ = ["SbmlModel", "read_sbml", "simulate_sbml"]
