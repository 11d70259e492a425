"""What a reader of an exploration must know."""

from __future__ import annotations

from collections.abc import Sequence

from virtuall.analysis.explore_dial import Dial
from virtuall.analysis.explore_result import Row
from virtuall.analysis.explore_text import Exploration
from virtuall.analysis.explore_utility import Limit


def explored_notes(
    text: Exploration,
    dials: Sequence[Dial],
    limits: Sequence[Limit],
    rows: Sequence[Row],
    refused: Sequence[tuple[str, str]],
) -> tuple[str, ...]:
    """The notes, the weightiest first."""
    beyond = sum(1 for row in rows if row.beyond)
    said = [
        "For research and teaching only: a search over a model's regimens proposes what to study, and treats nobody. "
        "Few of the combinations were ever given to anyone: between the doses that were studied the model "
        "interpolates, outside of them it extrapolates.",
        "The same patients with the same luck under every candidate. The intervals are of differences between "
        "patients only: they have the median of the calibrated numbers, and what is not known of these is not in it.",
        f"The best of {len(rows)} looks better than it is: it was chosen on these patients. Look at it with another "
        "seed, and at all candidates that are not told apart from it.",
    ]
    if beyond:
        words = f"{beyond} of {len(rows)} candidates lie outside the doses and days of the shipped regimens"
        said.insert(1, f"{words}: they extrapolate.")
    if limits:
        said.append("Limits are kept or broken by the estimates; their intervals may reach to the other side.")
        if all(row.score.excess > 0 for row in rows):
            said.append("No candidate keeps all limits: they are ranked by how far they break them.")
    same = sum(1 for row in rows if row.same and not row.is_base)
    if same:
        said.append(f"{same} candidates change nothing: every patient goes the same way as under the base.")
    failed = sum(row.failed for row in rows)
    if failed:
        said.append(f"{failed} simulations of patients failed; they are left out of the pairs.")
    if refused:
        said.append(f"{len(refused)} combinations are refused by the reader of their text and were not simulated.")
    return tuple(said)
