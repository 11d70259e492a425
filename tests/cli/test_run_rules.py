"""`run --rules`: which rules were followed, counted over all chunks of a result."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from virtuall.cli import run as run_module
from virtuall.texts.rules import parse_rules

RULES = """source = "assumption"
mark = "A"
why = "an example"
[[rule]]
name = "pause"
when = "late"
do = "hold"
doc = "."
[[rule]]
name = "end"
when = "late"
do = "stop"
doc = "."
unreached = "nobody is so late"
"""


def test_rules_are_counted_over_all_chunks(call, clinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    protocol = SimpleNamespace(
        name="blinatumomab/relapsed",
        title="A protocol",
        follow_up=10.0,
        main_products=frozenset(),
        scales=(),
        as_of=None,
        rules=parse_rules(RULES, "rules.toml", ("hold", "stop")),
    )

    def simulate(*given: Any, **more: Any) -> Any:
        result = clinic.simulate(*given, **more)
        result.events = result.events.assign(kind="hold", rule="pause", day=result.events["patient"] + 2.0)
        return result

    monkeypatch.setattr(
        importlib.import_module("virtuall.simulation.protocol"), "load_protocol", lambda *a, **k: protocol
    )
    monkeypatch.setattr(importlib.import_module("virtuall.simulation.simulate"), "simulate", simulate)
    monkeypatch.setattr(run_module, "CHUNK", 2)
    monkeypatch.setattr(run_module, "found_outside", lambda *given: ())  # the protocol is no whole one
    words = ["run", protocol.name, "--cohort", "adult_relapsed", "-n", 5, "--off-label"]
    found = json.loads(call(*words, "--out", tmp_path / "a", "--rules", "--json").out)["rules"]
    assert [(each["rule"], each["patients"], each["first_day"]) for each in found] == [
        ("pause", 5, 2.0),
        ("end", 0, None),
    ]
    told = call(*words, "--out", tmp_path / "b", "--rules").out
    assert "nobody is so late" in told and told.endswith("0 of the others say no reason.\n")
    assert "rules" not in json.loads(call(*words, "--out", tmp_path / "c", "--json").out)
