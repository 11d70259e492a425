"""What is given is eliminated or still there: every product on the shelf, any schedule, random patients.

The system gets one more state for each product, fed by its elimination alone; what was given is summed up from the
schedule by hand. No product is named here: what is added to the shelf is tested too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import virtuall as va
from virtuall.dosing.reading import Product
from virtuall.engine.ensemble import Ensemble
from virtuall.engine.kernel import build_kernel
from virtuall.engine.program import make_program, run_on_columns
from virtuall.engine.system import System
from virtuall.model import Model, load_system, open_shelf
from virtuall.simulation.bind import parameter_rows
from virtuall.simulation.protocol import read_products

RTOL = 1e-5
PATIENTS = 256
GROUP = 16  # patients of one example
LAST = 60.0


@dataclass(frozen=True)
class Balance:
    """A product's compartments, the states that collect its elimination, and the states' weights by input."""

    name: str
    entry: str
    compartments: tuple[str, ...]
    collected: str
    # amount that enters per day and unit of each input, as a signal of the system
    inflow: Mapping[str, str]


def entry_of(model: Model, product: object) -> str:
    """The state that a product enters: named by its text, or the one that its input feeds one to one."""
    system = model.system
    if product.state:  # type: ignore[attr-defined]
        return str(product.state)  # type: ignore[attr-defined]
    slopes = {s: system.graph.derivative(r, product.input) for s, r in zip(system.states, system.rates, strict=True)}  # type: ignore[attr-defined]
    (found,) = [state for state, slope in slopes.items() if system.graph.value(slope) == 1.0]
    return found


def with_amounts(model: Model) -> dict[str, Product]:
    """The products with an amount of their own: no cells, no pool of the body, nothing that acts only while given."""
    system, graph = model.system, model.system.graph
    first = {state: graph.value(node) for state, node in zip(system.states, system.initial, strict=True)}
    fed = {i for i in model.inputs if any(graph.value(graph.derivative(r, i)) == 1.0 for r in system.rates)}
    return {
        name: product
        for name, product in read_products(open_shelf()).items()
        if product.kind not in ("cells", "graft")
        and (first[product.state] == 0.0 if product.state else product.input in fed)
    }


def with_balances(model: Model) -> tuple[System, list[Balance]]:
    """The shipped system with a state of elimination for each product."""
    system, graph = model.system, model.system.graph
    rate_of = dict(zip(system.states, system.rates, strict=True))
    states, rates, signals, scales, balances = [], [], [], [], []
    products = with_amounts(model)
    for name, product in products.items():
        entry = entry_of(model, product)
        unit = system.units[entry]
        linked = [s for s, r in rate_of.items() if graph.depends_on(r, (entry,)) and system.units[s] == unit]
        total = graph.number(0.0)
        inflow = {}
        foreign = {other.input for other in products.values() if other is not product}
        for state in linked:
            total = graph.add(total, rate_of[state])
        for each in model.inputs:
            slope = graph.derivative(total, each)
            if graph.value(slope) != 0.0:
                assert not graph.depends_on(slope, (*system.states, *model.inputs)), "an inflow is linear"
                assert each not in foreign, f"{name} is fed by the input of another product"
                inflow[each] = f"inflow {name} {each}"
                signals.append((inflow[each], slope))
                total = graph.sub(total, graph.mul(slope, graph.symbol(each)))
        assert bool(product.input) == (product.input in inflow), "an infusion enters by its input"
        states.append(f"eliminated {name}")
        rates.append(graph.neg(total))
        scales.append(system.scales[system.states.index(entry)])
        balances.append(Balance(name, entry, tuple(linked), states[-1], inflow))
    wider = replace(
        system,
        states=(*system.states, *states),
        rates=(*system.rates, *rates),
        initial=(*system.initial, *[graph.number(0.0)] * len(states)),
        signals=(*system.signals, *signals),
        scales=(*system.scales, *scales),
    )
    return wider, balances


def typical_amounts() -> dict[str, float]:
    """The largest amount of each product in any plan; one unit of what no plan holds, which rules of care order."""
    largest: dict[str, float] = {}
    for protocol in open_shelf().protocols:
        for row in va.plan(va.load_protocol(protocol), weight=70.0, bsa=1.8).to_dict("records"):
            largest[row["product"]] = max(largest.get(row["product"], 0.0), float(row["amount"]))
    return dict.fromkeys(read_products(open_shelf()), 1.0) | largest


class Ward:
    """The widened model, its kernel and patients, made once."""

    def __init__(self) -> None:
        model = load_system()
        self.system, self.balances = with_balances(model)
        self.kernel = build_kernel(self.system, rtol=RTOL)
        self.rows = parameter_rows(replace(model, system=self.system), va.sample("adult_relapsed", PATIENTS, seed=31))
        self.products, self.largest = with_amounts(model), typical_amounts()
        self.place = {state: k for k, state in enumerate(self.system.states)}


@pytest.fixture(scope="module")
def ward() -> Ward:
    return Ward()


def test_every_product_has_an_entry(ward: Ward) -> None:
    assert {each.name for each in ward.balances} == set(ward.products) and len(ward.products) >= 11
    assert all(ward.largest[name] > 0 for name in ward.products)
    for each in ward.balances:
        assert each.entry in each.compartments


# day, product, multiple of its largest planned amount, days of an infusion
DOSES = st.lists(
    st.tuples(st.floats(0.0, 40.0), st.integers(0, 99), st.floats(0.0, 3.0), st.floats(0.01, 15.0)), max_size=8
)


def run(ward: Ward, rows: np.ndarray, doses: list[tuple[float, int, float, float]]) -> tuple[Ensemble, dict]:
    """The course, and what was given of each product by the schedule alone."""
    kernel, names = ward.kernel, sorted(ward.products)
    ens, every = kernel.start(rows), np.arange(len(rows))
    kernel.record(ens, np.arange(0.0, LAST + 1), ward.system.states)
    total = {each.name: np.zeros(len(rows)) for each in ward.balances}
    weights = {
        (each.name, name): kernel.signals(ens, every, [signal])[:, 0]
        for each in ward.balances
        for name, signal in each.inflow.items()
    }
    changes: list[tuple[float, str, float]] = []  # day, product, change of the rate, or amount at once
    for day, number, multiple, length in doses:
        product = ward.products[names[number % len(names)]]
        amount = multiple * ward.largest.get(product.name, 1.0)
        changes.append((day, product.name, amount))
        if product.input:
            changes.append((day + length, product.name, -amount))
        for each in ward.balances:
            if product.input:
                total[each.name] += amount * length * weights.get((each.name, product.input), 0.0)
            elif product.state in each.compartments:
                total[each.name] += amount
    running = dict.fromkeys(names, 0.0)
    for day, name, amount in sorted(changes):
        product = ward.products[name]
        kernel.advance(ens, every, day)
        if product.input:
            running[name] = max(running[name] + amount, 0.0)
            kernel.change(ens, every, parameters={product.input: running[name]})
        else:
            kernel.change(ens, every, states={product.state: ens.y[:, ward.place[product.state]] + amount})
    for product in ward.products.values():
        if product.input:  # what rounding left of the sums
            kernel.change(ens, every, parameters={product.input: 0.0})
    kernel.advance(ens, every, LAST)
    return ens, total


@settings(max_examples=40, phases=[Phase.generate])  # no shrinking: every example is a course
@given(DOSES, st.integers(0, PATIENTS - GROUP))
def test_given_is_eliminated_or_present(ward: Ward, doses: list[tuple[float, int, float, float]], first: int) -> None:
    ens, total = run(ward, ward.rows[first : first + GROUP], doses)
    assert not ens.status.any()
    scales = np.array(ward.system.scales)
    for each in ward.balances:
        present = ens.recorded[:, :, [ward.place[state] for state in each.compartments]]
        eliminated = ens.recorded[:, :, ward.place[each.collected]]
        scale = scales[ward.place[each.entry]]
        size = np.maximum(total[each.name], scale)
        at_end = present[:, -1].sum(axis=1) + eliminated[:, -1]
        np.testing.assert_array_less(np.abs(at_end - total[each.name]), 1e-9 * size, err_msg=each.name)
        # elimination takes away and never gives; where nothing was given there is nothing
        floor = 10 * RTOL * scale
        assert (np.diff(eliminated, axis=1) >= -floor).all() and (present >= -floor).all(), each.name
        never = total[each.name] == 0
        assert (eliminated[never] == 0).all() and (present[never] == 0).all(), each.name
    # ... and nothing else in the body is below zero
    assert (ens.recorded >= -100 * RTOL * scales).all()


def test_linear_elimination_as_in_the_textbook(ward: Ward) -> None:
    """One compartment with a constant rate: amounts after a dose and during an infusion in closed form."""
    kernel, graph, every = ward.kernel, ward.system.graph, np.arange(64)
    checked = 0
    for each in ward.balances:
        rate = ward.system.rates[ward.place[each.entry]]
        slope = graph.derivative(rate, each.entry)
        if len(each.compartments) > 1 or graph.depends_on(slope, ward.system.states):
            continue
        constant = [name for name, _ in ward.system.constants]
        ens = kernel.start(ward.rows[:64])
        program = make_program(graph, [slope], {graph.symbol(n): k for k, n in enumerate(ward.system.parameters)})
        k = -run_on_columns(program, ens.parameters.T.__getitem__, 64)[0]
        assert constant and (k > 0).all(), "what is given goes"
        product = ward.products[each.name]
        amount = ward.largest.get(each.name, 1.0)
        times = np.linspace(0.0, 3.0, 31)[1:]
        kernel.record(ens, times, [each.entry])
        if product.input:
            kernel.change(ens, every, parameters={product.input: amount})
            weight = kernel.signals(ens, every, [each.inflow[product.input]])
            expected = amount * weight / k[:, None] * -np.expm1(-k[:, None] * times)
        else:
            kernel.change(ens, every, states={product.state: amount})
            expected = amount * np.exp(-k[:, None] * times)
        kernel.advance(ens, every, 3.0)
        np.testing.assert_array_less(np.abs(ens.recorded[:, :, 0] - expected), 30 * RTOL * np.maximum(expected, amount))
        checked += 1
    assert checked >= 1
