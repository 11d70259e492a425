"""Kaplan-Meier curves of the arms with bands over replicates, numbers at risk and published medians."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from virtuall.report.drawing import COLORS, FAINT, LINES, MARKERS, PUBLISHED, describe, drawing
from virtuall.trial.curves import SurvivalBand
from virtuall.trial.scoring import TrialRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DAYS_IN_MONTH = 365.25 / 12


@dataclass(frozen=True)
class SurvivalFigure:
    """What one survival figure shows.

    Attributes
    ----------
    title : str
        Such as "Overall survival".
    bands : sequence of SurvivalBand
        One an arm.
    medians : mapping of str to TrialRow
        Published median (months) by arm.
    note : str
        Said below the figure: the estimand.
    """

    title: str
    bands: Sequence[SurvivalBand]
    medians: Mapping[str, TrialRow] = field(default_factory=dict)
    note: str = ""


def survival_figure(figure: SurvivalFigure) -> str:
    """Draw it; returns SVG."""
    with drawing(3.5 + 0.5 * len(figure.bands), heights=[3.3, 0.5 * len(figure.bands)]) as sheet:
        top, bottom = sheet.panels
        for place, band in enumerate(figure.bands):
            _curve(top, band, place)
            if band.arm in figure.medians:
                _published_median(top, figure.medians[band.arm], place)
        top.axhline(50, color=FAINT, linewidth=0.8, linestyle=":")
        top.set(title=figure.title, ylabel="without the event, %", ylim=(0, 102))
        top.set_xlim(0, max(band.days[-1] for band in figure.bands) / DAYS_IN_MONTH)
        top.legend(loc="upper right", handlelength=2.2, borderaxespad=0.0)
        rows = [(f"{band.arm}: number at risk, mean of replicates", band.at_risk) for band in figure.bands]
        numbers_at_risk(bottom, rows, figure.bands[0].at_risk_days)
        bottom.set_xlim(top.get_xlim())
        top.set_xlabel("months")
        top.set_xticks(figure.bands[0].at_risk_days / DAYS_IN_MONTH)
    return describe(sheet.svg, f"{figure.title} by arm: simulated curves, published medians")


def _curve(panel: Axes, band: SurvivalBand, place: int) -> None:
    months, color = band.days / DAYS_IN_MONTH, COLORS[place % len(COLORS)]
    panel.fill_between(months, 100 * band.low, 100 * band.high, color=color, alpha=0.18, linewidth=0)
    panel.plot(
        months,
        100 * band.middle,
        color=color,
        linestyle=LINES[place % len(LINES)],
        label=f"{band.arm} (simulated)",
    )


def _published_median(panel: Axes, row: TrialRow, place: int) -> None:
    color = COLORS[place % len(COLORS)]
    height = 50 + (2.2 if place % 2 == 0 else -2.2)  # two intervals on one line would hide each other
    if row.published_low is not None and row.published_high is not None:
        panel.plot([row.published_low, row.published_high], [height, height], color=PUBLISHED, linewidth=1.2)
    panel.plot(
        row.published,
        height,
        marker=MARKERS[place % len(MARKERS)],
        markersize=8,
        markerfacecolor=color,
        markeredgecolor=PUBLISHED,
        linestyle="none",
        label=f"published median, {row.published:g} months",
    )


def numbers_at_risk(panel: Axes, rows: Sequence[tuple[str, ArrayLike]], days: ArrayLike) -> None:
    """Write the numbers at risk of each arm below a curve.

    Parameters
    ----------
    panel : matplotlib.axes.Axes
        With the horizontal axis in months.
    rows : sequence of (str, array of float)
        What the numbers are, and the numbers.
    days : array of float
        When.
    """
    panel.set_ylim(len(rows) - 0.3, -0.75)
    panel.set_yticks([])
    panel.set_xticks([])
    panel.grid(False)
    panel.spines[["left", "bottom"]].set_visible(False)
    for place, (words, counts) in enumerate(rows):
        color = COLORS[place % len(COLORS)]
        panel.text(0, place - 0.42, words, color=FAINT, fontsize=9, va="center")
        for day, count in zip(np.asarray(days), np.round(np.asarray(counts)), strict=True):
            panel.text(
                day / DAYS_IN_MONTH,
                place,
                f"{count:.0f}",
                color=color,
                ha="center",
                va="center",
                fontsize=9.5,
            )
