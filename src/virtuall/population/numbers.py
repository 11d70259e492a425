"""Numbers of the library by address, so that a set of them can stand in place of those in the texts.

=======================================  ==============================================================
``growth_median``                        a parameter of the model
``unfit.p``                              a number of the distribution of what differs between patients
``COHORT/cd19_negative_present.p``       the same of one cohort only (``COHORT/NAME`` for a parameter of it)
``PRODUCT/car_release``                  what a product brings along (``values.toml``)
``transplant/eligible``                  a number of the policy of transplant, or of the ``next_line``
``next_line/after.PRODUCT``              the success of a next line after a product
``PRODUCT/transplant_referred``          the share referred to transplant that the regimens of a product set
=======================================  ==============================================================

A number that a cohort sets for itself is not touched by the address without the cohort's name. All are in the units of
the model.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virtuall.core.errors import InputError, TextError, UnitError
from virtuall.core.units import unit as read_unit
from virtuall.model import Model, open_shelf
from virtuall.model.shelf import Shelf
from virtuall.texts.cohort import Cohort, read_cohort
from virtuall.texts.quantity import quantity
from virtuall.texts.values import Random, Value

Floats = NDArray[np.float64]
POLICIES = ("transplant", "next_line")
REFERRED = "transplant_referred"


@dataclass(frozen=True)
class Numbers:
    """What a parameter set changes in the patients of one cohort.

    Attributes
    ----------
    columns : mapping of str to float64[N]
        Parameters by name; numbers of products and policies by address.
    random : mapping of str to mapping of str to float or float64[N]
        Numbers of distributions, whole, by what differs between patients.
    units : mapping of str to str
        Unit of each column.
    """

    columns: Mapping[str, Floats]
    random: Mapping[str, Mapping[str, float]]
    units: Mapping[str, str]


def checked(
    numbers: Mapping[str, ArrayLike], model: Model, library: Sequence[Path | str] = ()
) -> Mapping[str, ArrayLike]:
    """The numbers, when each address is one of the library.

    Raises
    ------
    InputError
        With the nearest address.
    """
    if not numbers:
        return numbers
    shelf = open_shelf(library)
    cohorts = shelf.cohorts
    heads = {address.partition("/")[0] for address in numbers}
    policies = {name: tuple(f"{name}/{each}" for each in _policy(name, shelf)) for name in POLICIES if name in heads}
    for address in numbers:
        head, slash, tail = address.partition("/")
        if not slash:
            _known(head, model.values, model.random, address)
        elif head in policies:
            if address not in policies[head]:
                raise InputError("no such number of this policy", given=address, allowed=policies[head])
        elif head not in cohorts:
            allowed = (*(f"{head}/{name}" for name in model.products.get(head, {})), f"{head}/{REFERRED}")
            if head not in model.products and tail != REFERRED:
                places = (*cohorts, *model.products, *POLICIES)
                raise InputError("no cohort, product or policy of the library", given=address, allowed=places)
            if address not in allowed:
                raise InputError("no such number of this product", given=address, allowed=allowed)
    return numbers


def numbers_of(numbers: Mapping[str, ArrayLike], model: Model, text: Cohort, name: str, count: int) -> Numbers:
    """What these numbers change for `count` patients of the cohort `name`."""
    columns: dict[str, Floats] = {}
    random: dict[str, dict[str, float]] = {}
    units: dict[str, str] = {}
    own_random = {**text.covariates, **text.random}
    for address, given in numbers.items():
        values = np.array(np.broadcast_to(np.asarray(given, np.float64), count))
        head, slash, tail = address.partition("/")
        if slash and head != name:
            columns[address], units[address] = values, "1"
            continue
        what, dot, key = (tail if slash else head).partition(".")
        if not dot:
            if slash or what not in text.parameters:
                columns[what], units[what] = values, model.values[what].unit
            continue
        if slash:
            _known(f"{what}.{key}", text.parameters, own_random, address)
        if slash or what not in own_random:
            whole = random.setdefault(what, dict({**model.random, **own_random}[what].numbers))
            whole[key] = values  # type: ignore[assignment]
    return Numbers(columns, random, units)


def number_at(address: str, shelf: Shelf, model: Model) -> float | None:
    """The number that the texts of a shelf hold at an address, the first of several; None where they hold none.

    Parameters
    ----------
    model : Model
        Of that shelf. Its units are those of the number, but for a policy, whose lengths of time are in days.
    """
    return next(iter(numbers_at(address, shelf, model)), None)


def numbers_at(address: str, shelf: Shelf, model: Model) -> tuple[float, ...]:
    """All that the texts of a shelf hold at an address: one number, or one for each regimen that sets it."""
    head, slash, tail = address.partition("/")
    if slash and tail == REFERRED and head not in POLICIES:
        texts = [_toml(path) for path in shelf.matching(f"therapies/{head}/regimens/*.toml").values()]
        set_there = [_amount(_table(text, "transplant").get("referred")) for text in texts]
        return tuple(each for each in set_there if each is not None)
    found = _one_at(address, shelf, model)
    return () if found is None else (found,)


def _one_at(address: str, shelf: Shelf, model: Model) -> float | None:
    head, slash, tail = address.partition("/")
    if slash and head in POLICIES:
        return _policy(head, shelf).get(tail)
    if slash and head in model.products:
        value = model.products[head].get(tail)
        return None if value is None else value.value
    if slash and head not in shelf.cohorts:
        return None
    own = read_cohort(shelf.cohort(head)) if slash else None
    what, dot, key = (tail if slash else head).partition(".")
    if not dot:
        values = model.values if own is None else own.parameters
        return values[what].value if what in values else None
    random = model.random if own is None else {**own.covariates, **own.random}
    return random[what].numbers.get(key) if what in random else None


def _policy(name: str, shelf: Shelf) -> dict[str, float]:
    """The numbers of a policy by name: ``success``, and of another table than the policy's own ``after.NAME``."""
    path = shelf.files.get(f"therapies/{name}/policy.toml")
    tables = {} if path is None else _toml(path)
    found = {
        key if table == "policy" else f"{table}.{key}": _amount(written)
        for table in tables
        for key, written in _table(tables, table).items()
    }
    return {key: value for key, value in found.items() if value is not None}


def _amount(written: object) -> float | None:
    """The number of a quantity as texts write it: ``"0.8"``, ``"60 d"``, or a table with its value."""
    text = f"{written.get('value')} {written.get('unit')}" if isinstance(written, dict) else written
    try:
        found = quantity(text) if isinstance(text, str) else None
    except (TextError, UnitError):
        return None
    days = read_unit("d")
    if found is None or not read_unit(found.unit).same_dimension(days):
        return None if found is None else found.value
    return found.to("d").value


def _table(text: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A table of a text; empty where there is none."""
    found = text.get(name)
    return found if isinstance(found, dict) else {}


def _toml(path: Path) -> dict[str, Any]:
    """A text as it is written; one that cannot be read holds nothing here: who loads it says what is wrong."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return {}


def _known(address: str, values: Mapping[str, Value], random: Mapping[str, Random], given: str) -> None:
    what, dot, key = address.partition(".")
    if not dot and what not in values:
        raise InputError("no such parameter", given=given, allowed=tuple(values))
    if dot and what not in random:
        raise InputError("no such random number", given=given, allowed=tuple(random))
    if dot and key not in random[what].numbers:
        allowed = tuple(f"{what}.{each}" for each in random[what].numbers)
        raise InputError("this distribution has no such number", given=given, allowed=allowed)
