"""What each part of the language means, round by round, and what the compiler refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from virtuall.clinic.condition_program import ConditionProgram
from virtuall.clinic.conditions import Column, compile_conditions
from virtuall.core.errors import InputError, Problems
from virtuall.core.position import Position
from virtuall.texts.conditions import parse_condition

NAN = float("nan")
HERE = Position("rules.toml", 3, 9)
COLUMNS = {
    "temperature": Column("degC"),
    "cells": Column("cell/uL", worse="low", lower_normal=1500.0),
    "enzyme": Column("U/L", worse="high", upper_normal=40.0),
    "bilirubin": Column("mg/dL", worse="high", upper_normal="bilirubin_limit"),
    "bilirubin_limit": Column("mg/L"),
    "ratio": Column("%"),
    "grade": Column(worse="high"),
    "stay": Column("h"),
    "response": Column(kind="category", levels=("none", "CR", "CRh", "PR with doubt")),
    "state": Column(kind="category", levels=("treated", "resting")),
    "steroid": Column(kind="flag"),
}
EVENTS = ("seizure", "dose")


def compiled(*texts: str) -> ConditionProgram:
    return compile_conditions([parse_condition(text, HERE) for text in texts], COLUMNS, EVENTS)


def course(text: str, rounds: Sequence[tuple[float, Mapping[str, Any]]]) -> list[bool]:
    """One patient's rounds: (day, observations and events); what is not mentioned is unknown or absent."""
    program = compiled(text)
    memory = program.memory(1)
    unknown = {name: -1.0 if column.kind == "category" else NAN for name, column in COLUMNS.items()}
    result = []
    for day, given in rounds:
        snapshot = {name: np.array([given.get(name, missing)]) for name, missing in unknown.items()}
        happened = {name: np.array([name in given]) for name in EVENTS}
        truth = program.evaluate(memory, np.array([0]), day, snapshot, happened)
        result.append(bool(truth[0, 0]))
    return result


def now(text: str, **given: Any) -> bool:
    return course(text, [(0.0, given)])[0]


def refused(*texts: str) -> str:
    with pytest.raises(Problems) as caught:
        compiled(*texts)
    return str(caught.value)


# -- comparisons and units ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [
        ("temperature >= 38 degC", {"temperature": 38.0}, True),
        ("temperature > 38 degC", {"temperature": 38.0}, False),
        ("38 degC <= temperature", {"temperature": 38.0}, True),
        ("cells < 0.5e6 cell/mL", {"cells": 499.0}, True),
        ("cells < 0.5e6 cell/mL", {"cells": 500.0}, False),
        ("cells < 0.5e9 cell/L", {"cells": 500.0}, False),
        ("cells <= 0.5e9 cell/L", {"cells": 500.0}, True),
        ("enzyme > 3 ULN", {"enzyme": 120.0}, False),
        ("enzyme > 3 ULN", {"enzyme": 120.5}, True),
        ("3 ULN < enzyme <= 5 ULN", {"enzyme": 200.0}, True),
        ("cells < 1 LLN", {"cells": 1499.0}, True),
        ("bilirubin > 1.5 ULN", {"bilirubin": 1.9, "bilirubin_limit": 12.0}, True),
        ("bilirubin > 1.5 ULN", {"bilirubin": 1.7, "bilirubin_limit": 12.0}, False),
        ("bilirubin > 1.5 ULN", {"bilirubin": 1.9}, False),
        ("bilirubin - 1 ULN > 0.5 mg/dL", {"bilirubin": 1.8, "bilirubin_limit": 12.0}, True),
        ("ratio < 5 %", {"ratio": 4.0}, True),
        ("ratio * 2 < 0.1", {"ratio": 4.0}, True),
        ("grade == 3", {"grade": 3.0}, True),
        ("grade != 3", {"grade": 3.0}, False),
        ("stay >= 2 d", {"stay": 48.0}, True),
        ("enzyme / enzyme == 1", {"enzyme": 7.0}, True),
        ("cells / 0 cell/uL > 1", {"cells": 7.0}, False),
        ("not cells / 0 cell/uL > 1", {"cells": 7.0}, False),
        ("-grade < -(1 + 2 * 1)", {"grade": 4.0}, True),
        ("2 < 3", {}, True),
        ("bilirubin / 10 mg/L > 1", {"bilirubin": 1.1}, True),
    ],
)
def test_comparisons(text: str, given: dict[str, float], expected: bool) -> None:
    assert now(text, **given) is expected


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [
        ("response is CR", {"response": 1}, True),
        ("response is CR", {"response": 2}, False),
        ("response is not CR", {"response": 2}, True),
        ("response is not CR", {}, False),
        ("response in (CR, CRh)", {"response": 2}, True),
        ("response not in (CR, CRh)", {"response": 0}, True),
        ('response is "PR with doubt"', {"response": 3}, True),
        ("in_state(resting)", {"state": 1}, True),
        ("steroid", {"steroid": True}, True),
        ("not steroid", {"steroid": False}, True),
        ("not steroid", {}, False),
        ("event(seizure)", {"seizure": 1}, True),
        ("not event(seizure)", {}, True),
    ],
)
def test_categories_flags_and_events(text: str, given: dict[str, Any], expected: bool) -> None:
    assert now(text, **given) is expected


