"""Read products and regimens."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from virtuall.dosing.regimen import Cycle, Level, Premedication, Regimen, Restart, Step
from virtuall.dosing.supply import Supply, read_supply
from virtuall.texts.conditions import parse_condition
from virtuall.texts.table import Table, reading
from virtuall.texts.toml_text import read_toml

OCCASIONS = ("start", "step", "restart")


GRAFT = "graft"
KINDS = ("continuous infusion", "course", "infusion", "bolus", "cells", GRAFT)


@dataclass(frozen=True)
class Product:
    """What is given, and where it enters the model.

    ``input`` is the parameter that an infusion sets; ``state`` the amount that a bolus adds to. One of them is empty.
    ``manufactured``: made from the patient's own cells first. A graft stays when the regimen is over.
    ``signals`` are worth recording in those who get it.
    """

    name: str
    title: str
    kind: str
    input: str
    state: str
    unit: str
    targets: tuple[str, ...]
    doc: str
    manufactured: bool
    signals: tuple[str, ...] = ()

    @property
    def rate_unit(self) -> str:
        """The unit of what an order sets: per day where the product's unit is an amount that is infused."""
        return f"{self.unit}/d" if self.kind == "infusion" else self.unit


def read_product(path: Path) -> Product:
    """Read a ``product.toml``."""
    with reading(path) as text:
        table = text.table("product")
        product = Product(
            path.parent.name,
            table.text("title"),
            table.choice("kind", KINDS),
            table.text("input", default=""),
            table.text("state", default=""),
            table.unit(),
            table.texts("targets"),
            table.text("doc"),
            table.flag("manufactured", default=False),
            table.texts("signals", default=()),
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
    monitoring: tuple[str, ...]
    response: str
    follow_up: float
    supply: Supply | None
    transplant_referred: float | None


def read_regimen(path: Path, products: Mapping[str, Product]) -> RegimenText:
    """Read ``regimens/*.toml`` with the products of its shelf."""
    with reading(path) as text:
        head = text.table("regimen")
        if "like" in head:
            return _like(path, text, head, products)
        name = f"{path.parent.parent.name}/{path.stem}"
        product = head.choice("product", tuple(products))
        levels, names = _levels(text, product, products)
        supply = read_supply(text.table("supply", default=None))
        if product in products and products[product].manufactured and supply is None:
            problem = f"{product} is made from the patient's own cells: the regimen needs a [supply] that makes it"
            head.problem(problem, "product")
        weight = text.table("weight", default=None)
        attrition = text.table("attrition", default=None)
        regimen = Regimen(
            name=name,
            title=head.text("title"),
            product=product,
            start=head.days("start", low=0),
            levels=levels,
            light_below=0.0 if weight is None else weight.quantity("light_below", "kg", sourced=True).value,
            cycles=tuple(_cycle(each, levels, names) for each in text.tables("cycle", at_least=1)),
            premedication=tuple(_premedication(each, products) for each in text.tables("premedication")),
            restart=_restart(text.table("restart", default=None), names),
            attrition=0.0 if attrition is None else attrition.quantity("per_cycle", "1", sourced=True).value,
            boluses=frozenset(each.name for each in products.values() if each.state),
            stays=frozenset(each.name for each in products.values() if each.kind == GRAFT),
            position=head.where(),
        )
        head.source()
        _check_cycles(text, regimen)
        return RegimenText(
            regimen,
            head.text("use"),
            head.date("valid_from"),
            head.texts("rules"),
            head.texts("monitoring"),
            head.text("response"),
            head.days("follow_up", low=0),
            supply,
            _referred(text.table("transplant", default=None)),
        )


def _like(path: Path, text: Table, head: Table, products: Mapping[str, Product]) -> RegimenText:
    """A regimen that is another one of its folder in fewer cycles, or with another share of transplants."""
    others = sorted(each.stem for each in path.parent.glob("*.toml") if _written_out(each))
    whole = read_regimen(path.with_name(f"{head.choice('like', others or [''])}.toml"), products)
    most = head.integer("cycles", low=1, high=whole.regimen.number_of_cycles, default=whole.regimen.number_of_cycles)
    head.source()
    regimen = replace(
        whole.regimen,
        name=f"{path.parent.parent.name}/{path.stem}",
        title=head.text("title"),
        cycles=tuple(replace(each, last=min(each.last, most)) for each in whole.regimen.cycles if each.first <= most),
        position=head.where(),
    )
    referred = _referred(text.table("transplant", default=None))
    return replace(
        whole,
        regimen=regimen,
        valid_from=head.date("valid_from", default=whole.valid_from),
        transplant_referred=whole.transplant_referred if referred is None else referred,
    )


def _written_out(path: Path) -> bool:
    return "like" not in read_toml(path).data.get("regimen", {})


def _referred(table: Table | None) -> float | None:
    """The share of those in remission who are sent to transplant after this therapy, where it has its own."""
    return None if table is None else table.quantity("referred", "1", low=0, high=1, sourced=True).value


def _check_cycles(text: Table, regimen: Regimen) -> None:
    last = [each for each in regimen.cycles if each.when is None]
    numbers = sorted(n for each in last for n in range(each.first, each.last + 1))
    if numbers != list(range(1, len(numbers) + 1)):
        problem = "cycles without a condition must run from 1 without gap or overlap"
        text.problem(problem, "cycle", given=str(numbers))
    if any(each.last > len(numbers) for each in regimen.cycles):
        text.problem("a cycle with a condition needs one without it, for when it does not hold", "cycle")
    if regimen.restart is not None and not regimen.lasting:
        text.problem("only a continuous infusion of one product can be restarted at a level", "restart")


def _levels(text: Table, product: str, products: Mapping[str, Product]) -> tuple[tuple[Level, ...], tuple[str, ...]]:
    levels = tuple(_level(each, product, products) for each in text.tables("level", at_least=1))
    return levels, tuple(level.name for level in levels)


def _level(table: Table, product: str, products: Mapping[str, Product]) -> Level:
    name = table.choice("product", tuple(products), default=product)
    unit = products[name].unit if name in products else "1"
    area, weight = (_per(unit, size) for size in ("m^2", "kg"))

    def number(key: str, wanted: str) -> float | None:
        return table.amount(key, wanted, default=None)

    fixed, per_area, per_weight = number("fixed", unit), number("per_area", area), number("per_weight", weight)
    basis = unit if fixed is not None else area if per_area is not None else weight
    spread, least, most = number("spread", "1"), number("least", basis), number("most", basis)
    over = table.quantity("over", "d", low=0, default=None)
    level = Level(
        table.text("name"),
        name,
        fixed,
        per_area,
        per_weight,
        number("cap", unit),
        number("light", area),
        number("light_cap", unit),
        None if over is None else over.value,
        spread or 0.0,
        0.0 if least is None else least,
        math.inf if most is None else most,
    )
    if sum(each is not None for each in (fixed, per_area, per_weight)) != 1:
        table.problem("a level is one of fixed, per_area and per_weight", "name", given=level.name)
    if name in products:
        _check_level(table, level, products[name])
    return level


def _check_level(table: Table, level: Level, product: Product) -> None:
    if product.kind == "infusion" and not level.over:
        table.problem(f"a dose of {product.name} is given over a time", "over", hint='add for example: over = "1 h"')
    if product.state and level.over:
        table.problem(f"{product.name} is given at once", "over", given=f"{level.over:g} d")
    if not product.state and level.over == 0:
        table.problem(f"{product.name} cannot be given at once", "over", given=level.over)


def _per(unit: str, size: str) -> str:
    return unit.replace("/d", f"/{size}/d") if "/d" in unit else f"{unit}/{size}"


def _cycle(table: Table, levels: tuple[Level, ...], names: tuple[str, ...]) -> Cycle:
    first_last = table.numbers("cycles")
    if len(first_last) != 2:
        table.problem("cycles = [first, last]", "cycles")
        first_last = (1.0, 1.0)
    steps = _steps(table, levels, names)
    infusion = table.days("infusion", low=0, default=None)
    last = max((step.day for step in steps), default=0.0)
    if infusion is not None and infusion < last:
        problem = "the infusion ends before its last dose is in: leave it out, or make it longer"
        table.problem(problem, "infusion", given=f"{infusion:g} d", hint=f"the last step is at {last:g} d")
    when = table.text("when", default=None)
    return Cycle(
        int(first_last[0]),
        int(first_last[1]),
        steps,
        last if infusion is None else infusion,
        table.days("rest", low=0),
        table.days("inpatient", low=0),
        None if when is None else parse_condition(when, table.where("when")),
    )


def _steps(table: Table, levels: tuple[Level, ...], names: tuple[str, ...]) -> tuple[Step, ...]:
    """The steps of a cycle by day: what begins, and which doses are in by then."""
    begins: dict[float, list[int]] = {}
    ends: dict[float, list[str]] = {}
    busy: dict[str, float] = {}
    wanted = table.tables("steps", at_least=1)
    for step in sorted(wanted, key=lambda each: each.days("day", low=0)):
        day, name = step.days("day", low=0), step.choice("level", names)
        if name not in names:
            continue
        level = levels[names.index(name)]
        if day < busy.get(level.product, 0.0):
            problem = f"a dose of {level.product} begins before the one before is in"
            step.problem(problem, "day", given=f"{day:g} d", hint=f"that one ends at {busy[level.product]:g} d")
        begins.setdefault(day, []).append(names.index(name))
        if level.over:
            busy[level.product] = day + level.over
            ends.setdefault(day + level.over, []).append(level.product)
    if wanted and begins and min(begins) != 0.0:
        table.problem("the first step of a cycle is on day 0", "steps", given=f"{min(begins):g} d")
    for day, products in ends.items():  # the next dose of a product begins where the one before ends
        starting = {levels[number].product for number in begins.get(day, [])}
        ends[day] = [each for each in products if each not in starting]
    days = sorted({*begins, *(day for day, products in ends.items() if products)})
    return tuple(Step(day, tuple(begins.get(day, ())), tuple(ends.get(day, ()))) for day in days)


def _premedication(table: Table, products: Mapping[str, Product]) -> Premedication:
    product = table.choice("product", tuple(products))
    amount = table.quantity("amount", products[product].unit if product in products else "1", sourced=True)
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
