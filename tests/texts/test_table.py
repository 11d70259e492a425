"""The typed table: every wrong value is found, with its place and the nearest right word."""

from __future__ import annotations

import datetime

import pytest

from virtuall.core.errors import Problems, TextError, UnitError
from virtuall.texts.quantity import duration, quantity
from virtuall.texts.table import Table, reading
from virtuall.texts.toml_text import parse_toml

GOOD = """
name = "x"
kind = "infusion"
length = "48 h"
valid_from = 2024-12-06
count = 3
share = 0.25
big = true
arms = ["a", "b"]
source = "label"
mark = "V"

[[step]]
rate = "9 ug/d"
[[step]]
rate = {value = 28, unit = "ug/d", source = "assumption", mark = "A", why = "a test"}

[inner.one]
x = "1 mg"
[inner.two]
x = "2 g"
"""


def read(table: Table) -> dict[str, object]:
    return {
        "name": table.text("name"),
        "kind": table.choice("kind", ("infusion", "dose")),
        "length": table.days("length"),
        "from": table.date("valid_from"),
        "to": table.date("valid_to", default=None),
        "count": table.integer("count", low=1),
        "share": table.number("share", low=0, high=1),
        "big": table.flag("big"),
        "arms": table.texts("arms"),
        "rates": [step.quantity("rate", "ug/d", sourced=True) for step in table.tables("step", at_least=1)],
        "inner": {name: each.quantity("x", "mg").value for name, each in table.named("inner").items()},
    }


def problems(text: str) -> list[str]:
    with pytest.raises(Problems) as caught, reading(parse_toml(text, "f.toml")) as table:
        read(table)
    return [str(problem) for problem in caught.value.problems]


def test_a_sound_text_is_read() -> None:
    with reading(parse_toml(GOOD, "f.toml")) as table:
        found = read(table)
    rates = found.pop("rates")
    assert found == {
        "name": "x",
        "kind": "infusion",
        "length": 2.0,
        "from": datetime.date(2024, 12, 6),
        "to": None,
        "count": 3,
        "share": 0.25,
        "big": True,
        "arms": ("a", "b"),
        "inner": {"one": 1.0, "two": 2000.0},
    }
    assert isinstance(rates, list)
    assert [(each.value, each.source.key, each.source.mark) for each in rates] == [
        (9.0, "label", "V"),
        (28.0, "assumption", "A"),
    ]
    assert rates[0].position.line == 14


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "x"', 'nmae = "x"', "f.toml:2:1: unknown key here; given 'nmae'; did you mean 'name'"),
        ('name = "x"', "", "the text needs the key 'name'"),
        ('name = "x"', 'name = " "', "name is blank"),
        ('name = "x"', "name = 3", "f.toml:2:1: name must be a text, not a whole number; given 3"),
        ('"infusion"', '"infusoin"', "given 'infusoin'; did you mean 'infusion'? allowed: infusion, dose"),
        (
            '"48 h"',
            '"48 kg"',
            "f.toml:4:1: a quantity in d is expected; given '48 kg'; the dimension differs: mass",
        ),
        ('"48 h"', '"48"', "a quantity in d is expected; given '48'"),
        ('"48 h"', "48", "a quantity in d is expected; given '48'"),
        ('"48 h"', '"two days"', "not a number with a unit; given 'two days'"),
        ('"48 h"', '"48 hr"', "f.toml:4:1: unknown unit; given 'hr'"),
        ("2024-12-06", '"2024-12-06"', "valid_from must be a date, not a text"),
        ("2024-12-06", "2024-12-06T10:00:00", "valid_from must be a date, not a date with a time of day"),
        ("count = 3", "count = 0", "count must be at least 1; given 0"),
        ("count = 3", "count = true", "count must be a whole number, not true or false"),
        ("share = 0.25", "share = 1.5", "share must be at most 1; given 1.5"),
        ("share = 0.25", "share = nan", "share must be a finite number"),
        ("share = 0.25", "share = inf", "share must be a finite number"),
        ("big = true", "big = 1", "big must be true or false, not a whole number"),
        ('["a", "b"]', '["a", 2]', "arms must hold texts only; given 2"),
        ('["a", "b"]', '"a"', "arms must be a list, not a text"),
        ('mark = "V"\n', 'mark = "Q"\n', "f.toml:11:1: unknown mark; given 'Q'; allowed: V, M, D, A"),
        ('source = "label"\n', "", "the text needs the key 'source'"),
        ('source = "label"\nmark = "V"\n', "", "rate needs a source and a mark"),
        (', why = "a test"', "", "an assumption needs its reason"),
        (
            'mark = "A", why',
            'mark = "V", why',
            "the source `assumption` goes with the mark A only; given 'V'",
        ),
        ('unit = "ug/d"', 'unti = "ug/d"', "unknown key in [rate]; given 'unti'; did you mean 'unit'"),
        ("[[step]]", "[[stepp]]", "unknown key here; given 'stepp'; did you mean 'step'"),
        ('rate = "9 ug/d"', 'rate = "9 ug/d"\nrte = 1', "f.toml:15:1: unknown key in [step]; given 'rte'"),
        ("[inner.one]", "[inner]\nfour = 4\n[inner.one]", "four must be a table, not a whole number"),
    ],
)
def test_every_wrong_value_is_found(old: str, new: str, message: str) -> None:
    assert old in GOOD
    found = problems(GOOD.replace(old, new))
    assert any(message in each for each in found), found
    assert all(each.startswith("f.toml:") for each in found)


