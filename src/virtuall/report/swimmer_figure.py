"""Swimmers: one bar a patient from randomization to the last day seen, with what happened on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from virtuall.report.drawing import COLORS, FAINT, PUBLISHED, describe, drawing
from virtuall.report.survival_figure import DAYS_IN_MONTH

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_ROW, _REST = 0.17, 1.5  # inches
_BAR = 0.62
_MARKS_OF_TIME = 8  # more would run into each other
# Column of the day, what it is called, marker, color.
_MARKS = (
    ("response_day", "response", "^", COLORS[2]),
    ("relapse_day", "relapse", "o", COLORS[1]),
    ("transplant_day", "transplant", "D", COLORS[3]),
    ("next_line_day", "next line", "s", COLORS[4]),
    ("death_day", "death", "X", PUBLISHED),
)
_START, _STOP = "infusion_start", "infusion_stop"


@dataclass(frozen=True)
class Lane:
    """One patient's course; days from randomization.

    Attributes
    ----------
    end, on_protocol : float
        Last day seen, last day under the protocol (0 for the never treated).
    infusions : tuple of (float, float)
        From start to stop.
    marks : mapping of str to float
        Day by what happened (a name of the columns).
    ongoing : bool
        Alive when last seen.
    """

    end: float
    on_protocol: float
    infusions: tuple[tuple[float, float], ...]
    marks: dict[str, float]
    ongoing: bool


def lanes(outcomes: pd.DataFrame, events: pd.DataFrame, most: int) -> tuple[Lane, ...]:
    """The courses of at most so many patients, the longest first.

    When there are more, every k-th in the order of follow-up is taken, so that short and long courses are there in
    their true proportion.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        Patients of one arm as known at the data cut.
    events : pandas.DataFrame
        Their charts: starts and stops of infusions are read.
    most : int
    """
    ordered = outcomes.sort_values(["follow_up", "patient"], ascending=False, kind="stable")
    if len(ordered) > most:
        ordered = ordered.iloc[np.linspace(0, len(ordered) - 1, most).round().astype(int)]
    given = events[events["kind"].isin((_START, _STOP)) & events["patient"].isin(ordered["patient"])]
    by_patient = dict(iter(given.groupby("patient")))
    return tuple(_lane(row, by_patient.get(row["patient"])) for _, row in ordered.iterrows())


def swimmer_figure(title: str, courses: tuple[Lane, ...], *, every: float) -> str:
    """Draw them, with a mark every so many days; returns SVG, or "" when there are none."""
    if not courses:
        return ""
    with drawing(_REST + _ROW * len(courses)) as sheet:
        (panel,) = sheet.panels
        for place, lane in enumerate(courses):
            _draw(panel, lane, place)
        panel.set_ylim(len(courses) - 0.3, -0.7)
        panel.set_yticks([])
        panel.grid(axis="y", visible=False)
        panel.spines["left"].set_visible(False)
        last = max(1.0, max(lane.end for lane in courses))
        panel.set_xticks(np.arange(0.0, last, every * max(1, round(last / every / _MARKS_OF_TIME))) / DAYS_IN_MONTH)
        panel.set_xlim(0, 1.04 * last / DAYS_IN_MONTH)
        panel.set(title=title, xlabel="months from randomization or enrollment")
        _legend(sheet.figure, courses)
    died = sum(1 for lane in courses if not lane.ongoing)
    return describe(sheet.svg, f"{title}: courses of {len(courses)} patients, {died} of them died")


def _lane(row: pd.Series, chart: pd.DataFrame | None) -> Lane:
    end = float(row["follow_up"])
    off = float(row["off_protocol_day"]) if "off_protocol_day" in row else np.nan
    stops = [off, float(row["next_line_day"]), float(row["death_day"]), end]
    on_protocol = float(np.nanmin(stops)) if bool(row["treated"]) else 0.0
    marks = {name: float(row[name]) for name, *_ in _MARKS if np.isfinite(row.get(name, np.nan))}
    return Lane(end, on_protocol, _infusions(chart, end), marks, not np.isfinite(row["death_day"]))


def _infusions(chart: pd.DataFrame | None, end: float) -> tuple[tuple[float, float], ...]:
    if chart is None:
        return ()
    found: list[tuple[float, float]] = []
    begun: float | None = None
    for day, kind in zip(chart["day"].to_numpy(float), chart["kind"], strict=True):
        if day > end:
            break
        if kind == _START and begun is None:
            begun = day
        elif kind == _STOP and begun is not None:
            found.append((begun, day))
            begun = None
    return (*found, (begun, end)) if begun is not None else tuple(found)


def _draw(panel: Axes, lane: Lane, place: int) -> None:
    months = 1 / DAYS_IN_MONTH
    panel.barh(place, lane.end * months, height=_BAR, color="#dddddd")
    panel.barh(place, lane.on_protocol * months, height=_BAR, color=COLORS[5], alpha=0.75)
    for start, stop in lane.infusions:
        panel.barh(place, (stop - start) * months, left=start * months, height=_BAR, color=COLORS[0])
    if lane.ongoing:
        panel.plot(lane.end * months, place, marker=">", markersize=5, color=FAINT, clip_on=False)
    for name, _, marker, color in _MARKS:
        if name in lane.marks:
            panel.plot(
                lane.marks[name] * months,
                place,
                marker=marker,
                markersize=6.5,
                color=color,
                markeredgecolor="white",
                markeredgewidth=0.7,
                linestyle="none",
                clip_on=False,
                zorder=3,
            )


def _legend(figure: object, courses: tuple[Lane, ...]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[object] = [Patch(color=COLORS[5], alpha=0.75, label="on protocol")]
    if any(lane.infusions for lane in courses):
        handles.insert(0, Patch(color=COLORS[0], label="infusion"))
    handles.append(Patch(color="#dddddd", label="followed"))
    happened = {name for lane in courses for name in lane.marks}
    handles += [
        Line2D([], [], linestyle="none", marker=marker, color=color, markersize=6, label=words)
        for name, words, marker, color in _MARKS
        if name in happened
    ]
    if any(lane.ongoing for lane in courses):
        handles.append(Line2D([], [], linestyle="none", marker=">", color=FAINT, markersize=6, label="alive"))
    figure.legend(  # type: ignore[attr-defined]
        handles=handles, loc="outside lower left", ncols=4, columnspacing=1.0, handletextpad=0.4, handlelength=1.4
    )
