"""Array programs against a slow interpreter that looks through one patient's whole history at every round.

Time is counted in thirds of a day here, as whole numbers, so that the interpreter knows nothing of round-off.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from virtuall.clinic.conditions import Column, compile_conditions
from virtuall.core.position import Position
from virtuall.texts.condition_tree import (
    And,
    Arithmetic,
    Call,
    Comparison,
    Expression,
    Membership,
    Name,
    Negative,
    Not,
    Number,
    Or,
)
from virtuall.texts.conditions import parse_condition

COLUMNS = {
    "grade": Column(worse="high"),
    "level": Column("mg/L", worse="low", upper_normal=2.0),
    "trace": Column("ug/L"),
    "response": Column(kind="category", levels=("none", "part", "full")),
    "flag": Column(kind="flag"),
}
EVENTS = ("dose", "fall")
FACTORS = {
    "mg/L": Fraction(1),
    "ug/L": Fraction(1, 1000),
    "ULN": Fraction(2),
    None: Fraction(1),
    "h": Fraction(1, 8),
}
INFINITE = 10**9


@dataclass
class History:
    """One patient: per round the time in thirds of a day, what was seen (None: unknown), what happened."""

    times: list[int]
    observed: list[dict[str, Any]]
    happened: list[set[str]]


def number(tree: Expression, history: History, now: int) -> Fraction | None:
    """The value of a quantity in mg/L, thirds of a day or 1; None when unknown."""
    match tree:
        case Number(value=value, unit=unit):
            return Fraction(value) * FACTORS[unit]
        case Name(name=name):
            seen = history.observed[now][name]
            return None if seen is None else Fraction(seen) * FACTORS.get(COLUMNS[name].unit, Fraction(1))
        case Negative(of=inner):
            value = number(inner, history, now)
            return None if value is None else -value
        case Arithmetic(operator=operator, left=left, right=right):
            a, b = number(left, history, now), number(right, history, now)
            if a is None or b is None or (operator == "/" and b == 0):
                return None
            return {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b}[operator]()
        case Call(function=function, arguments=(Name(name=event), *window)) if function in ("since", "count"):
            times = [history.times[k] for k in range(now + 1) if event in history.happened[k]]
            if function == "since":
                return Fraction(history.times[now] - times[-1] if times else INFINITE)
            begin = history.times[now] - length(window[0]) if window else -INFINITE
            return Fraction(sum(time > begin for time in times))
        case Call(function=function, arguments=(inner, *window)):
            begin = history.times[now] - length(window[0]) if window else -INFINITE
            rounds = [k for k in range(now + 1) if history.times[k] > begin]
            known = [value for k in rounds if (value := number(inner, history, k)) is not None]
            if not known:
                return None
            if function == "worst":
                function = "lowest" if isinstance(inner, Name) and inner.name == "level" else "highest"
            return {"first": known[0], "last": known[-1], "highest": max(known), "lowest": min(known)}[function]
    raise AssertionError(tree)


def length(tree: Expression) -> int:
    assert isinstance(tree, Number)
    return int(tree.value) // 8


def truth(tree: Expression, history: History, now: int) -> bool | None:
    """The truth of a condition; None when unknown."""
    match tree:
        case And(terms=terms):
            found = [truth(term, history, now) for term in terms]
            return False if False in found else None if None in found else True
        case Or(terms=terms):
            found = [truth(term, history, now) for term in terms]
            return True if True in found else None if None in found else False
        case Not(of=inner):
            value = truth(inner, history, now)
            return None if value is None else not value
        case Comparison(operator=operator, left=left, right=right):
            a, b = number(left, history, now), number(right, history, now)
            if a is None or b is None:
                return None
            return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "==": a == b, "!=": a != b}[operator]
        case Membership(of=inner, levels=levels):
            code = number(inner, history, now)
            return None if code is None else COLUMNS["response"].levels[int(code)] in levels
        case Call(function="event", arguments=(Name(name=event),)):
            return event in history.happened[now]
        case Call(function="known", arguments=(inner,)):
            if isinstance(inner, Name):
                return history.observed[now][inner.name] is not None
            return truth(inner, history, now) is not None
        case Call(function="for", arguments=(inner, window)):
            if truth(inner, history, now) is not True:
                return truth(inner, history, now)
            start = now
            while start > 0 and truth(inner, history, start - 1) is True:
                start -= 1
            return history.times[now] - history.times[start] >= length(window)
        case _:
            value = number(tree, history, now)
            return None if value is None else value == 1


windows = st.sampled_from(["8 h", "16 h", "24 h", "72 h"])
operators = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
events = st.sampled_from(EVENTS)
small = st.integers(0, 4).map(str)
levels = st.one_of(
    st.integers(0, 16).map(lambda k: f"{k / 4} mg/L"),
    st.integers(0, 4).map(lambda k: f"{1000 * k} ug/L"),
    st.integers(0, 2).map(lambda k: f"{k} ULN"),
)


def remembered(name: str) -> st.SearchStrategy[str]:
    """An observation, or a memory of it."""
    calls = st.sampled_from(["first", "last", "highest", "lowest", "worst"])
    far = st.tuples(st.sampled_from(["highest", "lowest", "worst"]), windows)
    return st.one_of(
        st.just(name),
        calls.map(lambda function: f"{function}({name})"),
        far.map(lambda pair: f"{pair[0]}({name}, {pair[1]})"),
    )


plain = st.one_of(
    remembered("grade"),
    events.map(lambda event: f"count({event})"),
    st.tuples(events, windows).map(lambda pair: f"count({pair[0]}, {pair[1]})"),
)
sums = st.tuples(plain, st.sampled_from("+-*/"), st.one_of(plain, small)).map(" ".join)
categories = st.sampled_from(["response", "first(response)", "last(response)"])
words = st.sampled_from(["is none", "is not full", "in (part, full)", "not in (none, part)"])
leaves = st.one_of(
    st.tuples(st.one_of(plain, sums), operators, st.one_of(small, sums)).map(" ".join),
    st.tuples(remembered("level"), operators, st.one_of(levels, remembered("level"))).map(" ".join),
    st.tuples(levels, operators, remembered("level")).map(" ".join),
    st.tuples(events.map("since({})".format), operators, windows).map(" ".join),
    st.tuples(categories, words).map(" ".join),
    st.sampled_from(["flag", "last(flag)", "event(dose)", "event(fall)", "known(grade)", "known(response)"]),
    st.just("trace < 1000 ug/L"),
    st.just("-1 < -grade"),
)


def joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(
        several.map(lambda terms: f"({' and '.join(terms)})"),
        several.map(lambda terms: f"({' or '.join(terms)})"),
        inner.map(lambda term: f"(not {term})"),
        inner.map(lambda term: f"known({term} and {term})"),
        st.tuples(inner, windows).map(lambda pair: f"for({pair[0]}, {pair[1]})"),
    )


conditions = st.recursive(leaves, joined, max_leaves=6)


def draw_history(generator: np.random.Generator, rounds: int) -> History:
    """A patient's rounds, 8 to 32 hours apart, a quarter of the observations unknown."""

    def observe() -> dict[str, Any]:
        drawn = {
            "grade": int(generator.integers(5)),
            "level": int(generator.integers(17)) / 4,
            "trace": 1000 * int(generator.integers(3)),
            "response": int(generator.integers(3)),
            "flag": int(generator.integers(2)),
        }
        return {name: None if generator.random() < 0.25 else value for name, value in drawn.items()}

    times = np.cumsum(generator.integers(1, 5, rounds)) + generator.integers(1000)
    happened = [{event for event in EVENTS if generator.random() < 0.4} for _ in range(rounds)]
    return History(times.tolist(), [observe() for _ in range(rounds)], happened)


