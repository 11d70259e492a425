"""`virtuall grade`: a CSV of anybody, its grades, and what is said of a bad one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from virtuall.cli.output import NOTICE

SIGNS = """patient,day,temperature [degF],oxygen,vasopressors,ward
a,0,98.6,none,0,6B
a,1.3,101.3,low_flow,0,6B
a,1.8,99.0,none,0,6B
b,0,102.2,none,1,6B
b,1,,none,0,6B
"""


@pytest.fixture
def signs(tmp_path: Path) -> Path:
    file = tmp_path / "signs.csv"
    file.write_text(SIGNS, encoding="utf-8")
    return file


def test_the_grades_are_printed_with_what_decided_and_what_was_assumed(call, signs: Path) -> None:
    done = call("grade", "--scale", "astct_crs", signs)
    assert done.code == 0
    lines = [line.split() for line in done.out.splitlines()]
    assert ["patient", "day", "grade", "by", "scale"] in lines
    assert ["a", "1", "2", "low-flow", "oxygen", "astct_crs"] in lines
    assert ["b", "0", "3", "vasopressor", "astct_crs"] in lines
    assert ["b", "1", "?", "unknown:", "temperature", "astct_crs"] in lines
    assert "grading_astct_crs" in done.out and done.out.rstrip().endswith(NOTICE)
    assert "taken as: " in done.err and "vasopressin no" in done.err
    assert "does not read: ward" in done.err


def test_json_is_one_object_and_unknown_is_null(call, signs: Path) -> None:
    done = call("grade", "--scale", "astct_crs", signs, "--json")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    assert [each["grade"] for each in found["grades"]] == [0, 2, 3, None]
    assert found["scales"][0]["source"] == "grading_astct_crs"
    assert found["assumed"]["fluids"] == "no"
    assert found["ignored"] == ["ward"]
    assert found["notice"] == NOTICE


def test_the_grades_are_written_to_a_file(call, signs: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "grades.csv"
    done = call("grade", "--scale", "astct_crs", signs, "--out", out)
    assert done.code == 0 and NOTICE in done.out
    assert out.read_text(encoding="utf-8").splitlines() == [
        "patient,day,grade,by,scale",
        "a,0,0,,astct_crs",
        "a,1,2,low-flow oxygen,astct_crs",
        "b,0,3,vasopressor,astct_crs",
        "b,1,,unknown: temperature,astct_crs",
    ]


def test_a_unit_of_the_caller_is_stronger_than_the_header(call, tmp_path: Path) -> None:
    file = tmp_path / "signs.csv"
    file.write_text("patient,day,temperature\n1,0,100.4\n", encoding="utf-8")
    refused = call("grade", "--scale", "astct_crs", file)
    assert refused.code == 2
    assert "it looks like degF" in refused.err and "signs.csv, row 1" in refused.err
    done = call("grade", "--scale", "astct_crs", file, "--unit", "temperature=degF", "--json")
    assert json.loads(done.out)["grades"][0]["grade"] == 1


@pytest.mark.parametrize(
    ("content", "words", "message"),
    [
        (None, ["--scale", "astct_crs"], "there is no such file"),
        ("", ["--scale", "astct_crs"], "is empty"),
        ("patient,day,temperature\n", ["--scale", "astct_crs"], "the table has no rows"),
        ("patient,day,temperature\n1,0\n1,1,38,9,9\n", ["--scale", "astct_crs"], "no table of comma-separated values"),
        ("patient,day,temperature\n1,0,38\n", ["--scale", "astct_csr"], "did you mean 'astct_crs'"),
        ("patient,day,temperature\n1,0,38\n", ["--scale", "ctcae_v6_fever"], "version 6 is not used here"),
        ("patient,day,temperature\n1,0,38\n", ["--scale", "astct_crs", "--unit", "degF"], "--unit takes COLUMN=UNIT"),
        ("patient;day;temperature\n1;0;38\n", ["--scale", "astct_crs"], "lacks a column"),
    ],
)
def test_what_cannot_be_graded_is_said_and_nothing_printed(
    call, tmp_path: Path, content: str | None, words: list[str], message: str
) -> None:
    file = tmp_path / "signs.csv"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    done = call("grade", file, *words)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
