"""The table of side effects as plain text for a terminal of 80 columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import wrap

from virtuall.report.safety_report import SafetyReport, SafetyRow
from virtuall.report.share import Share
from virtuall.report.words import number_words

_NAME, _SHARE, _SHORT = 26, 17, 5  # letters of a column
_WHOLE = 80
_GRADES = (8,) * 5


def safety_table(report: SafetyReport) -> str:
    """The whole report as lines."""
    lines = [*wrap(title_words(report), _WHOLE), ""]
    lines += _line("", "any grade", f"grade {report.severe_grade} and above", "first", "later")
    lines += _line("% of the treated", "(95 % interval)", "(95 % interval)", "cycle", "")
    for row in report.rows:
        lines += _line(row.name, *row_words(row))
    lines += ["", *_line("% by worst grade", *(f"grade {grade}" for grade in range(1, 6)), widths=_GRADES)]
    for row in report.rows:
        lines += _line(row.name, *(percent_words(share.value) for share in row.grades), widths=_GRADES)
    scales = [f"{row.name} by {row.scale}" for row in report.rows if row.scale]
    if scales:
        lines += ["", *wrap(f"Graded on a scale: {', '.join(scales)}.", _WHOLE)]
    lines += ["", "Deaths"]
    for cause, share in report.deaths.items():
        lines += _line(cause, share_words(share))
    if not report.deaths:
        lines.append("none")
    for note in report.notes:
        lines += ["", *wrap(note, _WHOLE)]
    return "\n".join(lines)


def title_words(report: SafetyReport) -> str:
    """Who, under what."""
    return (
        f"Side effects under {report.protocol}: {report.treated} treated patients of {report.cohort}; "
        f"{report.untreated} never treated, {report.failed} simulations failed and left out"
    )


def row_words(row: SafetyRow) -> tuple[str, str, str, str]:
    """Any grade, severe, first cycle, later, in percent."""
    later = "–" if row.later is None else percent_words(row.later.value)
    return share_words(row.any), share_words(row.severe), percent_words(row.first.value), later


def share_words(share: Share) -> str:
    """A share and its interval in percent."""
    if math.isnan(share.value):
        return "nobody"
    return f"{percent_words(share.value)} ({percent_words(share.low)}–{percent_words(share.high)})"


def percent_words(value: float) -> str:
    """Percent with one decimal, "0" and "100" without."""
    percent = 100 * value
    if math.isnan(percent):
        return number_words(None)
    return f"{percent:.0f}" if percent in (0.0, 100.0) else f"{percent:.1f}"


def _line(name: str, *cells: str, widths: Sequence[int] = (_SHARE, _SHARE + 1, _SHORT, _SHORT)) -> list[str]:
    """One row; a long name goes on in further lines."""
    first, *more = wrap(name, _NAME, subsequent_indent="  ") or [""]
    told = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=False))
    return [f"{first:{_NAME}}  {told}".rstrip(), *more]
