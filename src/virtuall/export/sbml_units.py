"""Units in the words of SBML.

Choices, also stated in the notes of exported models: a cell, and a copy, is an ``item``; a degree Celsius
is a ``kelvin`` (a difference, never an absolute one); what SBML has no base unit for (IU, courses,
doses ...) is ``dimensionless``.
"""

from __future__ import annotations

from typing import Any

from virtuall.core.units import Unit

NOTE = (
    "A cell and a copy are items; a degree Celsius is a kelvin; units without a counterpart in SBML,"
    " such as IU or courses, are dimensionless."
)

# Dimension to SBML's base unit, and how many of those one of our base units is.
_KINDS = {
    "mass": ("gram", 1.0),
    "length": ("metre", 1.0),
    "time": ("second", 86400.0),
    "substance": ("mole", 1.0),
    "cells": ("item", 1.0),
    "copies": ("item", 1.0),
    "temperature": ("kelvin", 1.0),
}
# SBML's own words are not available as names of unit definitions.
_BUILT_IN = frozenset(
    "ampere avogadro becquerel candela coulomb dimensionless farad gram gray henry hertz item joule"
    " katal kelvin kilogram litre lumen lux metre mole newton ohm pascal radian second siemens sievert"
    " steradian tesla volt watt weber".split()
)


def unit_id(unit: Unit) -> str:
    """Return the name of a unit in SBML: its identifier form, ``ug_per_d``."""
    name = unit.identifier.replace("/", "_over_")  # the power of a root: g1_over_2
    if name == "dimensionless":
        return name
    return f"unit_{name}" if name in _BUILT_IN else name


def define_unit(model: Any, unit: Unit) -> str:
    """Add a unit definition to an SBML model unless it is there, and return its name."""
    name = unit_id(unit)
    if name == "dimensionless" or model.getUnitDefinition(name) is not None:
        return name
    definition = model.createUnitDefinition()
    definition.setId(name)
    for part, power in unit.parts:
        for kind, multiplier, exponent in _base_units(Unit(((part, 1),))):
            _add(definition, kind, multiplier, float(exponent * power))
    return name


def _base_units(named: Unit) -> list[tuple[str, float, float]]:
    """Return SBML base units (kind, multiplier, exponent) whose product is a named unit."""
    factor = float(named.factor)
    if named.dimensions == (("length", 3),):
        return [("litre", factor * 1000.0, 1.0)]
    found: list[tuple[str, float, float]] = []
    for dimension, power in named.dimensions:
        kind, size = _KINDS.get(dimension, ("dimensionless", 1.0))
        found.append((kind, size, float(power)))
    if len(found) == 1 and found[0][2] == 1.0:
        kind, size, exponent = found[0]
        return [(kind, size * factor, exponent)]
    return [("dimensionless", factor, 1.0), *found]


def _add(definition: Any, kind: str, multiplier: float, exponent: float) -> None:
    import libsbml

    unit = definition.createUnit()
    unit.setKind(libsbml.UnitKind_forName(kind))
    unit.setExponent(exponent)
    unit.setScale(0)
    unit.setMultiplier(multiplier)
