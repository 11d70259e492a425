"""Events: when they fire, in which order they are executed, and what they change."""

from __future__ import annotations

import antimony  # noqa: F401  (loaded before libRoadRunner)
import numpy as np
import pytest
import roadrunner

from virtuall.core.errors import KernelError
from virtuall.sbml import read_sbml, simulate_sbml

from .conftest import to_sbml

# Each text with its end; the judge is libRoadRunner with short steps.
JUDGED = {
    "delayed, values of the trigger": ("x = 0; y = 0; x' = 1; at 0.5 after x > 2: y = x", 5.0),
    "delayed, values of the execution": ("x = 0; y = 0; x' = 1; at 0.5 after x > 2, fromTrigger=false: y = x", 5.0),
    "not persistent": ("x = 0; y = 0; x' = 1; at 1 after x > 2, persistent=false: y = 7; at x > 2.5: x = 1.7", 5.0),
    "priorities": (
        "a = 0; b = 0; c = 0; at time > 1, priority=1: a = a + 1; at time > 1, priority=5: a = a*10 + 2, b = a;"
        "at time > 1, priority=3, fromTrigger=false: a = a*10 + 3, c = a",
        3.0,
    ),
    "priorities that change": (
        "a = 0; p = 0; at time > 1, priority=p, fromTrigger=false: a = a*10 + 1, p = -1;"
        "at time > 1, priority=0.5, fromTrigger=false: a = a*10 + 2, p = 10;"
        "at time > 1, priority=2, fromTrigger=false: a = a*10 + 3, p = 3",
        3.0,
    ),
    "at the start": ("a = 0; x = 3; at x > 1, t0=false: a = 5; at x > 1, t0=true: a = a + 100", 2.0),
    "one sets off another": (
        "a = 0; b = 0; at time >= 1: a = 1; at a > 0.5: b = 4; at b > 3, fromTrigger=false: a = a + b",
        3.0,
    ),
    "a falling ball": ("h = 10; v = 0; h' = v; v' = -9.8; at h < 0: v = -0.8*v, h = 0", 5.0),
    "the room changes": (
        "compartment C = 1; species S in C; S = 2; k = 0.3; S -> ; k*S*C; at time > 1: C = 3; at time > 2: S = 5",
        4.0,
    ),
    "delays that change": (
        "a = 0; d = 1; at d after time > 1: a = a + 1; at time > 1.5: d = 0.1;"
        "at 0.3 after sin(6*time) > 0.5: a = a + 10",
        6.0,
    ),
}


@pytest.mark.parametrize("name", JUDGED)
def test_events_as_libroadrunner_has_them(name: str, written) -> None:
    text, end = JUDGED[name]
    sbml = to_sbml(text)
    ours = read_sbml(written(sbml))
    names = [v.name for v in ours.document.variables.values()]
    runner = roadrunner.RoadRunner(sbml)
    runner.integrator.relative_tolerance, runner.integrator.absolute_tolerance = 1e-9, 1e-12
    runner.integrator.maximum_time_step = 1e-3
    species = [v.name for v in ours.document.variables.values() if v.kind == "species"]
    runner.selections = ["time", *(f"[{each}]" if each in species else each for each in names)]
    theirs = np.array(runner.simulate(0.0, end, 58))  # no event falls on a row
    found = simulate_sbml(ours, theirs[:, 0], names)
    np.testing.assert_allclose(found, theirs[:, 1:], rtol=1e-5, atol=1e-6)


def test_at_its_time_the_values_after_an_event_are_read(run) -> None:
    found = run("a = 0; at time >= 2: a = 1; b = 0; at time > 2: b = 1", [1.0, 2.0, 3.0], ["a", "b"])
    np.testing.assert_array_equal(found, [[0, 0], [1, 0], [1, 1]])


def test_a_trigger_that_holds_for_less_than_a_step_is_found(run) -> None:
    # The parabola is above 0 for two thousandths of a unit of time, within one step of the integration.
    text = "x = -99.999999; y = 0; x' = 2*(10 - time); at x > 0: y = y + 1"
    assert run(text, [0.0, 20.0], ["y"])[-1, 0] == 1.0


def test_equality_holds_for_a_moment(run) -> None:
    found = run("x = 0; y = 0; z = 0; x' = 3; at x == 1: y = y + 1; at time == 2: z = z + 1", [0.0, 4.0], ["y", "z"])
    np.testing.assert_array_equal(found[-1], [1.0, 1.0])


def test_rounding_errors_do_not_fire_twice(run) -> None:
    # x only just rises through the border, where rounding errors are larger than its steps.
    text = "x = 0; y = 0; x' = 1e-3*cos(time/10); at x >= 5e-3: y = y + 1; at x <= 5e-3: y = y + 100"
    np.testing.assert_array_equal(run(text, [0.0, 10.0, 30.0], ["y"])[:, 0], [0.0, 1.0, 101.0])


def test_a_new_concentration_is_one_in_the_room_before(run) -> None:
    text = "compartment C = 2; species S in C; S = 1; at time > 1: C = 4, S = 3"
    np.testing.assert_allclose(run(text, [0.0, 2.0], ["S", "amount(S)"])[-1], [1.5, 6.0])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1; x' = piecewise(1, x < 2, -1)", "switches to and fro without end at time 1"),
        ("a = 0; b = 1; at a > 0: b = 1, a = 0; at b > 0, t0=false: b = 0, a = 1", "set off each other without end"),
        ("a = 0; at -1 after time > 1: a = 1", "must be 0 or more; given -1"),
    ],
)
def test_no_model_runs_for_ever(run, text: str, words: str) -> None:
    with pytest.raises(KernelError, match=words):
        run(text, [0.0, 5.0], [])
