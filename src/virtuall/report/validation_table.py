"""A validation as plain text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from virtuall.calibrate.validation import Judged
from virtuall.calibrate.validation_run import Validation
from virtuall.report.validation_words import (
    anchor_words,
    comparison_words,
    distance_words,
    goal_words,
    median_words,
    misses,
    reasons,
    use_words,
)
from virtuall.report.words import endpoint_words, published_words, verdict_words

_TRIALS = ("trial", "use", "families", "inside", "rows", "inside", "not simulated")
_ROWS = ("row", "endpoint · arm", "unit", "simulated (95 %)", "published (95 % CI)", "", "50 %", "width", "z")


def validation_text(validation: Validation, rows: bool = False) -> str:
    """What must hold, each trial's count, and what the model gets wrong.

    Parameters
    ----------
    validation : Validation
    rows : bool
        Every published row too, with the reason where one is not simulated.
    """
    parts = []
    for score in (validation.calibrate, validation.validate):
        goals = [f"  {goal_words(goal)}" for goal in validation.goals if goal.use == score.use]
        head = (
            f"{use_words(score.use).capitalize()}: {score.simulated} of {score.scored} scored rows are simulated, "
            f"in {score.votes} votes (one for each trial and family)"
        )
        parts.append("\n".join([head, *goals]))
    parts.append(
        "\n".join(["Single findings that must come out right:", *(f"  {anchor_words(a)}" for a in validation.anchors)])
    )
    parts.append(comparison_words(validation))
    parts.append(_columns(_TRIALS, trial_cells(validation)))
    if rows:
        parts.append(_columns(_ROWS, [_cells(each) for each in validation.judged if each.row.made]))
        absent = [f"  {_targets(found)}: {why}" for why, found in reasons(validation.judged).items()]
        if absent:
            parts.append("\n".join(["Not simulated:", *absent]))
    wrong = misses(validation)
    if wrong:
        lines = [line for trial, each in wrong.items() for line in (f"  {trial}", *(f"    {words}" for words in each))]
        parts.append(
            "\n".join(
                [
                    "What the model gets wrong: families with scored rows outside, and the farthest row of each.",
                    *lines,
                ]
            )
        )
    return "\n\n".join(parts) + "\n"


def trial_cells(validation: Validation) -> list[tuple[str, ...]]:
    """One line for each published trial and use: families, mean share inside, rows, those inside, not simulated."""
    names = dict.fromkeys((each.row.trial, each.row.use) for each in validation.judged if each.row.scored)
    lines: list[tuple[str, ...]] = []
    for trial, use in names:
        votes = [vote for vote in validation.votes if (vote.trial, vote.use) == (trial, use)]
        scored = [
            each for each in validation.judged if each.row.scored and (each.row.trial, each.row.use) == (trial, use)
        ]
        share = f"{sum(vote.share for vote in votes) / len(votes):.0%}" if votes else "–"
        counted = sum(vote.rows for vote in votes)
        inside = sum(vote.inside for vote in votes)
        lines.append((trial, use, str(len(votes)), share, str(counted), str(inside), str(len(scored) - counted)))
    return lines


def _cells(judged: Judged) -> tuple[str, ...]:
    row = judged.row
    verdict = verdict_words(row) + ("" if row.scored or row.inside is None else " *")
    return (
        row.target,
        endpoint_words(row),
        row.unit,
        median_words(row),
        published_words(row),
        "held back" if judged.held_back_by else verdict,
        "–" if row.inside is None else "inside" if row.inside50 else "outside",
        "" if row.width_ratio is None else f"{row.width_ratio:.2f}",
        distance_words(row),
    )


def _targets(found: Iterable[Judged]) -> str:
    return ", ".join(each.row.target for each in found)


def _columns(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[place]) for line in [head, *lines]) for place in range(len(head))]
    rule = ["─" * width for width in widths]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [head, rule, *lines]
    )
