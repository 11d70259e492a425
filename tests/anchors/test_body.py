"""What the body can carry: untreated leukemia comes to an end of its growth, and a full marrow grows on."""

from __future__ import annotations

import numpy as np

from virtuall.engine.kernel import build_kernel
from virtuall.model import load_system
from virtuall.population import sample
from virtuall.simulation.bind import parameter_rows


def test_untreated_leukemia_fills_the_body_and_no_more() -> None:
    model, patients = load_system(), sample("adult_relapsed", 8, seed=1)
    kernel = build_kernel(model.system)
    ensemble = kernel.start(parameter_rows(model, patients))
    everybody = np.arange(len(patients))
    kernel.record(ensemble, np.array([0.0, 30.0, 3000.0]), ["leukemia_cells", "L"])
    kernel.advance(ensemble, everybody, 3000.0)
    capacity = ensemble.recorded[:, 0, 1] / patients.columns["marrow_blasts"]
    cells = ensemble.recorded[:, :, 0] / capacity[:, None]
    growth = ensemble.parameters[:, model.system.parameters.index("growth")]
    np.testing.assert_allclose(cells[:, 2], 20.0, rtol=0.05)
    exponential = cells[:, 0] * np.exp(growth * 30.0)
    full = exponential < 5.0
    assert full.any() and np.all(cells[full, 1] > 0.75 * exponential[full])
