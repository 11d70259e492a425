"""`cells`: of a stored result, and refused where no cells are made."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from virtuall.store import Run, close, create, write_chunk

NAN = np.nan


def stored(folder: Path, **columns: object) -> Path:
    """A result folder of four patients."""
    outcomes = pd.DataFrame(
        {
            "patient": [0, 1, 2, 3],
            "status": 0,
            "protocol": "made/up",
            "cohort": "some",
            "response_day": [60.0, NAN, NAN, NAN],
            "mrd_day": [60.0, NAN, NAN, NAN],
            "death_day": [NAN, NAN, 20.0, NAN],
            "death_cause": ["", "", "leukemia", ""],
            "last_day": [400.0, 400.0, 20.0, 400.0],
            "transplant_day": NAN,
            "next_line_day": NAN,
            "off_protocol_reason": "",
        }
    ).assign(**columns)
    chart = {"day": [60.0], "kind": ["response"], "what": ["CR"], "value": [NAN], "unit": [""], "rule": [""]}
    create(folder, Run(1, "some", "made/up", 4, 4, "0" * 64))
    write_chunk(folder, 0, outcomes, pd.DataFrame({"patient": [0], **chart, "cycle": [1]}))
    close(folder)
    return folder


@pytest.fixture
def result(tmp_path: Path) -> Path:
    return stored(
        tmp_path / "result",
        collected_day=[7.0, 8.0, 6.0, NAN],
        collections=[1, 1, 1, 2],
        product_ready_day=[30.0, 35.0, NAN, NAN],
        out_of_specification=[False, True, False, False],
        lymphodepletion_day=[35.0, 40.0, NAN, NAN],
        infused_day=[40.0, 45.0, NAN, NAN],
        supply_failure=["", "", "", "leukapheresis"],
    )


def test_a_report_of_a_stored_result(call, result: Path, tmp_path: Path) -> None:
    done = call("cells", result, "--json", "--out", tmp_path / "page.html")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["enrolled"] == 4 and found["aplasia"] is None
    assert found["rows"][0]["enrolled"]["count"] == 1 and found["rows"][0]["infused"]["of"] == 2
    assert found["losses"] == {"died before infusion: leukemia": 1, "leukapheresis": 1}
    assert "infused: 2" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_report_for_people(call, result: Path) -> None:
    done = call("cells", result)
    assert done.code == 0, done.err
    assert "4 patients of some enrolled, 2 infused" in done.out and "vein to vein" in done.out


def test_a_result_without_cells_is_refused(call, tmp_path: Path) -> None:
    done = call("cells", stored(tmp_path / "plain"))
    assert done.code == 2 and "no cells were made" in done.err
    done = call("cells", tmp_path)
    assert done.code == 2 and "not a result folder" in done.err
