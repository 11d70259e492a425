"""Lesser effects of a therapy that no state drives: how often, in the first and in later cycles, how bad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virtuall.core.random import uniform
from virtuall.texts.table import Table, reading

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Incident:
    """One effect of one product.

    Attributes
    ----------
    name, title, product : str
    first, later : float
        Share of patients in whom it begins in the first cycle, and in each later one.
    within : float
        Days from the begin of the cycle's drug within which it begins.
    grades, shares : tuple
        Grades with their shares.
    """

    name: str
    title: str
    product: str
    first: float
    later: float
    within: float
    grades: tuple[int, ...]
    shares: tuple[float, ...]


def read_incidents(path: Path, products: tuple[str, ...]) -> tuple[Incident, ...]:
    """Read an ``incidents.toml``; `products` are those of the shelf."""
    with reading(path) as text:
        return tuple(_incident(each, products) for each in text.named("incident").values())


def _incident(table: Table, products: tuple[str, ...]) -> Incident:
    table.source()
    grades = table.tables("grade", at_least=1)
    found = Incident(
        table.name,
        table.text("title"),
        table.choice("product", products),
        table.quantity("first", "1", low=0, high=1, sourced=True).value,
        table.quantity("later", "1", low=0, high=1, sourced=True).value,
        table.days("within", low=0),
        tuple(each.integer("grade", low=1, high=5) for each in grades),
        tuple(each.quantity("share", "1", low=0, high=1, sourced=True).value for each in grades),
    )
    if abs(sum(found.shares) - 1) > 1e-9:
        table.problem("the shares of the grades must sum to 1", "grade")
    return found


def begins(incidents: Sequence[Incident], seed: int, patients: Ints, cycle: Ints) -> Floats:
    """Days from the begin of the drug in this cycle to each effect, float64[effects, patients].

    Infinite where it does not come.
    """
    purposes = [f"{what} {each.name}" for what in ("effect", "day of effect") for each in incidents]
    comes, day = np.split(uniform(seed, purposes, patients, cycle), 2)
    first, later, within = np.array([[each.first, each.later, each.within] for each in incidents]).T[:, :, None]
    return np.where(comes < np.where(cycle == 1, first, later), within * day, np.inf)


def grade_of(incident: Incident, seed: int, patients: Ints, cycle: Ints) -> Ints:
    """The grade of the effect in this cycle."""
    draw = uniform(seed, f"grade of effect {incident.name}", patients, cycle)
    which = np.searchsorted(np.cumsum(incident.shares)[:-1], draw, side="right")
    return np.array(incident.grades, np.int64)[which]
