"""Power by simulation, on patients made up from exponential distributions whose power is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, norm

from virtuall.analysis.boundary import efficacy_bounds
from virtuall.analysis.looks import Entered, look_at_deaths, look_at_responses
from virtuall.analysis.power import Plan, check_plan, part_of, scaled, size_power, trial_power
from virtuall.core.errors import InputError
from virtuall.report.power_table import power_table
from virtuall.trial.accrual import cut_data
from virtuall.trial.design import Design, load_design
from virtuall.trial.survival import log_rank

THREE = Plan(looks=(0.5, 0.75, 1.0))


@pytest.fixture(scope="module")
def tower() -> Design:
    return load_design("tower")


@pytest.fixture(scope="module")
def eliana() -> Design:
    return load_design("eliana")


def made(design: Design, replicates: int, ratio: float = 1.0, seed: int = 0, response: float = 0.5) -> pd.DataFrame:
    """Replicates of a design followed for good: constant hazards, that of the first arm `ratio` times the others'."""
    rng = np.random.default_rng(seed)
    arm = np.tile(np.repeat([each.name for each in design.arms], [each.size for each in design.arms]), replicates)
    first = arm == design.arms[0].name
    n = arm.size
    death = rng.exponential(250, n) / np.where(first, ratio, 1.0)
    answered = rng.random(n) < response
    # ids follow the arms within each replicate, as those of `virtuall.trial.run.patient_ids`
    return pd.DataFrame(
        {
            "patient": np.arange(n),
            "replicate": np.arange(n) // design.size,
            "arm": arm,
            "accrual_day": rng.uniform(0, design.accrual, n),
            "death_day": np.where(death > 3000, np.nan, death),
            "last_day": np.minimum(death, 3000.0),
            "treated": rng.random(n) < 0.9,
            "best_response": np.where(answered, "CR", "none"),
            "response_day": np.where(answered, 30.0, np.nan),
            "cr_day": np.where(answered, 30.0, np.nan),
        }
    )


def test_without_an_effect_the_error_is_alpha(tower: Design) -> None:
    small = scaled(tower, 120)
    found = size_power(made(small, 800, seed=4), small, replace(THREE, alpha=0.2))
    spread = np.sqrt(0.1 * 0.9 / 800)
    assert found.power.value == pytest.approx(0.1, abs=3.5 * spread)
    assert sum(each.harm for each in found.looks) == pytest.approx(0.1, abs=3.5 * spread)
    assert found.looks[0].stopped.value < found.looks[1].stopped.value, "little is spent early"


def test_with_an_effect_the_power_is_schoenfelds(tower: Design) -> None:
    found = size_power(made(tower, 300, ratio=0.7, seed=1), tower, Plan())
    share = 271 / 405
    drift = -np.log(0.7) * np.sqrt(248 * share * (1 - share))
    assert found.power.value == pytest.approx(norm.sf(norm.isf(0.025) - drift), abs=0.08)
    assert found.effect.value == pytest.approx(0.7, abs=0.02)
    assert found.effect.low < 0.6 and found.effect.high > 0.8
    assert found.events == 248 and found.not_reached == 0 and found.deaths == 248


def test_looks_are_at_their_shares_of_the_deaths_and_save_time(tower: Design) -> None:
    made_up = made(tower, 60, ratio=0.6)
    found = size_power(made_up, tower, THREE)
    assert [each.events for each in found.looks] == [124, 186, 248]
    assert [each.bound for each in found.looks] == pytest.approx(efficacy_bounds(THREE.looks, 0.025, "obrien-fleming"))
    days = [each.day for each in found.looks]
    assert days == sorted(days) and days[0] < found.day < days[-1] and 124 < found.events < 248
    assert found.power.value == pytest.approx(sum(each.stopped.value for each in found.looks))
    single = size_power(made_up, tower, Plan())
    assert single.power.value == pytest.approx(found.power.value, abs=0.1)
    assert single.power.low < single.power.value < single.power.high or single.power.value == 1


