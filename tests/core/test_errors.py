"""Errors: what, given, allowed, where."""

from __future__ import annotations

import pickle

import pytest

from virtuall.core.errors import InputError, Problems, TextError, VirtuallError, nearest
from virtuall.core.position import Position


def test_every_part_is_said_in_order() -> None:
    error = TextError(
        "unknown key",
        given="sorce",
        allowed=("source", "mark"),
        where=Position("a.toml", 3, 5),
        hint="Write it.",
    )
    assert str(error) == (
        "a.toml:3:5: unknown key; given 'sorce'; did you mean 'source'? allowed: source, mark; Write it"
    )


def test_parts_that_are_absent_are_left_out() -> None:
    assert str(InputError("too few patients", given=0)) == "too few patients; given 0"
    assert str(InputError("broken")) == "broken"


def test_long_lists_show_the_nearest() -> None:
    names = [f"name_{n}" for n in range(100)]
    text = str(TextError("unknown", given="name_77x", allowed=names))
    assert "did you mean 'name_77'?" in text
    assert "(100 in all)" in text
    assert text.count("name_") < 20


def test_nearest_ignores_case_and_gives_up() -> None:
    assert nearest("CRS", ["crs", "icans"]) == "crs"
    assert nearest("zzz", ["crs", "icans"]) is None


@pytest.mark.parametrize(
    "error", [TextError("x", given="a", allowed=("b",), where="f", hint="h"), Problems([InputError("y")])]
)
def test_errors_travel_between_processes(error: VirtuallError) -> None:
    back = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(back) is type(error) and str(back) == str(error)
