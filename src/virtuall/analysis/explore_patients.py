"""What an exploration keeps of every simulated patient: outcomes, worst grade and number of events, drug and care."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from virtuall.core.records import CARE, EFFECT
from virtuall.core.units import unit as read_unit
from virtuall.dosing.reading import Product
from virtuall.trial.episodes import places_of, worst_grades

if TYPE_CHECKING:
    import pandas as pd

    from virtuall.simulation.protocol import Protocol
    from virtuall.simulation.result import Result

Floats = NDArray[np.float64]

WORST, EVENTS, DOSES, AMOUNT = "worst ", "events ", "doses ", "amount "


def patient_frame(result: Result) -> pd.DataFrame:
    """The outcomes with further columns, one row a patient.

    ``worst KIND`` and ``events KIND`` for every kind of event that the protocol can bring (0 without one), ``doses
    PRODUCT`` for the care given, ``amount PRODUCT`` for what was given of the protocol's own products, in their units.
    """
    import pandas as pd

    ids = result.outcomes["patient"].to_numpy()
    frame = result.outcomes.reset_index(drop=True)
    chart = result.events
    added: dict[str, Floats] = {}
    events = worst_grades(chart, {graded.scale for graded in result.protocol.monitoring.graded})
    called = events["what"].where(events["what"] != "", events["kind"].astype(str))
    for kind in kinds(result.protocol):
        these = events[called == kind]
        rows = places_of(these["patient"], ids)
        worst = np.zeros(len(ids))
        np.maximum.at(worst, rows, these["value"].to_numpy(float))
        added[WORST + kind] = worst
        added[EVENTS + kind] = np.bincount(rows, minlength=len(ids)).astype(np.float64)
    given = chart[chart["kind"] == CARE]
    for product in result.protocol.care:
        these = given[given["what"] == product]
        added[DOSES + product] = np.bincount(places_of(these["patient"], ids), minlength=len(ids)).astype(np.float64)
    for name in result.protocol.given_products:
        added[AMOUNT + name] = _amount(result, result.protocol.products[name])
    return pd.concat([frame, pd.DataFrame(added)], axis=1)


def kinds(protocol: Protocol) -> tuple[str, ...]:
    """What events of the protocol are called: what is graded by its title, others by their kind."""
    graded = [graded.title for graded in protocol.monitoring.graded if graded.title]
    others = [event.kind for event in protocol.events if event.outcomes]
    lesser = [EFFECT] if protocol.incidents else []
    return tuple(dict.fromkeys([*graded, *others, *lesser]))


def amount_unit(product: Product) -> str:
    """The unit of what was given in all."""
    return str(read_unit(product.rate_unit) * read_unit("d")) if product.input else product.unit


def _amount(result: Result, product: Product) -> Floats:
    """What was really given of a product in all: rates over their times, or amounts at once."""
    ids = result.outcomes["patient"].to_numpy()
    total = np.zeros(len(ids))
    changes = result.realized
    if changes is None:
        raise ValueError("what was given is told by the realized changes: simulate with realized=True")
    if not len(changes):
        return total
    these = changes[changes["name"] == (product.input or product.state)]
    rows = places_of(these["patient"], ids)
    value = these["value"].to_numpy(float)
    if not product.input:  # only what was added: cells that die are no dose
        np.add.at(total, rows, np.maximum(value - these["before"].to_numpy(float), 0.0))
        return total
    day = these["day"].to_numpy(float)
    last = result.outcomes["last_day"].to_numpy(float)
    until = last[rows]
    same = rows[1:] == rows[:-1]
    until[:-1][same] = day[1:][same]
    np.add.at(total, rows, value * np.maximum(until - day, 0.0))
    return total
