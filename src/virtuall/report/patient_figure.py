"""One patient's course in one figure: panels of signals, orders as bars, what happened as marks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from virtuall.core.records import EFFECT, GRADE
from virtuall.report.drawing import COLORS, FAINT, LINES, MARKERS, PUBLISHED, describe, drawing
from virtuall.report.patient_bars import MADE, Rows, bars
from virtuall.report.patient_course import Course, charted, day_words, read_course

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes

# What is drawn across all panels, beside every event that has a grade; the rest of the chart is told by the story.
HAPPENINGS = ("response", "relapse", "transplant", "next_line", "step", "death")
_HOLLOW: Any = {
    "markersize": 7, "markerfacecolor": "white",
    "markeredgecolor": COLORS[0], "markeredgewidth": 1.4, "linestyle": "none",
}  # fmt: skip
_ABBREVIATION = 3
_LOWEST = 1e-14
_LABEL = 26  # letters of a line
_WIDE = 0.02  # of the axis: a bar that has room for a number
_LEGEND_LINE = 18  # points


@dataclass(frozen=True)
class Panel:
    """One panel: which signals, on what axis, with which detection limits.

    Attributes
    ----------
    title : str
    signals : sequence of str
        Names in the dataset; all of one unit. Those that were not recorded are left out.
    unit : str
        Label of the vertical axis.
    log : bool
    limits : mapping of str to float
        Horizontal lines: what is below could not be seen in a clinic.
    bottom, top : float or None
        Ends of the axis; on a logarithmic axis the lower one is by default 14 powers of ten below the highest value.
    names : mapping of str to str
        Words for signals; others are called by their own long name.
    """

    title: str
    signals: Sequence[str]
    unit: str
    log: bool = False
    limits: Mapping[str, float] = field(default_factory=dict)
    bottom: float | None = None
    top: float | None = None
    names: Mapping[str, str] = field(default_factory=dict)


def panels_by_unit(signals: xr.Dataset) -> tuple[Panel, ...]:
    """A panel for each unit of the recorded signals, logarithmic where values span three powers of ten."""
    units: dict[str, list[str]] = {}
    for name, trace in signals.data_vars.items():
        units.setdefault(str(trace.attrs.get("units", "")), []).append(str(name))
    panels = []
    for unit, names in units.items():
        values = np.concatenate([np.ravel(signals[name].to_numpy()) for name in names])
        values = values[np.isfinite(values) & (values > 0)]
        words = {name: str(signals[name].attrs.get("long_name", name)) for name in names}
        log = bool(values.size and values.max() > 1000 * values.min())
        panels.append(Panel(unit, names, unit, log, names=words))
    return tuple(panels)


def patient_figure(
    signals: xr.Dataset,
    events: pd.DataFrame,
    *,
    panels: Sequence[Panel] | None = None,
    title: str = "",
    last_day: float | None = None,
) -> str:
    """Draw one patient's course.

    Parameters
    ----------
    signals : xarray.Dataset
        Of one patient: over time (days), or over patient and time with one patient.
    events : pandas.DataFrame
        That patient's chart: day, kind, what, value, unit.
    panels : sequence of Panel, optional
        By default `panels_by_unit`.
    title : str
    last_day : float, optional
        End of the axis; by default the last recorded day.

    Returns
    -------
    str
        SVG.
    """
    single = signals.squeeze("patient", drop=True) if "patient" in signals.dims else signals
    shown = [panel for panel in (panels or panels_by_unit(single)) if _recorded(panel, single)]
    charts = charted(events)
    end = last_day or _last_day(single, charts)
    entries = [entry for entry in charts if entry["day"] <= end]
    course = read_course(entries)
    rows = bars(course, entries, end)
    happened = [entry for entry in entries if entry["kind"] in HAPPENINGS or _is_event(entry)]
    columns = 2 if course.makings else 3
    legend_lines = -(-len({_called(entry) for entry in happened}) // columns) + 2 * len(course.makings)
    heights = [*([1.6] * len(shown)), 0.6 + 0.28 * len(rows)]
    with drawing(sum(heights) + 0.9 + 0.17 * legend_lines, heights, share_time=True) as sheet:
        for axes, panel in zip(sheet.panels, shown, strict=False):
            _traces(axes, panel, single)
        _orders(sheet.panels[-1], rows, end)
        milestones = _milestones(sheet.panels, course, [*rows].index(MADE) + 1) if MADE in rows else []
        _happenings(sheet.panels, happened, milestones)
        sheet.panels[-1].set_xlim(0, end)
        sheet.panels[-1].set_xlabel("day")
        if title:
            sheet.figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return describe(sheet.svg, title or "course of one patient")


def _recorded(panel: Panel, signals: xr.Dataset) -> list[str]:
    return [name for name in panel.signals if name in signals]


def _traces(axes: Axes, panel: Panel, signals: xr.Dataset) -> None:
    days = signals["time"].to_numpy()
    for place, name in enumerate(_recorded(panel, signals)):
        values = signals[name].to_numpy().astype(float)
        if panel.log:
            values = np.where(values > 0, values, np.nan)  # nothing is nothing: a gap, not a floor
        axes.plot(
            days,
            values,
            color=COLORS[place % len(COLORS)],
            linestyle=LINES[place % len(LINES)],
            linewidth=1.5,
            label=panel.names.get(name, str(signals[name].attrs.get("long_name", name))),
        )
    for words, limit in panel.limits.items():
        axes.axhline(limit, color=FAINT, linewidth=0.9, linestyle=":")
        axes.annotate(
            words,
            (1, limit),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            fontsize=8.5,
            color=FAINT,
        )
    if panel.log:
        _powers(axes, panel)
    else:
        axes.set_ylim(bottom=panel.bottom or 0, top=panel.top)
    axes.set_ylabel(panel.unit)
    named = len(panel.signals) > 1 or bool(panel.names)  # else the title names the one signal
    axes.set_title(panel.title, fontsize=10, pad=_LEGEND_LINE if named else None)
    if named:  # on a line of its own, between title and axes
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            borderaxespad=0.1,
            ncols=2,
            fontsize=9,
            columnspacing=1.0,
            handlelength=1.8,
        )


def _powers(axes: Axes, panel: Panel) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    highest = max((float(np.nanmax(line.get_ydata())) for line in axes.get_lines()), default=1.0)
    axes.set_yscale("log")
    bottom = max(axes.get_ylim()[0], highest * _LOWEST) if panel.bottom is None else panel.bottom
    axes.set_ylim(bottom, max(highest, bottom) * 10 if panel.top is None else panel.top)
    axes.yaxis.set_major_locator(LogLocator(numticks=6))
    axes.yaxis.set_minor_locator(NullLocator())


def _last_day(signals: xr.Dataset, entries: Sequence[Mapping[str, Any]]) -> float:
    """The day of death, or the last day that was recorded."""
    died = [float(entry["day"]) for entry in entries if entry["kind"] == "death"]
    return died[0] if died else float(signals["time"].max())


def _orders(axes: Axes, rows: Rows, end: float) -> None:
    beside: Any = {"ha": "left", "va": "center", "fontsize": 7.5, "xytext": (1, 0), "textcoords": "offset points"}
    for place, row in enumerate(rows.values(), start=1):
        color = COLORS[(place - 1) % len(COLORS)]
        for bar in row:
            if bar.end > bar.start:
                stretch = [(bar.start, bar.end - bar.start)]
                axes.broken_barh(stretch, (place - 0.3, 0.6), facecolors=color, alpha=bar.strength, linewidth=0)
            if bar.words and bar.end - bar.start > _WIDE * end:
                axes.annotate(bar.words, (bar.start, place), **beside)
        doses = [bar.start for bar in row if bar.end == bar.start]
        axes.plot(doses, [place] * len(doses), marker="|", markersize=11, color=color, linestyle="none")
    axes.set_yticks(range(len(rows) + 1), ["events", *(fill(name.replace("_", " "), _LABEL) for name in rows)])
    axes.set_ylim(len(rows) + 0.6, -0.7)
    axes.grid(axis="y", visible=False)


def _milestones(panels: Sequence[Axes], course: Course, row: int) -> list[tuple[str, str]]:
    """Mark the way of made cells in their row, and the infusion across all panels; marker and words of each."""
    found: list[tuple[str, str, float]] = []
    for making in course.makings:
        found += [("v", "leukapheresis", day) for day, _ in making.collections]
        if math.isfinite(making.ready):
            found.append(("h", "product ready", making.ready))
        if making.failed is not None:
            found.append(("X", "no product", making.failed[0]))
    for cycle in course.cycles:
        if cycle.role == "lymphodepletion":
            found.append(("d", cycle.role, cycle.start))
        elif cycle.role == "cells":
            days = [dose.day for dose in cycle.doses] or [cycle.start]
            found += [("^", "infusion (dashed)", day) for day in days]
            for axes in panels[:-1]:
                for day in days:
                    axes.axvline(day, color=COLORS[0], linewidth=1.2, linestyle="--")
    told: dict[str, tuple[str, list[str]]] = {}
    for mark, words, day in found:
        panels[-1].plot(day, row, marker=mark, **_HOLLOW, clip_on=False, zorder=3)
        told.setdefault(words, (mark, []))[1].append(day_words(day))
    return [
        (mark, f"{words}, day{'s' if len(days) > 1 else ''} {', '.join(days)}") for words, (mark, days) in told.items()
    ]


def _happenings(
    panels: Sequence[Axes], happened: Sequence[Mapping[str, Any]], milestones: Sequence[tuple[str, str]]
) -> None:
    from matplotlib.lines import Line2D

    marks: dict[str, str] = {}
    for entry in happened:
        kind, day = _called(entry), float(entry["day"])
        mark = marks.setdefault(kind, MARKERS[len(marks) % len(MARKERS)])
        for axes in panels[:-1]:
            axes.axvline(day, color=FAINT, linewidth=0.8, alpha=0.4)
        panels[-1].plot(day, 0, marker=mark, color=PUBLISHED, markersize=6, linestyle="none", clip_on=False)
    handles = [Line2D([], [], marker=mark, label=words, **_HOLLOW) for mark, words in milestones]
    handles += [
        Line2D([], [], marker=mark, color=PUBLISHED, linestyle="none", markersize=6, label=words)
        for words, mark in marks.items()
    ]
    if handles:
        panels[0].figure.legend(
            handles=handles,
            loc="outside lower left",
            ncols=2 if milestones else 3,
            columnspacing=0.9,
            handletextpad=0.1,
            fontsize=9,
        )


def _is_event(entry: Mapping[str, Any]) -> bool:
    """Events with a grade of their own; what is graded on a scale has a row of bars."""
    return entry["unit"] == GRADE and (not entry["rule"] or entry["kind"] == EFFECT)


def _called(entry: Mapping[str, Any]) -> str:
    """The kind; a short one is an abbreviation."""
    kind = str(entry["kind"])
    return kind.upper() if len(kind) <= _ABBREVIATION else kind.replace("_", " ")
