"""Patients who get a product with numbers of its own, or an antibody: replayed, and as SBML."""

from __future__ import annotations

from types import ModuleType

import libsbml
import numpy as np
import pytest

import virtuall as va
from virtuall.engine.kernel import build_kernel
from virtuall.export.patient import patient_to_sbml
from virtuall.export.sbml import sbml_messages
from virtuall.model import load_system
from virtuall.simulation.bind import brought_along, parameter_rows
from virtuall.simulation.realized import give
from virtuall.simulation.replay import replay
from virtuall.simulation.result import Result

CELLS, CLOSE = 1e3, 1e-3  # cells; relative


@pytest.fixture(scope="module")
def car_t() -> Result:
    return va.simulate(va.sample("eliana", 6, seed=1), va.load_protocol("tisagenlecleucel/relapsed"), days=90.0)


@pytest.fixture(scope="module")
def infused(car_t: Result) -> int:
    """A patient who got the cells."""
    assert car_t.realized is not None
    return int(car_t.realized.loc[car_t.realized["name"] == "I_car", "patient"].iloc[0])


def test_what_a_product_brings_along_is_replayed(car_t: Result) -> None:
    assert brought_along(load_system(), car_t.protocol.given_products)
    done = replay(car_t)
    assert done.identical and done.worst == 0.0


def test_what_a_product_brings_along_is_exported(car_t: Result, infused: int) -> None:
    text = patient_to_sbml(car_t, infused)
    assert sbml_messages(text) == ([], [])
    sbml = libsbml.readSBMLFromString(text).getModel()
    brought = brought_along(load_system(), car_t.protocol.given_products)
    assert {name: sbml.getParameter(name).getValue() for name in brought} == brought
    assert any(value != 0.0 for value in brought.values())


def test_roadrunner_gives_the_same_car_t_cells(car_t: Result, infused: int, judge: ModuleType) -> None:
    model, person = load_system(), car_t.patients[infused]
    realized, last = car_t.realized, float(car_t.outcomes["last_day"].iloc[infused])
    assert realized is not None
    days = np.setdiff1d(np.arange(0.5, last), realized["day"])
    kernel = build_kernel(model.system, rtol=1e-10)
    ensemble = kernel.start(parameter_rows(model, person, car_t.protocol.given_products))
    kernel.record(ensemble, days, model.system.states)
    give(kernel, ensemble, person.ids, realized, last)
    cells = np.array([model.system.units[name] == "cell" for name in model.system.states])
    ours = ensemble.recorded[0][:, cells]
    theirs = judge.by_roadrunner(patient_to_sbml(car_t, infused), model, days)[:, cells]
    many = ours > CELLS
    np.testing.assert_allclose(theirs[many], ours[many], rtol=CLOSE)
    names = [name for name, one in zip(model.system.states, cells, strict=True) if one]
    assert many[:, names.index("E_car")].sum() > 10  # they were there


def test_inotuzumab() -> None:
    antibody = va.simulate(va.sample("inovate", 3, seed=1), va.load_protocol("inotuzumab/relapsed"), days=60.0)
    assert antibody.realized is not None and "R_ino" in set(antibody.realized["name"])
    assert replay(antibody).identical
    assert sbml_messages(patient_to_sbml(antibody, 0)) == ([], [])
