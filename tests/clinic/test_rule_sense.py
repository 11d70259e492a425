"""Rules that make no sense are found, and nothing that could make sense is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from virtuall.clinic.condition_sense import Sense
from virtuall.clinic.conditions import Column, compile_conditions
from virtuall.clinic.event import Event, Outcome
from virtuall.clinic.monitoring import Monitoring, Observable
from virtuall.clinic.plausible import Range, Span, plausible_ranges
from virtuall.clinic.rule_sense import RuleSense, doubles, sense_of_conditions, sense_of_rules
from virtuall.core.errors import Problems
from virtuall.core.position import Position
from virtuall.texts.condition_words import written
from virtuall.texts.conditions import parse_condition
from virtuall.texts.rules import Rule, parse_rules
from virtuall.texts.values import Covariate

ACTIONS = ("stop", "hold", "reduce", "resume", "continue", "order")
HEAD = 'source = "assumption"\nmark = "A"\nwhy = "A test."\n'
COLUMNS = {
    "cells": Column("cell/L", worse="low"),
    "other": Column("cell/L"),
    "grade": Column(),
    "days": Column("d"),
    "cycle": Column(),
    "share": Column(),
    "liver": Column("U/L", upper_normal=40.0),
    "level": Column("mg/L"),
    "answer": Column(kind="category", levels=("none", "part", "full")),
    "effect": Column(kind="category", levels=("none", "interrupts", "ends")),
    "sick": Column(kind="flag"),
}
RANGES = {
    "cells": Range(0.0, 1e12, least=1e6),
    "grade": Range(0.0, 5.0, whole=True),
    "days": Range(0.0),
    "cycle": Range(0.0, whole=True),
    "share": Range(0.0, 1.0),
    "answer": Range(values=(0.0, 1.0, 2.0)),
    "effect": Range(values=(0.0, 1.0)),
    "sick": Range(values=(0.0, 1.0)),
}
EVENTS = ("dose", "fall")
HERE = Position("rules.toml", 1)


def condition_sense(text: str) -> RuleSense:
    return sense_of_conditions([parse_condition(text, HERE)], COLUMNS, RANGES, "never", EVENTS)


def rules(*entries: str) -> tuple[Rule, ...]:
    blocks = [f'[[rule]]\nname = "rule {n}"\ndoc = "."\n{entry}\n' for n, entry in enumerate(entries)]
    return parse_rules(HEAD + "\n".join(blocks), "rules.toml", ACTIONS)


def rule_problems(*entries: str) -> list[str]:
    return [str(each) for each in sense_of_rules(rules(*entries), COLUMNS, RANGES, None, EVENTS).problems]


# -- conditions that can never be true ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "cells < 5 cell/uL and cells > 10 cell/uL",
            "rules.toml:1:29: never; given 'cells > 10 cell/uL'; it contradicts 'cells < 5 cell/uL' at rules.toml:1:7",
        ),
        (
            "10 cell/uL < cells < 5e6 cell/L",
            "never; given 'cells < 5000000 cell/L'; it contradicts '10 cell/uL < cells'",
        ),
        ("grade >= 6", "never; given 'grade >= 6'; grade can be whole numbers 0 to 5"),
        ("grade < 0", "never; given 'grade < 0'"),
        ("grade > 4 and grade < 5", "contradicts 'grade > 4'"),
        ("grade == 2 and grade == 3", "contradicts 'grade == 2'"),
        ("grade == 3 and grade != 3", "contradicts 'grade == 3'"),
        ("cycle < 0", "cycle can be whole numbers from 0 up"),
        ("days <= -1 d", "days can be from 0 d up"),
        ("days < 8 h and days > 1 d", "contradicts 'days < 8 h'"),
        ("share > 100 %", "share can be 0 to 1"),
        ("cells > 2e12 cell/L", "nothing between 0 and 1e+06"),
        ("cells > 0 cell/L and cells < 5e5 cell/L", "contradicts 'cells > 0 cell/L'"),
        ("liver > 3 ULN and liver < 100 U/L", "contradicts 'liver > 3 ULN'"),
        ("answer is part and answer is full", "given 'answer is full'; it contradicts 'answer is part'"),
        ("answer is part and answer in (none, full)", "given 'answer in (none, full)'"),
        ("answer not in (none, part, full)", "never; given 'not answer in (none, part, full)'"),
        ("effect is ends", "never; given 'effect is ends'; effect can be none, interrupts"),
        ("sick and not sick", "contradicts 'sick'"),
        (
            "sick and (cells < 1 cell/uL and (cells > 2 cell/uL or grade > 5))",
            "given 'cells > 2 cell/uL or grade > 5'; it contradicts 'cells < 1 cell/uL'",
        ),
        ("for(grade >= 6, 3 d)", "rules.toml:1:11: never; given 'grade >= 6'"),
        ("for(grade >= 3, 3 d) and grade < 3", "contradicts 'for(grade >= 3, 3 d)'"),
        ("for(grade >= 3, 3 d) and not for(grade >= 3, 1 d)", "contradicts"),
        ("first(grade) > 5", "grade can be whole numbers 0 to 5"),
        ("lowest(share, 3 d) < 0 or highest(share) > 1", "given 'lowest(share, 3 d) < 0'"),
        ("worst(cells) > 1e13 cell/L", "cells can be 0 to 1e+12"),
        ("count(dose) < 0", "given 'count(dose) < 0'"),
        ("count(dose, 7 d) > 2 and count(dose, 7 d) < 3", "contradicts"),
        ("since(dose) < 0 d", "given 'since(dose) < 0 d'"),
        ("event(dose) and not event(dose)", "contradicts 'event(dose)'"),
        ("cells > 5 cell/uL and not known(cells)", "given 'not known(cells)'; it contradicts 'cells > 5 cell/uL'"),
        ("cells + other > 5e12 cell/L and other < 1e12 cell/L", "contradicts"),
        ("cells > 1.2 * first(cells) and cells < 5 cell/uL and first(cells) > 10 cell/uL", "parts contradict"),
        ("last(cells) < first(cells) and first(cells) < last(cells)", "contradicts"),
        ("not (grade < 3 or grade > 2)", "never; given 'not (grade < 3 or grade > 2)'"),
    ],
)
def test_a_condition_that_can_never_be_true_is_found(text: str, message: str) -> None:
    found = condition_sense(text)
    assert found.problems and found.remarks == ()
    assert message in "\n".join(map(str, found.problems))


@pytest.mark.parametrize(
    "text",
    [
        "cells < 10 cell/uL and cells > 5 cell/uL",
        "cells < 1e5 cell/L",  # a result below the limit reads 0
        "cells >= 5 cell/uL and cells <= 5e6 cell/L or cells == 5 cell/uL or grade == 5",
        "grade >= 5 and grade <= 5",
        "days <= 8 h and days >= 480 min",
        "answer is part or answer is full",
        "first(answer) is part and answer is full",
        "first(grade) < 2 and grade > 3 and highest(grade) > 4 and last(grade) < 2",
        "count(dose) < count(dose, 7 d)",
        "for(grade >= 3, 1 d) and not for(grade >= 3, 3 d)",
        "event(dose) and not event(fall)",
        "not known(cells) and known(last(cells))",
        "cells * other > 1 cell^2/L^2 and cells / other < 1",
        "level < -5 mg/L and -level > 3 mg/L",
        "since(dose) > since(fall) and since(fall) > 3 d",
        "level - level > 3 mg/L",
        "cells > 1.2 * first(cells) and first(cells) > 10 cell/uL and cells < 5e9 cell/L",
        "grade == 1 or not (grade == 1)",
    ],
)
def test_what_may_be_true_is_left_alone(text: str) -> None:
    assert condition_sense(text).problems == ()


def test_an_alternative_that_can_never_hold_is_found_in_a_condition_that_may() -> None:
    found = condition_sense("sick or (grade >= 3 and (share > 2 or cells > 3 cell/L))")
    (problem,) = map(str, found.problems)
    assert problem.startswith("rules.toml:1:32: an alternative that can never hold; given 'share > 2'")


def test_a_condition_that_is_never_false_is_remarked() -> None:
    for text in ("days >= 0 d", "sick or not sick", "grade < 3 or grade > 2", "answer in (none, part, full)"):
        found = condition_sense(text)
        assert found.problems == ()
        assert "can never be false" in str(found.remarks[0])
    assert condition_sense("known(cells)").remarks == ()
    assert condition_sense("level >= 0 mg/L").remarks == ()


def test_an_unknown_name_is_answered_by_the_nearest() -> None:
    with pytest.raises(Problems, match=r"rules.toml:7:9: unknown observation; given 'grad'; did you mean 'grade'"):
        sense_of_rules(rules('when = "grad >= 3"\ndo = "hold"'), COLUMNS, RANGES)


def test_a_condition_is_written_as_in_the_language() -> None:
    text = "not (a is b or c in (d, e)) and -(f + 2 mg) < 3 * g and for(h == 5, 3 d) and i != -2 degC"
    tree = parse_condition(text, HERE).expression
    assert parse_condition(written(tree), HERE).expression == tree


# -- rules beside each other ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("upper", "lower", "message"),
    [
        ('when = "grade >= 3"\ndo = "stop"', 'when = "grade >= 4"\ndo = "hold"', "never stand"),
        (
            'when = "grade >= 3"\ndo = "stop"',
            'when = "grade == 4 and sick"\ndo = "resume"\nwhile = true',
            "never stand",
        ),
        ('when = "grade >= 3"\ndo = "hold"\nwhile = true', 'when = "grade >= 4"\ndo = "resume"', "never stand"),
        ('when = "grade >= 3"\ndo = "hold"', 'when = "grade > 2"\ndo = "resume"', "same condition"),
        ('when = "grade >= 3"\ndo = "hold"\npriority = 1', 'when = "grade > 2"\ndo = "resume"', "never stand"),
        (
            'when = "answer in (part, full)"\ndo = "stop"\nwhat = "drug"',
            'when = "answer is full"\ndo = "reduce"\nwhat = "drug"',
            "never stand",
        ),
    ],
)
def test_a_rule_that_never_stands_is_found_whatever_the_order(upper: str, lower: str, message: str) -> None:
    for entries in ((upper, lower), (lower, upper)):
        (problem,) = rule_problems(*entries)
        assert message in problem
        assert f"given 'rule {entries.index(lower)}'" in problem
        assert f"'rule {entries.index(upper)}' at rules.toml:" in problem


@pytest.mark.parametrize(
    ("upper", "lower"),
    [
        # the upper one fires once, when it becomes true; the lower one may come true later
        ('when = "grade >= 3"\ndo = "hold"', 'when = "grade >= 4"\ndo = "resume"'),
        ('when = "grade >= 3"\ndo = "hold"', 'when = "grade >= 3"\ndo = "resume"\nwhile = true\npriority = 1'),
        # the upper one may be unknown
        ('when = "grade >= 3 and share < 1"\ndo = "stop"', 'when = "grade >= 4"\ndo = "hold"'),
        ('when = "share <= 1"\ndo = "stop"', 'when = "grade >= 4"\ndo = "hold"'),
        # about other things
        ('when = "grade >= 3"\ndo = "stop"\nwhat = "a"', 'when = "grade >= 3"\ndo = "hold"\nwhat = "b"'),
        # the same action twice is no contradiction, and orders never contradict
        ('when = "grade >= 3"\ndo = "hold"\nwhile = true', 'when = "grade >= 4"\ndo = "hold"'),
        ('when = "grade >= 3"\ndo = "stop"', 'when = "grade >= 4"\ndo = "order"'),
        # never in force on the same day
        (
            'when = "grade >= 3"\ndo = "stop"\nvalid_to = 2017-12-31',
            'when = "grade >= 4"\ndo = "hold"\nvalid_from = 2018-01-01',
        ),
    ],
)
def test_rules_that_may_both_stand_are_left_alone(upper: str, lower: str) -> None:
    assert rule_problems(upper, lower) == []


def test_rules_of_other_parts_of_a_protocol_do_not_meet() -> None:
    two = rules('when = "grade >= 3"\ndo = "stop"', 'when = "grade >= 4"\ndo = "hold"')
    first_only, both = np.array([[True, False], [True, True]]), np.array([[True, True], [False, True]])
    assert sense_of_rules(two, COLUMNS, RANGES, first_only).problems == ()
    assert len(sense_of_rules(two, COLUMNS, RANGES, both).problems) == 1


def test_a_rule_that_never_fires_contradicts_nothing() -> None:
    (problem,) = rule_problems('when = "grade >= 3"\ndo = "stop"', 'when = "grade >= 6"\ndo = "hold"')
    assert "the rule can never fire" in problem


def dated(*spans: tuple[str, str]) -> tuple[Rule, ...]:
    found: list[Rule] = []
    for number, (begin, end) in enumerate(spans):
        dates = (f"valid_from = {begin}\n" if begin else "") + (f"valid_to = {end}\n" if end else "")
        text = f'{HEAD}[[rule]]\nname = "a"\nwhen = "sick"\ndo = "hold"\ndoc = "."\n{dates}'
        found += parse_rules(text, f"{number}.toml", ACTIONS)
    return tuple(found)


def test_versions_of_a_rule_may_not_overlap() -> None:
    assert doubles(dated(("", "2017-12-31"), ("2018-01-01", "2020-01-01"), ("2020-01-02", ""))) == []
    overlapping = dated(("", "2018-01-01"), ("2018-01-01", ""))
    (problem,) = map(str, doubles(overlapping))
    assert problem.startswith(
        "1.toml:4:1: two rules of one name are in force at the same time; given 'a'; the other stands at 0"
    )
    assert doubles(overlapping, np.eye(2, dtype=bool)) == []
    assert len(doubles(overlapping, np.ones((2, 1), bool))) == 1


# -- what columns can hold ------------------------------------------------------------------------------------


def test_ranges_come_from_covariates_observables_and_events() -> None:
    measured = Observable("mrd", "mrd_fraction", "1", 0.3, 1e-4, 1.0, 1e6, 0.0, "residual disease")
    counted = Observable("cells", "cells", "cell/L", 0.1, 0.0, np.inf, 0.0, 0.0, "cells")
    told = Observable("ice", "ice_expected", "1", 0.0, 0.0, 10.0, 0.0, 1.0, "score")
    outcomes = (Outcome(2, 0.7, 0), Outcome(3, 0.3, 1), Outcome(4, 0.0, 2))
    event = Event("fit", "clock", "fit", "a fit", "", 1.0, 0.0, outcomes)
    age = Covariate("age", "year", "age", 0.0, 100.0, None, HERE)
    names = (
        "age",
        "mrd",
        "cells",
        "ice",
        "fit_grade",
        "fit_count",
        "fit_quiet_days",
        "drug_doses",
        "drug_days",
        "days",
        "free",
    )
    columns = {name: Column() for name in names} | {
        "fit_consequence": Column(kind="category", levels=("none", "interrupts", "ends")),
        "relapsed": Column(kind="flag"),
    }
    found = plausible_ranges(columns, [age], Monitoring("", (measured, counted, told), ()), [event], ["drug"])
    assert set(found) == set(columns)
    assert found["age"] == Range(0.0, 100.0) and found["free"] == Range()
    assert found["cells"] == Range(0.0, np.inf)
    assert found["mrd"].least == 1e-4 and 1.0 < found["mrd"].high < 1.02, "a count may exceed its mean"
    assert found["ice"] == Range(0.0, 10.5)
    assert found["fit_grade"].values == (0.0, 2.0, 3.0)
    assert found["fit_consequence"].values == (0.0, 1.0), "what has no share never happens"
    assert found["fit_count"] == found["drug_doses"] == Range(0.0, whole=True)
    assert found["fit_quiet_days"] == found["drug_days"] == found["days"] == Range(0.0)
    assert found["relapsed"].values == (0.0, 1.0)


@pytest.mark.parametrize(
    ("range_", "span", "inside"),
    [
        (Range(0, 5, whole=True), Span(1.5, 2.5), Span(2, 2)),
        (Range(0, 5, whole=True), Span(2, 3, True, True), None),
        (Range(0, 5), Span(5, 9, low_open=True), None),
        (Range(0, 5), Span(5, 9), Span(5, 5)),
        (Range(values=(0, 3)), Span(1, 2), None),
        (Range(values=(0, 3)), Span(0, 3, low_open=True), Span(3, 3)),
        (Range(0, 9, least=2), Span(0, 1, low_open=True), None),
        (Range(0, 9, least=2), Span(0, 1), Span(0, 1)),
        (Range(0, 9, least=2), Span(0, 4, low_open=True), Span(2, 4)),
    ],
)
def test_what_a_column_can_show_of_a_span(range_: Range, span: Span, inside: Span | None) -> None:
    found = range_.within(span)
    assert found.empty if inside is None else found == inside


# -- never a false alarm --------------------------------------------------------------------------------------

WINDOWS = st.sampled_from(["8 h", "1 d", "3 d"])
GRADES = st.sampled_from(
    [
        "grade",
        "first(grade)",
        "last(grade)",
        "highest(grade)",
        "lowest(grade, 1 d)",
        "count(dose)",
        "count(fall, 1 d)",
        "2 * grade",
    ]
)
CELLS = st.sampled_from(["cells", "first(cells)", "last(cells)", "worst(cells, 3 d)", "1.5 * lowest(cells)"])
SIGN = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
LEAVES = st.one_of(
    st.tuples(GRADES, SIGN, st.one_of(st.integers(0, 6).map(str), GRADES)).map(" ".join),
    st.tuples(CELLS, SIGN, st.one_of(st.sampled_from(["0 cell/L", "1e7 cell/L", "2e7 cell/L"]), CELLS)).map(" ".join),
    st.tuples(st.sampled_from(["since(dose)", "days"]), SIGN, st.one_of(WINDOWS, st.just("since(fall)"))).map(" ".join),
    st.tuples(st.sampled_from(["effect", "first(effect)"]), st.sampled_from(["is none", "in (interrupts, ends)"])).map(
        " ".join
    ),
    st.sampled_from(["sick", "last(sick)", "event(dose)", "known(grade)", "known(cells)"]),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda terms: f"({' and '.join(terms)})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda terms: f"({' or '.join(terms)})"),
        inner.map("(not {})".format),
        inner.map("known({0} and {0})".format),
        st.tuples(inner, WINDOWS).map(lambda pair: f"for({pair[0]}, {pair[1]})"),
    ),
    max_leaves=5,
)


@settings(max_examples=100)
@given(st.lists(CONDITIONS, min_size=2, max_size=3), st.integers(0, 2**32 - 1))
def test_what_happens_is_never_called_impossible(texts: list[str], seed: int) -> None:
    """Random patients: whatever is seen true, or seen together, must be held possible."""
    program = compile_conditions([parse_condition(text, HERE) for text in texts], COLUMNS, EVENTS)
    sense = Sense(program, RANGES)
    generator = np.random.default_rng(seed)
    patients, rounds = 40, 8
    draws = {
        "grade": lambda: generator.integers(0, 6, patients).astype(float),
        "cells": lambda: generator.choice([0.0, 1e7, 1.5e7, 2e7, 3e7], patients),
        "days": lambda: np.full(patients, float(day)),
        "effect": lambda: generator.integers(0, 2, patients).astype(float),
        "sick": lambda: generator.integers(0, 2, patients).astype(float),
    }
    memory, seen = program.memory(patients), set()
    for day in np.cumsum(generator.choice([1 / 3, 1.0], rounds)):
        snapshot = {name: np.where(generator.random(patients) < 0.2, np.nan, draw()) for name, draw in draws.items()}
        happened = {event: generator.random(patients) < 0.4 for event in EVENTS}
        truth = program.evaluate(memory, np.arange(patients), day, snapshot, happened)
        seen |= {tuple(column) for column in truth.T.tolist()}
    for pattern in seen:
        assert sense.may_be(*enumerate(pattern)), (pattern, texts)


@settings(max_examples=100)
@given(
    st.recursive(
        st.tuples(st.sampled_from(["grade", "cycle"]), SIGN, st.integers(-1, 6).map(str)).map(" ".join),
        lambda inner: st.one_of(
            st.lists(inner, min_size=2, max_size=3).map(lambda terms: f"({' and '.join(terms)})"),
            st.lists(inner, min_size=2, max_size=3).map(lambda terms: f"({' or '.join(terms)})"),
            inner.map("(not {})".format),
        ),
        max_leaves=6,
    )
)
def test_of_plain_comparisons_the_answer_is_exact(text: str) -> None:
    program = compile_conditions([parse_condition(text, HERE)], COLUMNS, ())
    values = [np.nan, *range(9)]
    grid = [(a, b) for a in values if not a > 5 for b in values]
    snapshot = {"grade": np.array([a for a, _ in grid], float), "cycle": np.array([b for _, b in grid], float)}
    truth = program.evaluate(program.memory(len(grid)), np.arange(len(grid)), 0.0, snapshot, {})[0]
    sense = Sense(program, RANGES)
    assert sense.may_be((0, True)) == truth.any()
    assert sense.may_be((0, False)) == (~truth).any()


def test_a_search_that_takes_too_long_says_maybe(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "(grade < 1 or grade > 4) and (grade > 1 and grade < 4 or grade == 2) and (sick or cells > 3 cell/L)"
    sense = Sense(compile_conditions([parse_condition(text, HERE)], COLUMNS, ()), RANGES)
    assert not sense.may_be((0, True))
    monkeypatch.setattr("virtuall.clinic.condition_sense._MOST_STEPS", 3)
    assert sense.may_be((0, True))
