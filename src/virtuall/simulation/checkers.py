"""The reader of every kind of text that the clinic uses, for `virtuall.model.check`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from virtuall.clinic.eligibility import ELIGIBILITY, read_eligibility
from virtuall.clinic.event import read_events
from virtuall.clinic.monitoring import read_monitoring
from virtuall.clinic.policy import read_next_line, read_transplant
from virtuall.clinic.response import read_response
from virtuall.clinic.sequence import read_sequence
from virtuall.dosing.reading import read_product, read_regimen
from virtuall.model import open_shelf
from virtuall.simulation.protocol import ACTIONS, read_products
from virtuall.texts.cohort import read_cohort
from virtuall.texts.rules import read_rules
from virtuall.texts.values import read_product_values


def checkers(library: tuple[Path | str, ...] = ()) -> Mapping[str, Callable[[Path], object]]:
    """Pattern of the file to its reader; a regimen is read with the products of this shelf."""
    products = read_products(open_shelf(library))
    return {
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
        "sequences/*.toml": read_sequence,
        "cohorts/*.toml": read_cohort,
    }
