"""SBML: sound for libSBML, readable by others, and the same trajectories."""

from __future__ import annotations

import math
from pathlib import Path

import antimony
import libsbml
import numpy as np
import pytest
import roadrunner
from scipy.integrate import solve_ivp

from virtuall.core.errors import InputError
from virtuall.core.units import unit
from virtuall.engine.graph import Graph
from virtuall.engine.system import System
from virtuall.export.sbml import Change, model_to_sbml, sbml_messages, system_to_sbml
from virtuall.export.sbml_units import define_unit
from virtuall.model import Model, load_system

LIBRARY = Path(__file__).parents[1] / "model" / "library"
PATIENT = {"weight": 70.0, "eta_L": 0.2, "eta_CL": -0.3}
CHANGES = (
    Change(0.0, "R_drug", "set", 28.0),
    Change(7.0, "R_drug", "set", 0.0),
    Change(8.0, "A_drug", "add", 5.0),
    Change(8.0, "A_drug", "add", 6.0),
)


@pytest.fixture(scope="module")
def model() -> Model:
    return load_system([LIBRARY], shipped=False)


def evaluate(graph: Graph, node: int, values: dict[str, float], known: dict[int, float]) -> float:
    if node not in known:
        op, *rest = graph.ops[node]
        if op == "number":
            known[node] = float(rest[0])
        elif op == "symbol":
            known[node] = values[str(rest[0])]
        else:
            arguments = [evaluate(graph, int(each), values, known) for each in rest]
            known[node] = _OPERATIONS[str(op)](*arguments)
    return known[node]


_OPERATIONS = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "pow": lambda a, b: a**b,
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "abs": abs,
    "min": min,
    "max": max,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "not": lambda a: not a,
    "select": lambda c, a, b: a if c else b,
}


def scipy_run(system: System, values: dict[str, float], changes: tuple[Change, ...], days: np.ndarray) -> np.ndarray:
    """Integrate by SciPy from change to change; states at the given days, after the changes of that day."""
    values = dict(values)
    for name, node in system.constants:
        values[name] = evaluate(system.graph, node, values, {})
    y = np.array([evaluate(system.graph, node, values, {}) for node in system.initial])

    def rate(time: float, y: np.ndarray) -> list[float]:
        now = {**values, **dict(zip(system.states, map(float, y), strict=True)), "time": time}
        known: dict[int, float] = {}
        return [evaluate(system.graph, node, now, known) for node in system.rates]

    found, now = [], 0.0
    for day in days:
        if day > now:
            y = solve_ivp(rate, (now, day), y, method="LSODA", rtol=1e-9, atol=1e-9).y[:, -1]
            now = day
        for change in changes:
            if change.time == day and change.kind == "set":
                values[change.symbol] = change.value
            elif change.time == day:
                y[system.states.index(change.symbol)] += change.value
        found.append(y.copy())
    return np.array(found)


def roadrunner_run(text: str, names: tuple[str, ...], days: np.ndarray) -> np.ndarray:
    runner = roadrunner.RoadRunner(text)
    runner.integrator.relative_tolerance = 1e-10
    runner.integrator.absolute_tolerance = 1e-12
    runner.timeCourseSelections = ["time", *names]
    return np.asarray(runner.simulate(float(days[0]), float(days[-1]), len(days)))[:, 1:]


def test_roadrunner_agrees_with_scipy(model: Model) -> None:
    text = model_to_sbml(model, PATIENT, CHANGES)
    errors, _ = sbml_messages(text)
    assert errors == []
    days = np.arange(0.0, 13.0)
    values = {name: each.value for name, each in model.values.items()} | {"R_drug": 0.0} | PATIENT
    ours = scipy_run(model.system, values, CHANGES, days)
    theirs = roadrunner_run(text, model.system.states, days)
    # the day of the added dose is shown before it by one and after it by the other
    keep = days != 8.0
    np.testing.assert_allclose(theirs[keep], ours[keep], rtol=1e-6, atol=1e-7)


