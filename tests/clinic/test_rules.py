"""Rules of a round: edges, contradictions, priority."""

from __future__ import annotations

import numpy as np

from virtuall.clinic.conditions import Column
from virtuall.clinic.rules import RuleProgram, compile_rules, settle
from virtuall.texts.rules import Rule, parse_rules

ACTIONS = ("stop", "hold", "reduce", "resume", "continue", "order")
HEAD = 'source = "assumption"\nmark = "A"\nwhy = "A test."\n'
COLUMNS = {"grade": Column(), "cells": Column("cell/uL")}


def rules(*entries: str) -> tuple[Rule, ...]:
    blocks = [f'[[rule]]\nname = "rule {n}"\ndoc = "."\n{entry}\n' for n, entry in enumerate(entries)]
    return parse_rules(HEAD + "\n".join(blocks), "rules.toml", ACTIONS)


def program(*entries: str) -> RuleProgram:
    return compile_rules(rules(*entries), COLUMNS, events=("dose",))


def fires(entry: str, *grades: float) -> list[bool]:
    compiled = program(entry)
    memory = compiled.memory(1)
    one = np.array([0])
    return [
        bool(compiled.fire(memory, one, float(day), {"grade": [grade]}, {})[0, 0]) for day, grade in enumerate(grades)
    ]


def test_a_rule_fires_when_its_condition_comes_true() -> None:
    rule = 'when = "grade >= 3"\ndo = "hold"'
    assert fires(rule, 1, 3, 4, 2, 3) == [False, True, False, False, True]
    assert fires(rule, 3, 3) == [True, False]


def test_a_rule_fires_again_after_the_unknown() -> None:
    assert fires('when = "grade >= 3"\ndo = "hold"', 3, float("nan"), 3) == [True, False, True]


def test_while_fires_at_every_round() -> None:
    assert fires('when = "grade >= 3"\ndo = "hold"\nwhile = true', 1, 3, 4, 2, 3) == [
        False,
        True,
        True,
        False,
        True,
    ]


def test_edges_are_kept_by_patient() -> None:
    compiled = program('when = "grade >= 3"\ndo = "hold"')
    memory = compiled.memory(3)
    assert compiled.fire(memory, np.array([0, 2]), 0.0, {"grade": [3.0, 1.0]}, {}).tolist() == [[True, False]]
    assert compiled.fire(memory, np.array([2, 1, 0]), 1.0, {"grade": [3.0] * 3}, {}).tolist() == [[True, True, False]]


def settled(*actions: str, fired: list[bool] | None = None) -> tuple[list[bool], list[int]]:
    listed = rules(*(f'when = "grade > 1"\n{action}' for action in actions))
    result = settle(np.array([fired or [True] * len(actions)]).T, listed)
    return result.stands[:, 0].tolist(), result.overruled_by[:, 0].tolist()


def test_the_stronger_action_stands() -> None:
    assert settled('do = "continue"', 'do = "reduce"', 'do = "stop"', 'do = "hold"') == (
        [False, False, True, False],
        [2, 2, -1, 2],
    )
    assert settled('do = "continue"', 'do = "stop"', fired=[True, False]) == ([True, False], [-1, -1])


def test_priority_decides_between_equal_actions_then_order() -> None:
    assert settled('do = "hold"', 'do = "hold"\npriority = 2') == ([False, True], [1, -1])
    assert settled('do = "hold"\npriority = -1', 'do = "hold"\npriority = -1') == ([True, False], [-1, 0])
    assert settled('do = "reduce"\npriority = 9', 'do = "hold"') == ([False, True], [1, -1])


def test_actions_about_other_things_do_not_contradict() -> None:
    assert settled('do = "stop"\nwhat = "a"', 'do = "hold"\nwhat = "b"') == ([True, True], [-1, -1])


def test_orders_always_stand() -> None:
    assert settled('do = "order"', 'do = "stop"', 'do = "order"') == ([True] * 3, [-1] * 3)


def test_patients_are_settled_one_by_one() -> None:
    listed = rules('when = "grade > 1"\ndo = "hold"', 'when = "grade > 2"\ndo = "stop"')
    result = settle(np.array([[True, True, False], [False, True, True]]), listed)
    assert result.stands.tolist() == [[True, False, False], [False, True, True]]
    assert result.overruled.tolist() == [[False, True, False], [False, False, False]]


def test_no_rules() -> None:
    compiled = compile_rules((), COLUMNS, ())
    fired = compiled.fire(compiled.memory(2), np.arange(2), 0.0, {}, {})
    assert settle(fired, ()).stands.shape == (0, 2)
