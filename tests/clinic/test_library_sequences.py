"""The sequences, bridging, consolidation and transplant that ship: they load, and they do what their texts say."""

from __future__ import annotations

import numpy as np
import pytest

from virtuall.model.shelf import open_shelf
from virtuall.population import sample
from virtuall.simulation.protocol import load_protocol
from virtuall.simulation.simulate import simulate

SEQUENCES = ("blinatumomab_then_inotuzumab", "inotuzumab_then_transplant", "car_t_then_inotuzumab")


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequences_load_with_all_their_steps(name: str) -> None:
    protocol = load_protocol(f"sequence/{name}")
    assert len(protocol.steps) >= 3
    assert all(step.most == 1 for step in protocol.steps[1:]), "nothing goes round for ever"
    assert {step.protocol for step in protocol.steps} <= set(open_shelf().protocols)


def test_bridging_is_milder_than_salvage_and_consolidation_milder_still() -> None:
    rates = [load_protocol(f"chemotherapy/{name}").regimen.levels[0].fixed or 0.0 for name in ("salvage", "bridging")]
    assert rates[1] <= rates[0] / 2
    consolidation = load_protocol("chemotherapy/consolidation").regimen
    assert (consolidation.levels[0].fixed or 0.0) <= rates[0] / 2
    assert consolidation.number_of_cycles == 4


def test_a_transplant_is_conditioning_and_a_graft_that_stays() -> None:
    patients = sample("adult_mrd_positive", 8, seed=3)
    protocol = load_protocol("transplant/allogeneic")
    result = simulate(patients, protocol, days=60, record=("G", "N"), chart="full", processes=1)
    orders = result.events[result.events["kind"] == "order"]
    first = orders[orders["patient"] == 0]
    assert first["what"].tolist() == ["conditioning", "conditioning", "transplant"]
    assert first["day"].tolist() == [7, 8, 8]
    assert first["value"].tolist() == [1, 0, 1]
    assert (result.outcomes["transplant_day"] == 8).all()
    graft = result.signals["G"].transpose("patient", "time").to_numpy()
    marrow = result.signals["N"].transpose("patient", "time").to_numpy()
    alive = result.outcomes["death_day"].isna().to_numpy()
    assert (graft[alive, 60] > 0.5).all(), "the graft stays after the regimen is over"
    assert np.median(marrow[alive, 60] / marrow[alive, 8]) > 3, "the marrow comes back"


def test_an_antibody_alternates_with_chemotherapy_in_first_remission() -> None:
    patients = sample("adult_consolidation", 12, seed=3).changed(marrow_blasts=0.0)
    protocol = load_protocol("sequence/blinatumomab_alternating")
    result = simulate(patients, protocol, days=340, chart="key", processes=1)
    steps = result.events[result.events["kind"] == "step"]
    went = {patient: rows["what"].astype(str).tolist() for patient, rows in steps.groupby("patient")}
    planned = ["three courses", "third cycle", "fourth course", "fourth cycle", "maintenance"]
    stopped_early = ["chemotherapy alone", "maintenance"]
    assert planned in went.values()
    assert all(each in (planned[: len(each)], stopped_early[: len(each)]) for each in went.values())
    assert [protocol.legs[place].regimen.number_of_cycles for place in range(6)] == [2, 3, 4, 1, 1, 1]


def test_maintenance_goes_on_until_two_and_a_half_years_after_intensification() -> None:
    patients = sample("adult_consolidation", 12, seed=3).changed(marrow_blasts=0.0)
    protocol = load_protocol("sequence/consolidation_maintenance")
    outcomes = simulate(patients, protocol, days=900, chart="key", processes=1).outcomes
    assert outcomes["relapse_day"].isna().all(), "no leukemia is left"
    maintained = outcomes["off_protocol_reason"].to_numpy() == "end of maintenance"
    assert maintained.sum() >= 6
    assert outcomes["off_protocol_day"][maintained].between(850, 885).all()