# -- unknown ------------------------------------------------------------------

TRUE, FALSE, UNKNOWN = "grade == 1", "grade == 2", "cells > 0 cell/uL"


@pytest.mark.parametrize(
    ("text", "true", "false"),
    [
        (UNKNOWN, False, False),
        (f"{UNKNOWN} and {TRUE}", False, False),
        (f"{UNKNOWN} and {FALSE}", False, True),
        (f"{UNKNOWN} or {TRUE}", True, False),
        (f"{UNKNOWN} or {FALSE}", False, False),
        (f"{UNKNOWN} or not {UNKNOWN}", False, False),
        (f"known({UNKNOWN})", False, True),
        (f"known({UNKNOWN} or {TRUE})", True, False),
        ("known(cells)", False, True),
        ("known(grade)", True, False),
        ("known(response)", False, True),
        ("known(steroid)", False, True),
        (f"for({UNKNOWN}, 1 d)", False, False),
        (f"for({FALSE}, 1 d)", False, True),
        (f"for({TRUE}, 1 d)", False, True),
    ],
)
def test_unknown_is_neither_true_nor_false(text: str, true: bool, false: bool) -> None:
    assert now(text, grade=1.0) is true
    assert now(f"not ({text})", grade=1.0) is false


# -- memory ------------------------------------------------------------------


def days(name: str, *values: float) -> list[tuple[float, dict[str, float]]]:
    return [(float(day), {name: value}) for day, value in enumerate(values)]


def test_for_needs_the_whole_window() -> None:
    assert course("for(grade >= 2, 2 d)", days("grade", 2, 2, 2, 3, 1, 2, 2, 2)) == (
        [False, False, True, True, False, False, False, True]
    )


def test_for_is_broken_by_an_unknown_observation() -> None:
    assert course("for(grade >= 2, 2 d)", days("grade", 2, 2, NAN, 2, 2, 2)) == [False] * 5 + [True]


def test_for_is_exact_about_hours() -> None:
    for start in np.linspace(0, 1000, 777):
        rounds = [
            (start, {"grade": 2.0}),
            (start + 8 / 24 - 1e-5, {"grade": 2.0}),
            (start + 8 / 24, {"grade": 2.0}),
        ]
        assert course("for(grade >= 2, 8 h)", rounds) == [False, False, True]
        rounds = [(start, {"dose": 1}), (start + 8 / 24 - 1e-5, {}), (start + 8 / 24, {})]
        assert course("since(dose) >= 8 h", rounds) == [False, False, True]
        assert course("since(dose) <= 8 h", rounds) == [True, True, True]
        assert course("since(dose) == 8 h", rounds) == [False, False, True]
        assert course("since(dose) > 8 h", rounds) == [False, False, False]