def test_the_final_look_is_the_data_cut_of_the_trial(tower: Design) -> None:
    one = made(tower, 1, ratio=0.8)
    patients = entered(one, tower)
    walk = look_at_deaths(patients, [1.0], [9.0], deaths=248, cut_after=None)
    cut = cut_data(one, one["accrual_day"] / tower.accrual, period=tower.accrual, deaths=248)
    event = np.isfinite(cut["death_day"].to_numpy())
    inside = cut["follow_up"].to_numpy() > 0
    first = (cut["arm"] == tower.arms[0].name).to_numpy()
    assert walk.seen[0].day == pytest.approx(cut["cut_day"].iloc[0])
    assert walk.seen[0].statistic == pytest.approx(
        log_rank(cut["follow_up"].to_numpy()[inside], event[inside], first[inside])
    )
    assert (walk.why, walk.stopped_at, walk.seen[0].patients) == ("end", 0, inside.sum())


def entered(frame: pd.DataFrame, design: Design) -> Entered:
    first = (frame["arm"] == design.arms[0].name).to_numpy()
    return Entered(first, *(frame[name].to_numpy(float) for name in ("accrual_day", "death_day", "last_day")))


def test_stopping_for_harm_and_for_futility(tower: Design) -> None:
    patients = entered(made(tower, 1, ratio=3.0), tower)
    bounds = efficacy_bounds(THREE.looks, 0.025, "obrien-fleming")
    harm = look_at_deaths(patients, THREE.looks, bounds, deaths=248, cut_after=None)
    assert (harm.why, harm.stopped_at) == ("harm", 0)
    equal = entered(made(tower, 1, ratio=1.15), tower)
    futile = look_at_deaths(equal, THREE.looks, bounds, deaths=248, cut_after=None, futility=1.0)
    assert futile.why == "futility" and futile.seen[futile.stopped_at].effect >= 1.0
    assert look_at_deaths(equal, THREE.looks, bounds, deaths=248, cut_after=None).stopped_at > futile.stopped_at


def test_deaths_that_never_come_and_a_cut_on_a_day(tower: Design) -> None:
    patients = entered(made(tower, 1), tower)
    late = look_at_deaths(patients, [0.5, 1.0], [9.0, 9.0], deaths=4000, cut_after=None)
    assert not late.reached and late.seen[-1].events == np.isfinite(patients.death).sum()
    dated = look_at_deaths(patients, [0.5, 1.0], [9.0, 9.0], deaths=None, cut_after=400.0)
    assert dated.reached and dated.seen[-1].day == 400.0
    assert dated.seen[0].events == pytest.approx(dated.seen[1].events / 2, abs=0.5)
    assert dated.seen[1].patients == (patients.entry < 400).sum()


def test_larger_trials_have_more_power_and_hold_the_smaller_ones(tower: Design) -> None:
    largest, small = scaled(tower, 600), scaled(tower, 150)
    assert [arm.size for arm in small.arms] == [100, 50] and small.deaths == 92
    outcomes = made(largest, 40, ratio=0.65)
    part = part_of(outcomes, largest, small)
    assert part.groupby("replicate").size().unique().tolist() == [150]
    assert part.groupby("replicate")["arm"].value_counts().unstack()[tower.arms[0].name].eq(100).all()
    assert size_power(part, small, Plan()).power.value < size_power(outcomes, largest, Plan()).power.value
    assert part_of(outcomes, largest, largest).equals(outcomes)


