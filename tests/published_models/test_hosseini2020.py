"""Hosseini 2020 under blinatumomab: against the run of the authors' own project, counts of patients, printed peaks."""

from __future__ import annotations

import numpy as np
import pytest

from .conftest import Floats, published, reference, simulate

DOSE = 15_000.0  # ng/m2/day for four weeks, as in the authors' project
FOUR_WEEKS = ((0.0, {"R_drug": DOSE}), (28.0, {"R_drug": 0.0}))
# Peak of IL-6 in the virtual population of lymphoma, pg/mL: median, 5th and 95th percentile, printed in figure 4.
STEPS, FLAT = (370.0, 6.0, 4330.0), (640.0, 13.0, 7180.0)


def test_without_drug_nothing_moves() -> None:
    """The paper: T cells are at dynamic equilibrium before therapy."""
    model = published("hosseini2020")
    counts = ("T_count", "B_count", "B_all_marrow", "B_nodes")
    found = simulate(model, [0.0, 100.0], counts, columns={"stress_start": 0.0})[0]
    assert found[1] == pytest.approx(found[0], rel=1e-9)


def test_first_patient_as_in_the_authors_run() -> None:
    """The authors' project for their first patient: B cells fall 1,300-fold and T cells 8-fold, rise and overshoot.

    Their solver allows an error of 0.1 % per step. A change by 2 % of any number of the text is seen here, but for four
    that hardly matter in this patient.
    """
    wanted = reference("hosseini2020_project")
    baseline = {"T_baseline": 342_470.0, "B_baseline": 8_300.0}
    signals = ("B_count", "T_count", "active_share")
    found = simulate(published("hosseini2020"), wanted["time_days"], signals, columns=baseline, changes=FOUR_WEEKS)[0]
    expected = np.stack([wanted[name] for name in ("b_cells_per_ml", "t_cells_per_ml", "active_share")], axis=1)
    assert found == pytest.approx(expected, rel=1e-3)


def counts_of_patients() -> tuple[dict[str, Floats], Floats, Floats]:
    """Published counts, simulated T cells over baseline, and B cells per mL, of the same 19 patients."""
    baselines, counts = reference("klinger2012_baselines"), reference("klinger2012_counts")
    columns = {"T_baseline": baselines["cd8_t_cells_per_ul"] * 1e3, "B_baseline": baselines["b_cells_per_ul"] * 1e3}
    signals = ("T_count", "B_count")
    model, times = published("hosseini2020"), counts["time_days"]
    found = simulate(model, times, signals, columns=columns, changes=FOUR_WEEKS, rtol=1e-6)
    return counts, found[:, :, 0] / found[:, :1, 0], found[:, :, 1]


def test_t_cells_of_patients() -> None:
    """The paper: the model predicts the reported counts. The median lies between the patients' quartiles.

    All but three times: after one hour the model's T cells have left the blood already; after 12 and 24 hours, on their
    way back, they are at the patients' upper quartiles (0.18 and 0.24 of baseline).
    """
    counts, ratio, _ = counts_of_patients()
    median, days = np.median(ratio, axis=0), counts["time_days"]
    inside = (counts["t_ratio_q1"] <= median) & (median <= counts["t_ratio_q3"])
    assert set(days[~inside]) <= {0.0416, 0.5, 1.0}
    soon = (days >= 0.5) & (days <= 1.0)
    assert median[soon] == pytest.approx(counts["t_ratio_q3"][soon], rel=0.02)
    assert median[days == 0.0416] == pytest.approx(0.13, abs=0.01)
    late = days >= 14.0
    assert median[late] == pytest.approx(counts["t_ratio_median"][late], rel=0.25)


def test_b_cells_of_patients() -> None:
    """Measured: at most 1 per uL in 19 of 19 patients from day 1 on; the model: in three quarters, in all by day 7."""
    counts, _, b_cells = counts_of_patients()
    share = dict(zip(counts["time_days"], np.mean(b_cells <= 1e3, axis=0), strict=True))
    assert share[0.25] == share[1.0] == pytest.approx(14 / 19)
    assert [share[day] for day in (7.0, 14.0, 21.0, 28.0)] == [1.0] * 4


def peaks(doses: tuple[float, ...]) -> tuple[Floats, Floats, Floats]:
    """Days, IL-6 and the highest of each week, of the published typical patient with lymphoma."""
    model, days = published("hosseini2020", "hosseini2020_lymphoma"), np.linspace(0.0, 21.0, 2101)
    changes = tuple((7.0 * week, {"R_drug": 1e3 * dose}) for week, dose in enumerate(doses))
    il6 = simulate(model, days, ["il6"], changes=changes, rtol=1e-6)[0, :, 0]
    return days, il6, np.array([il6[(days >= week) & (days < week + 7)].max() for week in (0, 7, 14)])


def test_first_peak_of_il6_is_early_and_grows_with_the_dose() -> None:
    """The paper: within 24 hours, declining within two days, 640 pg/mL on 60 ug/m2/day and 370 on 5.

    The typical patient's peaks are 3.4 times the population's medians, which the paper does not give the patients for.
    """
    first = []
    for doses, (_, low, high) in (((5.0, 15.0, 60.0), STEPS), ((60.0,), FLAT)):
        days, il6, weekly = peaks(doses)
        assert days[il6.argmax()] < 1.0
        assert il6[days == 2.0].item() < 0.2 * weekly[0]
        assert low < weekly[0] < high
        first.append(weekly[0])
    assert first[1] / first[0] == pytest.approx(FLAT[0] / STEPS[0], rel=0.1)


def test_later_peaks_of_il6_are_an_order_of_magnitude_lower() -> None:
    _, _, weekly = peaks((5.0, 15.0, 60.0))
    assert weekly[0] / weekly[1:] == pytest.approx([13.6, 12.0], rel=0.05)
