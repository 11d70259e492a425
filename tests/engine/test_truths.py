"""Truth values in machine code are those of NumPy, for any number of patients."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from virtuall.engine.truths import COMPARISONS, Step, Steps, numbers_for, width

NUMPY: dict[str, Callable[..., NDArray[np.bool_]]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
}
SPECIAL = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, 1.5, -2.0, 5e-324)


def columns(patients: int) -> NDArray[np.float64]:
    numbers = numbers_for(3, patients)
    numbers[:] = np.random.default_rng(5).choice(SPECIAL, (3, patients))
    return numbers


def filled(steps: list[Step], numbers: NDArray[np.float64], rows: int) -> NDArray[np.bool_]:
    patients = numbers.shape[1]
    truths = np.zeros((rows, width(patients)), bool)
    copy.copy(Steps(steps)).fill(numbers, truths)
    return truths[:, :patients]


@pytest.mark.parametrize("patients", [0, 1, 15, 16, 17, 200])
@pytest.mark.parametrize("operator", COMPARISONS)
def test_comparisons(operator: str, patients: int) -> None:
    numbers = columns(patients)
    found = filled([(operator, 0, (0, 1), 0.0), (f"{operator} constant", 1, (2,), 1.0)], numbers, 2)
    expected = NUMPY[operator](numbers[0], numbers[1]), NUMPY[operator](numbers[2], 1.0)
    assert found.tolist() == np.array(expected).tolist()


def test_known() -> None:
    numbers = columns(100)
    assert filled([("known", 0, (1,), 0.0)], numbers, 1)[0].tolist() == (~np.isnan(numbers[1])).tolist()


@pytest.mark.parametrize("patients", [1, 16, 33])
def test_rows_are_joined(patients: int) -> None:
    numbers = columns(patients)
    given: list[Step] = [("> constant", row, (row,), 0.0) for row in range(3)]
    joined: list[Step] = [("and", 3, (0, 1, 2), 0.0), ("or", 4, (0, 1, 2), 0.0), ("not", 5, (4,), 0.0)]
    joined += [("or", 6, (5, 3), 0.0), ("and", 7, (2,), 0.0)]
    found = filled(given + joined, numbers, 8)
    a, b, c = numbers > 0
    expected = [a & b & c, a | b | c, ~(a | b | c), ~(a | b | c) | (a & b & c), c]
    assert found[3:].tolist() == np.array(expected).tolist()


COLD = """
import threading
import numpy as np
from virtuall.engine.truths import Steps, numbers_for, width

steps, start, found = Steps([("> constant", 0, (0,), 0.5)]), threading.Barrier(8), []

def work():
    numbers, truths = numbers_for(1, 100), np.zeros((1, width(100)), bool)
    numbers[:] = np.arange(100) % 2
    start.wait()
    for _ in range(200):
        steps.fill(numbers, truths)
    found.append(int(truths[0, :100].sum()))

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert found == [50] * 8
"""


def test_threads_that_come_first_at_once() -> None:
    """In a process of their own: code that left the memory would end it."""
    done = subprocess.run([sys.executable, "-c", COLD], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
