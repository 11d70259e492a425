"""Every number of the shipped equations reaches a rate, a first value or a signal."""

from __future__ import annotations

from virtuall.model import load_system


def test_no_number_of_the_library_is_idle() -> None:
    model = load_system()
    system = model.system
    needed: set[str] = set()
    for node in (*system.rates, *system.initial, *(node for _, node in system.signals)):
        needed |= system.graph.symbols_of(node)
    for name, node in reversed(system.constants):
        if name in needed:
            needed |= system.graph.symbols_of(node)
    # what the clinic and the reports read from the patient without an equation in between
    read_by_the_clinic = {"sex"}
    given = {*model.values, *model.random, *model.covariates, *model.inputs}
    assert sorted(given - needed - read_by_the_clinic) == []
