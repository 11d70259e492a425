"""Published rows that cannot be are named; families have words."""

from __future__ import annotations

import csv
from importlib.resources import files
from pathlib import Path

import pytest

from virtuall.core.errors import Problems
from virtuall.trial.families import check_families, load_families
from virtuall.trial.published import COLUMNS, OTHER, read_published

TRIALS = Path(str(files("virtuall"))) / "library" / "trials"
TARGETS = Path(__file__).parents[3] / "shared" / "evidence" / "targets.csv"
HEADER = ",".join(COLUMNS)
LINE = "X1,t,p,a,10,e,,12.5,,,%,efficacy,remission,calibrate,yes,,V,s"
# Families of the evidence that hold unlike things, and rows of which go to other families.
LUMPED = {"other", "kinetics", "cells", "chain", "neutropenia", "os", "remission", "relapse", "support", "transplant"}


def read(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "published.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([LINE.replace(",,,%", ",13,14,%")], "X1 has an impossible interval.*given '12.5 \\(13 to 14\\)'"),
        ([LINE.replace(",,,%", ",14,11,%")], "X1 has an impossible interval"),
        ([LINE.replace(",,,%", ",,12,%")], "X1 has an impossible interval"),
        ([LINE.replace("12.5", "101")], "X1: a share lies between 0 and 100 %"),
        ([LINE.replace("%", "% (3/10)")], "X1: its count does not give its share; given '12.5 % and 30.0 %'"),
        ([LINE.replace("%", "patients")], "X1: more are counted than there are patients; given '12.5 of 10'"),
        ([LINE.replace("12.5,,,%", "-1,,,patients")], "X1: a count is not negative"),
        (
            [LINE, LINE.replace("X1", "X2").replace("12.5", "13")],
            "published.csv:3: the rows X1 and X2 give two values of the same figure.*given '12.5 and 13 %'",
        ),
    ],
)
def test_what_cannot_be_is_named_with_its_row(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(Problems, match=message):
        read_published(read(tmp_path, *lines))


def test_a_share_is_exact_where_its_count_is_told(tmp_path: Path) -> None:
    lines = [
        LINE.replace(",e,", ",e (35/162),").replace("12.5", "21.6"),
        LINE.replace("X1", "X2").replace("%", "% (1/8)").replace(",a,", ",b,"),
        LINE.replace("X1", "X3").replace(",a,", ",c,"),
        LINE.replace("X1", "X4").replace("%", "months").replace(",e,", ",e (35/162),"),
    ]
    rows = read_published(read(tmp_path, *lines))
    assert [row.exact for row in rows] == [100 * 35 / 162, 12.5, 12.5, 12.5]
    assert rows[0].value == 21.6


def test_what_can_be_is_read(tmp_path: Path) -> None:
    lines = [
        LINE,
        LINE.replace("X1", "X2"),  # the same figure from another source
        LINE.replace("X1", "X3").replace(",a,", ",b,").replace("12.5", "13"),
        LINE.replace("X1", "X4").replace("%", "months").replace(",,,months", ",11,NE,months"),
    ]
    rows = read_published(read(tmp_path, *lines))
    assert [row.family for row in rows] == ["remission"] * 4
    assert rows[3].low == 11
    assert rows[3].high != rows[3].high, "a bound that was not reached is none"


def test_a_file_without_families_is_one_family(tmp_path: Path) -> None:
    header = HEADER.replace(",family", "")
    (row,) = read_published(read(tmp_path, LINE.replace(",remission", ""), header=header))
    assert row.family == OTHER


def test_every_family_that_ships_has_words() -> None:
    families = load_families()
    for path in TRIALS.glob("*/published.csv"):
        check_families(read_published(path), families, where=str(path))


def test_a_family_without_words_is_named(tmp_path: Path) -> None:
    rows = read_published(read(tmp_path, LINE.replace("remission", "remision")))
    with pytest.raises(Problems, match="X1 is of an unknown family; given 'remision'; did you mean 'remission'"):
        check_families(rows, load_families(), where="here")


@pytest.mark.skipif(not TARGETS.exists(), reason="the collected evidence lies beside the repository only")
def test_families_are_those_of_the_evidence_but_where_these_lump_unlike_things() -> None:
    with open(TARGETS, newline="") as file:
        first = {row["id"]: row["family"] for row in csv.DictReader(file)}
    for path in TRIALS.glob("*/published.csv"):
        for row in read_published(path):
            if row.scored and row.family != first[row.target]:
                assert first[row.target] in LUMPED, f"{row.target} was moved out of {first[row.target]}"
            assert not row.scored or row.family != OTHER
