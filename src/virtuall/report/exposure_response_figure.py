"""Response over exposure: shares of the groups over the fitted curve; for times the curves of the groups."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np

from virtuall.analysis.exposure_fit import Fit
from virtuall.analysis.exposure_outcome import TIMES
from virtuall.analysis.exposure_response import ExposureResponse
from virtuall.report.drawing import COLORS, FAINT, LINES, describe, drawing
from virtuall.report.exposure_response_table import figure as figure_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LETTERS = 42  # of a title that fit the width
_TICKS = 4
# A band of hazard ratios wider than this hides the curve.
_FACTOR = 20.0


def exposure_response_figures(found: ExposureResponse) -> list[str]:
    """The figures (SVG) of this relation."""
    if found.kind == "share":
        return [_shares(found)]
    figures = [_curves(found)]
    return figures if found.fit is None else [*figures, _hazards(found, found.fit)]


def _shares(found: ExposureResponse) -> str:
    """Groups with exact intervals over the fitted curve; single patients at the edges; other doses beside."""
    assert found.answered is not None
    with drawing(4.1) as sheet:
        (panel,) = sheet.panels
        if found.fit is not None:
            _band(panel, found.fit, 100.0, "logistic fit, 95 %")
        _patients(panel, found)
        for quarter in found.quarters:
            panel.plot([quarter.low, quarter.high], [100 * quarter.share.value] * 2, color=COLORS[0], linewidth=1.0)
        middle = [quarter.middle for quarter in found.quarters]
        share = np.array([[q.share.value, q.share.low, q.share.high] for q in found.quarters]).T * 100
        panel.errorbar(
            middle, share[0], yerr=[share[0] - share[1], share[2] - share[0]], color=COLORS[0], marker="o",
            linestyle="none", capsize=3, markersize=7, linewidth=1.3, label="quarters by exposure, exact 95 %",
        )  # fmt: skip
        if found.doses:
            panel.plot(
                [dose.exposure for dose in found.doses], [100 * dose.response.value for dose in found.doses],
                color=COLORS[1], marker="s", markersize=7, linestyle=LINES[1], label="same patients, other doses",
            )  # fmt: skip
            for dose in found.doses:
                panel.annotate(
                    f"×{dose.factor:g}", (dose.exposure, 100 * dose.response.value), xytext=(0, 7),
                    textcoords="offset points", ha="center", color=COLORS[1], fontsize=9.5,
                    bbox={"color": "white", "alpha": 0.7, "pad": 0.5, "linewidth": 0},
                )  # fmt: skip
        panel.set_ylim(-4, 104)
        panel.set_ylabel("patients with it, %")
        _exposure_axis(panel, found)
        panel.set_title(_title(found.response))
        sheet.figure.legend(loc="outside lower left", fontsize=9.0, ncols=1)
    words = "; ".join(
        f"quarter {quarter.number}: {100 * quarter.share.value:.0f} % of {quarter.patients}"
        for quarter in found.quarters
    )
    return describe(sheet.svg, f"{found.response} by {found.exposure}: {words}")


def _patients(panel: Axes, found: ExposureResponse) -> None:
    """A tick for every patient, with it above, without it below."""
    assert found.answered is not None
    for has, height in ((True, 102.0), (False, -2.0)):
        these = found.values[found.answered == has]
        panel.plot(
            these, np.full(these.size, height), "|", color=FAINT, markersize=6, alpha=0.4, markeredgewidth=0.8,
            label="single patients, with it (top) and without" if has else None,
        )  # fmt: skip


def _curves(found: ExposureResponse) -> str:
    """Kaplan-Meier curves of the groups."""
    with drawing(4.1) as sheet:
        (panel,) = sheet.panels
        for place, quarter in enumerate(found.quarters):
            panel.step(
                quarter.days, 100 * quarter.curve, where="post", color=COLORS[place % len(COLORS)],
                linestyle=LINES[place % len(LINES)],
                label=f"quarter {quarter.number}: {figure_words(quarter.low)} to {figure_words(quarter.high)} "
                f"{found.unit}, {quarter.events} of {quarter.patients}",
            )  # fmt: skip
        panel.set_ylim(0, 102)
        panel.set_xlim(0, None)
        panel.set_ylabel("without the event, %")
        panel.set_xlabel(f"days from day {found.from_day:g} of treatment" if found.from_day else "days from enrollment")
        panel.set_title(_title(found.response))
        sheet.figure.legend(loc="outside lower left", fontsize=9.0, ncols=1)
    words = "; ".join(f"quarter {q.number}: {q.events} of {q.patients} with the event" for q in found.quarters)
    return describe(sheet.svg, f"{found.response} by quarters of {found.exposure}: {words}")


def _hazards(found: ExposureResponse, fit: Fit) -> str:
    """The fitted hazard relative to that at the median exposure."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    with drawing(3.6) as sheet:
        (panel,) = sheet.panels
        _band(panel, fit, 1.0, "Cox regression, 95 %")
        panel.axhline(1.0, color="black", linewidth=0.9)
        panel.plot(found.values, np.full(found.values.size, 0.015), "|", color=FAINT, markersize=6, alpha=0.4,
                   transform=panel.get_xaxis_transform(), label="single patients")  # fmt: skip
        panel.set_yscale("log")
        panel.set_ylim(max(fit.low.min() / 1.2, 1 / _FACTOR), min(fit.high.max() * 1.2, _FACTOR))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.yaxis.set_minor_formatter(NullFormatter())
        panel.set_ylabel("hazard, to that at the median")
        _exposure_axis(panel, found)
        panel.set_title("Hazard of the event")
        sheet.figure.legend(loc="outside lower left", fontsize=9.0, ncols=2)
    return describe(sheet.svg, f"Hazard over {found.exposure}, relative to that at the median, with its 95 % band")


def _band(panel: Axes, fit: Fit, scale: float, label: str) -> None:
    panel.fill_between(fit.exposures, scale * fit.low, scale * fit.high, color=COLORS[2], alpha=0.2, linewidth=0)
    panel.plot(fit.exposures, scale * fit.curve, color=COLORS[2], label=label)


def _exposure_axis(panel: Axes, found: ExposureResponse) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    if found.fit is not None and found.fit.scale == "linear":
        panel.set_xlabel("\n".join(wrap(f"{found.exposure}, {found.unit}", _LETTERS + 8)))
        return
    panel.set_xscale("log")
    low, high = np.log10(found.values.min()), np.log10(found.values.max())
    narrow = high - low < 2
    panel.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if narrow else (1.0,), numticks=2 * _TICKS))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FuncFormatter(_exposure_words))
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.set_xlabel("\n".join(wrap(f"{found.exposure}, {found.unit} (logarithmic)", _LETTERS + 8)))


def _exposure_words(value: float, _: object) -> str:
    power = int(np.floor(np.log10(value) + 1e-9)) if value > 0 else 0
    if -3 < power < 4:
        return f"{value:g}"
    lead = value / 10.0**power
    return f"$10^{{{power}}}$" if abs(lead - 1) < 1e-6 else f"${lead:.0f}\\cdot10^{{{power}}}$"


def _title(words: str) -> str:
    words = TIMES.get(words, words)
    return "\n".join(wrap(words[:1].upper() + words[1:], _LETTERS))
