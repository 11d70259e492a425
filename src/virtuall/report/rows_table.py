"""Trial rows as plain text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import mode

from virtuall.report.words import endpoint_words, published_words, simulated_words, verdict_words
from virtuall.trial.scoring import TrialRow

_ENOUGH = 40  # figures of which 2.5 and 97.5 % leave one out on each side
_HEAD = ("row", "endpoint · arm", "unit", "simulated (95 %)", "published (95 % CI)", "", "width")


def rows_table(rows: Iterable[TrialRow], all_rows: bool = False) -> str:
    """Rows as aligned columns, with a count of those inside.

    Parameters
    ----------
    rows : iterable of TrialRow
    all_rows : bool
        Rows that are not simulated too; otherwise their number is said.
    """
    every = list(rows)
    simulated = [row for row in every if row.made]
    lines = [_cells(row) for row in (every if all_rows else simulated)]
    lengths = [max(len(line[column]) for line in [_HEAD, *lines]) for column in range(len(_HEAD))]
    text = [_line(_HEAD, lengths), _line(["─" * length for length in lengths], lengths)]
    text += [_line(line, lengths) for line in lines]
    return "\n".join([*text, "", summary(every)]) + "\n"


def summary(rows: Sequence[TrialRow]) -> str:
    """How many scored rows lie inside, and how many rows are not simulated."""
    scored = [row for row in rows if row.scored and row.inside is not None]
    inside = sum(1 for row in scored if row.inside)
    absent = [row for row in rows if not row.made]
    once = sum(1 for row in rows if row.made and row.inside is None)
    words = [
        f"{inside} of {len(scored)} scored rows that were simulated lie inside their interval" if scored else "",
        f"{once} rows have one simulated figure and no interval: more replicates give one" if once else "",
        f"{len(absent)} rows ({sum(row.scored for row in absent)} scored) are not simulated yet",
    ]
    few = mode([len(row.values) for row in rows if row.made] or [0])  # groups of another size are more or fewer
    more = f" Intervals of {few} simulated trials are narrower than those of {_ENOUGH}." if 1 < few < _ENOUGH else ""
    return "; ".join(part for part in words if part) + "." + more


def _cells(row: TrialRow) -> tuple[str, ...]:
    width = "" if row.width_ratio is None else f"{row.width_ratio:.2f}"
    verdict = verdict_words(row) + ("" if row.scored or row.inside is None else " *")
    return (
        row.target,
        endpoint_words(row),
        row.unit,
        simulated_words(row),
        published_words(row),
        verdict,
        width,
    )


def _line(cells: Sequence[str], lengths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(length) for cell, length in zip(cells, lengths, strict=True)).rstrip()
