"""The page of a validation: what must hold, what the model gets wrong, every vote and every row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from virtuall.calibrate.validation import Judged
from virtuall.calibrate.validation_run import Validation
from virtuall.calibrate.validation_units import CHECK_GROUPS, Finished
from virtuall.report.page import render
from virtuall.report.validation_figure import family_figures, overview_figure
from virtuall.report.validation_words import (
    anchor_words,
    comparison_words,
    distance_words,
    median_words,
    misses,
    reached_words,
    reasons,
    use_words,
    wanted_words,
)
from virtuall.report.words import number_words


@dataclass(frozen=True)
class Part:
    """The rows of one trial or check.

    Attributes
    ----------
    title : str
    figures : list of str
        SVG.
    simulated, absent : tuple of Judged
    reasons : mapping of str to tuple of Judged
        Why those absent are not simulated.
    """

    title: str
    figures: list[str]
    simulated: tuple[Judged, ...]
    absent: tuple[Judged, ...]
    reasons: Mapping[str, tuple[Judged, ...]]


def validation_page(validation: Validation) -> str:
    """The validation as one HTML page that needs nothing from anywhere else."""
    return render(
        "validation.html.j2",
        goals=validation.goals,
        scores=(validation.calibrate, validation.validate),
        votes=sorted(validation.votes, key=lambda vote: (vote.use, vote.trial)),
        families=validation.families,
        settings=validation.settings,
        check_groups=CHECK_GROUPS,
        patients=sum(each.patients for each in validation.finished),
        failed=sum(each.failed for each in validation.finished),
        fingerprint=validation.fingerprint,
        whole=validation.whole,
        comparison=comparison_words(validation),
        overview=overview_figure(validation.votes, validation.goals),
        anchors=validation.anchors,
        anchor_words=anchor_words,
        misses=misses(validation),
        parts=[_part(each, validation) for each in validation.finished],
        use_words=use_words,
        wanted_words=wanted_words,
        reached_words=reached_words,
        median_words=median_words,
        distance_words=distance_words,
        two=_two,
    )


def _part(finished: Finished, validation: Validation) -> Part:
    rows = tuple(each for each in validation.judged if each.unit == finished.name)
    return Part(
        title=finished.title,
        figures=family_figures(rows, validation.families),
        simulated=tuple(each for each in rows if each.row.made),
        absent=tuple(each for each in rows if not each.row.made),
        reasons=reasons(rows),
    )


def _two(value: float | None) -> str:
    return "" if value is None else number_words(value).replace("not reached", "∞")
