"""Rows in words and numbers as people write them."""

from __future__ import annotations

import math

from virtuall.trial.scoring import TrialRow
from virtuall.trial.statistics import Estimate


def number_words(value: float | None) -> str:
    """Three figures, whole numbers from 100 on; "not reached" for infinity, a dash for None."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "not reached"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def estimate_words(estimate: Estimate, scale: float = 1.0) -> str:
    """A value with its interval if one can be told, both times `scale`; a dash when there is no value."""
    if math.isnan(estimate.value):
        return number_words(None)
    value, low, high = (
        number_words(scale * each).replace("-", "−") for each in (estimate.value, estimate.low, estimate.high)
    )
    if math.isnan(estimate.low) or math.isnan(estimate.high) or math.isinf(estimate.low):
        return value
    return f"{value} ({low}{' to ' if min(estimate.low, estimate.high) < 0 else '–'}{high})"


def p_words(p: float) -> str:
    """A p value: "p = 0.012", "p < 0.0001"; a dash when there is none."""
    if math.isnan(p):
        return number_words(None)
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.2g}" if p < 0.1 else f"p = {p:.2f}"


def endpoint_words(row: TrialRow) -> str:
    """What a row is about: endpoint, when, whose."""
    name = row.endpoint.replace("_g3plus", ", grade ≥3").replace("_any", ", any grade").replace("_", " ")
    when = "" if row.timepoint in ("", "-", "baseline") else f", {row.timepoint}"
    return f"{name}{when} · {row.arm}{f' · {row.label}' if row.label else ''}"


def simulated_words(row: TrialRow) -> str:
    """Simulated value with its interval, if there is one."""
    if not row.made:
        return "not simulated"
    if row.low is None:
        return number_words(row.simulated)
    return f"{number_words(row.simulated)} ({number_words(row.low)}–{number_words(row.high)})"


def published_words(row: TrialRow) -> str:
    """Published value with its confidence interval."""
    value = f"{row.published:g}"
    if row.published_low is None and row.published_high is None:
        return value
    low = "" if row.published_low is None else f"{row.published_low:g}"
    high = "" if row.published_high is None else f"{row.published_high:g}"
    return f"{value} ({low}–{high})"


def verdict_words(row: TrialRow) -> str:
    """ "inside", "outside" or a dash."""
    return "–" if row.inside is None else "inside" if row.inside else "outside"
