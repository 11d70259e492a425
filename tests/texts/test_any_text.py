"""Whatever is in a text, the readers end in a result or in an error of ours, never in another exception."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtuall.core.errors import VirtuallError
from virtuall.core.units import unit, unit_of_identifier
from virtuall.texts.equations import parse_equations
from virtuall.texts.quantity import quantity
from virtuall.texts.references import read_references
from virtuall.texts.toml_text import parse_toml
from virtuall.texts.values import read_covariates, read_values

LIBRARY = Path(__file__).parents[1] / "model" / "library"
PIECES = [
    " ",
    "\n",
    ";",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    '"',
    "'",
    '"""',
    "=",
    ":=",
    "->",
    "a",
    "1e999",
    "#",
    "//",
    "_",
]
PIECES += [
    "-",
    "^",
    "é",
    "\x00",
    "\t",
    "0",
    "end",
    "species",
    "value = ",
    "unit",
    ",",
    ".",
    "\\",
    "true",
    "null",
    "%",
]


@st.composite
def spoiled(draw: st.DrawFn, text: str) -> str:
    """A sound text with a few pieces cut out, put in or doubled."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        piece = draw(st.sampled_from([*PIECES, text[start:end] * 2]))
        text = text[:start] + piece + text[end:]
    return text


def sound(name: str) -> str:
    return (LIBRARY / name).read_text(encoding="utf-8")


@given(st.one_of(st.text(max_size=40), spoiled(sound("therapies/drug/biology.ant"))))
def test_equations(text: str) -> None:
    with suppress(VirtuallError):
        parse_equations(text, "f.ant")


@given(spoiled(sound("therapies/drug/parameters.toml")))
def test_toml(text: str) -> None:
    with suppress(VirtuallError):
        parsed = parse_toml(text, "f.toml")
        assert all(key in parsed.positions for key in [(name,) for name in parsed.data])


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("therapies/drug/parameters.toml", read_values),
        ("biology/leukemia/parameters.toml", read_values),
        ("biology/covariates.toml", read_covariates),
        ("references.bib", read_references),
    ],
)
def test_files(name: str, read: Callable[[Path], object], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("any") / "file"

    @given(spoiled(sound(name)))
    def spoil(text: str) -> None:
        path.write_text(text, encoding="utf-8")
        with suppress(VirtuallError):
            read(path)

    spoil()


@given(st.text(max_size=12))
def test_units_and_quantities(text: str) -> None:
    for read in (unit, unit_of_identifier, quantity):
        with suppress(VirtuallError):
            read(text)


@given(st.text(alphabet="ugdmLh/*^ -1290.e_per", max_size=12))
def test_almost_units(text: str) -> None:
    for read in (unit, unit_of_identifier, quantity):
        with suppress(VirtuallError):
            read(text)
