"""The grammar of conditions: what is read, how, and how errors point at their place."""

from __future__ import annotations

import pytest

from virtuall.core.errors import TextError
from virtuall.core.position import Position
from virtuall.texts.condition_tree import (
    And,
    Arithmetic,
    Call,
    Comparison,
    Expression,
    Membership,
    Name,
    Not,
    Number,
    Or,
    parts_of,
)
from virtuall.texts.conditions import parse_condition

HERE = Position("rules.toml", 10, 9)
P = HERE


def read(text: str) -> Expression:
    return parse_condition(text, HERE).expression


def error(text: str) -> str:
    with pytest.raises(TextError) as caught:
        parse_condition(text, HERE)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("x < 38.0 degC", 38.0, "degC"),
        ("x < 3 ULN", 3.0, "ULN"),
        ("x < 500 cell/uL", 500.0, "cell/uL"),
        ("x < 20 ug/kg/min", 20.0, "ug/kg/min"),
        ("x < 0.8 mg/m^2", 0.8, "mg/m^2"),
        ("x < 5 %", 5.0, "%"),
        ("x < 5%", 5.0, "%"),
        ("x < 1e3 mg", 1000.0, "mg"),
        ("x < 2", 2.0, None),
        ("x < -2 degC", -2.0, "degC"),
        ('x < 0.1 "1/d"', 0.1, "1/d"),
    ],
)
def test_number_with_its_unit(text: str, value: float, unit: str | None) -> None:
    assert read(text) == Comparison("<", Name("x", P), Number(value, unit, P), P)


@pytest.mark.parametrize("word", ["and", "or"])
def test_a_word_of_the_language_is_no_unit(word: str) -> None:
    tree = read(f"x > 2 {word} y")
    assert isinstance(tree, And | Or)
    assert tree.terms == (Comparison(">", Name("x", P), Number(2.0, None, P), P), Name("y", P))


def test_and_binds_tighter_than_or_and_not_tightest() -> None:
    a, b, c = Name("a", P), Name("b", P), Name("c", P)
    assert read("not a and b or c") == Or((And((Not(a, P), b), P), c), P)
    assert read("not (a and (b or c))") == Not(And((a, Or((b, c), P)), P), P)


def test_arithmetic_groups_to_the_left_and_products_first() -> None:
    a, b, c = Name("a", P), Name("b", P), Name("c", P)
    assert read("a - b - c") == Arithmetic("-", Arithmetic("-", a, b, P), c, P)
    assert read("a + b / c") == Arithmetic("+", a, Arithmetic("/", b, c, P), P)


def test_a_chain_is_two_comparisons() -> None:
    assert read("1 mg < x <= 3 mg") == read("1 mg < x and x <= 3 mg")


def test_a_division_needs_spaces_a_unit_has_none() -> None:
    assert read("x / 2 h > 1") == Comparison(
        ">", Arithmetic("/", Name("x", P), Number(2.0, "h", P), P), Number(1.0, None, P), P
    )
    quotient = read("3 mg / weight > 1")
    assert isinstance(quotient, Comparison) and isinstance(quotient.left, Arithmetic)


def test_categories() -> None:
    assert read("response is CR") == Membership(Name("response", P), ("CR",), P)
    assert read('phenotype is not "CD19-negative"') == Not(Membership(Name("phenotype", P), ("CD19-negative",), P), P)
    assert read("response in (CR, CRh, CRi)") == Membership(Name("response", P), ("CR", "CRh", "CRi"), P)
    assert read("response not in (CR)") == Not(Membership(Name("response", P), ("CR",), P), P)
    assert read("in_state(resting)") == read("state is resting")


def test_functions() -> None:
    assert read("for(x, 3 d)") == Call("for", (Name("x", P), Number(3.0, "d", P)), P)
    assert read("count(seizure) > 1") == Comparison(
        ">", Call("count", (Name("seizure", P),), P), Number(1.0, None, P), P
    )


def test_every_part_knows_its_place() -> None:
    tree = read("fever\n  and not cough # said twice\n  and pain")
    places = {part.name: (part.where.line, part.where.column) for part in parts_of(tree) if isinstance(part, Name)}
    assert places == {"fever": (10, 9), "cough": (11, 11), "pain": (12, 7)}


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("a = 3", "rules.toml:10:11", "write =="),
        ("a <", "rules.toml:10:12", "the end of the condition"),
        ("a\n and ≥", "rules.toml:11:6", "write >="),
        ("a && b", "rules.toml:10:11", "write 'and'"),
        ("a b", "rules.toml:10:11", "given 'b'"),
        ("(a < 3", "rules.toml:10:15", "expected"),
        ("a in CR", "rules.toml:10:14", "given 'CR'"),
        ("", "rules.toml:10:9", "the end of the condition"),
        ("   ", "rules.toml:10:12", "the end of the condition"),
        ("fo(a, 3 d)", "rules.toml:10:9", "did you mean 'for'?"),
        ("a and wrost(b) > 3", "rules.toml:10:15", "did you mean 'worst'?"),
        ("since(a, 3 d) > 1 d", "rules.toml:10:9", "write since(event)"),
        ("for() ", "rules.toml:10:9", "write for(condition, duration)"),
        ("count(a, 3) > 1", "rules.toml:10:18", "takes a duration here such as 3 d"),
        ("count(a, b) > 1", "rules.toml:10:18", "given 'b'"),
        ("for(a, -3 d)", "rules.toml:10:16", "takes a duration"),
        ("since(3 d) > 1 d", "rules.toml:10:15", "takes an event"),
        ("a < b > c", "rules.toml:10:15", "must go one way"),
        ("a < 1e999", "rules.toml:10:13", "too large"),
        ("__import__('os')", "rules.toml:10:20", "this cannot stand here"),
        ("exec(x)", "rules.toml:10:9", "unknown function"),
        ("a.b.c[0]", "rules.toml:10:14", "given '['"),
    ],
)
def test_errors_say_what_and_where(text: str, place: str, said: str) -> None:
    message = error(text)
    assert message.startswith(place + ":")
    assert said in message
