"""A validation in words: what must hold, and what the model gets wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from virtuall.calibrate.anchors import Anchored
from virtuall.calibrate.validation import CALIBRATE, Goal, Judged
from virtuall.calibrate.validation_run import Validation
from virtuall.report.words import endpoint_words, number_words, published_words, simulated_words
from virtuall.trial.scoring import TrialRow

_USES = {CALIBRATE: "trials that were fitted to", "validate": "trials never fitted"}
_UNITS = {"": "", "%": " %"}


def use_words(use: str) -> str:
    """Which trials: fitted to, or never fitted."""
    return _USES.get(use, use)


def goal_words(goal: Goal) -> str:
    """A goal and how far it is reached: "share of votes inside: 82 %, wanted at least 85 %: missed"."""
    reached = "nothing to tell" if goal.reached is None else _amount(goal, goal.reached)
    verdict = {None: "open", True: "met", False: "missed"}[goal.met]
    return f"{goal.words}: {reached}, wanted {wanted_words(goal)}: {verdict}"


def reached_words(goal: Goal) -> str:
    """The value reached, as people write it."""
    return "–" if goal.reached is None else _amount(goal, goal.reached)


def wanted_words(goal: Goal) -> str:
    """The bounds of a goal."""
    if _is_share(goal):
        return f"at least {goal.low:.0%}" if goal.high == 1 else f"{goal.low:.0%} to {goal.high:.0%}"
    return f"at most {goal.high:g}" if goal.high >= 1 else "below 1"


def anchor_words(anchor: Anchored) -> str:
    """A single finding, what was simulated for it, and whether it came out right."""
    verdict = {None: "open: not run or not simulated", True: "met", False: "missed"}[anchor.met]
    told = "; ".join(
        f"{median_words(row.row)}, published {published_words(row.row)}{_unit(row.row)}" for row in anchor.rows
    )
    return f"{anchor.words}: {told}: {verdict}" if told else f"{anchor.words}: {verdict}"


def median_words(row: TrialRow) -> str:
    """The simulated median with its 95 % interval; of one replicate its figure alone."""
    if row.median is None or row.low is None:
        return simulated_words(row)
    return f"{number_words(row.median)} ({number_words(row.low)}–{number_words(row.high)})"


def distance_words(row: TrialRow) -> str:
    """How many sampling standard deviations the published value lies from the simulated mean."""
    if row.z is None:
        return ""
    return "∞" if math.isinf(row.z) else f"{row.z:+.1f}".replace("-", "−")


def miss_words(judged: Judged) -> str:
    """One row outside: "fever, any grade, cycle 1 · control: simulated 0 (0–0), published 8 %, too low"."""
    row = judged.row
    what = f"{endpoint_words(row)}: simulated {median_words(row)}, published {published_words(row)}{_unit(row)}"
    if judged.held_back_by:
        return f"{what}, inside, but does not count: {', '.join(judged.held_back_by)} of the same arm is outside"
    return f"{what}, {_direction(judged)}"


def misses(validation: Validation) -> Mapping[str, tuple[str, ...]]:
    """What the model gets wrong, by trial: one sentence for each family that has scored rows outside, the worst first.

    A sentence tells the row that is farthest away and how many others there are.
    """
    groups: dict[str, dict[str, list[Judged]]] = {}
    for each in validation.judged:
        if each.votes:
            groups.setdefault(each.row.trial, {}).setdefault(each.row.family, []).append(each)
    found: dict[str, tuple[str, ...]] = {}
    for trial, families in groups.items():
        wrong = {name: sorted((r for r in rows if not r.inside), key=_nearness) for name, rows in families.items()}
        names = sorted((name for name, rows in wrong.items() if rows), key=lambda name: _nearness(wrong[name][0]))
        if names:
            found[trial] = tuple(
                _family_words(validation.families[name], wrong[name], len(families[name])) for name in names
            )
    return found


def _nearness(judged: Judged) -> float:
    """Lowest for the row that is farthest away; last for what only other rows hold back."""
    return 1.0 if judged.held_back_by else -(judged.away or 0.0)


def _family_words(family: str, wrong: Sequence[Judged], rows: int) -> str:
    words = f"{family} ({len(wrong)} of {rows} {'row' if rows == 1 else 'rows'} wrong): {miss_words(wrong[0])}"
    others = [_direction(each) for each in wrong[1:]]
    more = [f"{others.count(way)} more {way}" for way in dict.fromkeys(others)]
    return "; ".join([words, *more]) + "."


def _direction(judged: Judged) -> str:
    row = judged.row
    if judged.held_back_by:
        return "held back"
    return "too low" if row.median is not None and row.median < row.published else "too high"


def reasons(judged: Sequence[Judged]) -> Mapping[str, tuple[Judged, ...]]:
    """The rows that are not simulated, by the reason."""
    found: dict[str, list[Judged]] = {}
    for each in judged:
        if not each.row.made:
            found.setdefault(each.row.note or "cannot be estimated in any replicate", []).append(each)
    return {reason: tuple(rows) for reason, rows in found.items()}


def comparison_words(validation: Validation) -> str:
    """How the model stands beside the predictor, with what was left out."""
    score = validation.validate
    if score.model is None or score.predictor is None:
        return "No row of a trial never fitted could be compared with the predictor without a mechanism."
    mine = [each for each in validation.judged if each.row.use == score.use and each.votes]
    wider = sum(1 for each in mine if each.contest is not None and not each.contest.same_class)
    none = sum(1 for each in mine if each.contest is None)
    return (
        f"Continuous ranked probability score on trials never fitted, in sampling standard deviations (lower is "
        f"better): model {score.model:.2f}, predictor without a mechanism {score.predictor:.2f}, over {score.compared} "
        f"rows whose class of therapy has such a row in another trial; the model is better in {score.better} of them. "
        f"{wider} rows have one in other classes only and do not count; {none} have none, or too little is published."
    )


def _is_share(goal: Goal) -> bool:
    return goal.words.startswith("share")


def _amount(goal: Goal, value: float) -> str:
    return f"{value:.0%}" if _is_share(goal) else number_words(value).replace("not reached", "∞")


def _unit(row: TrialRow) -> str:
    word = row.unit.partition(" (")[0]
    return _UNITS.get(word, f" {word}")