def test_all_problems_come_at_once_in_the_order_of_the_lines() -> None:
    text = GOOD.replace('"infusion"', '"bolus"').replace("count = 3", 'count = "3"').replace('"2 g"', '"2 d"')
    found = problems(text)
    assert len(found) == 3
    assert [int(each.split(":")[1]) for each in found] == sorted(int(each.split(":")[1]) for each in found)


def test_own_rules_are_noted_with_the_others() -> None:
    with pytest.raises(Problems) as caught, reading(parse_toml("low = 3\nhigh = 2\n", "f.toml")) as table:
        if table.number("low") > table.number("high"):
            table.problem("low is above high", "low", given=3)
    assert str(caught.value) == "f.toml:1:1: low is above high; given 3"


def test_what_stand_ins_cause_is_no_news_but_real_faults_are() -> None:
    with pytest.raises(Problems, match="needs the key 'n'"), reading(parse_toml("m = 1\n", "f")) as table:
        int(table.number("n"))
    with pytest.raises(ZeroDivisionError), reading(parse_toml("m = 1\n", "f")) as table:
        _ = 1 / 0


def test_the_first_table_may_state_the_source_of_a_whole_text() -> None:
    text = '[head]\nname = "x"\nsource = ["a", "b"]\nmark = "D"\n[[step]]\nrate = "1 d"\n'
    with reading(parse_toml(text, "f")) as table:
        table.table("head").text("name")
        (step,) = table.tables("step")
        found = step.quantity("rate", "d", sourced=True)
    assert found.source is not None and found.source.keys == ("a", "b") and found.source.mark == "D"


def test_lists_of_quantities() -> None:
    with reading(parse_toml('days = ["1 d", "48 h"]\n', "f")) as table:
        assert [each.value for each in table.quantities("days", "d")] == [1.0, 2.0]
    with pytest.raises(Problems) as caught, reading(parse_toml('days = ["1 d",\n "4 kg"]\n', "f")) as table:
        table.quantities("days", "d")
    assert "f:2:2: a quantity in d is expected; given '4 kg'" in str(caught.value)


def test_quantities_from_plain_strings() -> None:
    found = quantity("28 ug/d")
    assert (found.value, found.unit, str(found)) == (28.0, "ug/d", "28 ug/d")
    assert quantity("-1.5e-3 mg", "ug").value == pytest.approx(-1.5)
    assert quantity("3").unit == "1"
    assert duration("36 h") == 1.5
    with pytest.raises(UnitError):
        duration("36 ug")
    for wrong in ("", "ug", "1,5 d", "inf d", "nan", "1 2 d", "1e999 d"):
        with pytest.raises(TextError):
            quantity(wrong)
