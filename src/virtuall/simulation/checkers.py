"""The reader of every kind of text that the clinic uses, for `virtuall.model.check`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from virtuall.clinic.event import read_events
from virtuall.clinic.monitoring import read_monitoring
from virtuall.clinic.policy import read_next_line, read_transplant
from virtuall.clinic.response import read_response
from virtuall.dosing.reading import read_product, read_regimen
from virtuall.model import open_shelf
from virtuall.simulation.protocol import ACTIONS, read_products
from virtuall.texts.cohort import read_cohort
from virtuall.texts.rules import read_rules
from virtuall.texts.values import read_product_values


def checkers(library: tuple[Path | str, ...] = ()) -> Mapping[str, Callable[[Path], object]]:
    """Pattern of the file to its reader; a regimen is read with the units of the products on this shelf."""
    units = {each: product.unit for each, product in read_products(open_shelf(library)).items()}
    return {
        "therapies/*/product.toml": read_product,
        "support/*/product.toml": read_product,
        "therapies/*/values.toml": read_product_values,
        "support/*/values.toml": read_product_values,
        "therapies/*/regimens/*.toml": lambda path: read_regimen(path, units),
        "therapies/*/rules.toml": lambda path: read_rules(path, ACTIONS),
        "therapies/transplant/policy.toml": read_transplant,
        "therapies/next_line/policy.toml": read_next_line,
        "*/*/events.toml": read_events,
        "monitoring/*.toml": read_monitoring,
        "response/*.toml": read_response,
        "cohorts/*.toml": read_cohort,
    }
