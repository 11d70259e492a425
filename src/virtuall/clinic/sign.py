"""The signs that scales grade: what a daily record may hold, in which unit, and what is plausible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.conditions import Column
from virtuall.core.errors import InputError, UnitError
from virtuall.core.units import unit as read_unit
from virtuall.texts.table import Table, reading

Floats = NDArray[np.float64]
SIGNS = "grading/columns/signs.toml"
MULTIPLE = "ULN"
KINDS = ("number", "category", "flag")
# How several values of a day become one.
DAILY = ("highest", "lowest")


@dataclass(frozen=True)
class Spelling:
    """Another way to write a sign: a value in its base unit is ``(written - minus) / per``."""

    minus: float
    per: float


@dataclass(frozen=True)
class Sign:
    """One sign.

    Attributes
    ----------
    name, doc : str
        Its column, and what it is.
    kind : "number", "category" or "flag"
        A flag is yes or no.
    unit : str
        Base unit of a number.
    levels : tuple of str
        Words of a category, from the best to the worst.
    daily : "highest" or "lowest"
        Which of several values of a day counts; of a category the worst word, of a flag a yes.
    low, high : float
        What is plausible, in the base unit.
    zero : bool
        0 is plausible although it lies below `low`.
    must_say : bool
        Whether the unit must be said, because its usual units give values of the same size.
    spellings : mapping of str to Spelling
        Other units by name.
    upper, lower : str
        The signs that hold the limits of normal; empty when it has none.
    most : float
        The highest plausible multiple of the upper limit of normal.
    """

    name: str
    doc: str
    kind: str
    unit: str
    levels: tuple[str, ...]
    daily: str
    low: float
    high: float
    zero: bool
    must_say: bool
    spellings: Mapping[str, Spelling]
    upper: str
    lower: str
    most: float

    def column(self, unit: str) -> Column:
        """How conditions read the sign when it is held in `unit`."""
        if self.kind != "number":
            return Column(kind=cast(Any, self.kind), levels=self.levels)
        bounded = unit == self.unit
        upper, lower = (self.upper or None, self.lower or None) if bounded else (None, None)
        return Column(unit, upper_normal=upper, lower_normal=lower)

    @property
    def units(self) -> tuple[str, ...]:
        """The units that it may be written in, the base unit first."""
        return (self.unit, *self.spellings, *((MULTIPLE,) if self.upper else ()))

    def plausible(self, values: Floats) -> NDArray[np.bool_]:
        """Say which values in the base unit are plausible; what is unknown is."""
        inside = (values >= self.low) & (values <= self.high)
        return inside | np.isnan(values) | (self.zero & (values == 0))


def read_signs(path: Path) -> dict[str, Sign]:
    """Read the text of the signs. Raises Problems."""
    with reading(path) as text:
        head = text.table("signs")
        head.text("title")
        head.source()
        signs = {name: _sign(table) for name, table in text.named("sign").items()}
        for name, sign in signs.items():
            for limit in (sign.upper, sign.lower):
                if limit and limit not in signs:
                    text.table("sign").table(name).problem("unknown sign", given=limit, allowed=tuple(signs))
    return signs


def _sign(table: Table) -> Sign:
    kind = table.choice("kind", KINDS, default="number")
    number = kind == "number"
    levels = table.texts("levels") if kind == "category" else ()
    others = table.table("units", default=None)
    return Sign(
        table.name,
        table.text("doc"),
        kind,
        table.unit() if number else "1",
        levels,
        table.choice("daily", DAILY, default="highest"),
        table.number("low") if number else 0.0,
        table.number("high") if number else np.inf,
        table.flag("zero", default=False),
        table.flag("must_say", default=False),
        {} if others is None else {name: _spelling(each) for name, each in others.children().items()},
        table.text("upper", default=""),
        table.text("lower", default=""),
        table.number("most", default=np.inf),
    )


def _spelling(table: Table) -> Spelling:
    return Spelling(table.number("minus", default=0.0), table.number("per"))


def spelling_of(sign: Sign, unit: str) -> Spelling:
    """How a unit other than multiples of the limit of normal is turned to the base unit.

    Raises
    ------
    UnitError
        When the sign cannot be written in that unit.
    """
    known = next((each for each in sign.spellings if each.lower() == unit.lower()), None)
    if known is not None:
        return sign.spellings[known]
    try:
        factor = read_unit(unit).factor_to(read_unit(sign.unit))
    except UnitError:
        raise UnitError(f"{sign.name} cannot be in this unit", given=unit, allowed=sign.units) from None
    return Spelling(0.0, 1 / factor)


def in_base(values: Floats, spelling: Spelling) -> Floats:
    """Turn values to the base unit."""
    return rounded((values - spelling.minus) / spelling.per)


def rounded(values: Floats) -> Floats:
    """Take the dust of a conversion away: 100.4 degrees Fahrenheit are 38, and not a little less than a threshold."""
    return np.array([float(f"{value:.12g}") for value in values.tolist()], np.float64)


def unit_of_header(header: str) -> tuple[str, str]:
    """Split a header such as ``temperature [degF]`` into name and unit (empty when none is said).

    Raises
    ------
    InputError
        When a bracket is not closed.
    """
    name, bracket, rest = header.strip().partition("[")
    if bracket and not rest.rstrip().endswith("]"):
        raise InputError("a bracket of a header is not closed", given=header, hint="write for example: alt [U/L]")
    return name.strip(), rest.rstrip().removesuffix("]").strip()
