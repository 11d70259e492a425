"""Small parts of a round: who is due, and orders that wait until results are known."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
from numpy.typing import ArrayLike

from virtuall.simulation import orders
from virtuall.simulation.ward import due_places

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


def test_orders_of_who_waits_are_given_later_with_what_follows() -> None:
    rounds = ordered()
    orders.give(rounds, np.array([1]))
    assert rounds.kernel.changes == [{"rows": [0], INFUSION: [7.0], DEPOT: [2.0]}]
    assert rounds.ward.agenda["grid"].tolist() == [5.0, 9.0, 9.0]
    rounds.sets.append((INFUSION, np.array([1]), np.array([0.0])))  # the results say: stop
    rounds.adds.append((DEPOT, np.array([1]), np.array([0.25])))
    orders.give(rounds, np.array([], np.int64))
    assert rounds.kernel.changes[1:] == [{"rows": [1], INFUSION: [0.0], DEPOT: [2.75]}]
    assert not rounds.sets and not rounds.adds


def test_who_has_died_gets_nothing() -> None:
    rounds = ordered()
    rounds.sets = [(INFUSION, np.array([2]), np.array([9.0]))]
    rounds.adds = []
    orders.give(rounds, np.array([], np.int64))
    assert not rounds.kernel.changes and not rounds.sets


def test_due_places_tell_whose_time_has_come() -> None:
    plans = np.array([[1.0, 5.0, np.inf], [np.inf, 9.0, 9.0], [3.0, 3.0, 3.0]])
    now = np.array([3.0, 4.0, 2.0])
    found = [(place, rows.tolist()) for place, rows in due_places(plans, np.array([0, 1, 2]), now)]
    assert found == [(0, [0]), (2, [0, 1])]
    assert due_places(plans, np.array([2]), now) == []
