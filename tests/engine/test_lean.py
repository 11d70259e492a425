"""Steps that leave out absent states: which states, and that no bit depends on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from virtuall.engine import compiled
from virtuall.engine.blueprint import Blueprint, make_blueprint
from virtuall.engine.ensemble import Ensemble
from virtuall.engine.kernel import Kernel
from virtuall.engine.sparse import eliminate_in_order, plan_elimination
from virtuall.engine.system import System

CELLS, DRUG = {"cells", "young", "memory", "spent"}, {"drug", "depot", "payload"}


@pytest.fixture(scope="module")
def two_therapies(make_system: Callable[..., System]) -> System:
    """A target, cells that may be infused, a drug with a depot and a payload, a small drug, and what listens."""
    return make_system(
        {
            "cells": "0.4*young - 0.1*cells + 0.3*seen*cells - 0.02*memory*cells",
            "target": "grow*target*(1 - target/900) + 0.1*time - kill*target",
            "young": "cells*0.05 - 0.5*young + 0.2*memory",
            "memory": "0.01*cells - 0.01*memory",
            "drug": "infusion/3 - 0.7*drug + 0.2*depot",
            "depot": "0.3*drug - 0.2*depot",
            "payload": "uptake*drug/(drug + 2) - 0.3*payload",
            "premedication": "tablet - 2*premedication",
            "spent": "0.1*cells - 0.2*spent",
            "H_harm": "0.01*payload + 0.02*cells",
            "H_age": "0.001 + 0.01*cells",
        },
        {"target": 300, "cells": 0, "young": 0, "memory": 0, "drug": 0, "depot": 0, "payload": 0}
        | {"premedication": 0, "spent": 0, "H_harm": 0, "H_age": 0},
        ("grow", "infusion", "tablet", "uptake"),
        signals={
            "seen": "target/(target + 10)",
            "kill": "0.8*cells/(cells + 0.1*target) + payload/(payload + 1 + premedication) + 3/(3 + spent) - 1",
        },
        clocks=("H_harm", "H_age"),
    )


def names(system: System, places: frozenset[int]) -> set[str]:
    return {system.states[k] for k in places}


def test_which_states_may_be_absent(two_therapies: System) -> None:
    """Both groups or one of them; the clock only with both; the single drug always stays.

    A clock that runs by itself is never left out: it would hold back those that it listens to.
    """
    blueprint = make_blueprint(two_therapies)
    found = [(names(two_therapies, lean.absent), len(lean.guards)) for lean in blueprint.leans]
    assert found[0] == (CELLS | DRUG | {"H_harm"}, 1)
    assert sorted(found[1:], key=lambda each: each[1]) == [(CELLS, 0), (DRUG, 1)]


@pytest.fixture(scope="module")
def many_drugs(make_system: Callable[..., System]) -> System:
    """A target, a large drug and five small ones, which act on one state of the target or on many."""
    small = {f"drug{k}": f"given{k} - 0.5*drug{k}" for k in range(5)}
    reach = {"target": range(5), "second": range(1, 5), "third": range(2, 5), "fourth": range(3, 5)}
    hit = {name: f"0.1 - {name}*(1 + {'+'.join(f'drug{k}' for k in drugs)})" for name, drugs in reach.items()}
    large = {"large": "infusion - large + depot", "depot": "large - 2*depot", "payload": "large - 0.3*payload"}
    hit["target"] += " - target*payload"
    return make_system(
        hit | large | {"harm": "payload - harm"} | small,
        dict.fromkeys(hit, 1.0) | dict.fromkeys((*large, "harm", *small), 0),
        ("infusion", *(f"given{k}" for k in range(5))),
    )


def test_what_acts_on_few_equations_is_left_out_with_the_large_group(many_drugs: System) -> None:
    leans = make_blueprint(many_drugs).leans
    large = {"large", "depot", "payload", "harm"}
    assert [names(many_drugs, lean.absent) for lean in leans] == [large | {"drug0", "drug1"}, large]
    assert [len(lean.guards) for lean in leans] == [3, 1]


def test_bits_with_many_drugs(many_drugs: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every patient gets one of the drugs on day 3, for two days; some get none."""
    blueprint, found = make_blueprint(many_drugs), []
    for each in (blueprint, replace(blueprint, leans=())):
        monkeypatch.setattr(compiled, "_loaded", {})
        kernel, every = kernel_of(each), np.arange(40)
        ens = kernel.start(np.zeros((40, 6)))
        kernel.record(ens, np.arange(0.0, 20.0), many_drugs.states)
        kernel.advance(ens, every, 3.0)
        for k, name in enumerate(many_drugs.parameters):
            kernel.change(ens, every[k::7], parameters={name: 1.0 + k})
        kernel.advance(ens, every, 5.0)
        kernel.change(ens, every, parameters=dict.fromkeys(many_drugs.parameters, 0.0))
        kernel.advance(ens, every, 20.0)
        assert not ens.status.any()
        found.append(ens.recorded.view(np.int64))
    np.testing.assert_array_equal(*found)


