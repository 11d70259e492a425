"""Units: dimension and scale of every number and equation.

A small exact algebra: a unit is a product of named units with powers, its factor to the base units an exact
fraction, so that ``L/h`` and ``L/d`` differ by 24 and not by 24.000000000000004. The names stand in
``units.txt`` in the format of pint. Pint itself judges this module in the tests; it is not imported here
because its import alone takes longer than reading the whole library.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from importlib.resources import files

from virtuall.core.errors import UnitError
from virtuall.core.position import Position

Power = int | Fraction
_FACTOR = re.compile(r"(?P<name>%|[A-Za-z]+)\s*(?:(?:\*\*|\^)?\s*(?P<power>-?\d+))?$")
_IDENTIFIER_FACTOR = re.compile(r"(?P<name>[A-Za-z]+)(?P<power>\d+)?$")
_PLAIN = {"", "1", "dimensionless"}
# No unit of nature has a higher power; a slip of the finger would fill the memory with digits.
_HIGHEST_POWER = 12


@dataclass(frozen=True)
class _Definition:
    """A named unit: exact factor to the base units, dimensions, symbol, and whether it takes prefixes."""

    factor: Fraction
    dimensions: tuple[tuple[str, int], ...]
    symbol: str = ""
    metric: bool = False


@dataclass(frozen=True)
class Unit:
    """A product of named units with powers.

    Attributes
    ----------
    parts : tuple of (str, power)
        Named units in the order they were written, each once, no zero powers.
    """

    parts: tuple[tuple[str, Power], ...] = ()

    @cached_property
    def dimensions(self) -> tuple[tuple[str, Power], ...]:
        """Powers of the base dimensions, sorted by name."""
        total: dict[str, Power] = {}
        for name, power in self.parts:
            for dimension, each in _named(name).dimensions:
                total[dimension] = total.get(dimension, 0) + each * power
        return tuple(sorted((name, power) for name, power in total.items() if power))

    @cached_property
    def factor(self) -> Fraction:
        """How many base units one of this unit is (exact for whole powers)."""
        result = Fraction(1)
        for name, power in self.parts:
            factor = _named(name).factor
            exact = Fraction(power).denominator == 1
            result *= factor ** int(power) if exact else Fraction(float(factor) ** float(power))
        return result

    @property
    def is_plain(self) -> bool:
        """True for the dimensionless unit of factor 1."""
        return not self.dimensions and self.factor == 1

    def __mul__(self, other: Unit) -> Unit:
        return _multiplied(self, other, 1)

    def __truediv__(self, other: Unit) -> Unit:
        return _multiplied(self, other, -1)

    def __pow__(self, power: Power) -> Unit:
        return Unit(tuple((name, _tidy(each * power)) for name, each in self.parts) if power else ())

    def __str__(self) -> str:
        above = "*".join(_written(name, power, "^") for name, power in self.parts if power > 0)
        below = "".join("/" + _written(name, -power, "^") for name, power in self.parts if power < 0)
        return (above or "1") + below

    @property
    def identifier(self) -> str:
        """The form that equations use: ``ug_per_mL``, ``per_d``, ``cell2_per_d``, ``dimensionless``."""
        above = [_written(name, power, "") for name, power in self.parts if power > 0]
        below = ["per_" + _written(name, -power, "") for name, power in self.parts if power < 0]
        return "_".join(above + below) or "dimensionless"

    def same_dimension(self, other: Unit) -> bool:
        """True when both measure the same kind of thing, at whatever scale."""
        return self.dimensions == other.dimensions

    def same(self, other: Unit) -> bool:
        """True when dimension and scale agree."""
        if self.parts == other.parts:
            return True
        return self.dimensions == other.dimensions and math.isclose(self.factor, other.factor, rel_tol=1e-12)

    def factor_to(self, other: Unit, *, where: Position | str | None = None) -> float:
        """Return the number by which a value in this unit is multiplied to be in `other`.

        Raises
        ------
        UnitError
            When the two differ in dimension.
        """
        if not self.same_dimension(other):
            hint = difference(self, other)
            raise UnitError(f"{self} cannot be expressed in {other}", where=where, hint=hint)
        return float(self.factor / other.factor)


ONE = Unit()


def difference(given: Unit, wanted: Unit) -> str:
    """Say in words how two units differ: in dimension, or by which factor in scale."""
    if given.same_dimension(wanted):
        ratio = float(given.factor / wanted.factor)
        return f"the scale differs: 1 {given} is {ratio:.6g} {wanted}"
    return f"the dimension differs: {_dimension_words(given)} against {_dimension_words(wanted)}"


def unit(text: str, *, where: Position | str | None = None) -> Unit:
    """Read a unit such as ``ug/d``, ``mg/m^2``, ``1/d``, ``cell/uL``, ``1``.

    Raises
    ------
    UnitError
        When the text is no unit; an unknown name is answered by the nearest known one.
    """
    try:
        return _unit(text.strip())
    except UnitError as error:
        raise _placed(error, where) from None


def unit_of_identifier(name: str, *, where: Position | str | None = None) -> Unit:
    """Read the form that equations use: ``ug_per_mL``, ``per_d``, ``cell2_per_d``, ``dimensionless``.

    Raises
    ------
    UnitError
        When the name is no unit.
    """
    try:
        return _unit_of_identifier(name)
    except UnitError as error:
        raise _placed(error, where) from None


def known_units() -> tuple[str, ...]:
    """Return every name that a unit may be built of, without prefixed forms."""
    return tuple(sorted(_definitions()[0]))


def _placed(error: UnitError, where: Position | str | None) -> UnitError:
    return UnitError(error.problem, given=error.given, allowed=error.allowed, where=where, hint=error.hint)


@lru_cache(maxsize=4096)
def _unit(text: str) -> Unit:
    if text in _PLAIN:
        return ONE
    result, sign = ONE, 1
    for piece in re.split(r"(/|(?<!\*)\*(?!\*))", text):
        word = piece.strip()
        if word in ("/", "*"):
            sign = -1 if word == "/" else 1
            continue
        if word == "1":
            continue
        match = _FACTOR.match(word)
        if match is None:
            raise UnitError("not a unit", given=text, hint="write for example ug/d, mg/m^2, 1/d or 1")
        result *= _single(match["name"], match["power"]) ** sign
    return result


@lru_cache(maxsize=4096)
def _unit_of_identifier(name: str) -> Unit:
    if name == "dimensionless":
        return ONE
    result, sign = ONE, 1
    for word in name.split("_"):
        if word == "per":
            sign = -1
            continue
        match = _IDENTIFIER_FACTOR.match(word)
        if match is None:
            raise UnitError("not a unit", given=name, hint="write for example ug_per_d, per_d, dimensionless")
        result *= _single(match["name"], match["power"]) ** sign
    return result


def _single(name: str, power: str | None) -> Unit:
    if name in ("%", "percent"):
        name = "percent"
    if name == "dimensionless":
        return ONE
    exponent = 1 if power is None else int(power)
    if abs(exponent) > _HIGHEST_POWER:
        raise UnitError(f"the power of a unit is at most {_HIGHEST_POWER}", given=f"{name}^{power}")
    return Unit(((_named(name).symbol or name, exponent),)) if exponent else ONE


def _multiplied(a: Unit, b: Unit, sign: int) -> Unit:
    total: dict[str, Power] = dict(a.parts)
    for name, power in b.parts:
        total[name] = total.get(name, 0) + sign * power
    return Unit(tuple((name, _tidy(power)) for name, power in total.items() if power))


def _tidy(power: Power) -> Power:
    return int(power) if Fraction(power).denominator == 1 else power


def _written(name: str, power: Power, mark: str) -> str:
    return name if power == 1 else f"{name}{mark}{power}"


def _dimension_words(value: Unit) -> str:
    return "*".join(_written(name, power, "^") for name, power in value.dimensions) or "a plain number"


@lru_cache(maxsize=4096)
def _named(name: str) -> _Definition:
    units, prefixes = _definitions()
    if name in units:
        return units[name]
    for prefix, scale in prefixes.items():
        rest = name[len(prefix) :]
        if name.startswith(prefix) and rest in units and units[rest].metric:
            return _Definition(scale * units[rest].factor, units[rest].dimensions)
    raise UnitError("unknown unit", given=name, allowed=_common_names())


def _common_names() -> tuple[str, ...]:
    units, prefixes = _definitions()
    short = [name for name, each in units.items() if each.metric and len(name) < 4]
    return (*units, *(prefix + name for name in short for prefix in prefixes))


@lru_cache(maxsize=1)
def _definitions() -> tuple[dict[str, _Definition], dict[str, Fraction]]:
    units: dict[str, _Definition] = {}
    prefixes: dict[str, Fraction] = {}
    for line in (files("virtuall.core") / "units.txt").read_text(encoding="utf-8").splitlines():
        body, _, comment = line.partition("#")
        if not body.strip():
            continue
        name, value, *symbols = (part.strip() for part in body.split("="))
        if name.endswith("-"):
            prefixes.update({symbol.rstrip("-"): Fraction(value) for symbol in symbols})
            continue
        factor, dimensions = _defined(value, units)
        definition = _Definition(factor, dimensions, (symbols or [name])[0], "metric" in comment)
        for each in (name, *symbols):
            units[each] = definition
    return units, prefixes


def _defined(value: str, units: dict[str, _Definition]) -> tuple[Fraction, tuple[tuple[str, int], ...]]:
    """Read ``[mass]``, ``0.01`` or ``1e-3 * meter**3``."""
    if value.startswith("["):
        return Fraction(1), ((value.strip("[]"), 1),)
    number, _, product = value.partition(" * ")
    above, _, below = number.partition("/")
    factor = Fraction(above) / Fraction(below or 1)
    dimensions: dict[str, int] = {}
    sign = 1
    for word in re.split(r"(/)", product.strip()) if product else []:
        if word == "/":
            sign = -1
            continue
        name, _, power = word.strip().partition("**")
        exponent = sign * int(power or 1)
        factor *= units[name].factor ** exponent
        for dimension, each in units[name].dimensions:
            dimensions[dimension] = dimensions.get(dimension, 0) + each * exponent
    return factor, tuple(sorted(dimensions.items()))
