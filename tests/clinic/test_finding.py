"""Findings and bedside grades: pure functions of what is measured; what cannot be told stays unknown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from virtuall.clinic.conditions import Column
from virtuall.clinic.finding import compile_findings
from virtuall.clinic.graded import Graded, compile_graded, graded_scales
from virtuall.clinic.monitoring import Monitoring, read_monitoring
from virtuall.core.errors import InputError, Problems, VirtuallError
from virtuall.model import open_shelf

HEAD = """
[monitoring]
title = "a test"
source = "assumption"
mark = "A"
why = "made up"
"""
FINDINGS = """
[finding.fluids]
doc = "fluids"
when = "map_share < 0.7"

[finding.oxygen]
doc = "oxygen"
levels = ["none", "low_flow", "ventilator"]
[[finding.oxygen.is]]
level = "ventilator"
when = "oxygen_need > 0.7"
[[finding.oxygen.is]]
level = "low_flow"
when = "oxygen_need > 0.22"

[finding.vasopressors]
doc = "vasopressors"
unit = "1"
[[finding.vasopressors.is]]
value = "2"
when = "map_share < 0.5"
[[finding.vasopressors.is]]
value = "1"
when = "map_share < 0.6"
"""
MEASURED = {"map_share": Column(), "oxygen_need": Column(), "temperature": Column("degC"), "age": Column("year")}


def monitoring(folder: Path, text: str = FINDINGS) -> Monitoring:
    sourced = text.replace("\ndoc = ", '\nsource = "assumption"\nmark = "A"\nwhy = "made up"\ndoc = ')
    (folder / "ward.toml").write_text(HEAD + sourced)
    return read_monitoring(folder / "ward.toml")


def find(folder: Path, **seen: list[float]) -> list[list[float]]:
    program = compile_findings(monitoring(folder).findings, MEASURED)
    n = len(seen["map_share"])
    record = {name: np.array(values) for name, values in seen.items()}
    return program.evaluate(program.memory(n), np.arange(n), np.zeros(n), record).tolist()


def test_the_first_that_holds_decides(tmp_path: Path) -> None:
    pressure, need = [1.0, 0.65, 0.55, 0.4], [0.21, 0.3, 0.8, 0.7]
    fluids, oxygen, vasopressors = find(tmp_path, map_share=pressure, oxygen_need=need)
    assert fluids == [0, 1, 1, 1]
    assert oxygen == [0, 1, 2, 1]
    assert vasopressors == [0, 0, 1, 2]


def test_what_is_not_measured_is_unknown_unless_it_makes_no_difference(tmp_path: Path) -> None:
    fluids, oxygen, vasopressors = find(tmp_path, map_share=[np.nan, 0.4], oxygen_need=[0.8, np.nan])
    assert np.isnan(fluids[0]) and np.isnan(vasopressors[0]) and oxygen[0] == 2
    assert np.isnan(oxygen[1]) and vasopressors[1] == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("map_share < 0.7", "map_shar < 0.7", "did you mean 'map_share'"),
        ('level = "ventilator"', 'level = "ventilatr"', "did you mean 'ventilator'"),
        ('value = "2"', 'value = "2 mg"', "expected"),
        ('unit = "1"', "", "unit"),
        ('doc = "fluids"', "", "doc"),
    ],
)
def test_wrong_texts_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in FINDINGS
    with pytest.raises(VirtuallError, match=message):
        compile_findings(monitoring(tmp_path, FINDINGS.replace(old, new, 1)).findings, MEASURED)


def graded(folder: Path, item: Graded, **seen: list[float]) -> list[float]:
    columns = MEASURED | {each.name: each.column for each in monitoring(folder).findings}
    program = compile_graded(item, columns, open_shelf(()))
    n = len(next(iter(seen.values())))
    record = {name: np.array(seen.get(name, np.zeros(n)), float) for name in program.columns}
    return program.evaluate(program.memory(n), np.arange(n), np.zeros(n), record).tolist()


def test_a_scale_reads_findings_in_its_own_words(tmp_path: Path) -> None:
    crs = Graded("crs", "cytokine release", "astct_crs", 1.0)
    seen = {"temperature": [37.0, 38.0, 39.0, 39.0, 39.0], "oxygen": [0, 0, 1, 2, 0], "vasopressors": [0, 0, 0, 0, 1]}
    assert graded(tmp_path, crs, **seen) == [0, 1, 2, 4, 3]


def test_the_same_look_on_another_scale(tmp_path: Path) -> None:
    seen = {"temperature": [37.0, 38.0, 39.0], "oxygen": [0, 0, 1], "vasopressors": [0, 0, 0]}
    assert graded(tmp_path, Graded("penn", "", "penn_crs", 1.0), **seen) == [0, 1, 3]


def test_another_scale_for_some(tmp_path: Path) -> None:
    text = FINDINGS + (
        '[graded.crs]\ntitle = "crs"\nscale = "astct_crs"\nover_after = "1 d"\ndoc = "x"\n'
        '[graded.crs.instead]\nscale = "penn_crs"\nwhen = "age < 18 year"\n'
    ).replace('doc = "x"\n', 'source = "assumption"\nmark = "A"\nwhy = "made up"\n')
    (item,) = monitoring(tmp_path, text).graded
    seen = {"temperature": [39.0, 39.0], "oxygen": [1, 1], "vasopressors": [0, 0], "age": [10, 40]}
    assert graded(tmp_path, item, **seen) == [3, 2]


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        ("astct_crss", "did you mean 'astct_crs'"),
        ("icaht_early", "no scale for a look"),
        ("astct_icans", "needs what nothing measures or finds; given 'ice'"),
        ("ctcae_v6", "not used here"),
    ],
)
def test_scales_that_cannot_be_asked(tmp_path: Path, scale: str, message: str) -> None:
    with pytest.raises((InputError, Problems), match=message):
        graded(tmp_path, Graded("it", "", scale, 1.0), temperature=[38.0])


def test_further_scales_stand_beside_the_bedside() -> None:
    crs = Graded("crs", "cytokine release", "astct_crs", 2.0)
    both = graded_scales((crs,), ("penn_crs", "astct_crs"))
    assert [each.name for each in both] == ["crs", "penn_crs"] and both[1].over_after == 2.0


def test_a_result_that_comes_after_the_next_sample_is_refused(library: Path, tmp_path: Path) -> None:
    text = (library / "monitoring/adult.toml").read_text(encoding="utf-8")
    old = 'every = "7 d"\nduring = "treatment"\nresult_after = "6 h"'
    assert old in text
    for late in ("7 d", "8 d"):
        (tmp_path / "late.toml").write_text(text.replace(old, old.replace("6 h", late)), encoding="utf-8")
        with pytest.raises(VirtuallError, match="before the next sample"):
            read_monitoring(tmp_path / "late.toml")