def test_units_are_sound(model: Model) -> None:
    _, warnings = sbml_messages(model_to_sbml(model, PATIENT, CHANGES))
    assert warnings == []


def test_libantimony_loads_it(model: Model) -> None:
    antimony.clearPreviousLoads()
    assert antimony.loadSBMLString(model_to_sbml(model, PATIENT, CHANGES, name="tiny")) >= 0
    back = antimony.getAntimonyString("tiny")
    assert "A_drug' = " in back and "A_drug = A_drug + 11 ug" in back


def test_what_is_what(model: Model) -> None:
    sbml = libsbml.readSBMLFromString(model_to_sbml(model, PATIENT)).getModel()
    assert sbml.getLevel() == 3 and sbml.getVersion() == 2
    assert sbml.getTimeUnits() == "d"
    assert sbml.getRule("A_drug").isRate() and sbml.getRule("C_drug").isAssignment()
    assert not sbml.getParameter("R_drug").getConstant() and sbml.getParameter("CL").getConstant()
    assert sbml.getParameter("CL_typical").getValue() == pytest.approx(2.2 * 24)
    assert sbml.getInitialAssignment("CL") is not None
    assert "items" in sbml.getNotesString()


@pytest.mark.parametrize("text", ["ug/d", "cell/uL", "pM", "mg/m^2", "cell^2/d", "IU/kg", "g", "%", "h"])
def test_units_mean_the_same_in_sbml(text: str) -> None:
    document = libsbml.SBMLDocument(3, 2)
    name = define_unit(document.createModel(), unit(text))
    found = libsbml.UnitDefinition.convertToSI(document.getModel().getUnitDefinition(name))
    factor = 1.0
    for place in range(found.getNumUnits()):
        each = found.getUnit(place)
        factor *= (each.getMultiplier() * 10.0 ** each.getScale()) ** each.getExponentAsDouble()
    days = dict(unit(text).dimensions).get("time", 0)
    grams = dict(unit(text).dimensions).get("mass", 0)
    assert factor == pytest.approx(float(unit(text).factor) * 86400.0**days * 1e-3**grams, rel=1e-12)


def test_what_cannot_be_written_is_refused(model: Model) -> None:
    with pytest.raises(InputError, match="numbers of the patient are missing: weight"):
        model_to_sbml(model, {"eta_L": 0.0, "eta_CL": 0.0})
    with pytest.raises(InputError, match="given 'wieght'; did you mean 'weight'"):
        model_to_sbml(model, PATIENT | {"wieght": 1.0})
    with pytest.raises(InputError, match="only inputs and states can be changed; given 'R_drog'"):
        model_to_sbml(model, PATIENT, [Change(1.0, "R_drog", "set", 1.0)])
    with pytest.raises(InputError, match="before day 0"):
        model_to_sbml(model, PATIENT, [Change(-1.0, "R_drug", "set", 1.0)])


def test_shared_formulas_do_not_grow() -> None:
    graph = Graph()
    node = graph.symbol("x")
    for _ in range(40):  # as a tree this has 2^40 leaves
        node = graph.add(graph.mul(node, node), graph.call("exp", graph.neg(node)))
    rate = graph.neg(graph.mul(graph.symbol("k"), graph.call("min", node, graph.symbol("x"))))
    system = System(graph, ("x",), ("k",), (rate,), (graph.symbol("k"),), signals=(("x", graph.symbol("x")),))
    text = system_to_sbml(system, {"k": 0.1})
    assert len(text) < 300_000
    assert sbml_messages(text)[0] == []


def test_the_shipped_model_is_sound() -> None:
    model = load_system()
    system = model.system
    patient = {name: 0.5 * (each.low + each.high) for name, each in model.covariates.items()}
    patient |= dict.fromkeys(model.random, 0.0)
    patient = {name: value for name, value in patient.items() if name in system.parameters}
    text = model_to_sbml(model, patient)
    assert sbml_messages(text)[0] == []
    assert roadrunner.RoadRunner(text).getModel().getNumRateRules() == len(system.states)
