"""A protocol: regimens with the monitoring, criteria, rules, events and policies that go with them."""

from __future__ import annotations

import datetime
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from virtuall.clinic.event import Event, read_events
from virtuall.clinic.finding import Finding
from virtuall.clinic.graded import Graded, graded_scales
from virtuall.clinic.incident import Incident, read_incidents
from virtuall.clinic.monitoring import Monitoring, Observable, Schedule, read_monitoring
from virtuall.clinic.policy import NextLinePolicy, TransplantPolicy, read_next_line, read_transplant
from virtuall.clinic.response import Response, read_response
from virtuall.clinic.sequence import Sequence as SequenceText
from virtuall.clinic.sequence import SequenceStep, read_sequence
from virtuall.core.errors import InputError
from virtuall.dosing.care import CareDose, read_care
from virtuall.dosing.reading import Product, RegimenText, read_product, read_regimen
from virtuall.dosing.regimen import Regimen
from virtuall.dosing.supply import Supply
from virtuall.model import Shelf, open_shelf
from virtuall.texts.rules import Rule, read_rules, rules_valid_on
from virtuall.texts.validity import as_day

ACTIONS = ("stop", "hold", "resume", "order", "admit", "intensive_care")
# Actions that last for so long from now, as the rule says with { for = ... }.
STAYS = ("admit", "intensive_care")
MAIN, BRIDGING, LYMPHODEPLETION = LEGS = ("therapy", "bridging", "lymphodepletion")


@dataclass(frozen=True)
class Leg:
    """One regimen of a protocol with its rules.

    Attributes
    ----------
    name : str
        ``therapy`` for what the protocol is about; ``bridging`` and ``lymphodepletion`` go before it.
    step : int
        The step of a sequence; 0 in a plain protocol.
    supply : Supply or None
        How the product is made, when it is made from the patient's own cells.
    bridging, lymphodepletion : int
        The legs that go before this one, -1 where there is none.
    transplant_referred : float or None
        Share of its remissions that go to transplant, where the policy's own does not hold.
    """

    name: str
    step: int
    regimen: Regimen
    rules: tuple[Rule, ...]
    supply: Supply | None = None
    bridging: int = -1
    lymphodepletion: int = -1
    transplant_referred: float | None = None

    @property
    def main(self) -> bool:
        """Whether the protocol is about this one."""
        return self.name == MAIN


