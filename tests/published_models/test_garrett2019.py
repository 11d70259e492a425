"""Garrett 2019: inotuzumab ozogamicin, the printed effects, times and exposures; and the library's numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import ArrayLike

from virtuall.engine.kernel import build_kernel
from virtuall.model import load_system

from .conftest import Floats, published, simulate

HOUR = 1 / 24
CYCLES = (0, 21, 49, 77)  # days on which they start; the fourth ends on day 105
DOSES = {start + day: dose for start in CYCLES for day, dose in ((0, 0.8), (7, 0.5), (14, 0.5))}
WINDOWS = ((0, 7), (28, 35), (63, 77))
# Body surface, percent of blasts in blood, and the medians of 1,000 simulated patients in ng*h/mL (figure 8).
SCENARIOS = {
    "A": (1.55, 0.0001, (4550, 22800, 44700)),
    "B": (1.84, 5.25, (3790, 17100, 37600)),
    "C": (2.21, 69.0, (3380, 14300, 32400)),
}
N = 2000


def constants(**columns: ArrayLike) -> dict[str, Floats]:
    """CL1, CL2, V1 and kdes as the engine computes them, for one patient or several."""
    model = published("garrett2019")
    names = model.system.parameters
    values = {name: columns.get(name, model.values[name].value if name in model.values else 0.0) for name in names}
    rows = np.stack(np.broadcast_arrays(*(np.atleast_1d(values[name]) for name in names)), axis=1)
    ens = build_kernel(model.system).start(rows)
    return {name: ens.parameters[:, names.index(name)] for name in ("CL1", "CL2", "V1", "kdes")}


def areas(windows: Sequence[tuple[int, int]], bsa: float, columns: Mapping[str, ArrayLike]) -> Floats:
    """Area under the concentration, ng*h/mL, of patients and windows, on 0.8, 0.5, 0.5 mg/m2 in each cycle."""
    last = max(end for _, end in windows)
    changes = []
    for day in sorted(day for day in DOSES if day < last):
        changes += [(day, {"R_drug": DOSES[day] * bsa / HOUR}), (day + HOUR, {"R_drug": 0.0})]
    edges = np.array(sorted({float(edge) for window in windows for edge in window}))
    model = published("garrett2019")
    found = simulate(model, edges, ["area"], columns={"bsa": bsa, **columns}, changes=changes, rtol=1e-6)[:, :, 0]
    at = {edge: found[:, place] for place, edge in enumerate(edges)}
    return 24.0 * np.stack([at[end] - at[start] for start, end in windows], axis=1)


def test_typical_values_in_leukemia() -> None:
    """Printed: 0.0333 L/h and 0.00472 per hour; from lymphoma on rituximab -75 % and -86 %; without rituximab +16 %."""
    found = constants(leukemia=np.array([1.0, 0.0, 0.0]), alone=np.array([1.0, 1.0, 0.0]))
    assert found["CL1"][0] / 24 == pytest.approx(0.0333, abs=5e-5)
    assert found["kdes"][0] / 24 == pytest.approx(0.00472, abs=5e-6)
    assert found["CL1"][0] / found["CL1"][1] - 1 == pytest.approx(-0.75, abs=0.01)
    assert found["kdes"][0] / found["kdes"][1] - 1 == pytest.approx(-0.86, abs=0.001)
    assert found["CL1"][1] / found["CL1"][2] - 1 == pytest.approx(0.16, abs=0.01)


def test_effects_of_size_and_blasts() -> None:
    """Printed changes at the 10th and 90th percentile, in percent, rounded."""
    found = constants(bsa=np.array([1.84, 1.55, 2.21]), blasts=np.array([5.25, 0.0001, 69.0]))
    changes = {name: 100 * (value[1:] / value[0] - 1) for name, value in found.items()}
    printed = {"CL1": (-23, 33), "CL2": (-25, 35), "V1": (-23, 29), "kdes": (55, -10)}
    for name, expected in printed.items():
        assert changes[name] == pytest.approx(expected, abs=1.5), name


def test_fading_clearance() -> None:
    """Printed: halved in 147 h (95 to 163 h), gone after 5 half-times: 2.8, 4.4 and 4.8 weeks; on day 78 0.0333 L/h."""
    blasts = np.array([0.0001, 5.25, 69.0])
    times = np.array([0.0, 1.0, 77.0, 400.0])
    start, later, cycle_4, lasting = simulate(
        published("garrett2019"), times, ["clearance"], columns={"blasts": blasts}
    )[:, :, 0].T
    half_time = 24 * np.log(2) / np.log((start - lasting) / (later - lasting))
    assert half_time == pytest.approx([95, 147, 163], abs=1.5)
    assert 5 * half_time / 168 == pytest.approx([2.8, 4.4, 4.8], abs=0.06)
    assert cycle_4[1] / 24 == pytest.approx(0.0333, abs=5e-5)


def test_terminal_half_life() -> None:
    """Printed: 293 h."""
    course = simulate(
        published("garrett2019"),
        [150.0, 200.0],
        ["concentration"],
        changes=((0.0, {"R_drug": 100.0}), (HOUR, {"R_drug": 0.0})),
    )[0, :, 0]
    assert 24 * 50 * np.log(2) / np.log(course[0] / course[1]) == pytest.approx(293, abs=5)


def test_typical_patient_as_in_an_independent_computation() -> None:
    found = areas((*WINDOWS, (77, 105)), 1.84, {})[0]
    assert found == pytest.approx([3846, 17349, 39636, 97500], rel=2e-3)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_medians_of_simulated_patients(scenario: str) -> None:
    """The paper's 1,000 patients and our 2,000 differ by chance by some 2 %."""
    bsa, blasts, printed = SCENARIOS[scenario]
    model = published("garrett2019")
    etas = list(model.random)
    spread = np.diag([model.random[eta].numbers["sd"] for eta in etas])
    shared = np.eye(len(etas))
    for each in model.correlations:
        a, b = (etas.index(name) for name in each.between)
        shared[a, b] = shared[b, a] = each.value
    draws = np.random.default_rng(19).multivariate_normal(np.zeros(len(etas)), spread @ shared @ spread, N)
    columns = {"blasts": blasts, **dict(zip(etas, draws.T, strict=True))}
    assert np.median(areas(WINDOWS, bsa, columns), axis=0) == pytest.approx(printed, rel=0.04)


def test_the_library_holds_the_same_numbers() -> None:
    """The shipped text has the printed values of leukemia, rounded; this one those of lymphoma and the changes."""
    shipped, own = load_system().values, published("garrett2019").values
    typical = constants()
    for name in ("CL1", "CL2", "V1", "kdes"):
        assert shipped[f"ino_{name}"].value == pytest.approx(typical[name][0], rel=1e-3), name
    for name in ("Q", "V2", "CL1_exponent", "CL2_exponent", "V1_slope", "kdes_exponent"):
        assert shipped[f"ino_{name}"].value == own[name].value, name
