"""Read the numbers of a module (``parameters.toml``) and the covariates (``covariates.toml``).

::

    [parameters.CL_typical]
    value = 2.22
    unit = "L/h"
    as = "L/d"            # the unit that the equations use, when it is another
    doc = "clearance of a typical adult"
    source = "author2020"
    mark = "V"

    [random.eta_CL]       # differs between patients
    distribution = "normal"
    mean = 0
    sd = 0.7
    unit = "1"
    ...

    [[correlation]]       # of the underlying normals
    between = ["eta_CL", "eta_V"]
    value = 0.73
    ...

    [inputs.R_drug]      # set by orders; 0 at the start, or what `start` says
    [inputs.growth]      # with set_by = "product": the product that a patient gets gives it (values.toml), once
    [scales]              # A_drug = "1e-3 ug": below this size the error of a state counts as absolute
    [clocks.infection]    # state = "H_infection": an integrated hazard
    [clones.L]            # birth, loss, threshold: a birth-death process when small
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from virtuall.core.errors import TextError, UnitError
from virtuall.core.position import Position
from virtuall.core.units import difference
from virtuall.core.units import unit as read_unit
from virtuall.texts.quantity import Quantity
from virtuall.texts.source import SOURCE_KEYS, Source
from virtuall.texts.table import Table, reading

T = TypeVar("T")
SETTERS = ("orders", "product")


@dataclass(frozen=True)
class Value:
    """A fixed number.

    Attributes
    ----------
    name : str
        The symbol that equations use.
    value : float
        The number, in `unit`.
    unit : str
        The unit that equations use (``as``, or else ``unit`` of the text).
    given : str
        The number as written, before conversion, with its unit.
    doc : str
        What it is.
    source : Source
        Where it comes from, with its mark.
    position : Position
        Where it is written.
    """

    name: str
    value: float
    unit: str
    given: str
    doc: str
    source: Source
    position: Position

    @property
    def mark(self) -> str:
        """How far the number may be trusted: V, M, D or A."""
        return self.source.mark


@dataclass(frozen=True)
class Random:
    """A number that differs between patients.

    Attributes
    ----------
    distribution : str
        A key of `DISTRIBUTIONS`.
    numbers : mapping of str to float
        The distribution's numbers, those with a unit in `unit`: for ``normal`` mean and sd; ``lognormal``
        median and sd_log; ``logitnormal`` mean and sd of the logit; ``uniform`` and ``loguniform`` low and
        high; ``bernoulli`` p.
    choices, weights : tuple of float
        For ``choice``: the values, and their probabilities, which sum to 1.
    low, high : float
        Truncation, in `unit`; infinite where there is none.
    name, unit, doc, source, position
        As for `Value`.
    """

    name: str
    distribution: str
    numbers: Mapping[str, float]
    choices: tuple[float, ...]
    weights: tuple[float, ...]
    low: float
    high: float
    unit: str
    doc: str
    source: Source
    position: Position

    @property
    def mark(self) -> str:
        """How far the numbers may be trusted: V, M, D or A."""
        return self.source.mark


@dataclass(frozen=True)
class Correlation:
    """The correlation of the normals that underlie two random numbers (Gaussian copula), within -1..1."""

    between: tuple[str, str]
    value: float
    source: Source
    position: Position


@dataclass(frozen=True)
class Input:
    """A number that orders set, or (`by_product`) that the product given to a patient brings along.

    ``start`` is its value where nothing sets it, in ``unit``.
    """

    name: str
    unit: str
    doc: str
    start: float
    by_product: bool
    position: Position


@dataclass(frozen=True)
class Covariate:
    """A number that describes a patient; cohorts say how it is distributed.

    ``low`` and ``high`` are limits of what is plausible, in ``unit``.
    """

    name: str
    unit: str
    doc: str
    low: float
    high: float
    source: Source | None
    position: Position


@dataclass(frozen=True)
class Clock:
    """An event that comes when the integrated hazard ``state`` passes the patient's threshold."""

    name: str
    state: str
    doc: str
    position: Position


