"""The way from enrollment to infusion: how many came so far, how many were lost on the way, and why."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

from virtuall.report.cells_report import CellsReport, Stage
from virtuall.report.drawing import COLORS, describe, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINE = 0.19  # inches of one line of text
_BAR = 0.36
_GAP = 0.34  # between two stages when nobody is lost
_LETTERS = 44  # that fit beside the arrow
_KEPT, _LOST = COLORS[0], COLORS[1]


def cells_figure(report: CellsReport) -> str:
    """Draw the flow; returns SVG. Bars are as long as the share of all enrolled that came so far."""
    losses = [_loss_lines(stage) for stage in report.stages]
    gaps = [max(_GAP, _LINE * len(lines) + 0.14) if place else 0.0 for place, lines in enumerate(losses)]
    height = sum(gaps) + _BAR * len(report.stages)
    with drawing(height + 0.55) as sheet:
        (panel,) = sheet.panels
        panel.set_axis_off()
        panel.set_xlim(0, 1)
        panel.set_ylim(height, 0)  # inches from above
        panel.set_title("From enrollment to infusion")
        at = 0.0
        for stage, lines, gap in zip(report.stages, losses, gaps, strict=True):
            _way(panel, at, gap, lines)
            at += gap
            _bar(panel, at, stage, report.enrolled)
            at += _BAR
    infused = report.stages[-1].reached
    lost = "; ".join(f"{cause} {count}" for cause, count in report.losses.items())
    words = f"{infused} of {report.enrolled} enrolled were infused" + (f"; lost: {lost}" if lost else "")
    return describe(sheet.svg, words)


def _bar(panel: Axes, at: float, stage: Stage, enrolled: int) -> None:
    share = stage.reached / enrolled
    panel.barh(at + _BAR / 2, 1.0, height=_BAR, color="#eeeeee")
    panel.barh(at + _BAR / 2, share, height=_BAR, color=_KEPT, alpha=0.35)
    words: Any = {"va": "center_baseline", "fontsize": 10.5}
    panel.text(0.02, at + _BAR / 2, f"{stage.name}: {stage.reached:,}", fontweight="bold", **words)
    panel.text(0.98, at + _BAR / 2, f"{100 * share:.0f} %", ha="right", **words)


def _way(panel: Axes, at: float, gap: float, lines: list[str]) -> None:
    if not gap:
        return
    panel.annotate(
        "",
        xy=(0.05, at + gap - 0.03),
        xytext=(0.05, at + 0.03),
        arrowprops={"arrowstyle": "-|>", "color": _KEPT, "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0},
    )
    first = at + (gap - _LINE * len(lines)) / 2
    for place, line in enumerate(lines):
        panel.text(0.11, first + _LINE * (place + 0.5), line, color=_LOST, fontsize=9.5, va="center_baseline")


def _loss_lines(stage: Stage) -> list[str]:
    """One entry a cause, folded to the width of a phone."""
    folded = [wrap(f"− {count} {cause}", _LETTERS, subsequent_indent="   ") for cause, count in stage.lost.items()]
    return [line for lines in folded for line in lines]
