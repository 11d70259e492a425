"""An exploration as plain text for a terminal, and its numbers in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from virtuall.analysis.explore_measures import Measure
from virtuall.analysis.explore_result import Explored, Row
from virtuall.analysis.explore_utility import Estimate
from virtuall.report.words import number_words
from virtuall.trial.comparison import SHARE
from virtuall.trial.paired import Interval

# Values beyond the shipped ones that are named.
_NAMED = 4


def explore_table(found: Explored, top: int = 0) -> str:
    """The candidates as aligned columns, the best first, and what a reader must know.

    Parameters
    ----------
    found : Explored
    top : int
        How many rows are shown (the base always is); 0: all.
    """
    rows = [row for place, row in enumerate(found.rows) if not top or place < top or row.is_base]
    asked = {term.measure for term in found.exploration.terms}
    wanted = [name for name in found.measures if name in asked]
    text = [found.exploration.title, size_words(found), utility_words(found), ""]
    head = ["", *(dial.name for dial in found.dials), "utility", "minus base (95 %)", "best minus it (95 %)", ""]
    text += _aligned(
        head,
        [
            [
                str(found.rows.index(row) + 1),
                *row.settings,
                number_words(row.score.utility),
                interval_words(row.score.to_base, row.is_base),
                interval_words(row.score.below_best, row is found.rows[0]),
                marks_words(row, found),
            ]
            for row in rows
        ],
    )
    for title, names in (
        ("What the utility counts", wanted),
        ("Beside it", [n for n in found.measures if n not in asked]),
    ):
        if names:
            text += ["", f"{title}, minus base (95 %):", *_measures(found, rows, names)]
    if len(rows) < len(found.rows):
        text += ["", f"{len(found.rows) - len(rows)} more rows: --top 0 shows all."]
    refused = [f"Refused: {words}: {why}" for words, why in found.refused]
    return "\n".join([*text, "", *marks_legend(found), *found.notes, *refused])


def size_words(found: Explored) -> str:
    """Whom, how many, how long."""
    text = found.exploration
    return (
        f"{len(found.rows)} candidates of {text.protocol}, each on the same {text.patients} patients of {text.cohort}, "
        f"seed {text.seed}, {found.days:g} days"
    )


def utility_words(found: Explored) -> str:
    """The utility as a sum, and the limits."""
    parts = [f"{_weight(term.weight, place)}{term.measure}" for place, term in enumerate(found.exploration.weighted)]
    said = f"Utility in points: {' '.join(parts)}; shares in percent, means in their units."
    for limit in found.limits:
        measure = found.measures[limit.measure]
        for side, words in ((limit.at_most, "at most"), (limit.at_least, "at least")):
            if math.isfinite(side):
                said += f" Limit: {limit.measure} {words} {value_words(side, measure)}."
    return said


def _weight(weight: float, place: int) -> str:
    sign = "− " if weight < 0 else "+ " if place else ""
    return f"{sign}{abs(weight):g} × "


def value_words(value: float, measure: Measure) -> str:
    """A value with its unit."""
    return f"{number_words(_scaled(value, measure))} {unit_words(measure)}"


def unit_words(measure: Measure) -> str:
    """The unit; percent for shares."""
    return "%" if measure.unit == SHARE else measure.unit


def beyond_words(found: Explored) -> str:
    """The settings beyond the shipped regimens, each once."""
    said = list(dict.fromkeys(words for row in found.rows for words in row.beyond))
    more = f" and {len(said) - _NAMED} more" if len(said) > _NAMED else ""
    return "; ".join(said[:_NAMED]) + more


def estimate_words(estimate: Estimate, measure: Measure, is_base: bool) -> tuple[str, str]:
    """The value, and its difference to the base with the interval (percentage points for shares)."""
    scaled = Interval(*(_scaled(each, measure) for each in estimate.to_base))
    return number_words(_scaled(estimate.value, measure)), "" if is_base else interval_words(scaled)


def interval_words(interval: Interval, is_same: bool = False) -> str:
    """A difference with its interval; a dash for the difference to itself."""
    if is_same:
        return "–"
    if math.isnan(interval.low):
        return _signed(interval.value)
    return f"{_signed(interval.value)} ({_signed(interval.low)} to {_signed(interval.high)})"


def marks_words(row: Row, found: Explored) -> str:
    """What stands out of a row, in words that `marks_legend` explains."""
    score = row.score
    keeps = score.excess == 0
    marks = [
        "best" if row is found.rows[0] else "",
        "base" if row.is_base else "",
        "not apart" if row is not found.rows[0] and keeps and not score.apart else "",
        "front" if score.pareto and len(found.exploration.weighted) > 1 else "",
        "" if keeps else "breaks a limit",
        "beyond" if row.beyond else "",
    ]
    return ", ".join(mark for mark in marks if mark)


def marks_legend(found: Explored) -> tuple[str, ...]:
    """What the marks say, those that occur."""
    used = {mark for row in found.rows for mark in marks_words(row, found).split(", ")}
    said = {
        "base": "base: the regimen as the library has it.",
        "not apart": "not apart: not told apart from the best one; the 95 % interval of the difference holds zero.",
        "front": "front: no other candidate is as good in every term of the utility and better in one (Pareto).",
        "breaks a limit": "breaks a limit: ranked behind those that keep all.",
        "beyond": "beyond: outside the values of the shipped regimens of this therapy, where the model extrapolates: "
        f"{beyond_words(found)}.",
    }
    return tuple(words for mark, words in said.items() if mark in used)


def _measures(found: Explored, rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    """Measures with their differences, one numbered column each: their names are long."""
    head = ["", *(dial.name for dial in found.dials)]
    head += [f"[{place + 1}]" for place in range(len(names))]
    lines = [
        [
            str(found.rows.index(row) + 1),
            *row.settings,
            *("  ".join(estimate_words(row.score.measures[name], found.measures[name], row.is_base)) for name in names),
        ]
        for row in rows
    ]
    said = [f"  [{place + 1}] {name}, {unit_words(found.measures[name])}" for place, name in enumerate(names)]
    return [*said, *_aligned(head, lines)]


def _aligned(head: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    lengths = [max(len(line[column]) for line in [head, *lines]) for column in range(len(head))]
    rule = ["─" * length for length in lengths]
    return [
        "  ".join(cell.ljust(length) for cell, length in zip(line, lengths, strict=True)).rstrip()
        for line in [head, rule, *lines]
    ]


def _scaled(value: float, measure: Measure) -> float:
    return 100.0 * value if measure.unit == SHARE else value


def _signed(value: float) -> str:
    words = number_words(value)
    if not any(digit in words for digit in "123456789"):
        return words.lstrip("-")
    return f"+{words}" if value > 0 else words
