"""What ends a first remission in one trial: cumulative incidences of competing causes, a panel for each arm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from virtuall.report.drawing import COLORS, LINES, describe, drawing
from virtuall.report.survival_figure import DAYS_IN_MONTH
from virtuall.trial.incidence import Incidence


def incidence_figure(incidences: Sequence[Incidence], *, last: float, every: float) -> str:
    """Draw them up to a day; returns SVG, or "" when nobody was in remission."""
    arms = list(dict.fromkeys(each.arm for each in incidences))
    if not arms:
        return ""
    with drawing(0.4 + 2.3 * len(arms), heights=[1.0] * len(arms)) as sheet:
        for panel, arm in zip(sheet.panels, arms, strict=True):
            here = [each for each in incidences if each.arm == arm]
            for place, each in enumerate(here):
                inside = each.days <= last
                days = each.days[inside] / DAYS_IN_MONTH
                color = COLORS[place % len(COLORS)]
                panel.fill_between(
                    days, 100 * each.low[inside], 100 * each.high[inside], step="post", color=color, alpha=0.15, lw=0
                )
                panel.step(
                    days,
                    100 * each.share[inside],
                    where="post",
                    color=color,
                    linestyle=LINES[place % len(LINES)],
                    label=f"{each.cause}, {each.events}",
                )
            panel.set(title=f"{arm}: {here[0].patients} in remission", ylabel="%", ylim=(0, 100))
            panel.set_xticks(np.arange(0.0, last + every / 2, every) / DAYS_IN_MONTH)
            panel.set_xlim(0, last / DAYS_IN_MONTH)
            panel.legend(loc="upper right", handlelength=2.2, borderaxespad=0.0)
        sheet.panels[-1].set_xlabel("months from remission")
    return describe(sheet.svg, "Relapse, death in remission and transplant as competing risks, by arm")
