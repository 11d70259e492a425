"""`virtuall power` from the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from virtuall.analysis.power import LookPower, Plan, PowerResult, SizePower
from virtuall.cli.output import NOTICE
from virtuall.trial.statistics import Estimate


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was asked of the simulation, which is not run."""
    calls: list[dict[str, Any]] = []

    def answer(name: str, plan: Plan, **rest: Any) -> PowerResult:
        calls.append({"name": name, "plan": plan, **rest})
        some = Estimate(0.8, 0.7, float("inf"))
        look = LookPower(1.0, 1.96, some, 0.0, 0.0, 10.0, 20.0, 300.0, some)
        size = SizePower(20, {"a": 10, "b": 10}, 10, some, (look,), 10.0, 20.0, 300.0, some, 1)
        return PowerResult(name, "log-rank", plan, 1, rest["replicates"], "shipped", (size,))

    monkeypatch.setattr("virtuall.analysis.power.trial_power", answer)
    return calls


def test_power_as_text_and_as_json(call: Any, asked: list[dict[str, Any]]) -> None:
    words = ("power", "tower", "--replicates", 7, "--looks", "0.5,0.75,1", "--boundary", "pocock", "--size", 200)
    text = call(*words)
    assert text.code == 0 and NOTICE in text.out and "tower: 7 simulated trials" in text.out
    assert "1 of 7 at size 20" in text.out
    assert asked[0]["plan"] == Plan(looks=(0.5, 0.75, 1.0), boundary="pocock") and asked[0]["sizes"] == [200]
    told = json.loads(call(*words, "--json").out)
    assert told["sizes"][0]["power"] == {"value": 0.8, "low": 0.7, "high": None} and told["notice"] == NOTICE


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("eliana",), "such as --null 0.3"),
        (("tower", "--null", "0.3"), "two arms"),
        (("towr",), "did you mean 'tower'"),
        (("tower", "--looks", "half"), "commas between them"),
        (("tower", "--looks", "0.5"), "the last one is 1"),
        (("tower", "--boundary", "x"), "allowed: obrien-fleming, pocock"),
        (("tower", "--size", "12"), "10 patients"),
        (("tower", "--replicates", "0"), "1 or more"),
    ],
)
def test_what_cannot_be_told_is_an_error(
    call: Any, asked: list[dict[str, Any]], words: tuple[str, ...], said: str
) -> None:
    answer = call("power", *words)
    assert answer.code == 2 and said in answer.err and not asked
