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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virtuall.core.errors import InputError
from virtuall.model import Model, open_shelf
from virtuall.texts.cohort import Cohort
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
    cohorts = open_shelf(library).cohorts
    for address in numbers:
        head, slash, tail = address.partition("/")
        if not slash:
            _known(head, model.values, model.random, address)
        elif head not in cohorts and head not in POLICIES:
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


def _known(address: str, values: Mapping[str, Value], random: Mapping[str, Random], given: str) -> None:
    what, dot, key = address.partition(".")
    if not dot and what not in values:
        raise InputError("no such parameter", given=given, allowed=tuple(values))
    if dot and what not in random:
        raise InputError("no such random number", given=given, allowed=tuple(random))
    if dot and key not in random[what].numbers:
        allowed = tuple(f"{what}.{each}" for each in random[what].numbers)
        raise InputError("this distribution has no such number", given=given, allowed=allowed)
