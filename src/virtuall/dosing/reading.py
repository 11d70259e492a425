"""Read products and regimens."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

from virtuall.dosing.regimen import Cycle, Level, Premedication, Regimen, Restart, Step
from virtuall.texts.table import Table, reading

OCCASIONS = ("start", "step", "restart")


@dataclass(frozen=True)
class Product:
    """What is given, and where it enters the model.

    ``input`` is the parameter that an infusion sets; ``state`` the amount that a bolus adds to. One of them is empty.
    """

    name: str
    title: str
    kind: str
    input: str
    state: str
    unit: str
    targets: tuple[str, ...]
    doc: str


def read_product(path: Path) -> Product:
    """Read a ``product.toml``."""
    with reading(path) as text:
        table = text.table("product")
        product = Product(
            path.parent.name,
            table.text("title"),
            table.choice("kind", ("continuous infusion", "course", "bolus")),
            table.text("input", default=""),
            table.text("state", default=""),
            table.unit(),
            table.texts("targets"),
            table.text("doc"),
        )
        if bool(product.input) == bool(product.state):
            table.problem("a product enters by its input (infusion) or its state (bolus)", "kind", given=product.kind)
        return product


@dataclass(frozen=True)
class RegimenText:
    """A regimen with what else its text names."""

    regimen: Regimen
    use: str
    valid_from: datetime.date
    rules: tuple[str, ...]
    monitoring: str
    response: str
    follow_up: float


def read_regimen(path: Path, unit_of: dict[str, str]) -> RegimenText:
    """Read ``regimens/*.toml``; `unit_of` gives the unit of every product (infusions a day, boluses at once)."""
    with reading(path) as text:
        head = text.table("regimen")
        name = f"{path.parent.parent.name}/{path.stem}"
        product = head.choice("product", tuple(unit_of))
        unit = unit_of.get(product, "1")
        levels, names = _levels(text, unit)
        weight = text.table("weight", default=None)
        attrition = text.table("attrition", default=None)
        regimen = Regimen(
            name=name,
            title=head.text("title"),
            product=product,
            start=head.days("start", low=0),
            levels=levels,
            light_below=0.0 if weight is None else weight.quantity("light_below", "kg", sourced=True).value,
            cycles=tuple(_cycle(each, names) for each in text.tables("cycle", at_least=1)),
            premedication=tuple(_premedication(each, unit_of) for each in text.tables("premedication")),
            restart=_restart(text.table("restart", default=None), names),
            attrition=0.0 if attrition is None else attrition.quantity("per_cycle", "1", sourced=True).value,
            position=head.where(),
        )
        head.source()
        numbers = [n for each in regimen.cycles for n in range(each.first, each.last + 1)]
        if numbers != list(range(1, len(numbers) + 1)):
            text.problem("cycles must run from 1 without gap or overlap", "cycle", given=str(numbers))
        return RegimenText(
            regimen,
            head.text("use"),
            head.date("valid_from"),
            head.texts("rules"),
            head.text("monitoring"),
            head.text("response"),
            head.days("follow_up", low=0),
        )


def _levels(text: Table, unit: str) -> tuple[tuple[Level, ...], tuple[str, ...]]:
    levels: list[Level] = []
    for each in text.tables("level", at_least=1):
        per_area_unit = unit.replace("/d", "/m^2/d")

        def rate(key: str, wanted: str, table: Table = each) -> float | None:
            found = table.quantity(key, wanted, default=None)
            return None if found is None else found.value

        level = Level(
            each.text("name"),
            rate("fixed", unit),
            rate("per_area", per_area_unit),
            rate("cap", unit),
            rate("light", per_area_unit),
            rate("light_cap", unit),
        )
        if (level.fixed is None) == (level.per_area is None):
            each.problem("a level is either fixed or per_area", "name", given=level.name)
        levels.append(level)
    return tuple(levels), tuple(level.name for level in levels)


def _cycle(table: Table, levels: tuple[str, ...]) -> Cycle:
    first_last = table.numbers("cycles")
    if len(first_last) != 2:
        table.problem("cycles = [first, last]", "cycles")
        first_last = (1.0, 1.0)
    steps = tuple(
        Step(step.days("day", low=0), levels.index(step.choice("level", levels)) if levels else 0)
        for step in table.tables("steps", at_least=1)
    )
    return Cycle(
        int(first_last[0]),
        int(first_last[1]),
        steps,
        table.days("infusion", low=0),
        table.days("rest", low=0),
        table.days("inpatient", low=0),
    )


def _premedication(table: Table, unit_of: dict[str, str]) -> Premedication:
    product = table.choice("product", tuple(unit_of))
    amount = table.quantity("amount", unit_of.get(product, "1"), sourced=True)
    return Premedication(
        product,
        amount.value,
        amount.unit,
        table.days("lead", low=0),
        frozenset(table.texts("before", allowed=OCCASIONS)),
        table.flag("first_start_only", default=False),
    )


def _restart(table: Table | None, levels: tuple[str, ...]) -> Restart | None:
    if table is None or not levels:
        return None
    return Restart(
        levels.index(table.choice("level", levels)),
        table.days("for", low=0),
        levels.index(table.choice("then", levels)),
        table.days("new_cycle_after", low=0),
    )
