"""Response by baseline marrow blasts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from virtuall.report.drawing import COLORS, LINES, MARKERS, describe, drawing
from virtuall.trial.curves import StrataBand


def burden_figure(bands: Sequence[StrataBand], title: str = "Response by baseline burden") -> str:
    """Draw response of each arm in each stratum with the interval over replicates; returns SVG."""
    with drawing(3.7) as sheet:
        (panel,) = sheet.panels
        for place, band in enumerate(bands):
            at = np.arange(band.share.size) + 0.16 * (place - (len(bands) - 1) / 2)
            middle = 100 * band.share
            panel.errorbar(
                at,
                middle,
                yerr=np.maximum(0, [middle - 100 * band.low, 100 * band.high - middle]),
                color=COLORS[place % len(COLORS)],
                marker=MARKERS[place % len(MARKERS)],
                linestyle=LINES[place % len(LINES)],
                linewidth=1.4,
                markersize=7,
                capsize=4,
                label=band.arm,
            )
        edges = bands[0].edges
        names = [f"{100 * a:g} to <{min(100 * b, 100):g}" for a, b in zip(edges[:-1], edges[1:], strict=True)]
        names[-1] = f"{100 * edges[-2]:g} or more" if edges[-1] > 1 else names[-1]
        panel.set_xticks(range(len(names)), names)
        panel.set(xlabel="marrow blasts at baseline, %", ylabel="response, %", ylim=(0, 100), title=title)
        panel.legend(loc="upper right")
    return describe(sheet.svg, title)
