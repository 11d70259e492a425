"""Texts of sequences: what they may not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from virtuall.clinic.sequence import Sequence, read_sequence
from virtuall.core.errors import VirtuallError

HEAD = """
[sequence]
title = "One after the other"
use = "test"
valid_from = 2020-01-01
follow_up = "365 d"
source = "assumption"
mark = "A"
why = "a test"
"""
FIRST = '[[step]]\nname = "first"\nprotocol = "a/one"\n'


def step(name: str, after: str = "first", when: str = "relapsed", more: str = "") -> str:
    return (
        f'[[step]]\nname = "{name}"\nprotocol = "b/two"\nfrom = ["{after}"]\nwhen = "{when}"\nwashout = "7 d"\n{more}'
    )


def read(folder: Path, *steps: str) -> Sequence:
    path = folder / "own.toml"
    path.write_text(HEAD + "\n".join(steps))
    return read_sequence(path)


def test_steps_are_read(tmp_path: Path) -> None:
    found = read(tmp_path, FIRST, step("second", more="most = 2\n"))
    assert found.name == "sequence/own"
    assert [(each.name, each.after, each.washout, each.most) for each in found.steps] == [
        ("first", (), 0.0, 0),
        ("second", ("first",), 7.0, 2),
    ]


def test_a_step_follows_the_one_before_when_nothing_else_is_said(tmp_path: Path) -> None:
    plain = '[[step]]\nname = "second"\nprotocol = "b/two"\nwhen = "relapsed"\n'
    assert read(tmp_path, FIRST, plain).steps[1].after == ("first",)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((FIRST, step("back", "back")), "for ever; given 'back -> back'"),
        ((FIRST, step("x", "y"), step("y", "x", "in_remission")), "for ever"),
        ((FIRST, step("x"), step("y")), "x and y would begin at the same time: both after first"),
        ((FIRST, step("x", "frist")), "first"),
        ((FIRST, FIRST), "needs a condition"),
        ((FIRST, step("first")), "the same name"),
        ((step("x", "x"),), "the first step begins at once"),
        ((FIRST, step("x", when="relapsed and")), "expected"),
        ((FIRST, step("x").replace("7 d", "7 kg")), "kg"),
        ((FIRST, step("x").replace("7 d", "-7 d")), "at least 0"),
        ((), "at least 1"),
    ],
)
def test_what_a_sequence_may_not_say(tmp_path: Path, steps: tuple[str, ...], message: str) -> None:
    with pytest.raises(VirtuallError, match=message):
        read(tmp_path, *steps)


def test_a_circle_that_says_how_often_is_allowed(tmp_path: Path) -> None:
    found = read(tmp_path, FIRST, step("x", "first", more="most = 3\n"), step("y", "x", "in_remission"))
    assert [each.most for each in found.steps] == [0, 3, 0]
    text = step("x", "y", more="most = 3\n").replace('["y"]', '["first", "y"]')
    assert len(read(tmp_path, FIRST, text, step("y", "x", "in_remission")).steps) == 3
