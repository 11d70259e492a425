"""TOML with the place of every key."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtuall.core.errors import TextError
from virtuall.texts.toml_text import parse_toml, read_toml

TEXT = '''# a comment with [brackets] and "quotes"
title = "x # no comment"  # a comment
long = """
[not.a.table]
key = 1
"""
literal = \'C:\\\'
[a.b]
"quoted key" = 1
c.d = 2
list = [
  1, # one
  [2, 3],
  {x = 4, y = "}"},
]
[[step]]
dose = {value = 9, unit = "ug/d"}
[step.inner]
z = 1979-05-27 07:32:00
[[step]]
dose = 1.5
'''


def test_every_key_has_its_place() -> None:
    text = parse_toml(TEXT, "f.toml")
    lines = {path: place.line for path, place in text.positions.items()}
    assert lines[("title",)] == 2
    assert lines[("long",)] == 3
    assert lines[("literal",)] == 7
    assert lines[("a", "b")] == 8
    assert lines[("a", "b", "quoted key")] == 9
    assert lines[("a", "b", "c", "d")] == 10
    assert lines[("a", "b", "list", 1)] == 13
    assert lines[("a", "b", "list", 1, 1)] == 13
    assert lines[("a", "b", "list", 2, "y")] == 14
    assert lines[("step", 0)] == 16
    assert lines[("step", 0, "dose", "unit")] == 17
    assert lines[("step", 0, "inner", "z")] == 19
    assert lines[("step", 1, "dose")] == 21
    assert text.positions[("step", 0, "dose", "unit")].column == 20
    assert text.where(("step", 1, "dose", "nothing")).line == 21


def paths(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path]
    if isinstance(value, dict):
        found += [each for key, below in value.items() for each in paths(below, (*path, key))]
    elif isinstance(value, list):
        found += [each for n, below in enumerate(value) for each in paths(below, (*path, n))]
    return found


scalars = st.sampled_from(["1", "-2.5e3", "true", '"a\\"b"', "'x]'", '"""q""ed"""', "2024-01-02", "'''a''b'''"])
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda each: "[" + ", # c ]\n".join(each) + "]"),
        st.lists(inner, max_size=3).map(
            lambda each: "{" + ", ".join(f"k{n} = {v}" for n, v in enumerate(each) if "\n" not in v) + "}"
        ),
    ),
    max_leaves=6,
)


@given(st.lists(values, max_size=4), st.lists(values, max_size=3))
def test_every_path_of_any_text_is_indexed(first: list[str], second: list[str]) -> None:
    text = "".join(f"a{n} = {value}\n" for n, value in enumerate(first))
    text += "".join(f"[[t]]\nb.c = {value}\n" for value in second)
    parsed = parse_toml(text, "f.toml")
    assert set(paths(parsed.data)) <= set(parsed.positions)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1\nb = \n", "f.toml:2:5: not valid TOML"),
        ("a = 1\na = 2\n", "f.toml:2:1: a is given twice; the first is on line 1"),
        ("[x]\na = 1\n[y]\n[x]\n", "f.toml:4:1: [x] is given twice; the first is on line 1"),
        ('a = "open\n', "not valid TOML"),
        ("a = [1, 2\n", "f.toml:2"),
        ("a = " + "[" * 5000 + "]" * 5000 + "\n", "brackets are nested too deeply"),
    ],
)
def test_broken_texts_say_where(text: str, message: str) -> None:
    with pytest.raises(TextError) as caught:
        parse_toml(text, "f.toml")
    assert message in str(caught.value)


def test_files_that_are_no_texts(tmp_path: Path) -> None:
    path = tmp_path / "product.toml"
    path.write_text("a = 1\n")
    with pytest.raises(TextError, match="there is no such file; given 'produkt.toml'; did you mean 'product.toml'"):
        read_toml(tmp_path / "produkt.toml")
    with pytest.raises(TextError, match="is a folder"):
        read_toml(tmp_path)
    path.write_text(" \n")
    with pytest.raises(TextError, match="is empty"):
        read_toml(path)
    path.write_bytes(b"a = 1\nb = '\xe9'\n")
    with pytest.raises(TextError, match=r"product.toml:2: is not UTF-8 text"):
        read_toml(path)
    path.write_bytes(b"\xef\xbb\xbfa = 1\r\nb = 2\r\n")
    assert read_toml(path).data == {"a": 1, "b": 2}
