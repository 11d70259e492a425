"""The result of an exploration: every candidate, ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from virtuall.analysis.explore_dial import Dial
from virtuall.analysis.explore_measures import Measure
from virtuall.analysis.explore_text import Exploration
from virtuall.analysis.explore_utility import Limit, Score


@dataclass(frozen=True)
class Row:
    """One candidate with what came of it.

    Attributes
    ----------
    words : str
        Its settings.
    numbers : tuple of (float or None)
        Its settings as numbers in the units of the dials; None for words.
    settings : tuple of str
    is_base : bool
        It is the regimen as the library has it.
    score : Score
    beyond : tuple of str
        Settings that lie outside those of the shipped regimens.
    failed : int
        Patients whose simulation failed; they are left out.
    same : bool
        Every patient goes the same way as under the base.
    key : str
        Where it is kept.
    """

    words: str
    numbers: tuple[float | None, ...]
    settings: tuple[str, ...]
    is_base: bool
    score: Score
    beyond: tuple[str, ...]
    failed: int
    same: bool
    key: str


@dataclass(frozen=True)
class Explored:
    """The result of an exploration.

    Attributes
    ----------
    exploration : Exploration
    dials : tuple of Dial
    measures : mapping of str to Measure
        All that is told, in the order of the text.
    limits : tuple of Limit
    days : float
        Follow-up of each patient.
    rows : tuple of Row
        The best first: those that keep the limits, by their utility; then the others, by how far they break them.
    refused : tuple of (str, str)
        Candidates that no reader takes, and why.
    notes : tuple of str
        What a reader must know.
    """

    exploration: Exploration
    dials: tuple[Dial, ...]
    measures: Mapping[str, Measure]
    limits: tuple[Limit, ...]
    days: float
    rows: tuple[Row, ...]
    refused: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    @property
    def base(self) -> Row:
        """The regimen as the library has it."""
        return next(row for row in self.rows if row.is_base)

    def as_json(self) -> dict[str, Any]:
        """The result with the keys promised for ``--json``."""
        text = self.exploration
        weights = {term.measure: term.weight for term in text.weighted}
        return {
            "title": text.title,
            "protocol": text.protocol,
            "cohort": text.cohort,
            "patients": text.patients,
            "seed": text.seed,
            "days": self.days,
            "method": text.method,
            "varied": [{"name": dial.name, "unit": dial.unit, "base": dial.base.words} for dial in self.dials],
            "measures": [
                {"name": name, "unit": each.unit, "better": each.better, "weight": weights.get(name)}
                for name, each in self.measures.items()
            ],
            "limits": [asdict(each) for each in self.limits],
            "candidates": [_row_json(row, self.dials) for row in self.rows],
            "refused": [{"candidate": words, "why": why} for words, why in self.refused],
            "notes": list(self.notes),
        }


def _row_json(row: Row, dials: Sequence[Dial]) -> dict[str, Any]:
    score = row.score
    return {
        "settings": {dial.name: words for dial, words in zip(dials, row.settings, strict=True)},
        "numbers": {dial.name: number for dial, number in zip(dials, row.numbers, strict=True)},
        "base": row.is_base,
        "utility": score.utility,
        "to_base": score.to_base._asdict(),
        "below_best": score.below_best._asdict(),
        "told_apart_from_best": score.apart,
        "keeps_limits": score.excess == 0,
        "pareto": score.pareto,
        "measures": {
            name: {"value": each.value, "to_base": each.to_base._asdict()} for name, each in score.measures.items()
        },
        "beyond_shipped": list(row.beyond),
        "failed": row.failed,
        "same_course_as_base": row.same,
        "kept_as": row.key,
    }
