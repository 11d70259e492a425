"""Charts: blocks in, one ordered frame out."""

from __future__ import annotations

import numpy as np

from virtuall.simulation.charts import Charts, events_frame


def test_entries_are_ordered_by_patient_and_stay_in_the_order_of_writing() -> None:
    ids = np.array([30, 10, 20])
    charts = Charts(full=True)
    charts.write(np.array([0, 1]), np.array([1.0, 2.0]), "result", "count", np.array([7.0, 8.0]), "1/L")
    charts.write(np.array([1]), np.array([2.0]), "order", "drug", 5.0, "mg", "rule", np.array([2]))
    charts.write(np.array([2, 0]), np.array([4.0, 4.0]), "stop", "drug")
    charts.write(np.array([], np.int64), np.array([]), "hold", "drug")
    other = Charts(full=True)
    other.write(np.array([0]), np.array([9.0]), "death", "another cause", cycle=3)
    frame = events_frame([charts.entries(ids), other.entries(np.array([1]))])
    assert frame.patient.tolist() == [10, 10, 20, 30, 30, 1]
    assert frame.kind.tolist() == ["result", "order", "stop", "result", "stop", "death"]
    assert frame.day.tolist() == [2.0, 2.0, 4.0, 1.0, 4.0, 9.0]
    assert frame.value.fillna(-1).tolist() == [8.0, 5.0, -1.0, 7.0, -1.0, -1.0]
    assert frame.cycle.tolist() == [0, 2, 0, 0, 0, 3]
    assert frame.kind.cat.categories.tolist() == ["death", "order", "result", "stop"]


def test_key_charts_leave_orders_samples_and_results_out() -> None:
    charts = Charts(full=False)
    for kind in ("order", "sample", "result", "stop"):
        charts.write(np.array([0]), np.array([1.0]), kind, "thing")
    frame = events_frame([charts.entries(np.array([4]))])
    assert frame.kind.tolist() == ["stop"]


def test_no_entry_at_all() -> None:
    frame = events_frame([Charts(full=True).entries(np.array([4]))])
    assert len(frame) == 0 and frame.columns.tolist()[:3] == ["patient", "day", "kind"]
