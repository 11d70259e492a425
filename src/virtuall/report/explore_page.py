"""An exploration as one HTML page that needs nothing from anywhere else."""

from __future__ import annotations

from virtuall.analysis.explore_result import Explored
from virtuall.report.explore_figure import explore_figures
from virtuall.report.explore_table import (
    estimate_words,
    interval_words,
    marks_legend,
    marks_words,
    size_words,
    unit_words,
    utility_words,
)
from virtuall.report.page import render
from virtuall.report.words import number_words


def explore_page(found: Explored) -> str:
    """The page: what was asked, the figures, every candidate with each measure, what a reader must know."""
    best = found.rows[0]
    return render(
        "explore.html.j2",
        title=found.exploration.title,
        size=size_words(found),
        utility=utility_words(found),
        best=best.words,
        best_to_base=interval_words(best.score.to_base, best.is_base),
        not_apart=sum(1 for row in found.rows if row is not best and not row.score.apart and row.score.excess == 0),
        base=found.base.words,
        notes=found.notes,
        legend=marks_legend(found),
        figures=explore_figures(found),
        dials=[dial.name for dial in found.dials],
        measures=[f"{name}, {unit_words(each)}" for name, each in found.measures.items()],
        rows=[
            {
                "place": place,
                "settings": row.settings,
                "utility": number_words(row.score.utility),
                "to_base": interval_words(row.score.to_base, row.is_base),
                "below_best": interval_words(row.score.below_best, row is best),
                "measures": [
                    estimate_words(row.score.measures[name], each, row.is_base) for name, each in found.measures.items()
                ],
                "marks": marks_words(row, found),
            }
            for place, row in enumerate(found.rows, 1)
        ],
        refused=found.refused,
    )