def test_nothing_is_left_out_that_does_not_stay_zero(make_system: Callable[..., System]) -> None:
    """They start at zero, but one of them is made of the target, and it makes the others."""
    system = make_system(
        {"target": "-0.1*target", "a": "0.1*target - a", "b": "a - b + 0.1*c", "c": "b - c", "d": "time - 0.1*d"},
        {"target": 1, "a": 0, "b": 0, "c": 0, "d": 0},
    )
    assert make_blueprint(system).leans == ()


def test_lean_programs_are_shorter(two_therapies: System) -> None:
    blueprint = make_blueprint(two_therapies)
    for lean in blueprint.leans:
        assert len(lean.rates.outputs) == len(two_therapies.states) - len(lean.absent)
        assert len(lean.slopes.steps) < len(blueprint.slopes.steps)
        assert not lean.absent & {place for entry in lean.entries for place in entry}
        assert set(lean.elimination.slots) < set(blueprint.elimination.slots)


def treat(kernel: Kernel, who: np.ndarray) -> Ensemble:
    """200 days of some of 24 patients: by number nothing, cells, the drug, both, at days of their own."""
    rng = np.random.default_rng(3)
    every = np.column_stack([0.2 * np.exp(0.3 * rng.standard_normal(24)), np.zeros(24), np.zeros(24), np.full(24, 2.0)])
    day = rng.uniform(5.0, 60.0, 24)
    ens = kernel.start(every[who])
    rows, day = np.arange(len(who)), day[who]
    kernel.record(ens, np.arange(0.0, 200.0, 0.7), kernel.system.states)
    for wanted, change in (
        (1, {"states": {"cells": 0.5}}),
        (2, {"parameters": {"infusion": 4.0}}),
        (4, {"parameters": {"tablet": 1.0}}),
    ):
        some = rows[(who & wanted) > 0]
        kernel.advance(ens, some, day)
        kernel.change(ens, some, **change)
        day = day + 20.0
    some = rows[(who & 2) > 0]
    kernel.advance(ens, some, day)
    kernel.change(ens, some, parameters={"infusion": 0.0})
    kernel.advance(ens, rows, np.full(len(who), 200.0))
    assert not ens.status.any() and np.isfinite(ens.recorded[:, :-1]).all()
    return ens


def kernel_of(blueprint: Blueprint, backend: str = "llvm") -> Kernel:
    return Kernel(blueprint, backend, 1e-5, False)


def test_bits_do_not_depend_on_it(two_therapies: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lean steps, whole steps, each patient alone, and NumPy, which knows no lean step."""
    blueprint, every = make_blueprint(two_therapies), np.arange(24)
    kernel = kernel_of(blueprint)
    lean = treat(kernel, every)
    monkeypatch.setattr(compiled, "_loaded", {})
    whole = treat(kernel_of(replace(blueprint, leans=())), every)
    numpy = treat(kernel_of(blueprint, "numpy"), every)
    alone = [treat(kernel, every[k : k + 1]) for k in every]
    for name in ("recorded", "y", "steps", "rejected"):
        expected = getattr(lean, name)
        np.testing.assert_array_equal(getattr(whole, name), expected)
        np.testing.assert_array_equal(getattr(numpy, name), expected)
        np.testing.assert_array_equal(np.concatenate([getattr(each, name) for each in alone]), expected)
    # The sign of a zero counts too.
    np.testing.assert_array_equal(whole.recorded.view(np.int64), lean.recorded.view(np.int64))


def test_a_lane_goes_on_with_another_patient(two_therapies: System) -> None:
    """The lanes hold what the patients before have left: with and without cells, in turns, in one call."""
    kernel = kernel_of(make_blueprint(two_therapies))
    who = np.arange(24).repeat(40)
    mixed, sorted_ = np.random.default_rng(1).permutation(who), np.sort(who)
    results = [dict(zip(each, treat(kernel, each).y.view(np.int64).tolist(), strict=True)) for each in (mixed, sorted_)]
    assert results[0] == results[1]


def test_elimination_of_some_rows_in_the_same_order() -> None:
    rng = np.random.default_rng(2)
    entries = [(int(r), int(c)) for r, c in zip(*np.nonzero(rng.random((30, 30)) < 0.1), strict=True)]
    plan = plan_elimination(30, entries)
    assert eliminate_in_order(plan.order, entries) == plan
    left = [row for row in plan.order if row % 3]
    some = eliminate_in_order(left, [place for place in entries if place[0] % 3 and place[1] % 3])
    assert some.order == tuple(left)
    assert set(some.slots) <= set(plan.slots)
