"""A predictive check as plain text, and its numbers in words."""

from __future__ import annotations

import math

from virtuall.analysis.vpc import PERCENTILES, Band, Bin, Panel, PredictiveCheck
from virtuall.report.exposure_response_table import figure


def vpc_table(found: PredictiveCheck) -> str:
    """Each group's bins, then how many percentiles lie inside, and what a reader must know."""
    text = [size_words(found)]
    for panel in found.panels:
        rows = [cells(found, panel, each) for each in panel.bins]
        text += ["", *([f"{panel.name}, {panel.subjects} subjects"] if panel.name else [])]
        text += _aligned(heads(found), rows)
    text += ["", "Measured, [90 % of the replicates]; * outside.", *facts(found).values()]
    return "\n".join([*text, "", *found.notes])


def size_words(found: PredictiveCheck) -> str:
    """What is compared with what."""
    return (
        f"{found.signal} ({found.unit}): {found.values} values of {found.subjects} subjects in {found.name}, beside "
        f"{found.replicates} replicates with patients of {found.cohort} under {', '.join(found.protocols)}, "
        f"seed {found.seed}"
    )


def heads(found: PredictiveCheck) -> list[str]:
    """Names of the columns of `cells`."""
    below = ["below the limit, %"] if found.censored else []
    return ["days", "values", *(f"{100 * share:g} %" for share in PERCENTILES), *below]


def cells(found: PredictiveCheck, panel: Panel, one: Bin) -> list[str]:
    """One bin in words."""
    days = figure(one.first) if one.first == one.last else f"{figure(one.first)} to {figure(one.last)}"
    below = [_band_words(one.below, 100)] if found.censored else []
    return [days, str(one.values), *(_band_words(each) for each in one.percentiles), *below]


def facts(found: PredictiveCheck) -> dict[str, str]:
    """The sums of the check by name."""
    bands = found.bands
    inside = sum(band.inside for band in bands)
    errors = found.errors
    said = {
        "inside": f"{inside} of {len(bands)} percentiles inside their bands.",
        "errors": f"Normalised prediction errors: mean {errors.mean:.2f} and spread {errors.spread:.2f} (0 and 1 when "
        f"the model is right); {100 * errors.outside:.0f} % beyond the 5th and 95th percentile (10 %).",
        "assay": f"Assay: {found.assay.replace('_', ' ') or 'as given'}, log spread {found.error:g}.",
    }
    return said if found.error else {name: words for name, words in said.items() if name != "assay"}


def _band_words(band: Band, scale: float = 1.0) -> str:
    mark = "" if band.inside else "*"
    return f"{_words(band.observed, scale)} [{_words(band.low, scale)}; {_words(band.high, scale)}]{mark}"


def _words(value: float, scale: float) -> str:
    if math.isinf(value):
        return "below"
    return "–" if math.isnan(value) else "0" if value == 0 else figure(scale * value)


def _aligned(head: list[str], rows: list[list[str]]) -> list[str]:
    widths = [max(len(line[place]) for line in [head, *rows]) for place in range(len(head))]
    return [
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [head, *rows]
    ]
