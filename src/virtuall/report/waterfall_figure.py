"""Waterfall: the best change of the marrow blasts of each patient, the worst first, by response."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from virtuall.report.drawing import COLORS, FAINT, describe, drawing

_CEILING = 100.0  # percent: a larger rise is cut off here and marked
_NONE = "none"
_HATCHES = ("", "////", "....", "xx")


def waterfall_figure(title: str, change: ArrayLike, response: Sequence[str], levels: Sequence[str]) -> str:
    """Draw it; returns SVG, or "" when nobody was assessed.

    Parameters
    ----------
    title : str
    change : array of float
        Best change of each patient's marrow blasts, as a fraction of the first value; NaN where not assessed.
    response : sequence of str
        Best response of each.
    levels : sequence of str
        Levels of response, the best first.
    """
    percent, best = 100 * np.asarray(change, np.float64), np.asarray(response, str)
    known = np.isfinite(percent)
    if not known.any():
        return ""
    order = np.argsort(-percent[known], kind="stable")
    percent, best = percent[known][order], best[known][order]
    shown = np.minimum(percent, _CEILING)
    with drawing(3.3) as sheet:
        (panel,) = sheet.panels
        names = [*(level for level in levels if (best == level).any()), _NONE]
        for place, name in enumerate(names):
            here = np.flatnonzero(best == name if name != _NONE else ~np.isin(best, list(levels)))
            if not here.size:
                continue
            color = "#bbbbbb" if name == _NONE else COLORS[place % len(COLORS)]
            words = "no response" if name == _NONE else name
            panel.bar(
                here,
                shown[here],
                width=1.0,
                color=color,
                edgecolor="white",
                linewidth=0.0 if percent.size > 60 else 0.4,
                hatch="" if percent.size > 60 else _HATCHES[place % len(_HATCHES)],
                label=f"{words} ({here.size})",
            )
        cut = np.flatnonzero(percent > _CEILING)
        if cut.size:
            panel.plot(cut, np.full(cut.size, _CEILING + 4), linestyle="none", marker="^", markersize=2, color=FAINT)
        panel.axhline(0, color="#1a1a1a", linewidth=0.8)
        panel.set_xlim(-0.5, percent.size - 0.5)
        panel.set_ylim(-103, 110 if percent.max() > 0 else 5)
        panel.set_xticks([])
        panel.set(title=title, ylabel="best change, %", xlabel=f"{percent.size} patients")
        panel.legend(loc="upper right", handlelength=1.2, borderaxespad=0.0)
    return describe(sheet.svg, f"{title}: best change of marrow blasts in {percent.size} patients")