def test_since() -> None:
    assert course("since(dose) > 1 d", [(0, {}), (1, {"dose": 1}), (2, {}), (3, {}), (4, {"dose": 1})]) == (
        [True, False, False, True, False]
    )
    assert now("since(dose) < 1000 month") is False


def test_count() -> None:
    rounds = [(float(day), {"seizure": 1} if day != 2 else {}) for day in range(6)]
    assert course("count(seizure) == 3", rounds) == [False, False, False, True, False, False]
    assert course("count(seizure, 2 d) == 2", rounds) == [False, True, False, False, True, True]
    assert now("count(seizure) == 0") is True


def test_count_has_no_upper_limit() -> None:
    rounds = [(day / 24, {"seizure": 1}) for day in range(100)]
    assert course("count(seizure, 2 d) == 48", rounds) == [day >= 47 for day in range(100)]


def test_first_and_last() -> None:
    observed = days("cells", NAN, 5, NAN, 7)
    assert course("first(cells) == 5 cell/uL", observed) == [False, True, True, True]
    assert course("last(cells) == 5 cell/uL", observed) == [False, True, True, False]
    assert course("last(response) is CR", days("response", -1, 1, -1, 2)) == [False, True, True, False]
    assert course("first(steroid)", days("steroid", NAN, 1, 0)) == [False, True, True]
    assert course("cells < first(cells) / 2", days("cells", NAN, 5, 3, 2)) == [False, False, False, True]


def test_highest_lowest_worst() -> None:
    observed = days("cells", NAN, 5, 3, 8, NAN, 4)
    assert course("highest(cells) == 5 cell/uL", observed) == [False, True, True, False, False, False]
    assert course("lowest(cells) == 3 cell/uL", observed) == [False, False, True, True, True, True]
    assert course("worst(cells) == lowest(cells)", observed) == [False] + [True] * 5
    assert course("worst(enzyme) > 3 ULN", days("enzyme", 100, 130, 100)) == [False, True, True]
    assert course("highest(cells, 2 d) == 8 cell/uL", observed) == [False, False, False, True, True, False]
    assert course("known(highest(cells, 1 d))", observed) == [False, True, True, True, False, True]


def test_highest_within_a_long_decline() -> None:
    observed = [(day / 8, {"cells": 1000.0 - day}) for day in range(200)]
    expected = [float(1000 - max(0, day - 79)) for day in range(200)]
    program = compiled("highest(cells, 10 d) > 0 cell/uL")
    assert program.truths
    for level in (930.0, 960.0, 1000.0):
        text = f"highest(cells, 10 d) >= {level} cell/uL"
        assert course(text, observed) == [value >= level for value in expected]


def test_functions_may_be_nested() -> None:
    observed = days("grade", 1, 3, 1, 1, 1, 1)
    assert course("for(highest(grade, 2 d) == 3, 1 d)", observed) == [False, False, True, False, False, False]


# -- arrays ------------------------------------------------------------------


def test_only_patients_whose_round_it_is_are_touched() -> None:
    program = compiled("for(grade >= 2, 1 d) or count(seizure, 3 d) > 1")
    memory = program.memory(4)
    before = {key: array.copy() for key, array in memory.arrays.items()}
    index = np.array([2, 0])
    program.evaluate(memory, index, [1.0, 2.0], {"grade": [2.0, 2.0]}, {"seizure": [True, False]})
    for key, array in memory.arrays.items():
        np.testing.assert_array_equal(array[[1, 3]], before[key][[1, 3]])
    assert any((array[[0, 2]] != before[key][[0, 2]]).any() for key, array in memory.arrays.items())


