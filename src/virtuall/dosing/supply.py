"""Cells made from the patient's own: collection, the stages of manufacture, bridging, and the wait for the product."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virtuall.core.arithmetic import exp
from virtuall.core.random import normal, uniform
from virtuall.texts.condition_tree import Condition
from virtuall.texts.conditions import parse_condition
from virtuall.texts.table import Table

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
# Where a patient's product stands.
SUPPLY = ("none", "waiting", "making", "ready", "failed", "given")


@dataclass(frozen=True)
class Stage:
    """One stage between collection and the product at hand: a floor and a log-normal wait (d), perhaps a failure."""

    name: str
    floor: float
    median: float
    log_sd: float
    failure: float
    again: int


@dataclass(frozen=True)
class Bridging:
    """The protocol that holds the disease meanwhile: who gets it, and how long after the collection (d)."""

    protocol: str
    share: float
    after: float


@dataclass(frozen=True)
class Supply:
    """How a product is made for one patient.

    Attributes
    ----------
    collect_after : float
        Days from enrollment (or from entering this therapy) to the first collection.
    collects : str
        Signal: the cells in all of the blood that are wanted (cell).
    processed : float
        Blood volumes that pass the machine.
    efficiency, efficiency_log_sd : float
        Share of the cells that is kept, and the log spread of it.
    least : float
        Cells that a manufacture needs.
    again_after, most_collections
        A short collection is repeated after so many days, so often in all.
    out_of_specification : float
        Share of products that are given although they miss the specification.
    keeps : tuple of (str, str)
        Signals at collection that inputs keep, such as the fitness of the cells.
    skip : Condition or None
        Who needs no lymphodepletion.
    ready : Condition or None
        Who may be infused; others are looked at again every ``review`` days, for ``within`` days at most.
    """

    collect_after: float
    collects: str
    processed: float
    efficiency: float
    efficiency_log_sd: float
    least: float
    again_after: float
    most_collections: int
    out_of_specification: float
    keeps: tuple[tuple[str, str], ...]
    stages: tuple[Stage, ...]
    bridging: Bridging | None
    lymphodepletion: str
    skip: Condition | None
    ready: Condition | None
    review: float
    within: float


def read_supply(table: Table | None) -> Supply | None:
    """Read the ``[supply]`` of a regimen."""
    if table is None:
        return None
    ready, bridging = table.table("ready", default=None), table.table("bridging", default=None)
    lymphodepletion = table.table("lymphodepletion")
    return Supply(
        collect_after=table.days("collect_after", low=0),
        collects=table.text("collects"),
        processed=table.amount("processed", "1", low=0),
        efficiency=table.amount("efficiency", "1", low=0, high=1),
        efficiency_log_sd=table.amount("efficiency_log_sd", "1", low=0),
        least=table.amount("least", "cell", low=0),
        again_after=table.days("again_after", low=0),
        most_collections=table.integer("most_collections", low=1),
        out_of_specification=table.amount("out_of_specification", "1", low=0, high=1, default=0.0),
        keeps=tuple((each.text("signal"), each.text("input")) for each in table.tables("keeps")),
        stages=tuple(_stage(each) for each in table.tables("stage", at_least=1)),
        bridging=None if bridging is None else _bridging(bridging),
        lymphodepletion=lymphodepletion.text("protocol"),
        skip=_condition(lymphodepletion, "skipped_when"),
        ready=None if ready is None else _condition(ready, "when"),
        review=1.0 if ready is None else ready.days("review", low=1),
        within=np.inf if ready is None else ready.days("within", low=0),
    )


def _stage(table: Table) -> Stage:
    table.source()
    return Stage(
        table.text("name"),
        table.days("floor", low=0, default=0.0),
        table.days("median", low=0, default=0.0),
        table.amount("log_sd", "1", low=0, default=0.0),
        table.amount("failure", "1", low=0, high=1, default=0.0),
        table.integer("again", low=0, default=0),
    )


def _bridging(table: Table) -> Bridging:
    return Bridging(
        table.text("protocol"), table.amount("share", "1", low=0, high=1, default=0.0), table.days("after", low=0)
    )


def _condition(table: Table, key: str) -> Condition | None:
    text = table.text(key, default=None)
    return None if text is None else parse_condition(text, table.where(key))


def collected(supply: Supply, seed: int, patients: Ints, occurrence: Ints, cells: Floats) -> Floats:
    """Cells in the bag, from the cells in the blood (cell in all) at the time of a collection."""
    spread = exp(supply.efficiency_log_sd * normal(seed, "collection", patients, occurrence))
    return supply.processed * cells * np.minimum(supply.efficiency * spread, 1.0)


def stage_days(stage: Stage, seed: int, patients: Ints, occurrence: Ints) -> Floats:
    """How long a stage takes (d)."""
    return stage.floor + stage.median * exp(stage.log_sd * normal(seed, f"stage {stage.name}", patients, occurrence))


def stage_fails(stage: Stage, seed: int, patients: Ints, occurrence: Ints) -> Flags:
    """Whether a stage gives nothing."""
    return np.asarray(uniform(seed, f"failure of {stage.name}", patients, occurrence) < stage.failure)


def misses_specification(supply: Supply, seed: int, patients: Ints) -> Flags:
    """Whether the product misses the specification."""
    return np.asarray(uniform(seed, "specification", patients) < supply.out_of_specification)


def is_bridged(supply: Supply, seed: int, patients: Ints) -> Flags:
    """Whether a patient gets bridging therapy."""
    if supply.bridging is None:
        return np.zeros(len(patients), bool)
    return np.asarray(uniform(seed, "bridging", patients) < supply.bridging.share)
