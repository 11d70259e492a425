"""A way to call the command in this process, and a small clinic that needs no kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from virtuall.cli.main import main


@dataclass(frozen=True)
class Called:
    """How a call ended."""

    code: int
    out: str
    err: str


Call = Callable[..., Called]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Call the command; an exception that it lets through fails the test."""

    def called(*words: object) -> Called:
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        said = capsys.readouterr()
        code = ended.value.code
        return Called(code if isinstance(code, int) else 0, said.out, said.err)

    return called


class SmallClinic:
    """Stands for population and simulate; `interrupt` is raised in the chunk of that number."""

    def __init__(self) -> None:
        self.calls = 0
        self.parameters: list[str] = []
        self.interrupt: dict[int, BaseException] = {}

    def sample(
        self,
        cohort: str,
        n: int,
        seed: int,
        library: Any = (),
        *,
        first: int = 0,
        parameters: str = "calibrated",
    ) -> Any:
        self.parameters.append(parameters)
        columns = {"age": np.full(n, 40.0)}
        return SimpleNamespace(ids=np.arange(first, first + n), cohort=cohort, seed=seed, columns=columns)

    def load_protocol(self, name: str, library: Any = (), *, scales: Any = (), as_of: Any = None) -> Any:
        said = {"scales": tuple(scales), "as_of": as_of, "main_products": frozenset(), "given_products": (), "legs": ()}
        return SimpleNamespace(name=name, title="A protocol", follow_up=10.0, **said)

    def simulate(self, patients: Any, protocol: Any, *, days: Any = None, processes: int = 1) -> Any:
        import pandas as pd
        import xarray as xr

        self.calls += 1
        if self.calls in self.interrupt:
            raise self.interrupt[self.calls]
        ids, n = patients.ids, len(patients.ids)
        outcomes = pd.DataFrame(
            {
                "patient": ids,
                "status": np.zeros(n, dtype=int),
                "age": 40.0,
                "sex": "female",
                "best_response": "CR",
                "response_day": 29.5,
                "death_day": np.nan,
                "last_day": 10.0,
            }
        )
        started = {"day": 0.0, "kind": "infusion_start", "what": "drug", "value": 9.0, "unit": "ug/d"}
        events = pd.DataFrame([{"patient": i, **started, "rule": "", "detail": ""} for i in ids])
        days_of = np.arange(0.0, 11.0)
        traces = {
            "L": (("patient", "time"), np.full((n, 11), 1e9), {"units": "cell", "long_name": "leukemia"}),
            "R": (("patient", "time"), np.zeros((n, 11)), {"units": "cell", "long_name": "clone"}),
        }
        signals = xr.Dataset(traces, coords={"patient": ids, "time": days_of})
        return SimpleNamespace(outcomes=outcomes, events=events, signals=signals, realized=None)


@pytest.fixture
def clinic(monkeypatch: pytest.MonkeyPatch) -> SmallClinic:
    """The small clinic in the place of the real one."""
    import importlib

    small = SmallClinic()
    # By module and not by a dotted name: the package's own attribute `simulate` is a function.
    for module, name in (
        ("population", "sample"),
        ("simulation.protocol", "load_protocol"),
        ("simulation.simulate", "simulate"),
    ):
        monkeypatch.setattr(importlib.import_module(f"virtuall.{module}"), name, getattr(small, name))
    return small