@dataclass(frozen=True)
class Clone:
    """A population of cells that is a birth-death process below ``threshold`` cells.

    ``birth`` and ``loss`` name signals: rates per cell and day.
    """

    state: str
    birth: str
    loss: str
    threshold: float
    doc: str
    source: Source | None
    position: Position


@dataclass(frozen=True)
class Values:
    """Everything that one ``parameters.toml`` says, by name."""

    file: str
    parameters: Mapping[str, Value] = field(default_factory=dict)
    random: Mapping[str, Random] = field(default_factory=dict)
    correlations: tuple[Correlation, ...] = ()
    inputs: Mapping[str, Input] = field(default_factory=dict)
    scales: Mapping[str, Quantity] = field(default_factory=dict)
    clocks: Mapping[str, Clock] = field(default_factory=dict)
    clones: Mapping[str, Clone] = field(default_factory=dict)


def read_values(path: Path) -> Values:
    """Read a ``parameters.toml``.

    Raises
    ------
    TextError
        When the file cannot be read or is no TOML.
    Problems
        With everything that is wrong in it: missing source or mark, unknown keys, wrong types, units.
    """
    with reading(path) as table:
        values = Values(
            table.file,
            parameters=_each(table, "parameters", _parameter),
            random=_each(table, "random", _random),
            correlations=tuple(_correlation(each) for each in table.tables("correlation")),
            inputs=_each(table, "inputs", _input),
            scales=_scales(table),
            clocks=_each(table, "clocks", _clock),
            clones=_each(table, "clones", _clone),
        )
        _refuse_same_names(table, values)
    return values


def read_product_values(path: Path) -> Mapping[str, Value]:
    """Read a ``values.toml``: what a product gives to inputs of shared equations. Errors as for `read_values`."""
    with reading(path) as table:
        return _each(table, "values", _parameter)


def read_covariates(path: Path) -> Mapping[str, Covariate]:
    """Read a ``covariates.toml``. Errors as for `read_values`."""
    with reading(path) as table:
        return _each(table, "covariates", _covariate)


def _each(table: Table, key: str, read: Callable[[Table], T]) -> dict[str, T]:
    return {name: read(each) for name, each in table.named(key).items()}


def _units(table: Table) -> tuple[str, float]:
    """Return the unit that equations use, and the factor from the given unit to it."""
    given = table.unit()
    if "as" not in table:
        table.text("as", default=None)
        return given, 1.0
    used = table.unit("as")
    ours, wanted = read_unit(given), read_unit(used)
    if not ours.same_dimension(wanted):
        why = difference(ours, wanted)
        table.note(UnitError(f"{given} cannot be given as {used}", where=table.where("as"), hint=why))
        return used, 1.0
    return used, ours.factor_to(wanted)


def _parameter(table: Table) -> Value:
    number = table.number("value")
    given = table.text("unit")
    unit, factor = _units(table)
    return Value(
        table.name,
        number * factor,
        unit,
        f"{number:g} {given}",
        table.text("doc"),
        table.source(),
        table.where(),
    )


# The numbers of each distribution; True: in the unit of the random number, False: a plain number.
DISTRIBUTIONS: Mapping[str, Mapping[str, bool]] = {
    "normal": {"mean": True, "sd": True},
    "lognormal": {"median": True, "sd_log": False},
    "logitnormal": {"mean": False, "sd": False},
    "uniform": {"low": True, "high": True},
    "loguniform": {"low": True, "high": True},
    "bernoulli": {"p": False},
    "choice": {},
}
_POSITIVE = ("sd", "sd_log", "median")
_PLAIN_DISTRIBUTIONS = ("logitnormal", "bernoulli")