@dataclass(frozen=True)
class Protocol:
    """Everything that the clinic does, read from texts.

    Attributes
    ----------
    name, title, use : str
        Such as ``THERAPY/USE``, or ``sequence/NAME``.
    valid_from : date
        First day on which the regimen was in use.
    follow_up : float
        Days that a patient is followed unless the caller says otherwise.
    legs : tuple of Leg
        Regimens; the first that is a main one begins.
    steps : tuple of SequenceStep
        The steps of a sequence; empty in a plain protocol.
    schedule_steps : tuple of frozenset of int
        The steps in which each schedule of the monitoring is kept.
    scales : tuple of str
        Scales that grade beside those of the monitoring.
    as_of : date or None
        The day of its rules.
    """

    name: str
    title: str
    use: str
    valid_from: datetime.date
    follow_up: float
    legs: tuple[Leg, ...]
    steps: tuple[SequenceStep, ...]
    monitoring: Monitoring
    schedule_steps: tuple[frozenset[int], ...]
    response: Response
    events: tuple[Event, ...]
    products: Mapping[str, Product]
    care: Mapping[str, CareDose]
    incidents: tuple[Incident, ...]
    transplant: TransplantPolicy
    next_line: NextLinePolicy
    library: tuple[Path, ...]
    path: Path
    scales: tuple[str, ...] = ()
    as_of: datetime.date | None = None

    @property
    def regimen(self) -> Regimen:
        """The regimen that the protocol begins with."""
        return self.legs[self.first_leg(0)].regimen

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of all legs, leg by leg."""
        return tuple(rule for leg in self.legs for rule in leg.rules)

    @cached_property
    def main_products(self) -> frozenset[str]:
        """What the protocol is about, without what prepares for it."""
        return frozenset(leg.regimen.product for leg in self.legs if leg.main)

    @cached_property
    def given_products(self) -> tuple[str, ...]:
        """Every product that a leg gives, each once."""
        return tuple(dict.fromkeys(product for leg in self.legs for product in leg.regimen.products))

    def first_leg(self, step: int) -> int:
        """The main leg of a step."""
        return next(place for place, leg in enumerate(self.legs) if leg.main and leg.step == step)


@dataclass(frozen=True)
class _Part:
    """One protocol text, perhaps of several: its legs numbered from 0."""

    text: RegimenText
    legs: tuple[Leg, ...]
    monitoring: tuple[Monitoring, ...]
    path: Path


def load_protocol(
    name: str,
    library: Sequence[Path | str] = (),
    *,
    scales: Sequence[str] = (),
    as_of: datetime.date | str | None = None,
) -> Protocol:
    """Read a protocol by its name, such as ``"THERAPY/USE"`` or ``"sequence/NAME"``.

    Parameters
    ----------
    name : str
    library : sequence of path
        Folders whose texts come before the shipped ones.
    scales : sequence of str
        Scales that grade the patients beside those of the bedside.
    as_of : date or str, optional
        The rules that were in force on this day; by default those that are still in force.

    Raises
    ------
    InputError
        When there is no such protocol (nearest match offered), or `as_of` is no day.
    TextError, Problems
        When a text is wrong.
    """
    shelf = open_shelf(library)
    folders = (library,) if isinstance(library, str | Path) else library
    found = _loaded(name, tuple(map(Path, folders)), tuple(scales), as_day(as_of), shelf.roots, shelf.stamp())
    return replace(found, products=dict(found.products), care=dict(found.care))  # the kept one stays as it is


@lru_cache(maxsize=16)
def _loaded(
    name: str,
    library: tuple[Path, ...],
    scales: tuple[str, ...],
    as_of: datetime.date | None,
    roots: tuple[Path, ...],
    stamp: Hashable,
) -> Protocol:
    # Kept as long as no text changes, like the model: a trial asks for the same protocols in every replicate.
    shelf = Shelf(roots)
    path = shelf.protocol(name)
    products = read_products(shelf)
    sequence = read_sequence(path) if name in shelf.sequences else None
    names = (name,) if sequence is None else tuple(step.protocol for step in sequence.steps)
    parts = [_part(shelf, each, step, products, as_of) for step, each in enumerate(names)]
    monitoring, schedule_steps = _monitoring([part.monitoring for part in parts])
    first = parts[0].text
    about: RegimenText | SequenceText = first if sequence is None else sequence
    return Protocol(
        name=name,
        title=first.regimen.title if sequence is None else sequence.title,
        use=about.use,
        valid_from=about.valid_from,
        follow_up=about.follow_up,
        legs=_legs(parts),
        steps=() if sequence is None else sequence.steps,
        monitoring=replace(monitoring, graded=graded_scales(monitoring.graded, scales)),
        schedule_steps=schedule_steps,
        response=read_response(_text(shelf, "response", f"response/{first.response}.toml", first.response)),
        events=tuple(e for file in shelf.matching("*/*/events.toml").values() for e in read_events(file)),
        products=products,
        care=read_care_doses(shelf, products),
        incidents=_incidents(shelf, products, parts),
        transplant=read_transplant(shelf.file("therapies/transplant/policy.toml")),
        next_line=read_next_line(shelf.file("therapies/next_line/policy.toml")),
        library=library,
        path=path,
        scales=scales,
        as_of=as_of,
    )


def read_products(shelf: Shelf) -> dict[str, Product]:
    """All products on the shelf by name."""
    found = {**shelf.matching("therapies/*/product.toml"), **shelf.matching("support/*/product.toml")}
    return {product.name: product for product in (read_product(path) for path in found.values())}


def read_care_doses(shelf: Shelf, products: Mapping[str, Product]) -> dict[str, CareDose]:
    """What rules may order: the supportive drugs with a dose of their own."""
    found: dict[str, CareDose] = {}
    for path in shelf.matching("support/*/care.toml").values():
        product = products.get(path.parent.name)
        if product is None:
            raise InputError("a dose of what is no product", given=path.parent.name, allowed=tuple(products))
        found[product.name] = read_care(path, product.unit, bool(product.input))
    return found


def _incidents(shelf: Shelf, products: Mapping[str, Product], parts: Sequence[_Part]) -> tuple[Incident, ...]:
    """The lesser effects of what this protocol gives."""
    given = {name for part in parts for leg in part.legs for name in leg.regimen.products}
    texts = shelf.matching("*/*/incidents.toml").values()
    return tuple(each for file in texts for each in read_incidents(file, tuple(products)) if each.product in given)


def _part(shelf: Shelf, name: str, step: int, products: Mapping[str, Product], as_of: datetime.date | None) -> _Part:
    path = shelf.protocol(name)
    text = read_regimen(path, products)
    before: list[Leg] = []
    places = {BRIDGING: -1, LYMPHODEPLETION: -1}
    if text.supply is not None:
        wanted = {LYMPHODEPLETION: text.supply.lymphodepletion}
        if text.supply.bridging is not None:
            wanted[BRIDGING] = text.supply.bridging.protocol
        for kind, protocol in wanted.items():
            inner = read_regimen(shelf.protocol(protocol), products)
            if inner.supply is not None:
                raise InputError(f"{kind} of {name} cannot itself wait for a product", given=protocol)
            before.append(Leg(kind, step, inner.regimen, _rules(shelf, inner, as_of)))
            places[kind] = len(before)
    main = Leg(
        MAIN,
        step,
        text.regimen,
        _rules(shelf, text, as_of),
        text.supply,
        places[BRIDGING],
        places[LYMPHODEPLETION],
        text.transplant_referred,
    )
    monitoring = [
        read_monitoring(_text(shelf, "monitoring", f"monitoring/{each}.toml", each)) for each in text.monitoring
    ]
    return _Part(text, (main, *before), tuple(each for each in monitoring if each.valid_on(as_of)), path)


def _legs(parts: Sequence[_Part]) -> tuple[Leg, ...]:
    """The legs of all parts in one row; what goes before a leg is found behind it."""
    legs: list[Leg] = []
    for part in parts:
        start = len(legs)
        for leg in part.legs:
            places = {kind: start + getattr(leg, kind) for kind in LEGS[1:] if getattr(leg, kind) >= 0}
            legs.append(replace(leg, **places))
    return tuple(legs)


def _rules(shelf: Shelf, text: RegimenText, as_of: datetime.date | None) -> tuple[Rule, ...]:
    """The rules in force on that day, or, without one, those of which no last day is known."""
    rules: list[Rule] = []
    for each in text.rules:
        place = f"{each}.toml" if each.startswith("care/") else f"therapies/{each}.toml"
        rules += read_rules(_text(shelf, "rules", place, each), ACTIONS)
    return rules_valid_on(rules, as_of)


def _monitoring(parts: Sequence[tuple[Monitoring, ...]]) -> tuple[Monitoring, tuple[frozenset[int], ...]]:
    """One monitoring of several: what is measured or found must agree; each schedule is kept in its own steps."""
    observables: dict[str, Observable] = {}
    findings: dict[str, Finding] = {}
    graded: dict[str, Graded] = {}
    schedules: dict[Schedule, set[int]] = {}
    texts = [(step, text) for step, part in enumerate(parts) for text in part]
    for step, text in texts:
        _agree(observables, text.observables, "measure", text.title)
        _agree(findings, text.findings, "find", text.title)
        _agree(graded, text.graded, "grade", text.title)
        for schedule in text.schedules:
            schedules.setdefault(schedule, set()).add(step)
    title = "; ".join(dict.fromkeys(text.title for _, text in texts))
    merged = Monitoring(
        title, tuple(observables.values()), tuple(schedules), tuple(findings.values()), tuple(graded.values())
    )
    return merged, tuple(frozenset(steps) for steps in schedules.values())


def _agree(known: dict[str, Any], found: Sequence[Any], what: str, title: str) -> None:
    for each in found:
        if known.setdefault(each.name, each) != each:
            raise InputError(f"two texts of monitoring {what} {each.name} in different ways", given=title)


def _text(shelf: Shelf, kind: str, relative: str, name: str) -> Path:
    if relative in shelf.files:
        return shelf.files[relative]
    folder, _, _ = relative.rpartition("/")
    there = [each.rpartition("/")[2].removesuffix(".toml") for each in shelf.files if each.startswith(f"{folder}/")]
    raise InputError(f"no such {kind} text", given=name, allowed=sorted(there))
