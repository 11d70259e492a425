"""Read a cohort: how the covariates of its patients are distributed, and which numbers differ from the model's.

::

    name = "adult_relapsed"
    doc = "..."
    [covariates.age]      # as a [random.*] of parameters.toml; every covariate of the model needs one
    [random.eta_x]        # replaces the model's
    [parameters.y]        # replaces the model's
    [[correlation]]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from virtuall.core.position import Position
from virtuall.texts.table import reading
from virtuall.texts.values import Correlation, Random, Value, _correlation, _each, _parameter, _random


@dataclass(frozen=True)
class Cohort:
    """What the text of a cohort says, by name."""

    name: str
    doc: str
    covariates: Mapping[str, Random]
    random: Mapping[str, Random]
    parameters: Mapping[str, Value]
    correlations: tuple[Correlation, ...]
    position: Position


def read_cohort(path: Path) -> Cohort:
    """Read a cohort.

    Raises
    ------
    TextError, Problems
        As `virtuall.texts.values.read_values`.
    """
    with reading(path) as table:
        return Cohort(
            table.text("name"),
            table.text("doc"),
            covariates=_each(table, "covariates", _random),
            random=_each(table, "random", _random),
            parameters=_each(table, "parameters", _parameter),
            correlations=tuple(_correlation(each) for each in table.tables("correlation")),
            position=table.where(),
        )
