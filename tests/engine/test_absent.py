"""An absent population is an exact zero although zero is unstable: nothing seeds it, whatever runs beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

import virtuall as va
from virtuall.engine.ensemble import Ensemble
from virtuall.engine.kernel import Kernel, build_kernel
from virtuall.engine.system import System
from virtuall.model import Model, load_system
from virtuall.simulation.bind import parameter_rows

YEARS_2 = 730.0
PROTOCOL = "blinatumomab/relapsed"


def is_zero(values: np.ndarray) -> bool:
    """Every bit, the sign included."""
    return not np.ascontiguousarray(values).view(np.int64).any()


# -- a made-up system ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made_up(make_system: Callable[..., System]) -> System:
    """Targets in two places, cells that are absent for 140 days and then grow on them, what both release.

    The absent cells (blood, tissue, memory, spent) exchange within hours, and every other equation sees them:
    so elimination works on their rows all the time.
    """
    growing = "divide*seen*tissue*(1 - (tissue + blood)/100)"
    return make_system(
        {
            "target": "0.5 + grow*target*(1 - (target + spilled)/900) - 0.05*target + 0.5*spilled - kill*target",
            "spilled": "0.05*target - (0.6 + killed)*spilled",
            "drug": "infusion - 8*drug",
            "blood": "6*tissue - 6*blood - 0.15*blood + 0.02*seen*memory",
            "tissue": f"6*blood - 6*tissue + {growing} - (0.02*(1 - seen) + 0.05*seen + 0.15)*tissue",
            "memory": "0.02*(1 - seen)*tissue - 0.005*memory - 0.02*seen*memory",
            "spent": "0.05*seen*tissue - 0.1*spent",
            "signal": "40*(kill*target + killed*spilled)/(1 + calm/50) - 6*signal",
            "calm": "2*(kill*target + killed*spilled) - 4*calm",
            "marrow": "0.9*marrow*((1/(counts + 0.001))**0.17*(1 - 0.3*signal/(signal + 100)) - 1)",
            "counts": "0.9*(marrow - counts)",
        },
        {"target": 300, "spilled": 20, "marrow": 1, "counts": 1}
        | dict.fromkeys(("drug", "blood", "tissue", "memory", "spent", "signal", "calm"), 0),
        ("grow", "divide", "infusion"),
        signals={
            "seen": "(target + spilled + 5)/(target + spilled + 15)",
            "kill": "1.2*drug/(drug + 1) + 2.5*tissue/(tissue + 0.1*(target + 0.1) + 0.01)",
            "killed": "0.5*drug/(drug + 1) + 2.5*blood/(blood + 0.1*(spilled + 0.1) + 0.01)",
        },
        scales=dict.fromkeys(("blood", "tissue", "memory", "spent"), 1e-3),
    )


ABSENT = ("blood", "tissue", "memory", "spent")


def treat_made_up(kernel: Kernel, count: int, given: Sequence[float] | np.ndarray, seed: float = 0.0) -> Ensemble:
    """Two infusions; on day 140 cells are given. `seed` is what a sloppy engine would have put there."""
    rng = np.random.default_rng(4)
    grow, divide = 0.18 * np.exp(0.3 * rng.standard_normal(count)), 2 * np.exp(0.3 * rng.standard_normal(count))
    ens = kernel.start(np.column_stack([grow, divide, np.full(count, 9.0)]))
    every = np.arange(count)
    kernel.record(ens, np.arange(0.0, 200.5, 0.5), list(ABSENT))
    kernel.change(ens, every, states={"tissue": seed})
    for day, value in ((7.0, 28.0), (28.0, 0.0), (42.0, 9.0), (70.0, 0.0)):
        kernel.advance(ens, every, day)
        kernel.change(ens, every, parameters={"infusion": value})
    kernel.advance(ens, every, 140.0)
    kernel.change(ens, every, states={"blood": ens.y[:, 3] + given})
    kernel.advance(ens, every, 200.0)
    return ens


@pytest.mark.parametrize("rtol", [1e-2, 1e-3, 1e-5, 1e-7, 1e-9])
def test_absent_until_given_at_any_tolerance(made_up: System, rtol: float) -> None:
    """64 patients; every second one gets cells, so its neighbors in the lanes are present."""
    given = np.where(np.arange(64) % 2 == 0, 0.1, 0.0)
    ens = treat_made_up(build_kernel(made_up, rtol=rtol), 64, given)
    assert not ens.status.any()
    assert is_zero(ens.recorded[:, ens.times <= 140.0])
    assert is_zero(ens.recorded[given == 0])
    grown = ens.recorded[given > 0][:, ens.times > 141.0]
    assert (grown > 0).all() and grown[:, :, 1].max() > 10


def test_zero_is_unstable_here(made_up: System) -> None:
    """What the tests above would miss if absence were stable: round-off of 1e-24 is a population on day 140."""
    kernel = build_kernel(made_up, rtol=1e-6)
    seeded = treat_made_up(kernel, 64, np.zeros(64), seed=1e-24)
    at = seeded.recorded[:, np.searchsorted(seeded.times, 140.0), 1]
    assert (at > 1e-3).mean() > 0.3


@pytest.mark.slow
def test_absent_in_both_back_ends(made_up: System) -> None:
    given = np.array([0.1, 0.0, 0.0, 0.1, 0.0])
    found = [treat_made_up(build_kernel(made_up, name), 5, given) for name in ("llvm", "numpy")]
    np.testing.assert_array_equal(found[0].recorded, found[1].recorded)
    assert is_zero(found[1].recorded[given == 0])


# -- the shipped model -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model() -> Model:
    return load_system()


def orders(model: Model) -> list[tuple[float, str, float, bool]]:
    """The planned orders: day, input or state, amount, whether it is added."""
    protocol = va.load_protocol(PROTOCOL)
    found = []
    for row in va.plan(protocol, weight=70.0, bsa=1.8).to_dict("records"):
        product = protocol.products[row["product"]]
        found.append((float(row["day"]), product.input or product.state, float(row["amount"]), not product.input))
    return sorted(found)


def lived(model: Model, kernel: Kernel, count: int, absent: np.ndarray) -> Ensemble:
    """Two years of random patients with the planned orders and random ones; `absent` (count, clones) are emptied."""
    system, clones = model.system, list(model.clones)
    ens = kernel.start(parameter_rows(model, va.sample("adult_relapsed", count, seed=12)))
    every, rng = np.arange(count), np.random.default_rng(5)
    for place, clone in enumerate(clones):
        kernel.change(ens, np.flatnonzero(absent[:, place]), states={clone: 0.0})
    kernel.record(ens, np.arange(0.0, YEARS_2 + 1, 14.0), clones)
    planned = [each for each in orders(model) if each[0] < YEARS_2]
    # every input in turn, for some of the patients, for two days, between and after the planned orders
    inputs = [name for name, each in model.inputs.items() if not each.by_product]
    pulses = [(20.0 + 29.0 * k, name) for k, name in enumerate(inputs * 3)]
    amounts = {name: max((each[2] for each in planned if each[1] == name), default=0.5) for name in inputs}
    changes = [(day, name, amount, adds, None) for day, name, amount, adds in planned]
    for day, name in pulses:
        some = np.flatnonzero(rng.random(count) < 0.3)
        value = rng.uniform(0, 2 * amounts[name], some.size)
        changes += [(day, name, value, False, some), (day + 2.0, name, 0.0, False, some)]
    for day, name, amount, adds, who in sorted(
        (each for each in changes if each[0] < YEARS_2), key=lambda each: each[0]
    ):
        kernel.advance(ens, every, day)
        rows = every if who is None else who
        if adds:
            kernel.change(ens, rows, states={name: ens.y[rows, system.states.index(name)] + amount})
        else:
            kernel.change(ens, rows, parameters={name: amount})
    kernel.advance(ens, every, YEARS_2)
    return ens


def check_absent(model: Model, count: int) -> None:
    """One clone absent, or all of them; the rest beside them in the lanes."""
    clones = list(model.clones)
    absent = np.zeros((count, len(clones)), bool)
    system = model.system
    kernel = build_kernel(system, rtol=1e-4)
    alone = []
    for place, clone in enumerate(clones):  # a clone that no other one feeds is absent by itself
        feeds = [each for each in clones if each != clone and clone_feeds(model, kernel, each, clone)]
        if not feeds:
            absent[place :: len(clones) + 2, place] = True
            alone.append(clone)
    absent[len(clones) :: len(clones) + 2] = True  # all of them
    assert alone, "some clone is independent of the others"
    ens = lived(model, kernel, count, absent)
    # No clinic ends a clone of less than a cell here, so a strong pulse can leave one below zero (see below).
    assert (ens.status != 0).mean() < 1e-3
    for place in range(len(clones)):
        gone = absent[:, place]
        assert is_zero(ens.recorded[gone][:, :, place]) and is_zero(ens.y[gone, system.states.index(clones[place])])
    present = ~absent.any(axis=1)
    assert (ens.recorded[present].max(axis=1) > 1).mean() > 0.4, "the others have their clones"


def clone_feeds(model: Model, kernel: Kernel, source: str, clone: str) -> bool:
    """Whether cells of one clone become cells of another: with all other clones empty it does not stay so."""
    ens = kernel.start(parameter_rows(model, va.sample("adult_relapsed", 8, seed=12)))
    every = np.arange(8)
    kernel.change(ens, every, states={each: 1e9 if each == source else 0.0 for each in model.clones})
    kernel.advance(ens, every, 10.0)
    return not is_zero(ens.y[:, model.system.states.index(clone)])


def test_absent_clones_of_the_shipped_model(model: Model) -> None:
    check_absent(model, 500)


@pytest.mark.slow
def test_absent_clones_of_ten_thousand_patients(model: Model) -> None:
    check_absent(model, 10_000)


@pytest.mark.parametrize("rtol", [1e-3, 1e-4, 1e-5])
def test_what_is_killed_never_comes_back_below_zero(make_system: Callable[..., System], rtol: float) -> None:
    """Two days of killing by hundreds of logs, then regrowth: noise in size is due, a negative population is not."""
    system = make_system({"cells": "(grow - kill)*cells"}, {"cells": 1e11}, ("grow", "kill"))
    system = replace(system, amounts=("cells",))
    kernel = build_kernel(system, rtol=rtol)
    ens = kernel.start(np.column_stack([np.full(200, 0.1), np.linspace(5.0, 400.0, 200)]))
    every = np.arange(200)
    kernel.advance(ens, every, 2.0)
    kernel.change(ens, every, parameters={"kill": 0.0})
    kernel.advance(ens, every, 300.0)
    assert (ens.y[:, 0] >= 0.0).all()
