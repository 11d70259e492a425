"""The reader of every kind of text that the clinic uses, for `virtuall.model.check`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from virtuall.clinic.eligibility import ELIGIBILITY, read_eligibility
from virtuall.clinic.event import read_events
from virtuall.clinic.grading import GRADINGS, known_signs, read_scale
from virtuall.clinic.incident import read_incidents
from virtuall.clinic.monitoring import read_monitoring
from virtuall.clinic.policy import read_next_line, read_transplant
from virtuall.clinic.response import read_response
from virtuall.clinic.sequence import read_sequence
from virtuall.clinic.sign import SIGNS, read_signs
from virtuall.dosing.care import read_care
from virtuall.dosing.reading import Product, read_product, read_regimen
from virtuall.model import open_shelf
from virtuall.simulation.protocol import ACTIONS, read_products
from virtuall.texts.cohort import read_cohort
from virtuall.texts.rules import read_rules
from virtuall.texts.values import read_product_values


def checkers(library: tuple[Path | str, ...] = ()) -> Mapping[str, Callable[[Path], object]]:
    """Pattern of the file to its reader; a regimen is read with the products of this shelf."""
    shelf = open_shelf(library)
    products = read_products(shelf)
    return {
        SIGNS: read_signs,
        GRADINGS: lambda path: read_scale(path, known_signs(shelf)),
        "therapies/*/product.toml": read_product,
        "support/*/product.toml": read_product,
        "therapies/*/values.toml": read_product_values,
        "support/*/values.toml": read_product_values,
        "therapies/*/regimens/*.toml": lambda path: read_regimen(path, products),
        "therapies/*/rules.toml": lambda path: read_rules(path, ACTIONS),
        ELIGIBILITY: read_eligibility,
        "therapies/transplant/policy.toml": read_transplant,
        "therapies/next_line/policy.toml": read_next_line,
        "*/*/events.toml": read_events,
        "monitoring/*.toml": read_monitoring,
        "response/*.toml": read_response,
        "*/*/incidents.toml": lambda path: read_incidents(path, tuple(products)),
        "care/*.toml": lambda path: read_rules(path, ACTIONS),
        "support/*/care.toml": lambda path: _care(path, products),
        "sequences/*.toml": read_sequence,
        "cohorts/*.toml": read_cohort,
    }


def _care(path: Path, products: Mapping[str, Product]) -> object:
    product = products.get(path.parent.name)
    return read_care(path, product.unit, bool(product.input)) if product is not None else None
