"""Paired differences with their intervals, one figure for the rows of a group that share a unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from virtuall.report.comparison_table import difference_words
from virtuall.report.drawing import COLORS, FAINT, describe, drawing
from virtuall.trial.comparison import SHARE, Comparison, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW = 0.46  # inches
_APART, _TOGETHER = COLORS[0], FAINT
_AXES = {SHARE: "A minus B, percentage points", "d": "A minus B, days", "per patient": "A minus B, events per patient"}


def comparison_figures(comparison: Comparison) -> list[str]:
    """One figure (SVG) for each group and unit, in the order of the rows."""
    keys = dict.fromkeys((row.group, row.unit) for row in comparison.rows)
    return [
        difference_figure(
            [row for row in comparison.rows if (row.group, row.unit) == key], _title(*key), bool(comparison.sets)
        )
        for key in keys
    ]


def difference_figure(rows: Sequence[Row], title: str, parameters: bool = False) -> str:
    """Draw the differences of some rows of one unit; returns SVG.

    A thick bar is the interval from patients; with `parameters` a thin line is that from patients and parameters. A
    filled circle tells that the widest interval leaves out zero, an open square that it holds it, so that color is not
    needed.
    """
    unit = rows[0].unit
    scale = 100.0 if unit == SHARE else 1.0
    with drawing(1.5 + _ROW * len(rows)) as sheet:
        (panel,) = sheet.panels
        for place, row in enumerate(rows):
            _row(panel, row, place, scale)
        _limits(panel, rows, scale)
        panel.axvline(0.0, color="black", linewidth=0.9)
        panel.set_ylim(len(rows) - 0.45, -0.75)
        panel.set_yticks([])
        panel.grid(axis="y", visible=False)
        panel.spines["left"].set_visible(False)
        panel.set_xlabel(_AXES.get(unit, f"A minus B, {unit}") + "\n← more under B · more under A →")
        panel.set_title(title)
        _legend(sheet.figure, parameters)
    apart = sum(1 for row in rows if _is_apart(row))
    return describe(sheet.svg, f"{title}: {apart} of {len(rows)} paired differences have an interval without zero")


def _title(group: str, unit: str) -> str:
    return f"{group.capitalize()}: {'shares of patients' if unit == SHARE else 'means'}"


def _row(panel: Axes, row: Row, place: int, scale: float) -> None:
    apart = _is_apart(row)
    color, at = _APART if apart else _TOGETHER, place + 0.12
    if np.isfinite(row.low):
        panel.plot(
            [scale * row.low, scale * row.high], [at, at], color=color, linewidth=4.5, alpha=0.35, solid_capstyle="butt"
        )
    if np.isfinite(row.low_with_parameters):
        low, high = row.widest
        panel.plot([scale * low, scale * high], [at, at], color=color, linewidth=1.4, solid_capstyle="butt")
    panel.plot(
        scale * row.difference,
        at,
        marker="o" if apart else "s",
        markersize=7,
        color=color,
        markerfacecolor=color if apart else "white",
        markeredgewidth=1.6,
    )
    for x, words, side in ((0.0, row.name, "left"), (1.0, difference_words(row), "right")):
        label = panel.text(
            x,
            place - 0.26,
            words,
            transform=panel.get_yaxis_transform(),
            fontsize=9 if side == "left" else 8.5,
            color="black" if side == "left" else FAINT,
            va="center",
            ha=side,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
        )
        label.set_in_layout(False)  # a long one must not squeeze the panel


def _is_apart(row: Row) -> bool:
    low, high = row.widest
    return low > 0 or high < 0


def _limits(panel: Axes, rows: Sequence[Row], scale: float) -> None:
    values = [
        scale * value
        for row in rows
        for value in (row.low, row.high, *row.widest, row.difference)
        if np.isfinite(value)
    ]
    low, high = min([0.0, *values]), max([0.0, *values])
    span = (high - low) or 1.0
    panel.set_xlim(low - 0.05 * span, high + 0.05 * span)


def _legend(figure: Figure, parameters: bool) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=_APART, marker="o", linewidth=4.5, alpha=0.8, label="95 % interval without zero"),
        Line2D([], [], color=_TOGETHER, marker="s", markerfacecolor="white", linewidth=4.5, label="with zero"),
    ]
    if parameters:
        handles += [
            Line2D([], [], color=FAINT, linewidth=4.5, alpha=0.35, label="patients alone"),
            Line2D([], [], color=FAINT, linewidth=1.4, label="and parameters"),
        ]
    figure.legend(handles=handles, loc="outside lower left", ncols=2, columnspacing=1.0, handletextpad=0.5)
