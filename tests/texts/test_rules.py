"""Reading rules.toml."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from virtuall.core.errors import Problems
from virtuall.core.position import Position
from virtuall.texts.condition_tree import Name, parts_of
from virtuall.texts.rules import Rule, parse_rules, read_rules, rules_valid_on

ACTIONS = ("stop", "hold", "reduce", "resume", "continue", "order")

TEXT = '''\
doc = "Two rules."
source = "label2020"
mark = "V"

[[rule]]
name = "hold when hot"
when = "temperature >= 2 degC"
do = "hold"
what = "drug"
doc = "Hold the drug in fever."
valid_to = 2020-06-30

[[rule]]
name = "treat"
when = """
  count(shiver, 1 d) >= 2
  and not known(pulse)"""
do = "order"
what = "blanket"
with = { dose = "8 mg/kg", times = 2, urgent = true, on = 2021-01-02, days = [1, 2.5], to = ["a", "b"] }
priority = 3
while = true
valid_from = 2020-07-01
source = "assumption"
mark = "A"
why = "Nobody said."
doc = "Warm up."
'''


def rules(text: str = TEXT) -> tuple[Rule, ...]:
    return parse_rules(text, "rules.toml", ACTIONS)


def problems(text: str) -> str:
    with pytest.raises(Problems) as caught:
        rules(text)
    return str(caught.value)


def test_fields(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(TEXT)
    hold, treat = read_rules(tmp_path / "rules.toml", ACTIONS)
    assert (hold.name, hold.action, hold.what) == ("hold when hot", "hold", "drug")
    assert (hold.priority, hold.while_true, hold.arguments) == (0, False, {})
    assert (hold.source.key, hold.source.mark) == ("label2020", "V")
    assert (treat.priority, treat.while_true) == (3, True)
    assert (treat.source.key, treat.source.why) == ("assumption", "Nobody said.")
    assert treat.arguments == {
        "dose": "8 mg/kg",
        "times": 2.0,
        "urgent": True,
        "on": datetime.date(2021, 1, 2),
        "days": (1.0, 2.5),
        "to": ("a", "b"),
    }
    assert treat.places["dose"].line == 20


def test_places_within_conditions() -> None:
    hold, treat = rules()
    assert hold.when.where == Position("rules.toml", 7, 9)
    names = {part.name: part.where for part in parts_of(treat.when.expression) if isinstance(part, Name)}
    assert names["shiver"] == Position("rules.toml", 16, 9)
    assert names["pulse"] == Position("rules.toml", 17, 17)


def test_validity_counts_first_and_last_day() -> None:
    def valid(*day: int) -> list[str]:
        return [rule.action for rule in rules_valid_on(rules(), datetime.date(*day))]

    assert valid(2020, 6, 30) == ["hold"]
    assert valid(2020, 7, 1) == ["order"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'do = "hold"',
            'do = "hodl"',
            "rules.toml:8:1: do is not one of the words for it; given 'hodl'; did you mean 'hold'",
        ),
        ('do = "hold"', "", "rules.toml:5:1: [rule.0] needs the key 'do'"),
        ("priority = 3", 'priority = "3"', "rules.toml:21:1: priority must be a whole number"),
        (
            "while = true",
            "whilst = true",
            "rules.toml:22:1: unknown key in [rule]; given 'whilst'; did you mean 'while'",
        ),
        (">= 2 degC", ">= degC or", "rules.toml:7:31: this cannot stand here"),
        ("valid_from = 2020-07-01", "valid_from = 2020-07-01\nvalid_to = 2019-01-01", "valid_to lies before"),
        ('name = "treat"', 'name = "hold when hot"', "two rules have the same name"),
        ('why = "Nobody said."', "", "an assumption needs its reason"),
        ('source = "label2020"\nmark = "V"\n', "", "needs source and mark"),
        ("2.5", '"b"', "days must hold numbers only"),
    ],
)
def test_errors(old: str, new: str, said: str) -> None:
    assert old in TEXT
    assert said in problems(TEXT.replace(old, new))


def test_all_errors_at_once() -> None:
    said = problems(TEXT.replace('do = "hold"', 'do = "hodl"').replace("count(", "cuont("))
    assert len(said.splitlines()) == 2
    assert "rules.toml:8:1" in said and "rules.toml:16:3" in said
