"""Simulated interval against published value for every row, one panel for each unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from virtuall.report.drawing import COLORS, FAINT, PUBLISHED, describe, drawing
from virtuall.report.words import endpoint_words
from virtuall.trial.scoring import TrialRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RATIOS = ("ratio", "odds ratio")
_ROW = 0.43  # inches
_INSIDE, _OUTSIDE = COLORS[0], COLORS[1]


def forest_figure(rows: Iterable[TrialRow], title: str) -> str:
    """Draw all rows that were simulated and are of one unit; returns SVG, or "" when there are none.

    A filled circle (inside) or an open square and the word "outside" tell whether the interval covers the
    published value, so that color is not needed.
    """
    shown = [row for row in rows if row.simulated is not None and row.low is not None]
    if not shown:
        return ""
    unit = shown[0].unit
    with drawing(1.2 + _ROW * len(shown)) as sheet:
        (panel,) = sheet.panels
        if unit in _RATIOS:
            panel.set_xscale("log")
        for place, row in enumerate(shown):
            _row(panel, row, place)
        _limits(panel, shown)
        panel.set_ylim(len(shown) - 0.45, -0.75)
        panel.set_yticks([])
        panel.grid(axis="y", visible=False)
        panel.spines["left"].set_visible(False)
        panel.set_xlabel({"%": "%", "": "value"}.get(unit, unit))
        panel.set_title(title)
        if unit in _RATIOS:
            panel.axvline(1.0, color=FAINT, linewidth=0.8, linestyle=":")
        _legend(sheet.figure)
    inside = sum(1 for row in shown if row.inside)
    return describe(sheet.svg, f"{title}: {inside} of {len(shown)} published values inside the simulated interval")


def _row(panel: Axes, row: TrialRow, place: int) -> None:
    color = _INSIDE if row.inside else _OUTSIDE
    low, middle = _known(row.low), _known(row.simulated)
    reached = np.isfinite(_known(row.high))
    at = place + 0.12
    end = _known(row.high) if reached else max(low, middle, row.published)
    panel.plot([low, end], [at, at], color=color, linewidth=4.5, alpha=0.35, solid_capstyle="butt")
    if not reached:
        panel.plot(end, at, marker=">", color=color, markersize=6)
    panel.plot(
        middle,
        at,
        marker="o" if row.inside else "s",
        markersize=7,
        color=color,
        markerfacecolor=color if row.inside else "white",
        markeredgewidth=1.6,
    )
    if row.published_low is not None and row.published_high is not None:
        panel.plot([row.published_low, row.published_high], [at + 0.2] * 2, color=PUBLISHED, linewidth=1.1)
    panel.plot(row.published, at + 0.2, marker="d", markersize=6, color=PUBLISHED)
    words = f"{endpoint_words(row)}{'' if row.inside else '  · outside'}"
    label = panel.text(
        0.0, place - 0.26, words, transform=panel.get_yaxis_transform(), fontsize=9, va="center", ha="left"
    )
    label.set_in_layout(False)  # a long one must not squeeze the panel


def _known(value: float | None) -> float:
    return np.nan if value is None else value


def _limits(panel: Axes, rows: Sequence[TrialRow]) -> None:
    values = [
        value
        for row in rows
        for value in (row.low, row.high, row.simulated, row.published, row.published_low, row.published_high)
        if value is not None and np.isfinite(value)
    ]
    if rows[0].unit in _RATIOS:
        panel.set_xlim(min(*values, 0.9) / 1.15, max(*values, 1.1) * 1.15)
        plain_log_ticks(panel)
    else:
        span = max(values) - min(0.0, *values) or 1.0
        panel.set_xlim(min(0.0, *values) - 0.03 * span, max(values) + 0.06 * span)


def plain_log_ticks(panel: Axes) -> None:
    """Ticks of a logarithmic axis of ratios, written as plain numbers."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    panel.xaxis.set_major_locator(FixedLocator([0.1, 0.2, 0.5, 1, 2, 5, 10, 20]))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=_INSIDE, marker="o", linewidth=4.5, alpha=0.8, label="simulated, inside"),
        Line2D([], [], color=_OUTSIDE, marker="s", markerfacecolor="white", linewidth=4.5, label="outside"),
        Line2D([], [], color=PUBLISHED, marker="d", linewidth=1.1, label="published, 95 % CI"),
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=3, columnspacing=1.0, handletextpad=0.5)
