"""Units: our exact algebra against pint, and its words for what is wrong."""

from __future__ import annotations

import math
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtuall.core.errors import UnitError
from virtuall.core.units import ONE, difference, known_units, unit, unit_of_identifier

TEXTS = ("ug/d", "mg/m^2", "1/d", "cell/uL", "pM", "nmol/L", "mL/min", "ng/mL*h", "cell^2/d", "IU/kg", "year")
# Each is written for pint with the same words.
NAMES = tuple(name for name in known_units() if name not in ("percent",))


@pytest.fixture(scope="module")
def registry() -> object:
    import pint

    definitions = (files("virtuall.core") / "units.txt").read_text(encoding="utf-8")
    registry = pint.UnitRegistry(None)
    for line in definitions.splitlines():
        body = line.partition("#")[0].strip()
        if body:
            registry.define(body)
    return registry


@pytest.mark.parametrize("text", [*TEXTS, *NAMES])
def test_pint_agrees(registry: object, text: str) -> None:
    expression = registry.parse_expression(text.replace("^", "**"))  # type: ignore[attr-defined]
    theirs = (1 * expression).to_root_units()
    ours = unit(text)
    dimensions = {f"[{name}]": power for name, power in ours.dimensions}
    assert dimensions == dict(theirs.dimensionality)
    # our base units, the meter, the gram and the day, are those of pint with these definitions
    assert float(ours.factor) == pytest.approx(float(theirs.magnitude), rel=1e-12)


@given(st.lists(st.tuples(st.sampled_from(["ug", "L", "d", "cell", "mmol"]), st.integers(-3, 3)), max_size=4))
def test_text_and_identifier_come_back(parts: list[tuple[str, int]]) -> None:
    made = ONE
    for name, power in parts:
        made = made * unit(name) ** power
    assert unit(str(made)).same(made)
    assert unit_of_identifier(made.identifier).same(made)


@given(st.sampled_from(TEXTS), st.sampled_from(TEXTS), st.integers(-3, 3))
def test_products_and_powers(a: str, b: str, power: int) -> None:
    one, two = unit(a), unit(b)
    assert ((one * two) / two).same(one)
    assert (one**power * one ** (-power)).same(ONE)
    assert math.isclose((one * two).factor, one.factor * two.factor)


def test_scales_are_exact() -> None:
    assert unit("L/h").factor_to(unit("L/d")) == 24.0
    assert unit("ng/mL").factor_to(unit("ug/L")) == 1.0
    assert unit("mg").factor_to(unit("ug")) == 1000.0
    assert not unit("L/h").same(unit("L/d"))
    assert unit("liter") == unit("L")
    assert unit("%").factor_to(ONE) == 0.01


def test_identifier_forms() -> None:
    assert unit_of_identifier("pg_per_mL").same(unit("pg/mL"))
    assert unit_of_identifier("cell2_per_d").same(unit("cell^2/d"))
    assert unit_of_identifier("per_day").same(unit("1/d"))
    assert unit_of_identifier("mL_per_min_per_m2").same(unit("mL/min/m^2"))
    assert unit_of_identifier("dimensionless") == ONE == unit("1")


def test_errors_say_what_was_wrong() -> None:
    with pytest.raises(UnitError, match=r"x.toml:3: unknown unit; given 'ugg'; did you mean 'ug'"):
        unit("ugg/d", where="x.toml:3")
    with pytest.raises(UnitError, match="not a unit; given '3 cats'"):
        unit("3 cats")
    with pytest.raises(UnitError, match="the power of a unit is at most 12; given 'L.99999999'"):
        unit("L^99999999")
    with pytest.raises(UnitError, match="unknown unit; given 'kd'"):
        unit("kd")
    with pytest.raises(UnitError, match="ug cannot be expressed in 1/d; the dimension differs: mass against time"):
        unit("ug").factor_to(unit("1/d"))
    assert difference(unit("1/h"), unit("1/d")) == "the scale differs: 1 1/h is 24 1/d"
