"""`safety`: the table of a stored result, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from virtuall.store import Run, close, create, write_chunk

NAN = np.nan
COLUMNS = ["patient", "day", "kind", "what", "value", "unit", "rule", "cycle"]
DRUG = "blinatumomab"
STARTS = [(patient, 0.0, "infusion_start", DRUG, 1.0, "cycle", "", 1) for patient in range(3)]
CHART = [
    *STARTS,
    (0, 2.0, "effect", "rash", 1.0, "grade", DRUG, 1),
    (1, 3.0, "effect", "rash", 3.0, "grade", DRUG, 1),
    (1, 4.0, "infection", "infection", 3.0, "grade", "", 1),
]


def stored(folder: Path, chart: list[tuple[object, ...]], protocol: str = f"{DRUG}/relapsed") -> Path:
    """A result folder of four patients, of whom one was never treated."""
    outcomes = pd.DataFrame(
        {
            "patient": [0, 1, 2, 3],
            "status": 0,
            "protocol": protocol,
            "cohort": "some",
            "next_line_day": NAN,
            "lymphodepletion_day": NAN,
            "death_day": [NAN, 9.0, NAN, NAN],
            "death_cause": ["", "infection", "", ""],
        }
    )
    create(folder, Run(1, "some", protocol, 4, 4, "0" * 64))
    write_chunk(folder, 0, outcomes, pd.DataFrame(chart, columns=COLUMNS))
    close(folder)
    return folder


@pytest.fixture
def result(tmp_path: Path) -> Path:
    return stored(tmp_path / "result", CHART)


def test_the_table_for_people(call, result: Path) -> None:
    done = call("safety", result)
    assert done.code == 0, done.err
    assert "3 treated patients of some; 1 never treated" in " ".join(done.out.split())
    rash, by_grade = (line for line in done.out.splitlines() if line.startswith("rash"))
    assert rash.split()[1] == "66.7" and len(by_grade.split()) == 6 and max(map(len, done.out.splitlines())) <= 80
    assert "Simulated." in done.out and "never for the care of a patient" in done.out


def test_the_table_for_programs(call, result: Path) -> None:
    done = call("safety", result, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    rows = {row["name"]: row for row in found["rows"]}
    assert rows["rash"]["any"]["count"] == 2 and rows["rash"]["severe"]["count"] == 1
    assert rows["rash"]["later"] is None
    assert found["deaths"]["infection"]["count"] == 1 and found["seed"] == 1
    assert "research and teaching" in found["notice"]


def test_refusals(call, result: Path, tmp_path: Path) -> None:
    done = call("safety", tmp_path)
    assert done.code == 2 and "not a result folder" in done.err
    done = call("safety", tmp_path / "nowhere")
    assert done.code == 2 and "nowhere" in done.err
    done = call("safety", stored(tmp_path / "nobody", [(0, 1.0, "sample", "marrow", NAN, "", "", 0)]))
    assert done.code == 2 and "nobody was treated" in done.err
    done = call("safety", stored(tmp_path / "other", CHART, f"{DRUG}/relapse"))
    assert done.code == 2 and f"did you mean '{DRUG}/relapsed'" in done.err
    done = call("safety", result, "--library", tmp_path / "no library")
    assert done.code == 2 and "no library" in done.err
