"""The shipped model with a year of its planned schedule: a fixed piece of work, not medicine.

Nobody dies and no clone ends here, so that blasts of those who do not respond grow to what the equations allow.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from work import Change, Work, make_work

import virtuall as va
from virtuall.export.sbml import model_to_sbml
from virtuall.model import load_system
from virtuall.simulation.bind import parameter_rows

COHORT, PROTOCOL, SEED = "adult_relapsed", "blinatumomab/relapsed", 1
DAYS = 365.0


@lru_cache(maxsize=4)
def full_model(patients: int = 1024, days: float = DAYS) -> Work:
    """The shipped model, daily records of all states."""
    model, protocol = load_system(), va.load_protocol(PROTOCOL)
    people = va.sample(COHORT, patients, seed=SEED)
    changes = []
    for row in va.plan(protocol, weight=70.0, bsa=1.8).to_dict("records"):
        product = protocol.products[row["product"]]
        if row["day"] < days:
            name = product.input or product.state
            changes.append(Change(float(row["day"]), name, float(row["amount"]), adds=not product.input))
    first = {name: float(values[0]) for name, values in people.columns.items() if name in model.system.parameters}
    return make_work(
        "shipped model, a year of its schedule",
        model.system,
        parameter_rows(model, people),
        changes,
        np.arange(days + 1.0),
        "patient-year",
        sbml=model_to_sbml(model, first),
    )


def clone_states() -> tuple[str, ...]:
    """States of the shipped model that are clones of cells."""
    return tuple(clone.state for clone in load_system().clones.values())
