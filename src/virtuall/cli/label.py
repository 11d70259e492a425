"""Ages outside the label of a therapy are refused before anything is simulated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import datetime

    from virtuall.model.shelf import Shelf
    from virtuall.simulation.protocol import Protocol

OffLabelOption = Annotated[
    bool, typer.Option("--off-label", help="Treat patients of an age outside the label all the same.")
]
# Patients whose age is looked at together.
_TOGETHER = 10_000


def day_of_rules(as_of: str | None, shelf: Shelf) -> datetime.date | None:
    """The day of the rules of care, YYYY-MM-DD; none when none is given: the rules that are still in force.

    Raises
    ------
    InputError
        When it is no day.
    """
    from virtuall.report.explain import day_of

    return None if as_of is None else day_of(as_of, shelf)


def refuse_ages_off_label(
    shelf: Shelf,
    protocol: Protocol,
    cohort: str,
    n: int,
    seed: int,
    as_of: str | None = None,
    library: Sequence[Path] = (),
    *,
    first: int = 0,
) -> None:
    """Refuse a cohort of which somebody's age lies outside the label of a main product of the protocol.

    Parameters
    ----------
    shelf : Shelf
    protocol : Protocol
    cohort : str
    n, seed : int
        As they will be simulated.
    as_of : str, optional
        The day of the label, YYYY-MM-DD; today when none is given.
    library : sequence of Path
        The user's folders.
    first : int
        Id of the first patient.

    Raises
    ------
    Problems
        With the rule and its source, one error for each product.
    InputError
        When `as_of` is no day.
    """
    import numpy as np

    from virtuall.clinic.eligibility import require_label
    from virtuall.population import sample
    from virtuall.report.explain import day_of

    day = day_of(as_of, shelf)
    parts = range(first, first + n, _TOGETHER)
    samples = (sample(cohort, min(_TOGETHER, first + n - part), seed, library, first=part) for part in parts)
    ages = np.concatenate([patients.columns["age"] for patients in samples])
    require_label(shelf, sorted(protocol.main_products), ages, day)