def test_a_large_batch_gives_what_small_ones_give() -> None:
    program = compiled("for(grade >= 2, 2 d)", "highest(cells, 3 d) > 500 cell/uL", "count(seizure, 5 d) > 2")
    patients, generator = 5000, np.random.default_rng(1)
    together, apart = program.memory(patients), program.memory(patients)
    for day in range(12):
        snapshot = {
            "grade": generator.integers(1, 4, patients).astype(float),
            "cells": generator.uniform(0, 800, patients),
        }
        happened = {"seizure": generator.random(patients) < 0.5}
        index = np.arange(patients)
        truth = program.evaluate(together, index, float(day), snapshot, happened)
        for part in np.array_split(generator.permutation(patients), 7):
            alone = program.evaluate(
                apart,
                part,
                float(day),
                {name: values[part] for name, values in snapshot.items()},
                {name: values[part] for name, values in happened.items()},
            )
            np.testing.assert_array_equal(alone, truth[:, part])


def test_like_parts_are_shared() -> None:
    one = compiled("for(grade >= 2, 3 d)")
    two = compiled("for(grade >= 2, 3 d)", "steroid and for(2 <= grade, 72 h)")
    assert two.memories == one.memories
    assert set(compiled("event(dose)", "grade > 1 and 1 < grade").columns) == {"grade"}


def test_nobody_due_and_missing_inputs() -> None:
    program = compiled("grade >= 2")
    nobody = np.array([], np.int64)
    assert program.evaluate(program.memory(3), nobody, 0.0, {"grade": []}, {}).shape == (1, 0)
    with pytest.raises(InputError, match="lacks an observation"):
        program.evaluate(program.memory(3), np.arange(3), 0.0, {}, {})
    with pytest.raises(InputError, match=r"shape \(3,\)"):
        program.evaluate(program.memory(3), np.arange(3), 0.0, {"grade": [1.0]}, {})


def test_no_conditions_at_all() -> None:
    program = compiled()
    assert program.evaluate(program.memory(2), np.arange(2), 0.0, {}, {}).shape == (0, 2)


# -- errors ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("temprature > 38 degC", 9, "unknown observation; given 'temprature'; did you mean 'temperature'?"),
        ("event(siezure)", 15, "unknown event; given 'siezure'; did you mean 'seizure'?"),
        ("seizure and steroid", 9, "write event(seizure)"),
        (
            "cells < 500",
            15,
            "a number without a unit meets a quantity with one; given '500'; the other side is in cell/uL",
        ),
        ("cells < 500 mg/L", 15, "the dimension differs"),
        ("temperature > 38 degK", 23, "unknown unit; given 'degK'; did you mean 'degC'?"),
        ("ratio < 5", 15, "write the unit after the number"),
        ("cells < 3 ULN", 15, "no upper limit of normal is known"),
        ("enzyme < cells", 16, "the dimension differs"),
        ("cells + grade > 3 cell/uL", 15, "the dimension differs"),
        ("cells > 3 cell/weight", 17, "put spaces around the sign of a division"),
        ("response is CRX", 21, "unknown category; given 'CRX'"),
        ("response == 1", 9, "a category cannot be compared; write: is"),
        ("grade is CR", 9, "'is' and 'in' are for categories; given 'a quantity'"),
        ("grade", 9, "a condition is needed here, this is a quantity"),
        ("response or steroid", 9, "a condition is needed here, this is a category"),
        ("steroid + 1 > 2", 9, "a yes or no cannot be calculated with"),
        ("(grade > 1) > 2", 16, "a condition cannot be compared"),
        ("for(grade, 3 d)", 13, "a condition is needed here"),
        ("for(steroid, 3 mg)", 22, "a length of time is needed"),
        ("worst(temperature) > 38 degC", 15, "write highest or lowest"),
        ("highest(3 d) > 1 d", 17, "takes an observation, not a number"),
        ("first(grade > 1)", 21, "takes an observation, not a condition"),
        ("grade > 1 / 0", 19, "division by zero"),
    ],
)
def test_errors_say_what_and_where(text: str, place: int, said: str) -> None:
    message = refused(text)
    assert said in message
    assert message.startswith(f"rules.toml:3:{place}:")


def test_all_errors_at_once() -> None:
    assert len(refused("nothing > 1", "grade > 1", "cells > 1").splitlines()) == 2
