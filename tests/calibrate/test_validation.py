"""Votes, goals and the comparison with the predictor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from virtuall.calibrate.anchors import Anchor, load_anchors, look_at, read_anchors
from virtuall.calibrate.estimands import read_estimands
from virtuall.calibrate.validation import crps, goals_of, judge, score_of, votes_of
from virtuall.calibrate.validation_units import find_units
from virtuall.core.errors import Problems
from virtuall.trial.scoring import TrialRow

Make = Callable[..., Any]
WIDE = np.linspace(0, 100, 201)


def test_a_family_of_a_trial_has_one_vote(figure: Make, row: Make) -> None:
    rows = [row(figure(f"R{n}", 50.0), WIDE, WIDE / 2) for n in range(3)]
    rows += [row(figure("R3", 99.5), WIDE, WIDE / 2)]
    rows += [row(figure("O1", 99.9, family="mrd"), WIDE)]
    rows += [row(figure("C1", 50.0, use="calibrate"), WIDE)]
    judged = judge([("unit", each) for each in rows], {})
    votes = {(vote.use, vote.family): vote for vote in votes_of(judged)}
    assert (votes["validate", "remission"].rows, votes["validate", "remission"].share) == (4, 0.75)
    assert votes["validate", "remission"].inside50 == 0.75
    assert votes["validate", "remission"].width_ratio == pytest.approx(2.0)
    assert votes["validate", "mrd"].share == 0.0
    score = score_of("validate", judged, tuple(votes.values()))
    assert (score.votes, score.scored, score.simulated) == (2, 5, 5)
    assert score.inside == pytest.approx((0.75 + 0.0) / 2), "not 3 of 5"
    assert score_of("calibrate", judged, tuple(votes.values())).inside == 1.0


def test_the_distance_of_a_vote_is_the_median_of_its_rows(figure: Make, row: Make) -> None:
    rows = [row(figure(f"R{n}", 50.0 + n, use="calibrate"), WIDE, [49.0, 50.0, 51.0]) for n in (1, 2, 9)]
    rows += [row(figure("S", 51.0, use="calibrate", family="mrd"), np.full(5, 50.0), np.full(3, 50.0))]
    judged = judge([("unit", each) for each in rows], {})
    votes = votes_of(judged)
    assert votes[0].abs_z == pytest.approx(2.0)
    assert votes[1].abs_z == np.inf
    assert score_of("calibrate", judged, votes).abs_z == np.inf
    assert score_of("validate", judged, votes).abs_z is None


def test_rows_that_are_not_scored_or_not_simulated_do_not_vote(figure: Make, row: Make) -> None:
    rows = [
        row(figure("A", scored=False), WIDE),
        row(figure("B", use="context"), WIDE),
        row(figure("C"), [np.nan]),
    ]
    judged = judge([("unit", each) for each in rows], {})
    assert votes_of(judged) == ()
    score = score_of("validate", judged, ())
    assert (score.scored, score.simulated, score.inside) == (1, 0, None)
    assert all(goal.met is None for goal in goals_of(score_of("calibrate", judged, ()), score))


def test_survival_counts_only_with_the_right_transplants_and_deaths(figure: Make, estimand: Make, row: Make) -> None:
    os, other_arm = figure("OS", family="os"), figure("OS2", family="os")
    transplant = figure("TX", 99.9, family="transplant")
    estimands = {
        "OS": estimand(os),
        "OS2": estimand(other_arm, arms=("b",)),
        "TX": estimand(transplant),
    }
    judged = {
        each.row.target: each
        for each in judge([("u", row(each, WIDE)) for each in (os, other_arm, transplant)], estimands)
    }
    assert judged["OS"].row.inside is True
    assert (judged["OS"].inside, judged["OS"].held_back_by) == (False, ("TX",))
    assert judged["OS2"].inside is True
    fine = judge([("u", row(each, WIDE)) for each in (os, figure("TX", 50.0, family="transplant"))], estimands)
    assert fine[0].inside is True
    unscored = figure("TX", 99.9, family="transplant", scored=False)
    assert judge([("u", row(each, WIDE)) for each in (os, unscored)], estimands)[0].inside is True


def test_a_row_that_two_units_give_counts_once_where_it_is_simulated(figure: Make, row: Make) -> None:
    absent, there = row(figure("A"), [np.nan]), row(figure("A"), WIDE)
    (judged,) = judge([("first", absent), ("second", there)], {})
    assert (judged.unit, judged.row.inside) == ("second", True)


def contest_of(values: Any, published: float, make: tuple[Make, Make, Make], **changes: Any) -> Any:
    figure, estimand, row = make
    mine = figure("A", published)
    other = figure("B", 50.0, trial="other", use="calibrate")
    third = figure("C", 45.0, trial="third", use="calibrate")
    estimands = {
        "A": estimand(mine, **changes),
        "B": estimand(other),
        "C": estimand(third),
    }
    (judged,) = judge([("u", row(mine, values))], estimands)
    return judged.contest


def test_a_model_that_knows_better_wins(figure: Make, estimand: Make, row: Make) -> None:
    make = (figure, estimand, row)
    rng = np.random.default_rng(2)
    right = contest_of(rng.normal(80, 2, 200), 80.0, make)
    wrong = contest_of(rng.normal(20, 2, 200), 80.0, make)
    assert right.model < right.predictor < wrong.model
    assert right.predictor == wrong.predictor
    assert right.same_class and right.trials == ("other", "third")
    assert right.low < right.median < right.high < 100


def test_a_wider_class_is_told_and_does_not_count(figure: Make, estimand: Make, row: Make) -> None:
    contest = contest_of(WIDE, 50.0, (figure, estimand, row), therapy="tablets")
    assert (contest.same_class, contest.level) == (False, "any class")


def test_a_median_not_reached_is_large(figure: Make, estimand: Make, row: Make) -> None:
    make = (figure, estimand, row)
    what = ("survival_median", "os")
    mine = figure("A", 10.0, unit="months")
    estimands = {
        "A": estimand(mine, what=what),
        "B": estimand(figure("B", 9.0, unit="months", trial="o", use="calibrate"), what=what),
        "C": estimand(figure("C", 11.0, unit="months", trial="p", use="calibrate"), what=what),
    }
    scores = []
    for values in ([10.0] * 9, [10.0] * 4 + [np.nan] * 5, [np.nan] * 9):
        (judged,) = judge([("u", row(mine, values, large=True))], estimands)
        scores.append(judged.contest.model)
    assert scores[0] < scores[1] < scores[2]
    assert contest_of([np.nan, 50.0, 50.0], 50.0, make).model == 0.0, "a share that cannot be had is left out"


def test_crps_of_few_draws_is_not_punished_for_their_number() -> None:
    rng = np.random.default_rng(3)
    exact = (np.sqrt(2) - 1) / np.sqrt(np.pi)
    assert crps(0.0, rng.normal(size=2000)) == pytest.approx(exact, abs=0.02)
    few = [crps(0.0, rng.normal(size=6), fair=True) for _ in range(1500)]
    assert np.mean(few) == pytest.approx(exact, abs=0.02)
    assert crps(3.0, np.array([1.0]), fair=True) == 2.0


def test_goals_are_met_within_their_bounds(figure: Make, row: Make) -> None:
    rows: list[TrialRow] = [row(figure("A", 50.0, use="calibrate"), WIDE, WIDE), row(figure("B", 99.9), WIDE, WIDE / 3)]
    judged = judge([("u", each) for each in rows], {})
    votes = votes_of(judged)
    goals = goals_of(score_of("calibrate", judged, votes), score_of("validate", judged, votes))
    assert [goal.met for goal in goals] == [True, True, False, False, False, None]


def test_a_finding_holds_when_all_its_rows_lie_inside(figure: Make, row: Make) -> None:
    judged = judge([("u", row(figure("A"), WIDE)), ("u", row(figure("B", 99.9), WIDE))], {})
    anchors = [
        Anchor("one", ("A",)),
        Anchor("both", ("A", "B")),
        Anchor("sharp", ("A",), (49.0, 51.0)),
        Anchor("elsewhere", ("A",), (51.0, 60.0)),
        Anchor("absent", ("A", "C")),
    ]
    assert [each.met for each in look_at(anchors, judged)] == [True, False, True, False, None]


def test_the_findings_of_the_library_are_computed_rows() -> None:
    known = read_estimands(find_units())
    assert {target for anchor in load_anchors() for target in anchor.targets} <= set(known)


def test_a_finding_with_wrong_bounds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "anchors.toml"
    path.write_text('[[anchor]]\nwords = "x"\ntargets = ["A"]\nmedian = [2, 1]\n')
    with pytest.raises(Problems, match="median must be two numbers, the lower first"):
        read_anchors(path)
