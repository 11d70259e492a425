"""The report of a trial: one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from virtuall.report.burden_figure import burden_figure
from virtuall.report.check_figure import Check, check_figure
from virtuall.report.drawing import Drawn
from virtuall.report.forest_figure import forest_figure
from virtuall.report.page import render
from virtuall.report.rows_table import summary
from virtuall.report.survival_figure import SurvivalFigure, survival_figure
from virtuall.trial.curves import StrataBand
from virtuall.trial.scoring import TrialRow

if TYPE_CHECKING:
    from virtuall.report.one_trial import OneTrial

_LONGEST = 24  # rows of one forest
_PANELS = (
    ("%", "Shares (%)"),
    ("months", "Durations (months)"),
    ("ratio", "Hazard ratios"),
    ("odds ratio", "Odds ratios"),
)


@dataclass(frozen=True)
class Header:
    """What stands at the top of a report.

    Attributes
    ----------
    title : str
        Such as "TOWER on virtual patients".
    trial : str
        Name of the trial's text.
    about : str
        One or two sentences: who against whom.
    seed, replicates, patients, failed : int
        `patients` in all replicates together; `failed`: those whose simulation ended with an error code.
    versions : mapping of str to str
        Package and main libraries.
    fingerprint : str
        Checksum of all texts.
    hand_set : sequence of str
        Values that were set by hand (mark A), by name.
    notes : sequence of str
        Anything else a reader must know: accrual, data cut, estimands.
    """

    title: str
    trial: str
    about: str
    seed: int
    replicates: int
    patients: int
    failed: int
    versions: Mapping[str, str]
    fingerprint: str
    hand_set: Sequence[str] = ()
    notes: Sequence[str] = field(default_factory=tuple)


def trial_report(
    header: Header,
    rows: Sequence[TrialRow],
    *,
    survival: Sequence[SurvivalFigure] = (),
    burden: Sequence[StrataBand] = (),
    checks: Sequence[Check] = (),
    one: OneTrial | None = None,
) -> str:
    """The report as HTML that needs nothing from anywhere else.

    Parameters
    ----------
    header : Header
    rows : sequence of TrialRow
        Of all published figures: scored or not, inside or not, simulated or not.
    survival : sequence of SurvivalFigure
    burden : sequence of StrataBand
        Response by burden, one an arm.
    checks : sequence of Check
        Visual predictive checks.
    one : OneTrial, optional
        One replicate in full.
    """
    simulated = [row for row in rows if row.made]
    scored = [row for row in simulated if row.scored]
    return render(
        "trial.html.j2",
        header=header,
        summary=summary(rows),
        survival=[Drawn(survival_figure(figure), figure.note) for figure in survival],
        burden=Drawn(burden_figure(burden)) if burden else None,
        forests=_forests([row for row in scored if row.inside is not None]),
        checks=[Drawn(check_figure(check), check.note) for check in checks],
        one=one,
        scored=scored,
        unscored=[row for row in simulated if not row.scored],
        absent=[row for row in rows if not row.made],
        outside=[row for row in scored if row.inside is False],
    )


def _forests(rows: Sequence[TrialRow]) -> list[Drawn]:
    known = [unit for unit, _ in _PANELS]
    others = [unit for unit in dict.fromkeys(row.unit for row in rows) if unit not in known]
    panels = [*_PANELS, *((unit, unit.capitalize() or "Other") for unit in others)]
    figures = [
        forest_figure(part, title if not place else f"{title}, continued")
        for unit, title in panels
        for place, part in enumerate(_parts([row for row in rows if row.unit == unit]))
    ]
    return [Drawn(svg) for svg in figures if svg]


def _parts(rows: Sequence[TrialRow]) -> list[Sequence[TrialRow]]:
    """Pieces of nearly one size, none longer than a figure should be; on a desk two of them stand side by side."""
    count = -(-len(rows) // _LONGEST)
    edges = [len(rows) * place // count for place in range(count + 1)] if count else []
    return [rows[low:high] for low, high in pairwise(edges)]
