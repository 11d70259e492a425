"""The parameter budget of the calibration: ``calibration/budget.toml`` of the library.

Which numbers are fitted, on which scale, with which prior, in which stage, and by which published rows. A fitted number
is told by its standardized place: 0 is the value of the texts, 1 is one prior standard deviation above it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virtuall.core.errors import InputError, Problems, TextError
from virtuall.core.position import Position
from virtuall.model import Model, load_system, open_shelf
from virtuall.population.numbers import checked, number_at
from virtuall.texts.table import Table, reading
from virtuall.trial.design import load_design
from virtuall.trial.endpoints import ENDPOINTS
from virtuall.trial.mapping import Row
from virtuall.trial.published import Published
from virtuall.trial.run import read_rows

Floats = NDArray[np.float64]
BUDGET = "calibration/budget.toml"
SCALES = ("log", "logit", "add")
MOST_FITTED = 36


@dataclass(frozen=True)
class Fitted:
    """One fitted entry: numbers that move together.

    Attributes
    ----------
    name, block, stage : str
    numbers : tuple of str
        Addresses (`virtuall.population.numbers`).
    shipped : tuple of float
        Their values in the texts, in the units of the model.
    scale : "log", "logit" or "add"
    spread : float
        Prior standard deviation on the scale.
    rows : tuple of str
        Published rows that inform it. Without any it is not fitted but keeps its prior.
    why : str
    """

    name: str
    block: str
    stage: str
    numbers: tuple[str, ...]
    shipped: tuple[float, ...]
    scale: str
    spread: float
    rows: tuple[str, ...]
    why: str

    @property
    def free(self) -> bool:
        """Whether it is fitted; else it keeps its prior."""
        return bool(self.rows)

    def values(self, place: Floats) -> Mapping[str, Floats]:
        """The numbers at these standardized places (any shape), by address."""
        step = self.spread * np.asarray(place, np.float64)
        return {
            address: _moved(value, step, self.scale) for address, value in zip(self.numbers, self.shipped, strict=True)
        }


@dataclass(frozen=True)
class Stage:
    """Rows computed by these endpoints inform the entries of the stage; ``survival_median dor``: of this time alone."""

    name: str
    block: str
    endpoints: tuple[str, ...]

    def reads(self, endpoint: str) -> bool:
        """Whether rows computed so inform the stage."""
        return endpoint in self.endpoints or endpoint.partition(" ")[0] in self.endpoints


@dataclass(frozen=True)
class Block:
    """Trials that are simulated together for the same entries.

    Attributes
    ----------
    arms : tuple of str
        The arms that are simulated; empty: all. Rows of the others cannot be fitted.
    points : int
        Points of a wave.
    """

    name: str
    trials: tuple[str, ...]
    arms: tuple[str, ...] = ()
    points: int = 0


@dataclass(frozen=True)
class Budget:
    """The whole text.

    Attributes
    ----------
    members : int
        Parameter sets of the ensemble.
    waves : int
    discrepancy : float
        Standard deviation of the trial-level random effect, in sampling standard deviations of a row.
    tail : float
        Degrees of freedom of Student's t.
    without : tuple of str
        Rows that inform no block, such as those that only set the share of events that a trial reports.
    blocks, stages, fitted
    """

    members: int
    waves: int
    discrepancy: float
    tail: float
    without: tuple[str, ...]
    blocks: tuple[Block, ...]
    stages: tuple[Stage, ...]
    fitted: tuple[Fitted, ...]

    def of_block(self, name: str) -> tuple[Fitted, ...]:
        """The entries of a block, in the order of its stages."""
        order = [each.name for each in self.stages if each.block == name]
        return tuple(sorted((each for each in self.fitted if each.block == name), key=lambda e: order.index(e.stage)))


def read_budget(library: Sequence[Path | str] = ()) -> Budget:
    """Read and check the budget.

    Raises
    ------
    InputError, TextError, Problems
        When a number is not one of the library, a row is not a scored calibrate row of the block, an endpoint does not
        exist, or more than 36 entries are fitted.
    """
    path = open_shelf(library).file(BUDGET)
    model = load_system(library)
    with reading(path) as text:
        head = text.table("calibration")
        head.source()
        points = head.integer("points", low=4)
        blocks = tuple(
            Block(
                each.text("name"),
                each.texts("trials"),
                each.texts("arms", default=()),
                each.integer("points", low=4, default=points),
            )
            for each in text.tables("block")
        )
        names = [each.name for each in blocks]
        stages = tuple(
            Stage(each.text("name"), each.choice("block", names), each.texts("endpoints"))
            for each in text.tables("stage")
        )
        for each in stages:
            for endpoint in each.endpoints:
                if endpoint.partition(" ")[0] not in ENDPOINTS:
                    text.problem("no such endpoint", "stage", given=endpoint, allowed=tuple(ENDPOINTS))
        budget = Budget(
            members=head.integer("members", low=2),
            waves=head.integer("waves", low=1),
            discrepancy=head.number("discrepancy", low=0),
            tail=head.number("tail", low=1),
            without=head.texts("without", default=()),
            blocks=blocks,
            stages=stages,
            fitted=tuple(_fitted(each, names, stages, model, library) for each in text.tables("fitted")),
        )
    _check_rows(budget, library, str(path))
    count = sum(each.free for each in budget.fitted)
    if count > MOST_FITTED:
        raise TextError(f"at most {MOST_FITTED} fitted entries", given=count, where=Position(str(path), 1))
    return budget


def _fitted(
    table: Table, blocks: Sequence[str], stages: Sequence[Stage], model: Model, library: Sequence[Path | str]
) -> Fitted:
    block = table.choice("block", blocks)
    entry = Fitted(
        name=table.text("name"),
        block=block,
        stage=table.choice("stage", [each.name for each in stages if each.block == block]),
        numbers=table.texts("numbers"),
        shipped=(),
        scale=table.choice("scale", SCALES),
        spread=table.number("spread", low=0),
        rows=table.texts("rows", default=()),
        why=table.text("why"),
    )
    shipped = []
    for address in entry.numbers:
        try:
            shipped.append(shipped_value(address, model, library))
        except InputError as error:
            table.problem(str(error), "numbers")
            continue
        if (entry.scale == "log" and shipped[-1] <= 0) or (entry.scale == "logit" and not 0 < shipped[-1] < 1):
            table.problem(f"{address} cannot be moved on the {entry.scale} scale", "scale", given=f"{shipped[-1]:g}")
    return replace(entry, shipped=tuple(shipped))


def shipped_value(address: str, model: Model, library: Sequence[Path | str] = ()) -> float:
    """The value of the texts at an address, in the unit of the model.

    Raises
    ------
    InputError
        When there is no such number (nearest match offered).
    """
    checked({address: 0.0}, model, library)
    found = number_at(address, open_shelf(library), model)
    if found is None:
        raise InputError("no text holds a number at this address", given=address)
    return found


def _check_rows(budget: Budget, library: Sequence[Path | str], where: str) -> None:
    """Every row named is a scored calibrate row that the trials of its block compute."""
    problems = []
    for block in budget.blocks:
        usable = [figure.target for _, figure, _ in usable_rows(block, budget.without, library)]
        for each in budget.fitted:
            for row in each.rows if each.block == block.name else ():
                if row not in usable:
                    what = f"{each.name}: no scored calibrate row that the trials of the block {block.name} compute"
                    problems.append(TextError(what, given=row, allowed=tuple(usable), where=Position(where, 1)))
    if problems:
        raise Problems(problems)


def usable_rows(
    block: Block, without: Sequence[str], library: Sequence[Path | str] = ()
) -> list[tuple[str, Published, Row]]:
    """Trial, published figure and how it is computed, of each row of a block that may be fitted: calibrate, scored,
    verified, computed by the arms of the block and not among those ``without``."""
    found = []
    for name in block.trials:
        design = load_design(name, library)
        for folder in (design.name, *design.also_scored):
            table = read_rows(folder, library)
            computed = {target: row for row in table.mapped.rows for target in row.targets}
            for each in table.published:
                row = computed.get(each.target)
                if row is None or each.target in without:
                    continue
                if each.use != "calibrate" or not each.scored or each.mark != "V":
                    continue
                arms = {group["arm"] for group in (row.group, row.against) if "arm" in group}
                if not block.arms or (arms and arms <= set(block.arms)):
                    found.append((name, each, row))
    return found


def _moved(value: float, step: Floats, scale: str) -> Floats:
    if scale == "add":
        return value + step
    if scale == "log":
        return np.asarray(value * np.exp(step))
    odds = value / (1 - value) * np.exp(step)
    return np.asarray(odds / (1 + odds))
