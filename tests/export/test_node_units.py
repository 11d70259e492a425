"""Units of formulas: numbers have that of their neighbours, and libSBML agrees."""

from __future__ import annotations

from fractions import Fraction

import libsbml
import pytest

from virtuall.core.units import ONE, Unit, unit
from virtuall.engine.graph import Graph
from virtuall.engine.system import System
from virtuall.export.node_units import NodeUnits, node_units
from virtuall.export.sbml import sbml_messages, system_to_sbml
from virtuall.export.sbml_units import unit_id

UNITS = {"x": unit("mg"), "y": unit("mg"), "k": unit("1/d"), "f": ONE, "v": unit("L")}


@pytest.fixture
def graph() -> Graph:
    return Graph()


def units_of(graph: Graph, *nodes: int) -> NodeUnits:
    return node_units(graph, nodes, UNITS)


def test_units_of_formulas(graph: Graph) -> None:
    x, y, k, f, v = map(graph.symbol, "xykfv")
    zero, three, unknown = graph.number(0.0), graph.number(3.0), graph.symbol("unknown")
    wanted = {
        graph.add(x, y): "mg",
        graph.neg(x): "mg",
        graph.call("max", zero, x): "mg",
        graph.select(graph.lt(zero, x), zero, k): "1/d",
        graph.div(graph.mul(three, x), v): "mg/L",
        graph.mul(k, graph.select(graph.lt(zero, x), zero, three)): "1/d",
        graph.mul(x, x): "mg^2",
        graph.call("exp", f): "1",
        graph.pow(three, f): "1",
        graph.pow(f, f): "1",
    }
    found = units_of(graph, *wanted).known
    for node, text in wanted.items():
        assert found[node].same(unit(text)), (graph.ops[node], found[node])
    roots = units_of(graph, graph.call("sqrt", x), graph.pow(x, graph.number(1.5))).known
    assert roots[graph.call("sqrt", x)] == Unit((("mg", Fraction(1, 2)),))
    assert roots[graph.pow(x, graph.number(1.5))] == Unit((("mg", Fraction(3, 2)),))
    unknowns = [unknown, graph.mul(x, unknown), graph.pow(unknown, three), graph.add(unknown, unknown), zero]
    assert not set(unknowns) & set(units_of(graph, *unknowns).known)
    assert units_of(graph, graph.add(unknown, x)).known[graph.add(unknown, x)] == UNITS["x"]


def test_what_numbers_stand_for(graph: Graph) -> None:
    x, k, f, unknown = map(graph.symbol, ("x", "k", "f", "unknown"))
    zero, three = graph.number(0.0), graph.number(3.0)
    condition = graph.lt(zero, x)
    choice = graph.select(condition, zero, three)
    power, strange = graph.pow(f, graph.number(0.3)), graph.lt(zero, unknown)
    plain = graph.lt(choice, three)
    nodes = [choice, power, strange, plain, graph.mul(three, x), graph.select(condition, k, zero)]
    units = units_of(graph, *nodes, graph.call("min", x, three))
    mg, per_day = UNITS["x"], UNITS["k"]
    assert units.of_arguments(condition, None) == (mg, mg)
    assert units.of_arguments(strange, None) == (None, None)
    assert units.of_arguments(plain, None) == (ONE, ONE)
    assert units.of_arguments(choice, mg) == (None, mg, mg)  # made of numbers: what is wanted
    assert units.of_arguments(graph.select(condition, k, zero), mg) == (None, per_day, per_day)
    assert units.of_arguments(graph.call("min", x, three), None) == (mg, mg)
    assert units.of_arguments(graph.mul(three, x), mg) == (ONE, ONE)
    assert units.of_arguments(power, None) == (ONE, ONE)
    assert {choice, zero, three} <= units.literal and not units.literal & set(units.known)


def test_a_name_decides_the_unit_of_its_formula(graph: Graph) -> None:
    choice = graph.select(graph.lt(graph.symbol("x"), graph.symbol("y")), graph.number(0.0), graph.number(2.0))
    total = graph.mul(choice, graph.symbol("x"))
    assert node_units(graph, [total], UNITS).known[total].same(unit("mg"))
    assert node_units(graph, [total], UNITS, {choice: "k"}).known[total].same(unit("mg/d"))


@pytest.fixture(scope="module")
def text() -> str:
    """One state whose rate and signals hold numbers in every place, and a large formula that is used twice."""
    graph = Graph()
    x, y, k, v = map(graph.symbol, "xykv")
    zero, one = graph.number(0.0), graph.number(1.0)
    floor = graph.call("max", x, zero)
    large = graph.div(floor, v)
    for place in range(40):
        large = graph.call("max", graph.add(large, graph.div(floor, graph.mul(graph.number(2.0 + place), v))), zero)
    loss = graph.mul(graph.select(graph.lt(zero, graph.add(x, y)), k, zero), floor)
    rate = graph.sub(graph.mul(graph.mul(k, v), large), loss)
    share = graph.div(floor, graph.add(y, floor))
    root = graph.call("sqrt", graph.call("max", share, zero))
    odd = graph.mul(graph.pow(share, graph.number(0.3)), graph.sub(one, graph.call("min", share, one)))
    signals = {
        "share": (share, "1"),
        "twice": (graph.mul(graph.number(0.3), large), "mg/L"),
        "nothing": (zero, "mg"),
        "some": (graph.number(3.0), "mg"),
        "chosen": (graph.select(graph.lt(zero, root), zero, odd), "1"),
        "bare": (graph.select(graph.lt(one, share), zero, graph.number(7.0)), "ug/mL"),
    }
    units = {name: str(each) for name, each in UNITS.items()} | {name: each for name, (_, each) in signals.items()}
    pairs = tuple((name, node) for name, (node, _) in signals.items())
    system = System(graph, ("x",), ("k", "v", "y"), (rate,), (graph.call("max", y, zero),), signals=pairs, units=units)
    return system_to_sbml(system, {"k": 0.1, "v": 2.0, "y": 5.0})


def test_libsbml_finds_nothing(text: str) -> None:
    assert sbml_messages(text) == ([], [])


def test_libsbml_finds_a_number_without_its_unit(text: str) -> None:
    plain = text.replace(' sbml:units="mg"', "", 1)
    assert plain != text and any("not been declared" in each for each in sbml_messages(plain)[1])
    wrong = text.replace(' sbml:units="mg"', ' sbml:units="per_d"', 1)
    assert sbml_messages(wrong)[1]


def test_numbers_and_names(text: str) -> None:
    model = libsbml.readSBMLFromString(text).getModel()
    assert model.getParameter("shared_1").getUnits() == "mg_per_L"
    product = model.getAssignmentRule("twice").getMath()
    factor = next(product.getChild(place) for place in range(2) if product.getChild(place).isNumber())
    assert factor.getValue() == 0.3 and factor.getUnits() == "dimensionless"
    some, nothing = (model.getAssignmentRule(name).getMath() for name in ("some", "nothing"))
    assert some.getUnits() == nothing.getUnits() == "mg" and some.getValue() == 3.0


def test_the_unit_of_a_root_has_a_name_that_sbml_allows() -> None:
    name = unit_id(unit("mg") ** Fraction(1, 2))
    assert name == "mg1_over_2" and libsbml.SyntaxChecker.isValidSBMLSId(name)
