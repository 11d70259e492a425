"""One patient's course in one figure: panels of signals, orders as bars, what happened as marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from virtuall.report.drawing import COLORS, FAINT, LINES, MARKERS, PUBLISHED, describe, drawing

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes

# What is drawn across all panels; everything else in the chart is told by the story.
HAPPENINGS = (
    "response",
    "relapse",
    "crs",
    "neurologic_event",
    "infusion_reaction",
    "infection",
    "transplant",
    "next_line",
    "death",
)
_STARTS = ("infusion_start", "resume")
_STOPS = ("infusion_stop", "hold", "stop")
_MOST_BARS = 8
_LOWEST = 1e-14


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
    bottom : float or None
        Lower end of the axis; on a logarithmic axis by default 14 powers of ten below the highest value.
    """

    title: str
    signals: Sequence[str]
    unit: str
    log: bool = False
    limits: Mapping[str, float] = field(default_factory=dict)
    bottom: float | None = None


def panels_by_unit(signals: xr.Dataset) -> tuple[Panel, ...]:
    """A panel for each unit of the recorded signals, logarithmic where values span three powers of ten."""
    units: dict[str, list[str]] = {}
    for name, trace in signals.data_vars.items():
        units.setdefault(str(trace.attrs.get("units", "")), []).append(str(name))
    panels = []
    for unit, names in units.items():
        values = np.concatenate([np.ravel(signals[name].to_numpy()) for name in names])
        values = values[np.isfinite(values) & (values > 0)]
        panels.append(Panel(unit, names, unit, bool(values.size and values.max() > 1000 * values.min())))
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
    bars = _bars(events, float(single["time"].max()))
    happened = events[events["kind"].isin(HAPPENINGS)].sort_values("day", kind="stable")
    heights = [*([1.5] * len(shown)), 0.6 + 0.28 * len(bars)]
    with drawing(sum(heights) + 0.9, heights, share_time=True) as sheet:
        for axes, panel in zip(sheet.panels, shown, strict=False):
            _traces(axes, panel, single)
        _orders(sheet.panels[-1], bars)
        _happenings(sheet.panels, happened)
        sheet.panels[-1].set_xlim(0, last_day or float(single["time"].max()))
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
            label=str(signals[name].attrs.get("long_name", name)),
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
        _powers(axes, panel.bottom)
    else:
        axes.set_ylim(bottom=panel.bottom or 0)
    axes.set_title(panel.title, fontsize=10)
    axes.set_ylabel(panel.unit)
    style: Any = {"ncols": 2, "fontsize": 9, "columnspacing": 1.0, "handlelength": 1.8}
    if len(_recorded(panel, signals)) <= 2:  # more would run into the title
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.1, **style)
    else:
        axes.legend(loc="best", **style)


def _powers(axes: Axes, bottom: float | None) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    highest = max((float(np.nanmax(line.get_ydata())) for line in axes.get_lines()), default=1.0)
    axes.set_yscale("log")
    axes.set_ylim(max(axes.get_ylim()[0], highest * _LOWEST) if bottom is None else bottom, highest * 10)
    axes.yaxis.set_major_locator(LogLocator(numticks=6))
    axes.yaxis.set_minor_locator(NullLocator())


def _bars(events: pd.DataFrame, end: float) -> dict[str, list[tuple[float, float]]]:
    """Stretches of each infusion, and doses as stretches of no length, by what was given."""
    bars: dict[str, list[tuple[float, float]]] = {}
    running: dict[str, float] = {}
    for event in events.sort_values("day", kind="stable").to_dict("records"):
        what, kind, day = str(event["what"]), str(event["kind"]), float(event["day"])
        if kind in _STARTS:
            running.setdefault(what, day)
        elif kind in _STOPS and what in running:
            bars.setdefault(what, []).append((running.pop(what), day))
        elif kind == "dose":
            bars.setdefault(what, []).append((day, day))
    for what, start in running.items():
        bars.setdefault(what, []).append((start, end))
    return dict(list(bars.items())[:_MOST_BARS])


def _orders(axes: Axes, bars: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    for place, stretches in enumerate(bars.values(), start=1):
        color = COLORS[(place - 1) % len(COLORS)]
        given = [(start, end - start) for start, end in stretches if end > start]
        axes.broken_barh(given, (place - 0.3, 0.6), facecolors=color, linewidth=0)
        doses = [start for start, end in stretches if end == start]
        axes.plot(doses, [place] * len(doses), marker="|", markersize=11, color=color, linestyle="none")
    axes.set_yticks(range(len(bars) + 1), ["events", *bars])
    axes.set_ylim(len(bars) + 0.6, -0.7)
    axes.grid(axis="y", visible=False)


def _happenings(panels: Sequence[Axes], happened: pd.DataFrame) -> None:
    from matplotlib.lines import Line2D

    marks: dict[str, str] = {}
    for event in happened.to_dict("records"):
        kind, day = str(event["kind"]), float(event["day"])
        mark = marks.setdefault(kind, MARKERS[len(marks) % len(MARKERS)])
        for axes in panels[:-1]:
            axes.axvline(day, color=FAINT, linewidth=0.8, alpha=0.6)
        panels[-1].plot(day, 0, marker=mark, color=PUBLISHED, markersize=6, linestyle="none", clip_on=False)
    handles = [
        Line2D([], [], marker=mark, color=PUBLISHED, linestyle="none", markersize=6, label=_words(kind))
        for kind, mark in marks.items()
    ]
    if handles:
        panels[0].figure.legend(
            handles=handles,
            loc="outside lower left",
            ncols=3,
            columnspacing=0.9,
            handletextpad=0.1,
            fontsize=9,
        )


def _words(kind: str) -> str:
    return kind.replace("_", " ")
