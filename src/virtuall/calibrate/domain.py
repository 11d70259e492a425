"""The calibrated domain: whom, and with what, the trials of the calibration treated; a run outside it says so.

Nothing is written down here: ``calibration/budget.toml`` names the trials, their designs the arms, and the texts of
these the regimens and the cohorts. An arm belongs to the domain when a published row of it is calibrated, so the arms
that only validate do not. What a user's folders lay over the library of the calibration does not widen the domain.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from virtuall.calibrate.budget import BUDGET
from virtuall.clinic.sequence import read_sequence
from virtuall.dosing.reading import Product, read_regimen
from virtuall.dosing.regimen import Level, Regimen
from virtuall.model.shelf import Shelf, open_shelf
from virtuall.population.ensemble import ENSEMBLE
from virtuall.simulation.protocol import read_products
from virtuall.texts.cohort import read_cohort
from virtuall.texts.toml_text import read_toml
from virtuall.texts.values import Random
from virtuall.trial.design import Arm, Design, load_design
from virtuall.trial.mapping import read_mapping
from virtuall.trial.published import read_published

if TYPE_CHECKING:
    from virtuall.population import Population
    from virtuall.simulation.protocol import Protocol

# Rounding of a number that was drawn within its limits, or of a dose in another unit.
_CLOSE = 1e-9


@dataclass(frozen=True)
class Span:
    """The smallest and the largest number that was covered."""

    low: float
    high: float

    def with_span(self, other: Span) -> Span:
        """The span of both."""
        return Span(min(self.low, other.low), max(self.high, other.high))


@dataclass(frozen=True)
class Domain:
    """What the trials of the calibration cover.

    Attributes
    ----------
    doses : mapping of (product, unit) to Span
        Every amount or rate that their regimens give, bridging and lymphodepletion included; in product units, by
        body surface or weight where the text says so.
    covariates : mapping of product to mapping of covariate to Span
        For each product that an arm was about: the limits of its cohorts.
    """

    doses: Mapping[tuple[str, str], Span]
    covariates: Mapping[str, Mapping[str, Span]]

    @property
    def products(self) -> frozenset[str]:
        """Every product that was given."""
        return frozenset(product for product, _ in self.doses)


def read_domain(library: Sequence[Path | str] = ()) -> Domain | None:
    """The domain of a library's calibration; None when it names no trials.

    Raises
    ------
    InputError, TextError, Problems
        When a text of a trial is gone or wrong.
    """
    shelf = _of_calibration(open_shelf(library))
    return None if shelf is None else _read(shelf, shelf.stamp())


@lru_cache(maxsize=8)
def _read(shelf: Shelf, _: tuple[tuple[str, int, int], ...]) -> Domain:
    """Read anew when a text has changed."""
    products = read_products(shelf)
    doses: dict[tuple[str, str], Span] = {}
    covariates: dict[str, dict[str, Span]] = {}
    for arm in _arms(shelf):
        for regimen, main in _regimens(shelf, arm.protocol, products):
            for key, span in _doses(regimen, products, light=True):
                doses[key] = span.with_span(doses.get(key, span))
            if main:
                limits = covariates.setdefault(regimen.product, {})
                for name, random in read_cohort(shelf.cohort(arm.cohort)).covariates.items():
                    span = _limits(random)
                    limits[name] = span.with_span(limits.get(name, span))
    return Domain(doses, covariates)


def outside(patients: Population, protocol: Protocol, library: Sequence[Path | str] = ()) -> tuple[str, ...]:
    """What of these patients and this protocol no calibrated trial covers, in sentences; empty within the domain.

    Parameters
    ----------
    patients : Population
    protocol : Protocol
    library : sequence of path
        The folders of both.

    Returns
    -------
    tuple of str
        Products never calibrated; doses outside those given; shares of the patients with a covariate outside the
        limits of the cohorts in which the product was calibrated.
    """
    domain = read_domain(library)
    if domain is None:
        return ()
    said = []
    for product in protocol.given_products:
        if product not in domain.products:
            said.append(f"{product} was never calibrated: no calibrated trial gives it.")
    said += _doses_outside(patients, protocol, domain)
    for product in protocol.given_products:
        if product in protocol.main_products and product in domain.products:
            said += _patients_outside(patients, product, domain)
    return tuple(dict.fromkeys(said))


def _of_calibration(shelf: Shelf) -> Shelf | None:
    """The shelf as it was calibrated: without the folders over that of the ensemble, or else of the budget."""
    path = shelf.files.get(ENSEMBLE, shelf.files.get(BUDGET))
    if path is None or BUDGET not in shelf.files:
        return None
    own = next(place for place, root in enumerate(shelf.roots) if path.is_relative_to(root))
    below = Shelf(shelf.roots[: own + 1])
    return below if BUDGET in below.files else None


def _arms(shelf: Shelf) -> Iterator[Arm]:
    """The arms that were calibrated, of every trial that the budget names."""
    blocks = read_toml(shelf.files[BUDGET]).data.get("block", [])
    for name in dict.fromkeys(trial for block in blocks for trial in block["trials"]):
        design = load_design(name, shelf.roots[1:])
        calibrated = _calibrated(design, shelf)
        yield from (arm for arm in design.arms if arm.name in calibrated)


def _calibrated(design: Design, shelf: Shelf) -> frozenset[str]:
    """Names of the arms of which a published row is calibrated; a row of no arm is of all."""
    found: set[str] = set()
    for folder in (design.name, *design.also_scored):
        published = read_published(shelf.file(f"trials/{folder}/published.csv"))
        targets = {each.target for each in published if each.use == "calibrate" and each.scored}
        for row in read_mapping(shelf.file(f"trials/{folder}/endpoints.toml")).rows:
            if targets.intersection(row.targets):
                named = {side.get("arm") for side in (row.group, *([row.against] if row.against else []))}
                found |= {arm.name for arm in design.arms if None in named or arm.name in named}
    return frozenset(found)


def _regimens(shelf: Shelf, protocol: str, products: Mapping[str, Product]) -> Iterator[tuple[Regimen, bool]]:
    """The regimens of a protocol, and whether the protocol is about them."""
    path = shelf.protocol(protocol)
    names = [each.protocol for each in read_sequence(path).steps] if protocol in shelf.sequences else [protocol]
    for name in dict.fromkeys(names):
        text = read_regimen(shelf.protocol(name), products)
        yield text.regimen, True
        if text.supply is not None:
            before = [text.supply.lymphodepletion]
            before += [] if text.supply.bridging is None else [text.supply.bridging.protocol]
            for each in before:
                yield read_regimen(shelf.protocol(each), products).regimen, False


def _doses(regimen: Regimen, products: Mapping[str, Product], light: bool) -> Iterator[tuple[tuple[str, str], Span]]:
    """The doses of a regimen by product and unit; `light`: those of light patients too."""
    for level in regimen.levels:
        unit = products[level.product].unit
        for size, basis in (("", level.fixed), ("m^2", level.per_area), ("kg", level.per_weight)):
            if basis is not None:
                yield (level.product, _per(unit, size)), _spread(level, basis)
        if light and level.light_per_area is not None:
            yield (level.product, _per(unit, "m^2")), Span(level.light_per_area, level.light_per_area)


def _per(unit: str, size: str) -> str:
    """A unit by body size."""
    if not size:
        return unit
    amount, slash, time = unit.partition("/")
    return f"{amount}/{size}{slash}{time}"


def _spread(level: Level, basis: float) -> Span:
    """What patients really get of a planned dose."""
    if not level.spread or not math.isfinite(level.most):
        return Span(basis, basis)
    return Span(min(basis, level.least), max(basis, level.most))


def _limits(random: Random) -> Span:
    """The limits within which a number is drawn."""
    if random.distribution == "choice":
        values = [each for each, weight in zip(random.choices, random.weights, strict=True) if weight > 0]
        return Span(min(values), max(values))
    if random.distribution == "bernoulli":
        p = random.numbers["p"]
        return Span(1.0 if p >= 1 else 0.0, 0.0 if p <= 0 else 1.0)
    if "low" in random.numbers:
        return Span(float(random.numbers["low"]), float(random.numbers["high"]))
    return Span(random.low, random.high)


def _doses_outside(patients: Population, protocol: Protocol, domain: Domain) -> Iterable[str]:
    for leg in protocol.legs:
        light = bool((patients.columns["weight"] < leg.regimen.light_below).any()) if leg.regimen.light_below else False
        for (product, unit), span in _doses(leg.regimen, protocol.products, light):
            if product not in domain.products:
                continue
            held = domain.doses.get((product, unit))
            if held is None:
                yield f"{product}: doses in {unit} were never calibrated."
                continue
            for value in dict.fromkeys((span.low, span.high)):
                if not held.low * (1 - _CLOSE) <= value <= held.high * (1 + _CLOSE):
                    yield f"{product}: a dose of {value:g} {unit} lies outside {_range(held)} {unit}."


def _patients_outside(patients: Population, product: str, domain: Domain) -> Iterable[str]:
    for name, span in domain.covariates.get(product, {}).items():
        values = patients.columns[name]
        unit = "" if patients.units[name] == "1" else f" {patients.units[name]}"
        for these, where in (
            (values < span.low - _CLOSE * abs(span.low), f"below {span.low:g}{unit}, the least"),
            (values > span.high + _CLOSE * abs(span.high), f"above {span.high:g}{unit}, the most"),
        ):
            if these.any():
                words = (
                    f"{name} of {_share(these)} of the patients lies {where} in the cohorts that calibrated {product}"
                )
                yield f"{words} ({_range(span)})."


def _range(span: Span) -> str:
    return f"{span.low:g}" if span.low == span.high else f"{span.low:g} to {span.high:g}"


def _share(these: NDArray[np.bool_]) -> str:
    share = 100 * float(these.mean())
    return f"{share:.0f} %" if share >= 1 else "less than 1 %"
