"""Small parts of a round: who is due, and orders that wait until results are known."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
from numpy.typing import ArrayLike

import virtuall as va
from virtuall.simulation import orders
from virtuall.simulation.ward import due_places, settle_graft

INFUSION, DEPOT = "R_drug", "depot"


@dataclass
class NotedKernel:
    """Notes changes in place of making them."""

    changes: list[dict[str, object]] = field(default_factory=list)

    def change(
        self, _: object, rows: ArrayLike, *, parameters: dict[str, ArrayLike], states: dict[str, ArrayLike]
    ) -> None:
        both = {**parameters, **states}
        self.changes.append({"rows": np.array(rows).tolist()} | {name: list(both[name]) for name in both})


class SmallWard:
    """Three patients; the last has died."""

    active = np.array([True, True, False])

    def __init__(self) -> None:
        self.agenda = {"grid": np.array([9.0, 9.0, 9.0])}

    def __len__(self) -> int:
        return 3


def ordered() -> SimpleNamespace:
    system = SimpleNamespace(parameters=(INFUSION,), states=(DEPOT,))
    ensemble = SimpleNamespace(parameters=np.ones((3, 1)), y=np.full((3, 1), 2.0), now=np.array([4.5, 4.5, 4.5]))
    return SimpleNamespace(
        ward=SmallWard(),
        model=SimpleNamespace(system=system),
        ensemble=ensemble,
        kernel=NotedKernel(),
        sets=[(INFUSION, np.array([0, 1, 2]), np.array([7.0, 8.0, 9.0]))],
        adds=[(DEPOT, np.array([1]), np.array([0.5]))],
    )


def test_the_last_setting_stands_and_boluses_add() -> None:
    rounds = ordered()
    rounds.sets.append((INFUSION, np.array([1]), np.array([0.0])))  # the results say: stop
    rounds.adds.append((DEPOT, np.array([1]), np.array([0.25])))
    orders.give(rounds)
    assert rounds.kernel.changes == [{"rows": [0, 1], INFUSION: [7.0, 0.0], DEPOT: [2.0, 2.75]}]
    assert rounds.ward.agenda["grid"].tolist() == [5.0, 5.0, 9.0]
    assert not rounds.sets and not rounds.adds


def test_who_has_died_gets_nothing() -> None:
    rounds = ordered()
    rounds.sets = [(INFUSION, np.array([2]), np.array([9.0]))]
    rounds.adds = []
    orders.give(rounds)
    assert not rounds.kernel.changes and not rounds.sets


def test_what_a_look_tells_at_once_is_known_before_the_dose_of_the_same_moment() -> None:
    patients, protocol = va.sample("adult_relapsed", 20, seed=4), va.load_protocol("blinatumomab/relapsed")
    chart = va.simulate(patients, protocol, days=120.0, record=()).events.reset_index()
    told = chart[(chart.kind == "result") & (chart.rule == "vital signs on the ward")]
    step = chart[(chart.kind == "order") & (chart.what == "blinatumomab") & (chart.cycle == 1) & (chart.value == 28)]
    both = step.merge(told, on=["patient", "day"], suffixes=("", "_told"))
    assert both.patient.nunique() > 10
    assert (both["index_told"] < both["index"]).all()


def test_due_places_tell_whose_time_has_come() -> None:
    plans = np.array([[1.0, 5.0, np.inf], [np.inf, 9.0, 9.0], [3.0, 3.0, 3.0]])
    now = np.array([3.0, 4.0, 2.0])
    found = [(place, rows.tolist()) for place, rows in due_places(plans, np.array([0, 1, 2]), now)]
    assert found == [(0, [0]), (2, [0, 1])]
    assert due_places(plans, np.array([2]), now) == []


def test_a_graft_ends_what_was_planned_instead_of_it() -> None:
    names = ("transplant", "next_line", "step", "dose")
    agenda = {name: np.array([20.0, 20.0]) for name in names}
    ward = SimpleNamespace(
        transplanted=np.zeros(2, bool), agenda=agenda, days={"transplant_day": np.array([np.nan, np.nan])}
    )
    settle_graft(ward, np.array([1]), np.array([12.0]))
    assert ward.transplanted.tolist() == [False, True] and ward.days["transplant_day"][1] == 12.0
    assert [agenda[name].tolist() for name in names] == [[20.0, np.inf]] * 3 + [[20.0, 20.0]]
