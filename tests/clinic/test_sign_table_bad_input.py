"""What a stranger's table may have wrong, tried as a user would: everything is said, nothing is guessed in silence."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import virtuall as va
from virtuall.cli.grade import read_csv
from virtuall.core.errors import InputError, UnitError

HEAD = "patient,day,temperature\n"
PLATELETS = "ctcae_v5_platelets"
CREATININE = "ctcae_v5_creatinine"


def graded(folder: Path, text: str, scale: str = "astct_crs") -> list[int | None]:
    """Grades of a file, as the command reads it."""
    file = folder / "signs.csv"
    file.write_text(text, encoding="utf-8")
    found = va.grade(read_csv(file), scale, name="signs.csv")["grade"]
    return [None if pd.isna(each) else int(each) for each in found]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # rows that do not fit their header: pandas alone would take the patient for the name of the row
        (HEAD + "1,0,38,\n1,1,39,\n", "no table of comma-separated values; given .*Expected 3 fields in line 2, saw 4"),
        (HEAD + "1,0,38,9\n1,1,39,9\n", "Expected 3 fields"),
        ("patient,day,temperature,temperature\n1,0,36,39\n", "a column stands twice; given 'temperature'"),
        ("patient,day,temperature,\n1,0,36,39\n", "a column without a name; given 'column 4'"),
        (HEAD + "1,0,\0" + "39\n", "no text: it holds a byte 0"),
        # patients and times
        (HEAD + "1,0,36\n,1,39\n", "signs.csv, row 2: a row without a patient"),
        (HEAD + '1,0,36\n"  ",1,39\n', "signs.csv, row 2: a row without a patient"),
        (HEAD + "a,0,36\na ,0,39\n", "row 2: patient a has two rows for the same time"),
        (HEAD + "1,0,38\n1,1,38\n2,0,38\n1,0,38\n", "row 4: the times of patient 1 run backwards.*share a name"),
        (HEAD + "1,20200101,38\n", "row 1: an impossible day; given 20200101.0; count the days from one"),
        (HEAD + "1,1e300,38\n", "row 1: an impossible day"),
        (HEAD + "1,-1e300,38\n", "row 1: an impossible day"),
        (HEAD + "1,2020-01-01,38\n", "row 1: day holds a text, a number is needed; given '2020-01-01'"),
        (HEAD + "1,nan,38\n", "row 1: a row without a day"),
        # values
        (HEAD + "1,0,3_8\n", "row 1: temperature holds a text, a number is needed; given '3_8'"),
        (HEAD + "1,0,<38\n", "given '<38'; leave a cell empty"),
        (HEAD + '1,0,"38,5"\n', "write a point for a decimal comma, and nothing between thousands"),
        (HEAD + "1,0,38\n1,1,101\n", "row 2: temperature is not plausible in degC: it looks like degF"),
        ("patient,day,temp\n1,0,39\n", "needs columns that are missing; given 'temperature'; the table has patient"),
    ],
)
def test_a_bad_file_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        graded(tmp_path, text)
    assert "signs.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "scale", "message"),
    [
        (
            "patient,day,creatinine [umol/L],creatinine_upper_normal [umol/L]\n1,0,0.9,100\n",
            CREATININE,
            "creatinine is not plausible in umol/L: it looks like mg/dL or ULN; given 0.9",
        ),
        (
            "patient,day,creatinine [mg/dL],creatinine_upper_normal [mg/dL]\n1,0,90,1\n",
            CREATININE,
            "creatinine is not plausible in mg/dL: it looks like umol/L; given 90.0",
        ),
        (
            "patient,day,creatinine,creatinine_upper_normal\n1,0,90,100\n",
            CREATININE,
            "the unit of creatinine must be said",
        ),
        ("patient,day,platelets [150]\n1,0,150\n", PLATELETS, "platelets cannot be in this unit; given '150'"),
        ("patient,day,platelets [x10^9/L]\n1,0,150\n", PLATELETS, "did you mean '10\\^9/L'"),
        (
            "patient,day,temperature [C]\n1,0,39\n",
            "astct_crs",
            "cannot be in this unit; given 'C'; allowed: degC, degF",
        ),
        ("patient,day [banana],temperature\n1,0,39\n", "astct_crs", "unknown unit; given 'banana'"),
        ("patient,time [kg],temperature\n1,0,39\n", "astct_crs", "mass against time"),
    ],
)
def test_a_wrong_unit_is_named_with_the_file(tmp_path: Path, text: str, scale: str, message: str) -> None:
    with pytest.raises((InputError, UnitError), match=message) as caught:
        graded(tmp_path, text, scale)
    assert str(caught.value).startswith("signs.csv")


@pytest.mark.parametrize(
    ("text", "scale", "wanted"),
    [
        ("\ufeffpatient,day,temperature\r\n1,0,39\r\n", "astct_crs", [1]),
        ("patient, day, temperature [°F]\n 1, 0, 102.2\n", "astct_crs", [1]),
        ("patient,day,temperature [°C]\n1,0,39\n", "astct_crs", [1]),
        ("patient,day,platelets [K/µL]\n1,0,20\n", PLATELETS, [4]),
        ("patient,day,temperature,\n1,0,39,\n", "astct_crs", [1]),  # a spreadsheet's empty column
        (HEAD + "1,0,39\n\n1,1\n", "astct_crs", [1, None]),  # a row that ends early: unknown, not normal
        (HEAD + "A,0,39\na,0,36\n", "astct_crs", [1, 0]),
        ("patient,day,creatinine [umol/L],creatinine_upper_normal [mg/dL]\n1,0,300,1\n", CREATININE, [3]),
    ],
)
def test_what_is_clear_is_graded(tmp_path: Path, text: str, scale: str, wanted: list[int | None]) -> None:
    assert graded(tmp_path, text, scale) == wanted


def test_units_of_the_caller_may_have_a_degree_sign() -> None:
    table = pd.DataFrame({"patient": [1], "day": [0], "temperature": [102.2]})
    assert va.grade(table, "astct_crs", {"temperature": "°F"})["grade"].tolist() == [1]
