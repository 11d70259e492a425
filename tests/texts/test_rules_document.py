"""The page about rules: its examples can be read, and it describes every function."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from virtuall.core.position import Position
from virtuall.texts.conditions import FUNCTIONS, parse_condition
from virtuall.texts.rules import parse_rules

ACTIONS = ("stop", "hold", "reduce", "resume", "continue", "order")


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "reference" / "rules.md").read_text(encoding="utf-8")


def test_the_rules_of_the_page_can_be_read(page: str) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    assert [rule.action for rule in parse_rules(block, "rules.md", ACTIONS)] == ["hold", "order"]


def test_the_conditions_of_the_page_can_be_read(page: str) -> None:
    section = page.partition("A condition compares")[2].partition("###")[0]
    conditions = re.findall(r"^    (.+)$", section, flags=re.MULTILINE)
    assert len(conditions) == 5
    for condition in conditions:
        parse_condition(condition, Position("rules.md", 1))


def test_the_page_describes_every_function(page: str) -> None:
    rows = re.findall(r"^\| (`\w+\(.*?) \|", page, flags=re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)\(", row)} == set(FUNCTIONS)
