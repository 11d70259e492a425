"""A number with its unit, as texts write it: ``28 ug/d``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from virtuall.core.errors import TextError, UnitError
from virtuall.core.position import Position
from virtuall.core.units import difference
from virtuall.core.units import unit as read_unit
from virtuall.texts.source import Source

_QUANTITY = re.compile(r"\s*(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*(?P<unit>.*?)\s*$")


@dataclass(frozen=True)
class Quantity:
    """A number with its unit.

    Attributes
    ----------
    value : float
        The number, in `unit`.
    unit : str
        The unit in text form, for example ``ug/d``; ``1`` for a plain number.
    position : Position or None
        Where it stands.
    given : str
        What was written, before any conversion.
    source : Source or None
        Where it comes from.
    """

    value: float
    unit: str
    position: Position | None = None
    given: str = ""
    source: Source | None = None

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return f"{self.value:g}" if self.unit == "1" else f"{self.value:g} {self.unit}"

    def to(self, unit: str) -> Quantity:
        """Return the same quantity in another unit.

        Raises
        ------
        UnitError
            When the dimensions differ.
        """
        if unit == self.unit:
            return self
        ours, wanted = read_unit(self.unit, where=self.position), read_unit(unit)
        if not ours.same_dimension(wanted):
            raise UnitError(
                f"a quantity in {unit} is expected",
                given=self.given or str(self),
                where=self.position,
                hint=difference(ours, wanted),
            )
        return replace(self, value=self.value * ours.factor_to(wanted), unit=unit)


def quantity(text: str, unit: str | None = None, *, where: Position | None = None) -> Quantity:
    """Read ``28 ug/d``; with `unit`, convert to it.

    Raises
    ------
    TextError
        When the text is no number with a unit.
    UnitError
        When the unit is unknown or of another dimension than `unit`.
    """
    match = _QUANTITY.match(text)
    if match is None:
        raise TextError(
            "not a number with a unit", given=text, where=where, hint='write for example "28 ug/d"'
        )
    named = read_unit(match["unit"], where=where)
    number = float(match["number"])
    if math.isinf(number):
        raise TextError("the number is too large", given=text, where=where)
    result = Quantity(number, str(named), where, text)
    return result if unit is None else result.to(unit)


def duration(text: str, *, where: Position | None = None) -> float:
    """Read a length of time such as ``7 d`` or ``48 h`` and return it in days.

    Raises
    ------
    TextError
        When the text is no number with a unit of time.
    """
    return quantity(text, "d", where=where).value
