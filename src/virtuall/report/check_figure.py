"""Visual predictive checks: a simulated band over time with what was observed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from virtuall.report.drawing import COLORS, FAINT, LINES, MARKERS, PUBLISHED, describe, drawing
from virtuall.trial.curves import SignalBand
from virtuall.trial.mapping import Mapped
from virtuall.trial.published import Published
from virtuall.trial.traced import SignalColumn

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Point:
    """A published middle value with a lower and an upper one (quartiles, say; NaN where none), at a day."""

    day: float
    middle: float
    low: float = np.nan
    high: float = np.nan


@dataclass(frozen=True)
class Check:
    """What one check shows.

    Attributes
    ----------
    title : str
    bands : sequence of SignalBand
        One a group (dose); bands of one unit.
    points : sequence of sequence of Point
        Published points of each group, in the order of `bands`; may be empty.
    points_label : str
        What they are, such as "published median, quartiles".
    floor : float or None
        Detection or quantification limit, in the unit; values below are drawn at the limit.
    floor_label : str
    log : bool
        Logarithmic vertical axis.
    log_time : bool
        Logarithmic time: hours and weeks in one figure. Day 0 is not shown then.
    first, last : float
        Days shown.
    note : str
        Said below the figure.
    """

    title: str
    bands: Sequence[SignalBand]
    points: Sequence[Sequence[Point]] = ()
    points_label: str = "published median, quartiles"
    floor: float | None = None
    floor_label: str = "detection limit"
    log: bool = False
    log_time: bool = False
    first: float = 0.0
    last: float = np.inf
    note: str = ""


def points_of(
    mapped: Mapped, published: Sequence[Published], *, signal: str, arm: str, relative: bool = False
) -> list[Point]:
    """Published points of a signal: its medians, with quartiles or else extremes where published.

    Parameters
    ----------
    mapped : Mapped
        Says of each published row which signal, time and statistic it is.
    published : sequence of Published
    signal, arm : str
    relative : bool
        Values relative to baseline, or else in the unit of the signal.

    Returns
    -------
    list of Point
        At the middle of each window of time, ascending.
    """
    values = {figure.target: figure.value for figure in published}
    found: dict[float, dict[str, float]] = {}
    for row in mapped.rows:
        column = row.column
        if not isinstance(column, SignalColumn) or row.group.get("arm") != arm or column.reduce != "none":
            continue
        if (column.signal, column.relative) == (signal, relative) and "statistic" in row.options:
            day = (column.first + column.last) / 2
            found.setdefault(day, {})[row.options["statistic"]] = values[row.targets[0]]
    points = []
    for day, each in sorted(found.items()):
        if "median" in each:
            low = each.get("q1", each.get("min", np.nan))
            high = each.get("q3", each.get("max", np.nan))
            points.append(Point(day, each["median"], low, high))
    return points


_TICKS = {
    1 / 24: "1 h",
    2 / 24: "2 h",
    6 / 24: "6 h",
    0.5: "12 h",
    1: "1 d",
    2: "2 d",
    7: "7 d",
    14: "",
    35: "35 d",
}


def check_figure(check: Check) -> str:
    """Draw it; returns SVG."""
    with drawing(3.8) as sheet:
        (panel,) = sheet.panels
        for place, band in enumerate(check.bands):
            _band(panel, band, check, place)
        for place, points in enumerate(check.points):
            _points(panel, points, check, place)
        if check.floor is not None:
            panel.axhline(check.floor, color=FAINT, linewidth=1.1, linestyle="--")
            panel.annotate(
                f"{check.floor_label}, {check.floor:g}", (1, check.floor), xycoords=("axes fraction", "data"),
                ha="right", va="bottom", fontsize=9, color=FAINT,
            )  # fmt: skip
        _axes(panel, check)
        panel.legend(loc="best")
    return describe(sheet.svg, f"{check.title}: simulated band beside published points")


def _band(panel: Axes, band: SignalBand, check: Check, place: int) -> None:
    shown = (band.days >= check.first) & (band.days <= check.last) & ~(check.log_time & (band.days <= 0))
    low, middle, high = (values[shown] for values in (band.low, band.middle, band.high))
    if check.floor is not None:
        low, middle, high = (np.maximum(values, check.floor) for values in (low, middle, high))
    color = COLORS[place % len(COLORS)]
    group = f"{band.title}: " if len(check.bands) > 1 else ""
    panel.fill_between(band.days[shown], low, high, color=color, alpha=0.18, linewidth=0)
    panel.plot(
        band.days[shown],
        middle,
        color=color,
        linestyle=LINES[place % len(LINES)],
        label=f"{group}simulated median, 5–95 %",
    )


def _points(panel: Axes, points: Sequence[Point], check: Check, place: int) -> None:
    shown = [point for point in points if check.first <= point.day <= check.last]
    days = [point.day for point in shown]
    middle = np.array([point.middle for point in shown])
    spread = np.array([[p.middle - p.low for p in shown], [p.high - p.middle for p in shown]])
    panel.errorbar(
        days,
        middle,
        yerr=None if np.isnan(spread).all() else np.nan_to_num(spread),
        color=PUBLISHED,
        markerfacecolor=COLORS[place % len(COLORS)],
        marker=MARKERS[place % len(MARKERS)],
        linestyle="none",
        markersize=6.5,
        capsize=3,
        linewidth=1.1,
        label=check.points_label if place == 0 else None,
    )


def _axes(panel: Axes, check: Check) -> None:
    from matplotlib.ticker import FuncFormatter, NullLocator

    last = min(check.last, max(band.days[-1] for band in check.bands))
    if check.log:
        panel.set_yscale("log")
        panel.yaxis.set_major_formatter(FuncFormatter(_power_words))
        panel.yaxis.set_minor_locator(NullLocator())
        if check.floor is not None:
            panel.set_ylim(bottom=check.floor / 2)
    else:
        panel.set_ylim(bottom=0)
    if check.log_time:
        panel.set_xscale("log")
        ticks = {day: name for day, name in _TICKS.items() if max(check.first, 1e-9) <= day <= last}
        panel.set_xticks(list(ticks), list(ticks.values()))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set_xlabel("time from start (logarithmic)")
    else:
        panel.set_xlim(check.first, last)
        panel.set_xlabel("days from start")
    panel.set(title=check.title, ylabel=check.bands[0].unit)


def _power_words(value: float, _: object) -> str:
    """1000 and less written out; powers of ten beyond."""
    if 0.01 <= value <= 1000:
        return f"{value:g}"
    return f"$10^{{{round(np.log10(value))}}}$"
