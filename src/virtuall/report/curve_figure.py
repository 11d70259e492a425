"""Survival of one trial: a Kaplan-Meier curve for each arm with its interval, who is censored, and numbers at risk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from virtuall.report.drawing import COLORS, FAINT, LINES, describe, drawing
from virtuall.report.survival_figure import DAYS_IN_MONTH, numbers_at_risk
from virtuall.report.words import estimate_words, p_words
from virtuall.trial.statistics import Effect, KaplanMeier

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def curve_figure(title: str, curves: Sequence[KaplanMeier], effect: Effect | None, *, last: float, every: float) -> str:
    """Draw the curves up to a day, with numbers at risk every so many days; returns SVG."""
    with drawing(3.5 + 0.5 * len(curves), heights=[3.3, 0.5 * len(curves)]) as sheet:
        top, bottom = sheet.panels
        for place, curve in enumerate(curves):
            _curve(top, curve, place, last)
        top.axhline(50, color=FAINT, linewidth=0.8, linestyle=":")
        top.set(title=title, ylabel="without the event, %", xlabel="months", ylim=(0, 102))
        days = np.arange(0.0, last + every / 2, every)
        top.set_xticks(days / DAYS_IN_MONTH)
        top.set_xlim(0, last / DAYS_IN_MONTH)
        heading = None if effect is None else _effect_words(effect)
        top.legend(loc="upper right", handlelength=2.2, borderaxespad=0.0, title=heading, title_fontsize=9.5)
        rows = [
            (f"{curve.arm}: number at risk", curve.followed.size - np.searchsorted(curve.followed, days))
            for curve in curves
        ]
        numbers_at_risk(bottom, rows, days)
        bottom.set_xlim(top.get_xlim())
    told = "; ".join(f"{curve.arm} {curve.events} events in {curve.patients} patients" for curve in curves)
    return describe(sheet.svg, f"{title} in one simulated trial: {told}")


def _curve(panel: Axes, curve: KaplanMeier, place: int, last: float) -> None:
    color = COLORS[place % len(COLORS)]
    end = min(last, float(curve.followed[-1]))
    inside = curve.days <= end
    days = np.append(curve.days[inside], end) / DAYS_IN_MONTH
    share, low, high = (
        100 * np.append(each[inside], each[inside][-1]) for each in (curve.share, curve.low, curve.high)
    )
    panel.fill_between(days, low, high, step="post", color=color, alpha=0.18, linewidth=0)
    panel.step(days, share, where="post", color=color, linestyle=LINES[place % len(LINES)], label=curve.arm)
    seen = curve.censored[curve.censored <= end]
    panel.plot(
        seen / DAYS_IN_MONTH, 100 * curve.at(seen), linestyle="none", marker="|", markersize=5, color=color, alpha=0.7
    )


def _effect_words(effect: Effect) -> str:
    return f"hazard ratio {estimate_words(effect.hazard_ratio)}\nlog-rank {p_words(effect.log_rank_p)}"
