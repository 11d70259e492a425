"""A protocol: one regimen with the monitoring, criteria, rules, events and policies that go with it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from virtuall.clinic.event import Event, read_events
from virtuall.clinic.monitoring import Monitoring, read_monitoring
from virtuall.clinic.policy import NextLinePolicy, TransplantPolicy, read_next_line, read_transplant
from virtuall.clinic.response import Response, read_response
from virtuall.core.errors import InputError
from virtuall.dosing.reading import Product, read_product, read_regimen
from virtuall.dosing.regimen import Regimen
from virtuall.model import Shelf, open_shelf
from virtuall.texts.rules import Rule, read_rules

ACTIONS = ("stop", "hold", "resume")


@dataclass(frozen=True)
class Protocol:
    """Everything that the clinic does, read from texts.

    Attributes
    ----------
    name, title, use : str
        Such as ``THERAPY/USE``.
    valid_from : date
        First day on which the regimen was in use.
    follow_up : float
        Days that a patient is followed unless the caller says otherwise.
    """

    name: str
    title: str
    use: str
    valid_from: datetime.date
    follow_up: float
    regimen: Regimen
    monitoring: Monitoring
    response: Response
    rules: tuple[Rule, ...]
    events: tuple[Event, ...]
    products: Mapping[str, Product]
    transplant: TransplantPolicy
    next_line: NextLinePolicy
    library: tuple[Path, ...]
    path: Path


def load_protocol(name: str, library: Sequence[Path | str] = ()) -> Protocol:
    """Read a protocol by its name, such as ``"THERAPY/USE"``.

    Raises
    ------
    InputError
        When there is no such protocol (nearest match offered).
    TextError, Problems
        When a text is wrong.
    """
    shelf = open_shelf(library)
    path = shelf.protocol(name)
    products = read_products(shelf)
    text = read_regimen(path, {each: product.unit for each, product in products.items()})
    rules: list[Rule] = []
    for each in text.rules:
        rules += read_rules(_text(shelf, "rules", f"therapies/{each}.toml", each), ACTIONS)
    return Protocol(
        name=name,
        title=text.regimen.title,
        use=text.use,
        valid_from=text.valid_from,
        follow_up=text.follow_up,
        regimen=text.regimen,
        monitoring=read_monitoring(_text(shelf, "monitoring", f"monitoring/{text.monitoring}.toml", text.monitoring)),
        response=read_response(_text(shelf, "response", f"response/{text.response}.toml", text.response)),
        rules=tuple(rules),
        events=tuple(e for file in shelf.matching("*/*/events.toml").values() for e in read_events(file)),
        products=products,
        transplant=read_transplant(shelf.file("therapies/transplant/policy.toml")),
        next_line=read_next_line(shelf.file("therapies/next_line/policy.toml")),
        library=tuple(Path(each) for each in library),
        path=path,
    )


def read_products(shelf: Shelf) -> dict[str, Product]:
    """All products on the shelf by name."""
    found = {**shelf.matching("therapies/*/product.toml"), **shelf.matching("support/*/product.toml")}
    return {product.name: product for product in (read_product(path) for path in found.values())}


def _text(shelf: Shelf, kind: str, relative: str, name: str) -> Path:
    if relative in shelf.files:
        return shelf.files[relative]
    folder, _, _ = relative.rpartition("/")
    there = [each.rpartition("/")[2].removesuffix(".toml") for each in shelf.files if each.startswith(f"{folder}/")]
    raise InputError(f"no such {kind} text", given=name, allowed=sorted(there))