def test_one_arm_has_the_power_of_the_exact_test(eliana: Design) -> None:
    found = size_power(made(eliana, 400, response=0.45), eliana, Plan(null=0.3))
    n = eliana.size
    critical = next(count for count in range(n + 1) if binom.sf(count - 1, n, 0.3) <= 0.025)
    truth = binom.sf(critical - 1, n, 0.45)
    assert found.power.value == pytest.approx(truth, abs=3.5 * np.sqrt(truth * (1 - truth) / 400))
    assert found.effect.value == pytest.approx(0.45, abs=0.02) and found.deaths is None
    fewer = size_power(made(eliana, 400, response=0.45), eliana, Plan(null=0.3, treated=True))
    assert fewer.patients < found.patients == n


def test_one_arm_looked_at_by_the_order_of_entry() -> None:
    responds = np.array([True] * 10 + [False] * 10)
    entry = np.arange(20.0)[::-1]  # who responds entered last
    walk = look_at_responses(responds, entry, [0.5, 1.0], [0.001, 0.02], null=0.2, known_after=30.0)
    assert [seen.events for seen in walk.seen] == [0, 10] and walk.seen[0].day == 9 + 30
    assert (walk.why, walk.stopped_at) == ("efficacy", 1)
    assert walk.seen[1].statistic == pytest.approx(binom.sf(9, 20, 0.2))
    futile = look_at_responses(responds, entry, [0.5, 1.0], [0.001, 0.02], null=0.2, known_after=30.0, futility=0.1)
    assert (futile.why, futile.stopped_at) == ("futility", 0)
    early = look_at_responses(responds, entry[::-1], [0.5, 1.0], [0.001, 0.02], null=0.2, known_after=30.0)
    assert (early.why, early.stopped_at) == ("efficacy", 0)


@pytest.mark.parametrize(
    ("trial", "plan", "sizes", "words"),
    [
        ("eliana", Plan(), (), "one arm.*--null 0.3"),
        ("eliana", Plan(null=1.0), (), "between 0 and 1"),
        ("eliana", Plan(null=0.3, futility=1.2), (), "response rate between 0 and 1"),
        ("tower", Plan(null=0.3), (), "two arms"),
        ("tower", Plan(treated=True), (), "everybody counts"),
        ("tower", Plan(futility=-1.0), (), "hazard ratio above 0"),
        ("tower", Plan(alpha=1.5), (), "alpha"),
        ("tower", Plan(looks=(0.5, 0.9)), (), "last one is 1"),
        ("tower", Plan(), (12,), "12, so 4 for"),
    ],
)
def test_plans_that_do_not_fit_are_refused(trial: str, plan: Plan, sizes: tuple[int, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_plan(plan, load_design(trial), sizes)


def test_no_replicate_is_refused() -> None:
    with pytest.raises(InputError, match="at least one replicate"):
        trial_power("tower", Plan(), replicates=0)


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> list[Design]:
    """Made-up patients in the place of simulated ones; the designs that were asked for."""
    asked: list[Design] = []

    def simulate(design: Design, tables: Any, seed: int, replicates: int, *rest: Any, **more: Any) -> Any:
        from types import SimpleNamespace

        asked.append(design)
        return SimpleNamespace(outcomes=made(design, replicates, ratio=0.6, seed=seed))

    monkeypatch.setattr("virtuall.analysis.power.simulate_design", simulate)
    return asked


def test_the_whole_with_its_table(made_up: list[Design]) -> None:
    plan = replace(THREE, futility=1.2)
    found = trial_power("tower", plan, sizes=(300, 150), replicates=6, parameters="shipped")
    (asked,) = made_up
    assert asked.size == 300 and asked.deaths is None and asked.cut_after is None
    assert [each.size for each in found.sizes] == [150, 300] and found.test == "log-rank"
    text = power_table(found)
    for words in ("tower: 6 simulated trials", "100 : 50", "201 : 99", "bound z", "2.359", "futile", "hazard ratio"):
        assert words in text, words
    one = power_table(trial_power("eliana", Plan(null=0.3), replicates=3, parameters="shipped"))
    assert "exact test of the response of all" in one and "against 0.3" in one and "responders" in one
    assert max(len(line) for line in text.splitlines()) <= 110
