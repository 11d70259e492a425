"""What a visual predictive check simulates and draws: ``check.toml`` beside the published rows.

::

    [check]
    title = "Drug in blood"
    source = "label"
    mark = "V"

    [[arm]]
    name = "28 ug/d"               # as in endpoints.toml
    size = 50                      # patients of one simulated group
    cohort = "adult_relapsed"
    protocol = "drug/constant"

    [[grid]]                       # recorded times: every 6 h up to day 7, then ...
    until = "7 d"
    every = "6 h"

    [exposure]                     # optional: clearance, volume and half-life from this concentration
    signal = "drug_concentration"
    rate_unit = "ug/d"             # of the product

    [[figure]]
    title = "Drug in blood"
    signal = "drug_concentration"
    arms = ["28 ug/d"]             # all by default
    relative = false               # to the value at the start
    log = false
    log_time = false
    floor = "10 pg/mL"             # values below are drawn at it; gives the unit
    floor_label = "detection limit"
    points_label = "published median, quartiles"
    first = "0 d"
    last = "8 d"
    note = "Said below the figure."
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virtuall.texts.table import Table, reading
from virtuall.trial.design import Arm, read_arms

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FigureText:
    """One figure of a check; fields as in the text, times in days. `unit` is that of the floor, else ""."""

    title: str
    signal: str
    arms: tuple[str, ...]
    relative: bool
    log: bool
    log_time: bool
    floor: float | None
    unit: str
    floor_label: str
    points_label: str
    first: float
    last: float
    note: str


@dataclass(frozen=True)
class CheckDesign:
    """A check.

    Attributes
    ----------
    name, title : str
    arms : tuple of Arm
    times : float64 array
        Recorded days, from 0 on.
    exposure, rate_unit : str
        The concentration that tells clearance, volume and half-life ("" for none), and the unit of its
        infusion.
    figures : tuple of FigureText
    """

    name: str
    title: str
    arms: tuple[Arm, ...]
    times: Floats
    exposure: str
    rate_unit: str
    figures: tuple[FigureText, ...]

    @property
    def signals(self) -> tuple[str, ...]:
        """What its figures show."""
        return tuple(dict.fromkeys(figure.signal for figure in self.figures))


def read_check(path: Path) -> CheckDesign:
    """Read ``check.toml``.

    Raises
    ------
    TextError, Problems
        With every error of the text, by file and line.
    """
    with reading(path) as table:
        head = table.table("check")
        head.source()
        exposure = table.table("exposure", default=None)
        arms = read_arms(table)
        design = CheckDesign(
            name=path.parent.name,
            title=head.text("title"),
            arms=arms,
            times=_times(table),
            exposure="" if exposure is None else exposure.text("signal"),
            rate_unit="" if exposure is None else exposure.unit("rate_unit"),
            figures=tuple(
                _figure(each, tuple(arm.name for arm in arms)) for each in table.tables("figure", at_least=1)
            ),
        )
    return design


def _times(table: Table) -> Floats:
    parts, start = [np.zeros(1)], 0.0
    for each in table.tables("grid", at_least=1):
        every, until = each.days("every"), each.days("until")
        if not 0 < every <= until - start:
            each.problem("a part of the grid must go on for at least one of its steps", "until")
            break
        count = round((until - start) / every)
        if abs(start + count * every - until) > 1e-9:
            each.problem("the steps of the grid do not end where it does", "until")
        parts.append(start + (until - start) * np.arange(1, count + 1) / count)
        start = until
    return np.concatenate(parts)


def _figure(table: Table, arms: tuple[str, ...]) -> FigureText:
    floor = table.quantity("floor", default=None)
    return FigureText(
        title=table.text("title"),
        signal=table.text("signal"),
        arms=table.texts("arms", allowed=arms, default=arms),
        relative=table.flag("relative", default=False),
        log=table.flag("log", default=False),
        log_time=table.flag("log_time", default=False),
        floor=None if floor is None else floor.value,
        unit="" if floor is None else floor.unit,
        floor_label=table.text("floor_label", default="detection limit"),
        points_label=table.text("points_label", default="published median, quartiles"),
        first=table.days("first", low=0, default=0.0),
        last=table.days("last", low=0),
        note=table.text("note", default=""),
    )
