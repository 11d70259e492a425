"""Exposure and response as plain text, and its numbers in words."""

from __future__ import annotations

import math

from virtuall.analysis.exposure_fit import Fit
from virtuall.analysis.exposure_quarters import Quarter
from virtuall.analysis.exposure_response import Dose, ExposureResponse
from virtuall.report.words import estimate_words, number_words, p_words
from virtuall.trial.statistics import Estimate


def exposure_response_table(found: ExposureResponse) -> str:
    """The groups, the fits, the doses, and what a reader must know."""
    text = [f"{found.response} by {found.exposure} ({found.unit})", size_words(found), ""]
    text += _aligned(heads(found), [cells(found, each) for each in found.quarters])
    text += ["", *fit_lines(found)]
    if found.doses:
        text += ["", "The same patients at other doses:"]
        text += _aligned(dose_heads(found), [dose_cells(each) for each in found.doses])
    return "\n".join([*text, "", *found.notes])


def size_words(found: ExposureResponse) -> str:
    """Whom, how many, how long."""
    return (
        f"{found.values.size} of {found.patients} patients of {found.cohort} under {found.protocol}, "
        f"seed {found.seed}, {found.days:g} days"
    )


def heads(found: ExposureResponse) -> list[str]:
    """Names of the columns of `cells`."""
    last = ["with it", "%, exact 95 %"] if found.kind == "share" else ["events", "median, days (95 %)"]
    return ["quarter", f"exposure, {found.unit}", "median", "patients", *last]


def cells(found: ExposureResponse, quarter: Quarter) -> list[str]:
    """One group in words."""
    last = estimate_words(quarter.share, 100) if found.kind == "share" else _median_words(quarter.median)
    return [
        str(quarter.number),
        f"{figure(quarter.low)} to {figure(quarter.high)}",
        figure(quarter.middle),
        str(quarter.patients),
        str(quarter.events),
        last,
    ]


def fit_lines(found: ExposureResponse) -> list[str]:
    """Each fit in one sentence."""
    lines = [fit_words(found.fit)] if found.fit is not None else []
    return lines if found.adjusted is None else [*lines, fit_words(found.adjusted)]


def fit_words(fit: Fit) -> str:
    """The ratio of a step of exposure with interval and p."""
    name = "Odds ratio" if fit.kind == "logistic" else "Hazard ratio"
    beside = f", adjusted for {', '.join(each.replace('_', ' ') for each in fit.adjusted_for)}"
    return f"{name} per {fit.per}{beside if fit.adjusted_for else ''}: {estimate_words(fit.ratio)}, {p_words(fit.p)}"


def dose_heads(found: ExposureResponse) -> list[str]:
    """Names of the columns of `dose_cells`."""
    until = next((dose.until for dose in found.doses if dose.until is not None), None)
    last = "response, % of all" if until is None else f"without the event on day {until:g}, %"
    return ["times the dose", f"median exposure, {found.unit}", last]


def dose_cells(dose: Dose) -> list[str]:
    """One dose in words."""
    return [f"{dose.factor:g}", figure(dose.exposure), estimate_words(dose.response, 100)]


def figure(value: float) -> str:
    """Three figures; numbers from a million on with an exponent."""
    return number_words(value) if 0.1 <= abs(value) < 1e6 else f"{value:.3g}"


def _median_words(median: Estimate) -> str:
    """A median with its interval, of which an end that is not reached is open."""
    low, high = number_words(median.low), "" if math.isinf(median.high) else f" to {number_words(median.high)}"
    if math.isinf(median.value) and math.isinf(median.low):
        return number_words(median.value)
    return f"{number_words(median.value)} ({low}{high or ' or more'})"


def _aligned(head: list[str], rows: list[list[str]]) -> list[str]:
    widths = [max(len(line[place]) for line in [head, *rows]) for place in range(len(head))]
    return [
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [head, *rows]
    ]
