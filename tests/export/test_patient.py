"""A patient with realized orders as SBML: sound for libSBML, and the same course in another engine."""

from __future__ import annotations

import dataclasses
from types import ModuleType

import libsbml
import numpy as np
import pytest

import virtuall as va
from virtuall.core.errors import InputError
from virtuall.export.patient import patient_changes, patient_to_sbml
from virtuall.export.sbml import sbml_messages
from virtuall.model import load_system
from virtuall.simulation.realized import PARAMETER
from virtuall.simulation.result import Result

CLOSE, ZERO = 1e-3, 1e-3  # relative; cells


@pytest.fixture(scope="module")
def result() -> Result:
    return va.simulate(va.sample("adult_relapsed", 14, seed=1), va.load_protocol("blinatumomab/relapsed"), record=())


@pytest.fixture(scope="module")
def eventful(result: Result) -> list[int]:
    """Who had a transplant, who had a next line, and who had the most changes."""
    realized = result.realized
    assert realized is not None
    transplanted, next_line = (
        int(realized.loc[realized["name"] == name, "patient"].iloc[0]) for name in ("graft", "R_next_line")
    )
    most = realized["patient"].value_counts()
    fullest = next(int(patient) for patient in most.index if patient not in (transplanted, next_line))
    return [transplanted, next_line, fullest]


def test_roadrunner_gives_the_same_patients(result: Result, eventful: list[int], judge: ModuleType) -> None:
    found = [judge.compare(result, patient, "libRoadRunner") for patient in eventful]
    for each in found:
        assert each["tight_cells"] <= CLOSE and each["tight_other"] <= CLOSE, each
        assert each["working_cells"] <= 20 * CLOSE, each  # of the tolerance 1e-4, not of the second engine
        assert each["largest_at_zero"] <= ZERO, each
    assert max(each["zeros"] for each in found) > 100  # days of extinct clones
    assert max(each["changes"] for each in found) > 40


def test_a_left_out_order_would_be_noticed(result: Result, eventful: list[int], judge: ModuleType) -> None:
    realized, patient = result.realized, eventful[0]
    assert realized is not None
    text = patient_to_sbml(result, patient)
    document = libsbml.readSBMLFromString(text)
    document.getModel().removeEvent(1)
    model, days = load_system(), np.arange(0.5, 30.0)
    whole = judge.by_roadrunner(text, model, days)
    wrong = judge.by_roadrunner(libsbml.writeSBMLToString(document), model, days)
    assert np.abs(wrong / np.where(whole == 0.0, 1.0, whole) - 1.0)[:, model.system.states.index("B")].max() > CLOSE


def test_libsbml_finds_nothing(result: Result, eventful: list[int]) -> None:
    for patient in eventful:
        assert sbml_messages(patient_to_sbml(result, patient)) == ([], [])


def test_every_change_is_an_event_at_its_time(result: Result, eventful: list[int]) -> None:
    patient, model, realized = eventful[0], load_system(), result.realized
    assert realized is not None
    mine = realized[realized["patient"] == patient]
    sbml = libsbml.readSBMLFromString(patient_to_sbml(result, patient)).getModel()
    days = sorted(set(mine["day"]))
    assert sbml.getNumEvents() == len(days)
    for place, day in enumerate(days):
        event = sbml.getEvent(place)
        trigger = event.getTrigger()
        assert trigger.getMath().getChild(1).getValue() == pytest.approx(day, rel=1e-14)
        assert not trigger.getInitialValue() and trigger.getPersistent()
        assert event.getNumEventAssignments() == (mine["day"] == day).sum()
    kinds = {change.symbol: change.kind for change in patient_changes(result, patient, model)}
    assert kinds["A_dex"] == "add" and kinds["R_blina"] == kinds["L"] == "set"
    doses = [change.value for change in patient_changes(result, patient, model) if change.symbol == "A_dex"]
    np.testing.assert_allclose(doses, 20.0, rtol=1e-12)
    last = float(result.outcomes["last_day"].iloc[patient])
    assert repr(last) in sbml.getNotesString() and f"Patient {patient} of cohort" in sbml.getNotesString()


def test_what_is_set_on_day_0_is_a_first_value(result: Result) -> None:
    realized = result.realized
    assert realized is not None
    place = int(np.flatnonzero((realized["kind"] == PARAMETER) & (realized["name"] == "R_blina"))[0])
    patient = int(realized["patient"].iloc[place])
    early = realized.assign(day=np.where(np.arange(len(realized)) == place, 0.0, realized["day"]))
    whole = libsbml.readSBMLFromString(patient_to_sbml(result, patient)).getModel()
    sbml = libsbml.readSBMLFromString(patient_to_sbml(dataclasses.replace(result, realized=early), patient)).getModel()
    assert sbml.getParameter("R_blina").getValue() == realized["value"].iloc[place] > 0
    assert whole.getParameter("R_blina").getValue() == 0.0
    assert sbml.getNumEvents() == whole.getNumEvents() - 1


def test_what_cannot_be_exported_is_refused(result: Result) -> None:
    with pytest.raises(InputError, match="no such patient"):
        patient_to_sbml(result, 14)
    with pytest.raises(InputError, match="does not hold what was done"):
        patient_to_sbml(dataclasses.replace(result, realized=None), 1)
    failed = np.zeros(14, np.int32)
    failed[1] = 2
    with pytest.raises(InputError, match=r"patient 1 failed on day .* \(a state became infinite"):
        patient_to_sbml(dataclasses.replace(result, status=failed), 1)


def test_a_patient_who_was_never_treated_is_exported(result: Result) -> None:
    never = va.simulate(result.patients[:1], result.protocol, treated=[False], days=20.0, record=())
    text = patient_to_sbml(never, 0)
    assert sbml_messages(text) == ([], [])
    assert "R_blina" not in {change.symbol for change in patient_changes(never, 0, load_system())}


@pytest.mark.slow
def test_fifty_patients_agree_with_roadrunner(judge: ModuleType) -> None:
    fifty = va.simulate(va.sample("adult_relapsed", 50, seed=2), va.load_protocol("blinatumomab/relapsed"), record=())
    found = [judge.compare(fifty, patient, "libRoadRunner") for patient in range(50)]
    worst = max(found, key=lambda each: each["tight_cells"])
    print(f"50 patients, states above 1e3 cells: worst relative difference {worst['tight_cells']:.2g}")
    assert worst["tight_cells"] <= CLOSE, worst
    assert max(each["largest_at_zero"] for each in found) <= ZERO
