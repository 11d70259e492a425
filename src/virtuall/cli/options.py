"""Options that several commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

LibraryOption = Annotated[
    list[Path] | None,
    typer.Option("--library", metavar="DIR", help="A folder of your own texts, laid over the shipped ones."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output and nothing else.")]
AsOfOption = Annotated[
    str | None,
    typer.Option("--as-of", metavar="DATE", help="What was known and approved on that day (YYYY-MM-DD)."),
]
# A few cores at most: more workers than that wait for each other.
ALL_CORES = min(os.cpu_count() or 1, 8)
SeedOption = Annotated[int, typer.Option("--seed", metavar="S", help="Another seed, other luck.")]
ProcessesOption = Annotated[
    int, typer.Option("--processes", metavar="P", help="How many processes; the results do not depend on it.")
]
ParametersOption = Annotated[
    str, typer.Option("--parameters", metavar="NAME", help="calibrated: by the ensemble; shipped: as in the texts.")
]


def check_parameters(name: str) -> None:
    """Refuse what is neither calibrated nor shipped. Raises InputError."""
    from virtuall.core.errors import InputError
    from virtuall.population.ensemble import SOURCES

    if name not in SOURCES:
        raise InputError("no such parameters", given=name, allowed=SOURCES)


def check_least(name: str, value: int, least: int) -> None:
    """Refuse a whole number below `least`. Raises InputError."""
    from virtuall.core.errors import InputError

    if value < least:
        raise InputError(f"{name} must be {least} or more", given=value)


def check_positive(name: str, value: float | None) -> None:
    """Refuse a given number that is not above 0 and finite. Raises InputError."""
    import math

    from virtuall.core.errors import InputError

    if value is not None and not (value > 0 and math.isfinite(value)):
        raise InputError(f"{name} must be above 0", given=value)
