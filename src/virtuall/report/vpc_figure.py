"""Measured percentiles over the bands of the simulated ones, and the share below the limit of quantification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from virtuall.analysis.vpc import PERCENTILES, Bin, Panel, PredictiveCheck
from virtuall.report.drawing import COLORS, FAINT, PUBLISHED, describe, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
# The middle percentile in another color than the outer ones.
_COLORS = (COLORS[0], COLORS[1], COLORS[0])
_LINES = ("--", "-", "--")
# From this ratio of values on the axis is logarithmic.
_WIDE = 20.0
# A share of the span that a single time is drawn wide, and half the width of a step.
_THIN, _HALF = 0.012, 0.42


def vpc_figures(found: PredictiveCheck) -> list[str]:
    """One figure (SVG) a group."""
    return [_figure(found, panel) for panel in found.panels]


def _figure(found: PredictiveCheck, panel: Panel) -> str:
    heights = [3.0, 1.1] if found.censored else [1.0]
    with drawing(5.4 if found.censored else 4.1, heights=heights, share_time=True) as sheet:
        values, place = sheet.panels[0], _places(panel)
        log = any(map(_wide, found.panels))  # groups are compared by eye
        if log:
            values.set_yscale("log")
        floor = _floor(panel, log, not found.corrected)
        _bands(values, panel, place.edges, floor)
        values.plot(place.single, panel.value, ".", color=FAINT, markersize=4, alpha=0.45, label="single values")
        for number, (style, share) in enumerate(zip(_LINES, PERCENTILES, strict=True)):
            observed = np.array([each.percentiles[number].observed for each in panel.bins])
            values.plot(
                place.middle, np.where(np.isinf(observed), np.nan, observed), style, color=PUBLISHED, marker="o",
                markersize=3.5, linewidth=1.3, label=_label(share),
            )  # fmt: skip
        if not found.corrected:  # the correction moves the limit of each value differently
            _limits(values, panel, place.edges)
        if np.isfinite(floor):
            values.set_ylim(bottom=floor)
        values.set_ylabel(f"{found.signal.replace('_', ' ')}, {found.unit}" + ("\n(corrected)" * found.corrected))
        values.set_title(panel.name or ("Prediction-corrected" if found.corrected else "Measured and simulated"))
        if found.censored:
            _shares(sheet.panels[1], panel, place)
        lowest = sheet.panels[-1]
        if place.names:
            lowest.set_xticks(place.middle, place.names, fontsize=9)
            lowest.set_xlabel("time of treatment, one step a bin")
        else:
            lowest.set_xlabel("days of treatment")
        lowest.set_xlim(place.edges[0][0], place.edges[-1][1])
        sheet.figure.legend(*values.get_legend_handles_labels(), loc="outside lower left", fontsize=9.0, ncols=2)
    inside = sum(band.inside for each in panel.bins for band in each.percentiles)
    words = f"{inside} of {len(PERCENTILES) * len(panel.bins)} measured percentiles inside the simulated bands"
    return describe(sheet.svg, f"{found.signal} {panel.name}: {words}")


def _label(share: float) -> str:
    return "measured median" if share == 0.5 else f"measured {100 * share:g} %"


def _bands(axes: Axes, panel: Panel, edges: list[tuple[float, float]], floor: float) -> None:
    """A box a bin and percentile; what lies below the limit begins at the bottom."""
    for place, color in enumerate(_COLORS):
        for number, (one, (left, right)) in enumerate(zip(panel.bins, edges, strict=True)):
            band = one.percentiles[place]
            if not np.isfinite(band.high):
                continue
            low = max(band.low, floor) if np.isfinite(floor) else band.low
            label = None
            if number == 0 and place < 2:
                label = "simulated median, 90 %" if place else "simulated 5 and 95 %, 90 %"
            axes.fill_between(
                [left, right], [low, low], [band.high, band.high], color=color, alpha=0.28, linewidth=0, label=label
            )


def _limits(axes: Axes, panel: Panel, edges: list[tuple[float, float]]) -> None:
    for number, (one, (left, right)) in enumerate(zip(panel.bins, edges, strict=True)):
        if np.isfinite(one.limit):
            axes.plot(
                [left, right], [one.limit] * 2, ":", color=COLORS[2], linewidth=1.6,
                label="limit of quantification" if number == 0 else None,
            )  # fmt: skip


def _shares(axes: Axes, panel: Panel, place: _Places) -> None:
    for one, (left, right) in zip(panel.bins, place.edges, strict=True):
        if np.isfinite(one.below.high):
            axes.fill_between(
                [left, right], [100 * one.below.low] * 2, [100 * one.below.high] * 2, color=COLORS[2], alpha=0.28,
                linewidth=0,
            )  # fmt: skip
    observed = [100 * each.below.observed for each in panel.bins]
    axes.plot(place.middle, observed, "-o", color=PUBLISHED, markersize=3.5, linewidth=1.3)
    axes.set_ylim(-4, 104)
    axes.set_ylabel("below\nlimit, %")


@dataclass(frozen=True, eq=False)
class _Places:
    """Where bins and single values stand; with names of the bins where they stand at equal steps."""

    middle: Floats
    edges: list[tuple[float, float]]
    single: Floats
    names: list[str]


def _places(panel: Panel) -> _Places:
    bins = panel.bins
    middle = np.array([each.middle for each in bins])
    if _crowded(middle):
        steps = np.arange(len(bins), dtype=np.float64)
        edges = [(place - _HALF, place + _HALF) for place in range(len(bins))]
        return _Places(steps, edges, np.repeat(steps, [each.values for each in bins]), [*map(_name, bins)])
    span = max(bins[-1].last - bins[0].first, 1.0)
    between = [(a.last + b.first) / 2 for a, b in zip(bins[:-1], bins[1:], strict=True)]
    # the outer bins are as wide beyond their ends as the next ones are
    before = between[0] - bins[0].last if between else _THIN * span
    after = bins[-1].first - between[-1] if between else _THIN * span
    ends = [bins[0].first - before, *between, bins[-1].last + after]
    return _Places(middle, list(zip(ends[:-1], ends[1:], strict=True)), panel.time, [])


def _crowded(middle: Floats) -> bool:
    """Whether most bins lie at the very beginning: hours and weeks in one figure."""
    later = middle[middle > 0]
    return later.size >= 4 and bool(np.median(later) < 0.2 * later[-1])


def _name(one: Bin) -> str:
    """When a bin is: hours before the first day is over, then days."""
    day = one.middle
    return "0" if day == 0 else f"{24 * day:.0f}\nh" if day < 1 else f"{day:.3g}\nd"


def _wide(panel: Panel) -> bool:
    seen = panel.value[np.isfinite(panel.value)]
    return seen.size > 0 and seen.min() > 0 and seen.max() / seen.min() > _WIDE


def _floor(panel: Panel, log: bool, limits: bool) -> float:
    """Where the axis begins: under all values, and under the limits, below which nothing is told."""
    ends = [each.limit / 2 for each in panel.bins if limits and np.isfinite(each.limit)]
    if not ends:
        ends = [end for each in panel.bins for band in each.percentiles for end in (band.low, band.observed)]
    shown = np.array([*ends, *panel.value])
    shown = shown[np.isfinite(shown) & ((shown > 0) | (not log))]
    if not shown.size:
        return -np.inf
    return float(shown.min() / 1.1) if log else min(0.0, float(shown.min()))
