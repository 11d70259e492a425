"""One patient of a result as SBML: the numbers, and what was really done, as events."""

from __future__ import annotations

import numpy as np

from virtuall.core.errors import InputError
from virtuall.engine.ensemble import STATUS_TEXT
from virtuall.export.sbml import Change, model_to_sbml
from virtuall.model import Model
from virtuall.simulation.bind import brought_along
from virtuall.simulation.realized import PARAMETER, STATE
from virtuall.simulation.replay import matching_model, patient_places
from virtuall.simulation.result import Result


def patient_to_sbml(result: Result, patient: int) -> str:
    """Write the model of one patient with every realized change as an event at its time.

    Parameters
    ----------
    result : Result
    patient : int
        The id.

    Returns
    -------
    str
        SBML Level 3 Version 2; see `virtuall.export.sbml.model_to_sbml`. Nobody dies in it: after the patient's last
        day the equations go on alone.

    Raises
    ------
    InputError
        When the result holds no realized changes, comes from another model or has no such patient, or when the
        simulation of this patient failed.
    """
    model = matching_model(result)
    (place,) = patient_places(result, [patient])
    last = float(result.outcomes["last_day"].iloc[place])
    status = int(result.status[place])
    if status:
        raise InputError(
            f"the simulation of patient {patient} failed on day {last:g} ({STATUS_TEXT[status]})",
            hint="there is no whole course to export: choose another patient",
        )
    columns = result.patients[int(place)].columns
    known = brought_along(model, result.protocol.given_products)
    known |= {name: float(column[0]) for name, column in columns.items() if name in model.system.parameters}
    changes = patient_changes(result, patient, model)
    died = not np.isnan(float(result.outcomes["death_day"].iloc[place]))
    end = "died on" if died else "was followed to"
    note = (
        f"Patient {patient} of cohort {result.patients.cohort}, seed {result.patients.seed}, under protocol"
        f" {result.protocol.name}: {len(changes)} realized changes as events. Doses are added; inputs, and clones of"
        f" few cells (whole numbers, drawn), are set. The patient {end} day {last!r}; what comes after is not the"
        " patient's."
    )
    return model_to_sbml(model, known, changes, name=f"patient_{patient}", note=note)


def patient_changes(result: Result, patient: int, model: Model) -> tuple[Change, ...]:
    """What was done to one patient's model, in the order of time.

    Inputs and the cells of clones are set; an amount that came into another state was added to it.
    """
    realized = result.realized
    assert realized is not None
    mine = realized[realized["patient"] == patient]
    columns = (mine[name].tolist() for name in ("kind", "name", "day", "before", "value"))
    changes = []
    for kind, name, day, before, value in zip(*columns, strict=True):
        if kind == PARAMETER or name in model.clones:
            changes.append(Change(day, name, "set", value))
        elif kind == STATE:
            changes.append(Change(day, name, "add", value - before))
    return tuple(changes)
