"""Effect by subgroup in one trial: a line for each with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from virtuall.report.drawing import COLORS, FAINT, describe, drawing
from virtuall.report.forest_figure import plain_log_ticks
from virtuall.report.words import estimate_words
from virtuall.trial.subgroups import SubgroupRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW = 0.4  # inches
_WIDEST = 20.0  # ratios beyond this or its inverse are cut off


def subgroup_figure(title: str, rows: Sequence[SubgroupRow], *, ratio: bool, favors: tuple[str, str] = ("", "")) -> str:
    """Draw them; returns SVG, or "" when there are none.

    Parameters
    ----------
    title : str
    rows : sequence of SubgroupRow
    ratio : bool
        Ratios on a logarithmic axis; else shares in percent.
    favors : tuple of str
        Which arm the left and the right side are in favor of.
    """
    if not rows:
        return ""
    with drawing(1.25 + _ROW * len(rows)) as sheet:
        (panel,) = sheet.panels
        if ratio:
            panel.set_xscale("log")
        for place, row in enumerate(rows):
            _row(panel, row, place, ratio)
        panel.set_ylim(len(rows) - 0.4, -0.8)
        panel.set_yticks([])
        panel.grid(axis="y", visible=False)
        panel.spines["left"].set_visible(False)
        panel.set_title(title)
        _limits(panel, rows, ratio)
        _whole(panel, rows[0], ratio)
        if ratio:
            panel.axvline(1.0, color=FAINT, linewidth=0.9)
            panel.set_xlabel(f"← {favors[0]} better · {favors[1]} better →" if all(favors) else "ratio")
        else:
            panel.set_xlabel("%")
    return describe(sheet.svg, f"{title}, {len(rows)} rows, the first for all patients")


def _row(panel: Axes, row: SubgroupRow, place: int, ratio: bool) -> None:
    scale = 1.0 if ratio else 100.0
    value, low, high = (scale * each for each in (row.estimate.value, row.estimate.low, row.estimate.high))
    color = COLORS[0] if row.by == "all" else COLORS[1]
    at = place + 0.16
    counts = " : ".join(f"{events}/{patients}" for events, patients in zip(row.events, row.patients, strict=True))
    told = estimate_words(row.estimate, scale) if np.isfinite(value) else "cannot be estimated"
    if np.isfinite(value):
        if ratio:
            low, high = max(low, 1 / (2 * _WIDEST)), min(high, 2 * _WIDEST)
        panel.plot([low, high], [at, at], color=color, linewidth=1.6)
        panel.plot(value, at, marker="D" if row.by == "all" else "s", markersize=6, color=color)
    label = panel.text(
        0.0,
        place - 0.26,
        f"{row.name} · {counts} · {told}",
        transform=panel.get_yaxis_transform(),
        fontsize=9,
        va="center",
        fontweight="bold" if row.by == "all" else "normal",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},  # lines of the panel end at the words
    )
    label.set_in_layout(False)


def _limits(panel: Axes, rows: Sequence[SubgroupRow], ratio: bool) -> None:
    values = [each for row in rows for each in (row.estimate.low, row.estimate.high) if np.isfinite(each)]
    if not ratio:
        panel.set_xlim(0, 100)
        return
    low, high = min([0.5, *values]), max([2.0, *values])
    panel.set_xlim(max(low, 1 / _WIDEST) / 1.1, min(high, _WIDEST) * 1.1)
    plain_log_ticks(panel)


def _whole(panel: Axes, row: SubgroupRow, ratio: bool) -> None:
    """A dotted line at the estimate of all patients."""
    if row.by == "all" and np.isfinite(row.estimate.value):
        value = row.estimate.value * (1.0 if ratio else 100.0)
        panel.axvline(value, color=COLORS[0], linewidth=0.9, linestyle=":")
