"""Leon-Triana 2020: CAR T cells as predators of leukemia and B cells. The paper gives its findings in words."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from .conftest import Floats, published, simulate

STATES = ("CAR", "L", "B")
DAYS = np.linspace(0.0, 600.0, 6001)
MATURE = {"progenitors": 0.0}  # equations (4): no new B cells
# As deposited.
ALPHA, RHO_L, TAU_C, TAU_B = 4.5e-11, 0.03333333333, 14.0, 60.0
RHO_C = 0.25 * ALPHA


def course(days: Floats = DAYS, again: tuple[float, float] | None = None, **columns: object) -> Floats:
    changes = ((again[0], {"CAR": again[1]}),) if again else ()
    return simulate(published("leon_triana2020"), days, STATES, columns={**MATURE, **columns}, changes=changes)


def test_as_an_independent_solver() -> None:
    def rates(_: float, logs: Floats) -> list[float]:
        car, leukemia, b_cells = np.exp(logs)
        return [RHO_C * (leukemia + b_cells) - 1 / TAU_C, RHO_L - ALPHA * car, -ALPHA * car - 1 / TAU_B]

    days = np.linspace(0.0, 450.0, 46)  # through the first remission and the whole relapse
    start = np.log([1e7, 5e10, 2.5e10])
    solved = solve_ivp(rates, (0.0, 450.0), start, "DOP853", days, rtol=1e-11, atol=1e-11)
    assert course(days)[0, :, :2] == pytest.approx(np.exp(solved.y[:2].T), rel=1e-4)
    early = days <= 100.0  # later there is less than one B cell
    assert course(days)[0, early, 2] == pytest.approx(np.exp(solved.y[2, early]), rel=1e-4)


def test_published_parameters_clear_the_leukemia_and_it_comes_back() -> None:
    """An independent run of the deposited file: 1.6e10 CAR T cells on day 12, 4e5 leukemic cells at the least."""
    car, leukemia, _ = course()[0].T
    month = DAYS < 60.0
    assert car[month].max() == pytest.approx(1.6e10, rel=0.03)
    assert DAYS[car[month].argmax()] == pytest.approx(12.0, abs=0.5)
    assert leukemia[month].min() == pytest.approx(4e5, rel=0.05)
    assert leukemia.max() > leukemia[0]  # relapse, about a year on


def test_the_peak_has_a_formula() -> None:
    """Paper: the peak has a formula (not seen). Without deaths and growth it is dose + rho_C/alpha (L + B)."""
    lasting = {"CAR_life": 1e9, "B_life": 1e9, "k_growth": 0.0}
    assert course(np.array([60.0]), **lasting)[0, 0, 0] == pytest.approx(1e7 + 0.25 * 7.5e10, rel=1e-3)
    assert course()[0, DAYS < 60.0, 0].max() < 1e7 + 0.25 * 7.5e10


def test_the_number_of_infused_cells_hardly_matters() -> None:
    """Paper: it does not critically affect the outcome. A hundredfold dose: 20 % of the peak, 6 weeks of a year."""
    found = course(dose=np.array([1e6, 1e7, 1e8]))
    month = DAYS < 60.0
    peaks = found[:, month, 0].max(axis=1)
    assert peaks.max() / peaks.min() < 1.2
    remission = [DAYS[(leukemia < 5e6).argmax()] for leukemia in found[:, :, 1]]  # 4 logs below the start
    assert max(remission) - min(remission) < 3.0
    late = DAYS > 100.0
    relapse = [DAYS[late][(leukemia[late] > 1e10).argmax()] for leukemia in found[:, :, 1]]
    assert min(relapse) > 350.0
    assert max(relapse) - min(relapse) < 45.0


def test_relapse_is_that_of_a_predator_and_its_prey() -> None:
    """Paper: as predator and prey. Without B cells a quantity is kept for good, through remission and relapse."""
    car, leukemia, _ = course(B_start=0.0)[0].T
    kept = RHO_C * leukemia - np.log(leukemia) / TAU_C + ALPHA * car - RHO_L * np.log(car)
    assert leukemia.min() < 1e7 < 1e10 < leukemia[DAYS > 200.0].max()
    assert kept == pytest.approx(np.full_like(kept, kept[0]), rel=1e-5)


def test_balance_of_predator_and_prey() -> None:
    balance = {"dose": RHO_L / ALPHA, "L_start": 1 / (RHO_C * TAU_C), "B_start": 0.0}
    found = course(np.array([0.0, 500.0]), **balance)[0]
    assert found[1] == pytest.approx(found[0], rel=1e-6)


def test_stored_cells_given_early_hold_the_relapse() -> None:
    """Paper: relapses might be controlled by an early re-challenge with stored CAR T cells."""
    late = DAYS > 200.0
    alone = course()[0, late, 1].max()
    again = course(again=(300.0, 1e7))[0, late, 1].max()
    assert again < 0.5 * alone


def test_marrow_keeps_b_cells_coming() -> None:
    """Equations (3): with progenitors B cells come back; the leukemia runs the same course."""
    mature, marrow = course()[0], course(progenitors=1e7)[0]
    year = DAYS == 365.0
    assert mature[year, 2] < 100.0 < 1e7 < marrow[year, 2]
    assert marrow[year, 1] == pytest.approx(mature[year, 1], rel=0.01)