def run(texts: list[str], histories: list[History], generator: np.random.Generator) -> list[list[list[bool]]]:
    """Truth by patient, round and condition; who is due at a time together with whom is drawn."""
    here = Position("rules.toml", 1)
    program = compile_conditions([parse_condition(text, here) for text in texts], COLUMNS, EVENTS)
    memory = program.memory(len(histories))
    done: list[list[list[bool]]] = [[] for _ in histories]
    while waiting := [p for p, history in enumerate(histories) if len(done[p]) < len(history.times)]:
        due = [p for p in generator.permutation(waiting) if generator.random() < 0.6]
        rounds = [(histories[p], len(done[p])) for p in due]
        missing = {name: -1 if column.kind == "category" else np.nan for name, column in COLUMNS.items()}
        snapshot = {
            name: [missing[name] if (seen := h.observed[k][name]) is None else seen for h, k in rounds]
            for name in COLUMNS
        }
        happened = {event: [event in h.happened[k] for h, k in rounds] for event in EVENTS}
        day = [h.times[k] / 3 for h, k in rounds]
        result = program.evaluate(memory, np.array(due, np.int64), day, snapshot, happened)
        for place, patient in enumerate(due):
            done[patient].append(result[:, place].tolist())
    return done


@settings(max_examples=150)
@given(st.lists(conditions, min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_programs_agree_with_the_interpreter(texts: list[str], seed: int) -> None:
    generator = np.random.default_rng(seed)
    histories = [draw_history(generator, rounds=9) for _ in range(4)]
    trees = [parse_condition(text, Position("rules.toml", 1)).expression for text in texts]
    expected = [
        [[truth(tree, history, now) is True for tree in trees] for now in range(len(history.times))]
        for history in histories
    ]
    assert run(texts, histories, generator) == expected


@settings(max_examples=100)
@given(st.text(alphabet="ab<>=()!*/+-., 0123456789\"'#\n%&", max_size=30) | conditions.map(lambda text: text[:-2]))
def test_no_text_breaks_the_reader(text: str) -> None:
    from virtuall.core.errors import TextError

    try:
        parse_condition(text, Position("rules.toml", 1))
    except TextError as error:
        assert str(error).startswith("rules.toml:")
