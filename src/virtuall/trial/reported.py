"""Reported events: which of the charted ones a trial would have told as adverse events.

A trial reports fewer events than a close watch of the same patients finds. Its design declares one share for each
class of events::

    [[report]]
    kind = "crs"                 # of the chart
    scale = "ctcae_v4_crs"       # only on this scale; may be left out
    highest = 2                  # only events that never came to a higher grade; may be left out
    arm = "treated"              # only in this arm; may be left out
    share = "0.45"               # of the events that are reported
    source = "blina_cycle_1"
    mark = "D"
    why = "14 % published (T0120) / 31 % simulated"

A mild event and a severe one may be two classes: what a report calls fever may be a mild syndrome by its signs, while
a severe one is told as what it is. Whether an event is reported is drawn once for the whole of it, and for all of its
class that begin in the same cycle: what comes back within days is not another event to who reports it. Findings,
supportive drugs and recorded signals are always known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from virtuall.core.random import uniform
from virtuall.core.records import CARE, FINDING
from virtuall.texts.table import Table

if TYPE_CHECKING:
    import pandas as pd

ALWAYS_KNOWN = (CARE, FINDING)


@dataclass(frozen=True)
class Report:
    """The share of a class of events that is reported.

    Attributes
    ----------
    kind : str
    share : float
    scale, arm : str
        "" where all of them are meant.
    highest : int or None
        The class is that of the events whose worst grade is not higher; None: all.
    """

    kind: str
    share: float
    scale: str = ""
    arm: str = ""
    highest: int | None = None

    @property
    def purpose(self) -> str:
        """What its draws are for."""
        return f"reported {self.kind} {self.scale}".rstrip()

    @property
    def words(self) -> str:
        """As said in a report."""
        scale = f" on {self.scale}" if self.scale else ""
        arm = f" under {self.arm}" if self.arm else ""
        grade = "" if self.highest is None else f" up to grade {self.highest}"
        return f"{self.share:.0%} of {self.kind}{grade}{scale}{arm}"

    @property
    def exactness(self) -> int:
        """How much of an event it names: of several that fit an event, the one that names most holds."""
        return 4 * bool(self.scale) + 2 * bool(self.arm) + (self.highest is not None)


def read_reports(table: Table, arms: Sequence[str]) -> tuple[Report, ...]:
    """Read the tables ``[[report]]`` of a text; problems are noted in `table`."""
    reports = tuple(_report(each, arms) for each in table.tables("report"))
    classes = [(each.kind, each.scale, each.arm, each.highest) for each in reports]
    for each in dict.fromkeys(classes):
        if classes.count(each) > 1:
            table.problem("two reporting factors of one class of events", "report", given=each[0])
    return reports


def _report(table: Table, arms: Sequence[str]) -> Report:
    table.source()
    kind = table.text("kind")
    if kind in ALWAYS_KNOWN:
        table.problem("these are always known, so they have no reporting factor", "kind", given=kind)
    return Report(
        kind=kind,
        share=table.quantity("share", "1", low=0, high=1, sourced=True).value,
        scale=table.text("scale", default=""),
        arm=table.choice("arm", (*arms, ""), default=""),
        highest=table.integer("highest", low=1, high=4, default=None),
    )


def reported(
    chart: pd.DataFrame, arms: Mapping[int, str] | pd.Series, reports: Sequence[Report], seed: int
) -> pd.DataFrame:
    """The entries of events that are reported.

    Parameters
    ----------
    chart : pandas.DataFrame
        From `virtuall.trial.episodes.with_episodes`.
    arms : mapping of int to str
        Arm by patient.
    reports : sequence of Report
        Where several fit an event, the one holds that names its scale, then its arm, then its grade.
    seed : int
        A draw is a function of the seed, the class, the patient and the occurrence, so it depends neither on the order
        of entries nor on who else is there.
    """
    import pandas as pd

    if not reports or not len(chart):
        return chart
    kind = chart["kind"].to_numpy(object)
    rule = chart["rule"].to_numpy(object) if "rule" in chart else np.full(len(chart), "", object)
    arm = chart["patient"].map(pd.Series(arms)).to_numpy(object)
    worst = chart["worst"].to_numpy(float)
    share, purpose = np.ones(len(chart)), np.full(len(chart), -1)
    for place in sorted(range(len(reports)), key=lambda at: reports[at].exactness):
        report = reports[place]
        fits = (kind == report.kind) & ((rule == report.scale) | (not report.scale))
        fits &= (arm == report.arm) | (not report.arm)
        if report.highest is not None:
            fits &= worst <= report.highest
        share[fits], purpose[fits] = report.share, place
    keep = np.ones(len(chart), bool)
    patient, occurrence = chart["patient"].to_numpy(np.int64), chart["occurrence"].to_numpy(np.int64)
    for place in np.unique(purpose[purpose >= 0]):
        these = purpose == place
        keep[these] = uniform(seed, reports[place].purpose, patient[these], occurrence[these]) < share[these]
    return chart[keep]
