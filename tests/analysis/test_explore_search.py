"""The utility, its intervals, the trade-off and the Bayesian search, without a simulation."""

from __future__ import annotations

import numpy as np
import pytest

from virtuall.analysis.explore_candidate import Candidate
from virtuall.analysis.explore_dial import Dial, Setting
from virtuall.analysis.explore_key import NUMBER, WORD, Spot
from virtuall.analysis.explore_measures import Measure
from virtuall.analysis.explore_search import objective, search
from virtuall.analysis.explore_text import Term
from virtuall.analysis.explore_utility import Limit, scores, utility_differences
from virtuall.core.position import Position
from virtuall.trial.paired import mean_differences, share_difference

WHERE = Position("a.toml", 1)
MEASURES = {
    "cure": Measure("cure", "share", "more", lambda frame: np.zeros(1)),
    "harm": Measure("harm", "share", "less", lambda frame: np.zeros(1)),
    "stay": Measure("stay", "d", "less", lambda frame: np.zeros(1)),
}


def term(measure: str, weight: float) -> Term:
    return Term(measure, weight, None, None, WHERE)


def life(n: int, cured: int, harmed: int, stay: float = 10.0) -> dict[str, np.ndarray]:
    """The first patients are cured, the last harmed."""
    places = np.arange(n)
    return {
        "cure": (places < cured).astype(float),
        "harm": (places >= n - harmed).astype(float),
        "stay": np.full(n, stay) + places % 3,
    }


def test_a_utility_is_what_the_text_says() -> None:
    lives = [life(100, 30, 10), life(100, 40, 12, 8.0), life(100, 40, 30)]
    weighted = (term("cure", 1.0), term("harm", -2.0), term("stay", -0.5))
    found = scores(lives, 0, MEASURES, weighted, (), 1)
    stay = lives[0]["stay"].mean()
    assert found[0].utility == pytest.approx(30 - 20 - 0.5 * stay)
    assert found[1].utility == pytest.approx(40 - 24 - 0.5 * (stay - 2))
    assert found[1].to_base.value == pytest.approx(10 - 4 + 1)
    assert found[0].to_base == (0, 0, 0) and found[1].below_best == (0, 0, 0)
    assert found[2].below_best.value == pytest.approx(found[1].utility - found[2].utility)
    assert found[2].apart and not found[0].apart
    assert found[1].measures["cure"].to_base == share_difference(lives[1]["cure"] > 0, lives[0]["cure"] > 0)


def test_of_two_terms_the_front_holds_who_is_not_beaten() -> None:
    lives = [life(100, 30, 10), life(100, 40, 12), life(100, 40, 13), life(100, 50, 30), life(100, 10, 10)]
    weighted = (term("cure", 1.0), term("harm", -2.0))
    found = scores(lives, 0, MEASURES, weighted, (), 1)
    assert [each.pareto for each in found] == [True, True, False, True, False]
    limited = scores(lives, 0, MEASURES, weighted, (Limit("harm", 0.11, np.nan),), 1)
    assert [each.excess > 0 for each in limited] == [False, True, True, True, False]
    assert limited[1].excess == pytest.approx(0.01)
    assert [each.pareto for each in limited] == [True, False, False, False, False]
    assert limited[0].below_best == (0, 0, 0), "who breaks a limit is not the best one"


def test_patients_who_failed_are_left_out() -> None:
    lives = [life(60, 20, 0), life(60, 30, 0)]
    lives[1]["cure"][:10] = np.nan
    found = scores(lives, 0, MEASURES, (term("cure", 1.0),), (), 1)
    assert found[1].utility == pytest.approx(100 * 20 / 50)
    assert found[1].to_base.value == pytest.approx(100 * 10 / 50)


def test_the_interval_of_one_share_is_that_of_a_comparison() -> None:
    first, second = life(80, 30, 0)["cure"], life(80, 22, 0)["cure"]
    known = share_difference(first > 0, second > 0)
    (found,) = utility_differences(100 * (first - second)[:, None], 100.0, 1)
    assert found == pytest.approx([100 * each for each in known])
    means = np.linspace(-1.0, 2.0, 40)[:, None]
    assert utility_differences(means, 0.0, 1) == mean_differences(means, 1)


def test_the_interval_of_two_shares_holds_what_it_says() -> None:
    """Rare changes, to one side only: where a bootstrap would miss too often."""
    rng = np.random.default_rng(3)
    n, runs = 60, 800
    held = 0
    for _ in range(runs):
        cured, harmed = rng.random(n) < 0.05, rng.random(n) < 0.02
        (found,) = utility_differences((100.0 * cured - 200.0 * harmed)[:, None], np.hypot(100.0, 200.0), 1)
        held += found.low <= 100 * 0.05 - 200 * 0.02 <= found.high
    assert held / runs > 0.94


def dial(name: str, low: float, high: float, *numbers: float) -> Dial:
    spot = Spot("a.toml", (name,), NUMBER, low, f"{low:g}", "1", True, 0, 1)
    settings = tuple(Setting(number, f"{number:g}") for number in numbers)
    return Dial(name, (spot,), Setting(low, f"{low:g}"), settings, low, high, (), WHERE)


def words(name: str, *known: str) -> Dial:
    spot = Spot("a.toml", (name,), WORD, None, known[0], "", False, 0, 1)
    settings = tuple(Setting(None, each) for each in known)
    return Dial(name, (spot,), settings[0], settings, np.nan, np.nan, (), WHERE)


def test_a_search_finds_the_best_and_can_be_repeated() -> None:
    dials = (dial("dose", 0.0, 10.0), dial("day", 1.0, 5.0, 5.0, 1.0, 3.0), words("drug", "with", "without"))

    def tried(tries: int) -> list[Candidate]:
        asked: list[Candidate] = []

        def judge(candidate: Candidate) -> float:
            asked.append(candidate)
            dose, day, drug = candidate.settings
            assert dose.number is not None and day.number is not None
            utility = -((dose.number - 7.0) ** 2) - abs(day.number - 3.0) - 2.0 * (drug.words == "without")
            return objective(utility, max(0.0, dose.number - 8.0)) if dose.number > 0.5 else np.nan

        search(dials, tries, 4, judge)
        return asked

    asked = tried(60)
    assert len(asked) == 60 and tried(20) == asked[:20]
    last = asked[-20:]
    assert np.median([abs((each.settings[0].number or 0.0) - 7.0) for each in last]) < 1.0
    assert sum(each.settings[1].number == 3.0 and each.settings[2].words == "with" for each in last) > 10
    assert all(0.0 <= (each.settings[0].number or 0.0) <= 10.0 for each in asked)
    assert {each.settings[1].number for each in asked} == {1.0, 3.0, 5.0}


def test_a_limit_comes_before_every_utility() -> None:
    assert objective(-500.0, 0.0) > objective(100.0, 0.01) > objective(100.0, 0.5)


def test_of_equals_a_studied_dose_is_the_best() -> None:
    lives = [life(60, 20, 0), life(60, 30, 0), life(60, 30, 0)]
    beyond = [False, True, False]
    found = scores(lives, 0, MEASURES, (term("cure", 1.0),), (), 1, beyond)
    assert [each.below_best == (0, 0, 0) for each in found] == [False, False, True]
    assert found[1].below_best.value == 0
