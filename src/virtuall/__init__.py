"""VirtuALL: a virtual clinic for immunotherapy of B-cell acute lymphocytic leukemia.

For research and teaching, never for the care of a patient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from virtuall.clinic.graded_table import grade
    from virtuall.population import Population, sample
    from virtuall.sbml import SbmlModel, read_sbml, simulate_sbml
    from virtuall.simulation.plan import plan
    from virtuall.simulation.protocol import Protocol, load_protocol
    from virtuall.simulation.result import Result
    from virtuall.simulation.simulate import simulate
    from virtuall.trial.comparison import Comparison
    from virtuall.trial.comparison_run import compare

__all__ = [
    "Comparison",
    "Population",
    "Protocol",
    "Result",
    "SbmlModel",
    "compare",
    "grade",
    "load_protocol",
    "plan",
    "read_sbml",
    "sample",
    "simulate",
    "simulate_sbml",
]

_PLACES = {
    "Population": "virtuall.population",
    "grade": "virtuall.clinic.graded_table",
    "sample": "virtuall.population",
    "SbmlModel": "virtuall.sbml",
    "read_sbml": "virtuall.sbml",
    "simulate_sbml": "virtuall.sbml",
    "Protocol": "virtuall.simulation.protocol",
    "load_protocol": "virtuall.simulation.protocol",
    "Result": "virtuall.simulation.result",
    "simulate": "virtuall.simulation.simulate",
    "plan": "virtuall.simulation.plan",
    "Comparison": "virtuall.trial.comparison",
    "compare": "virtuall.trial.comparison_run",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use, so that the command line starts at once.
    if name not in _PLACES:
        raise AttributeError(f"module 'virtuall' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PLACES[name]), name)
