"""Figures of a validation: the share inside by trial, and every row of a trial by family."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from virtuall.calibrate.validation import VALIDATE, Goal, Judged, Vote
from virtuall.report.drawing import COLORS, FAINT, PUBLISHED, describe, drawing
from virtuall.report.forest_figure import plain_log_ticks
from virtuall.report.words import endpoint_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INSIDE, _OUTSIDE = COLORS[0], COLORS[1]
_ROW = 0.36  # inches
# Ratios beyond these are drawn at the edge, with an arrow.
_LEAST, _MOST = 0.1, 10.0
_GOALS: tuple[Literal[":", "--"], ...] = (":", "--")  # of trials fitted to, of trials never fitted
_LABEL = 58  # letters of a label that fit into the width


def overview_figure(votes: Sequence[Vote], goals: Sequence[Goal]) -> str:
    """The mean share inside over the families of each trial; returns SVG, or "" without votes."""
    lines = list(dict.fromkeys((vote.trial, vote.use) for vote in votes))
    lines.sort(key=lambda line: line[1] == VALIDATE)
    if not lines:
        return ""
    with drawing(1.4 + _ROW * len(lines)) as sheet:
        (panel,) = sheet.panels
        for place, (trial, use) in enumerate(lines):
            mine = [vote for vote in votes if (vote.trial, vote.use) == (trial, use)]
            share = 100 * float(np.mean([vote.share for vote in mine]))
            color = COLORS[0] if use == VALIDATE else COLORS[5]
            panel.barh(
                place + 0.14, share, height=0.34, color=color, hatch="" if use == VALIDATE else "//", edgecolor="white"
            )
            words = f"{trial}: {share:.0f} % of {len(mine)} {'family' if len(mine) == 1 else 'families'}"
            _label(panel, words, place - 0.26)
        for goal, style in zip((g for g in goals if g.words == "share of votes inside"), _GOALS, strict=False):
            panel.axvline(100 * goal.low, color=FAINT, linewidth=1.0, linestyle=style)
        panel.set_xlim(0, 100)
        _rows_axis(panel, len(lines))
        panel.set_xlabel("rows inside (%), mean over families")
        panel.set_title("Inside by trial")
        _overview_legend(sheet.figure, goals)
    return describe(sheet.svg, "Share of rows inside the simulated interval, mean over families, for each trial")


def family_figures(judged: Iterable[Judged], families: Mapping[str, str]) -> list[str]:
    """The scored rows of one trial, grouped by family: shares in percent, and the rest beside the published value."""
    rows = [each for each in judged if each.votes and each.row.median is not None]
    shares = [each for each in rows if each.row.unit.startswith("%")]
    others = [each for each in rows if not each.row.unit.startswith("%") and each.row.published > 0]
    drawn = [
        _forest(shares, families, "Shares", "%", relative=False),
        _forest(others, families, "Durations, counts, amounts and ratios", "simulated / published", relative=True),
    ]
    return [svg for svg in drawn if svg]


def _forest(rows: Sequence[Judged], families: Mapping[str, str], title: str, axis: str, *, relative: bool) -> str:
    if not rows:
        return ""
    grouped = {
        name: [each for each in rows if each.row.family == name] for name in dict.fromkeys(r.row.family for r in rows)
    }
    lines = len(rows) + len(grouped)
    with drawing(1.25 + _ROW * lines) as sheet:
        (panel,) = sheet.panels
        if relative:
            panel.set_xscale("log")
            panel.set_xlim(_LEAST, _MOST)
            panel.axvline(1.0, color=FAINT, linewidth=0.8, alpha=0.6)
        else:
            panel.set_xlim(0, 100)
        place = 0
        for family, members in grouped.items():
            inside = sum(1 for each in members if each.inside)
            _label(panel, f"{families[family]}: {inside} of {len(members)}", place, bold=True)
            for each in members:
                place += 1
                _draw(panel, each, place, relative)
            place += 1
        _rows_axis(panel, lines)
        if relative:
            plain_log_ticks(panel)
        panel.set_xlabel(axis)
        panel.set_title(title)
        _forest_legend(sheet.figure)
    inside = sum(1 for each in rows if each.inside)
    return describe(sheet.svg, f"{title}: {inside} of {len(rows)} published values inside the simulated interval")


def _draw(panel: Axes, judged: Judged, place: int, relative: bool) -> None:
    row, by = judged.row, judged.row.published if relative else 1.0
    color = _INSIDE if judged.inside else _OUTSIDE
    low, median, high = (_shown(value, by, relative) for value in (row.low, row.median, row.high))
    at = place + 0.12
    panel.plot([low, high], [at, at], color=color, linewidth=4.5, alpha=0.35, solid_capstyle="butt")
    marker, face = ("o", color) if judged.inside else ("s", "white")
    look: dict[str, Any] = {"color": color, "markerfacecolor": face, "markeredgewidth": 1.5, "clip_on": False}
    panel.plot(median, at, marker=marker, markersize=6, zorder=3, **look)
    if relative:
        for value, edge, arrow in ((row.median, _MOST, ">"), (row.median, _LEAST, "<")):
            if value is not None and _shown(value, by, relative) == edge:
                panel.plot(edge, at, marker=arrow, color=color, markersize=7, clip_on=False)
    if row.published_low is not None and row.published_high is not None:
        ends = [_shown(each, by, relative) for each in (row.published_low, row.published_high)]
        panel.plot(ends, [at + 0.17] * 2, color=PUBLISHED, linewidth=1.0)
    panel.plot(_shown(row.published, by, relative), at + 0.17, marker="d", markersize=5, color=PUBLISHED, clip_on=False)
    words = endpoint_words(row)
    words = words if len(words) <= _LABEL else words[: _LABEL - 1] + "…"
    _label(panel, words + ("" if judged.inside else "  · outside"), place - 0.26)


def _shown(value: float | None, by: float, relative: bool) -> float:
    if value is None:
        return float("nan")
    return float(np.clip(value / by, _LEAST, _MOST)) if relative else float(np.clip(value, 0.0, 100.0))


def _label(panel: Axes, words: str, place: float, *, bold: bool = False) -> None:
    label = panel.text(
        0.0,
        place,
        words,
        transform=panel.get_yaxis_transform(),
        fontsize=9.5 if bold else 9.0,
        fontweight="bold" if bold else "normal",
        va="center",
        ha="left",
    )
    label.set_in_layout(False)  # a long one must not squeeze the panel


def _rows_axis(panel: Axes, lines: int) -> None:
    panel.set_ylim(lines - 0.45, -0.75)
    panel.set_yticks([])
    panel.grid(axis="y", visible=False)
    panel.spines["left"].set_visible(False)


def _forest_legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=_INSIDE, marker="o", linewidth=4.5, alpha=0.8, label="simulated, inside"),
        Line2D([], [], color=_OUTSIDE, marker="s", markerfacecolor="white", linewidth=4.5, label="outside"),
        Line2D([], [], color=PUBLISHED, marker="d", linewidth=1.0, label="published, 95 % CI"),
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=3, columnspacing=1.0, handletextpad=0.5)


def _overview_legend(figure: Figure, goals: Sequence[Goal]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    wanted = [goal for goal in goals if goal.words == "share of votes inside"]
    handles: list[Line2D | Patch] = [
        Patch(facecolor=COLORS[5], hatch="//", edgecolor="white", label="fitted to"),
        Patch(facecolor=COLORS[0], label="never fitted"),
    ]
    handles += [
        Line2D([], [], color=FAINT, linestyle=style, linewidth=1.0, label=f"goal, {words}")
        for _, style, words in zip(wanted, _GOALS, ("fitted", "never fitted"), strict=False)
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=2, columnspacing=1.0, handletextpad=0.5)