def _random(table: Table) -> Random:
    unit, factor = _units(table)
    kind = table.choice("distribution", tuple(DISTRIBUTIONS))
    names = DISTRIBUTIONS[kind]
    numbers = {
        name: table.number(name, low=0.0 if name in _POSITIVE else None) * (factor if scaled else 1.0)
        for name, scaled in names.items()
    }
    low, high = -math.inf, math.inf
    if "low" not in names:
        low = table.number("low", default=-math.inf) * factor
        high = table.number("high", default=math.inf) * factor
    choices: tuple[float, ...] = ()
    weights: tuple[float, ...] = ()
    if kind == "choice":
        choices = tuple(value * factor for value in table.numbers("values"))
        weights = table.numbers("weights")
    found = Random(
        table.name,
        kind,
        numbers,
        choices,
        weights,
        low,
        high,
        unit,
        table.text("doc"),
        table.source(),
        table.where(),
    )
    _check_random(table, found)
    return found


def _check_random(table: Table, found: Random) -> None:
    low, high = found.numbers.get("low", found.low), found.numbers.get("high", found.high)
    if low >= high:
        table.problem("low must be below high", "low")
    if found.distribution == "loguniform" and low <= 0.0:
        table.problem("a loguniform number must be above 0", "low")
    if found.distribution == "lognormal" and found.numbers["median"] == 0.0:
        table.problem("a lognormal number must have a median above 0", "median")
    if found.distribution in _PLAIN_DISTRIBUTIONS and not read_unit(found.unit).is_plain:
        table.problem(
            f"a {found.distribution} number is a plain number", "unit", given=found.unit, allowed=("1",)
        )
    if not 0.0 <= found.numbers.get("p", 0.5) <= 1.0:
        table.problem("p must lie within 0 and 1", "p")
    if found.distribution == "choice":
        _check_choice(table, found)


def _check_choice(table: Table, found: Random) -> None:
    if len(found.choices) != len(found.weights) or not found.choices:
        table.problem("values and weights must be lists of the same length", "weights")
    elif min(found.weights) < 0.0 or not math.isclose(math.fsum(found.weights), 1.0, abs_tol=1e-9):
        table.problem("weights must be at least 0 and sum to 1", "weights", given=list(found.weights))


def _correlation(table: Table) -> Correlation:
    names = table.texts("between")
    if len(names) != 2 or names[0] == names[-1]:
        table.problem("between must name two different random numbers", "between", given=list(names))
        names = ("", "")
    return Correlation(
        (names[0], names[1]),
        table.number("value", low=-1.0, high=1.0),
        table.source(),
        table.where("between"),
    )


def _input(table: Table) -> Input:
    unit = table.unit()
    start = table.quantity("start", unit, default=None)
    by = table.choice("set_by", SETTERS, default=SETTERS[0])
    return Input(
        table.name, unit, table.text("doc"), 0.0 if start is None else start.value, by == SETTERS[1], table.where()
    )


def _scales(table: Table) -> dict[str, Quantity]:
    if "scales" not in table:
        table.table("scales", default=None)
        return {}
    scales = table.table("scales")
    found = {name: scales.quantity(name, low=0.0) for name in scales.keys() if name not in SOURCE_KEYS}
    for name, quantity in found.items():
        if quantity.value == 0.0:
            scales.problem("a scale must be above 0", name)
    return found


def _clock(table: Table) -> Clock:
    return Clock(table.name, table.text("state"), table.text("doc"), table.where())


def _clone(table: Table) -> Clone:
    return Clone(
        table.name,
        table.text("birth"),
        table.text("loss"),
        table.quantity("threshold", "cell", low=0.0).value,
        table.text("doc"),
        table.source(required=False),
        table.where(),
    )


def _covariate(table: Table) -> Covariate:
    unit = table.unit()
    low, high = table.number("low"), table.number("high")
    if low >= high:
        table.problem("low must be below high", "low")
    source = table.source(required=False)
    return Covariate(table.name, unit, table.text("doc"), low, high, source, table.where())


def _refuse_same_names(table: Table, values: Values) -> None:
    kinds: tuple[Mapping[str, Value | Random | Input], ...] = (
        values.parameters,
        values.random,
        values.inputs,
    )
    seen: dict[str, Position] = {}
    for kind in kinds:
        for name, found in kind.items():
            if name in seen:
                table.note(TextError(f"{name} is given twice; first at {seen[name]}", where=found.position))
            seen.setdefault(name, found.position)
