"""Grading of anybody's table: what is unknown stays unknown, what is wrong is refused with its name and place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import virtuall as va
from virtuall.clinic.grading import compile_scale, known_signs, load_scale, load_scales, read_scale
from virtuall.core.errors import InputError, Problems, UnitError, VirtuallError
from virtuall.model.shelf import open_shelf


def table(**columns: Any) -> pd.DataFrame:
    """One patient, a row a day unless the columns say otherwise."""
    rows = max(len(values) for values in columns.values())
    return pd.DataFrame({"patient": ["a"] * rows, "day": range(rows), **columns})


def graded(scale: str, units: dict[str, str] | None = None, **columns: Any) -> list[int | float | None]:
    found = va.grade(table(**columns), scale, units)["grade"]
    return [None if pd.isna(each) else each for each in found]


# -- what comes out -------------------------------------------------------------------------------------------


def test_one_row_a_patient_and_day_with_what_decided() -> None:
    signs = pd.DataFrame(
        {
            "patient": ["b", "b", "b", "a"],
            "time": [0.25, 0.5, 1.0, 3.0],
            "temperature": [38.4, 37.0, 36.8, 39.0],
            "oxygen": ["none", "low flow", "none", "high-flow"],
            "vasopressors": [0, 0, 0, 1],
        }
    )
    found = va.grade(signs, "astct_crs")
    assert found.columns.tolist() == ["patient", "day", "grade", "by", "scale"]
    assert found.values.tolist() == [
        ["b", 0, 2, "low-flow oxygen", "astct_crs"],
        ["b", 1, 0, "", "astct_crs"],
        ["a", 3, 3, "vasopressor, high-flow oxygen", "astct_crs"],
    ]
    assert found.attrs["assumed"]["death"] == "no"
    assert "oxygen" not in found.attrs["assumed"]


def test_the_worst_of_the_day_is_what_the_text_calls_worst() -> None:
    day = pd.DataFrame({"patient": 1, "day": [0.0, 0.5], "neutrophils [1e9/L]": [0.4, 2.5], "potassium": [2.4, 6.5]})
    assert va.grade(day, "ctcae_v5_neutrophils")["grade"].tolist() == [4]  # the lowest
    assert va.grade(day, "ctcae_v5_hypokalemia")["grade"].tolist() == [4]
    assert va.grade(day, "ctcae_v5_hyperkalemia")["grade"].tolist() == [3]  # the highest


def test_the_beginning_of_a_name_grades_by_every_scale_whose_columns_are_there() -> None:
    found = va.grade(table(qtc=[505], potassium=[2.9]), "ctcae_v5")
    assert found["scale"].tolist() == ["ctcae_v5_hyperkalemia", "ctcae_v5_hypokalemia", "ctcae_v5_qtc"]
    assert found["grade"].tolist()[1:] == [3, 3]
    with pytest.raises(InputError, match="columns of none of these scales"):
        va.grade(table(weather=[1]), "ctcae_v5")


def test_an_unknown_sign_is_no_grade_zero() -> None:
    found = va.grade(table(temperature=[None, 39.0, 39.0], vasopressors=[0, None, 2]), "astct_crs")
    assert found["grade"].isna().tolist() == [True, True, False]
    assert found["by"].tolist() == ["unknown: temperature", "unknown: vasopressors", "vasopressors"]


def test_what_is_certain_is_not_lost_to_what_is_unknown() -> None:
    assert graded("astct_icans", ice=[None, None], consciousness=["stupor", "voice"]) == [4, None]
    # two of three signs are enough, whatever the third
    liver = {"bilirubin [mg/dL]": [3, 3], "weight_gain": [None, None]}
    assert graded("vod_baltimore", **liver, ascites=["yes", "yes"], liver_pain=["yes", "no"]) == [1, None]


def test_a_share_of_oxygen_that_nobody_wrote_down_leaves_the_grade_open() -> None:
    found = va.grade(table(temperature=[39.0], oxygen=["high_flow"]), "lee2014_crs")
    assert found["grade"].isna().all()
    assert found["by"].tolist() == ["unknown: fio2"]


def test_scores_are_scores() -> None:
    found = va.grade(table(ldh=[300], platelets=[50e9], **{"creatinine [umol/L]": [88.4]}), "easix")
    assert found["grade"].tolist() == [pytest.approx(6.0)]
    assert found["by"].tolist() == ["high"]


def test_patients_do_not_touch_each_other() -> None:
    draw = np.random.default_rng(7)
    parts = []
    for patient in range(5):
        days = np.sort(draw.choice(31, size=draw.integers(5, 31), replace=False))
        counts = draw.choice([50e6, 300e6, 900e6], size=len(days))
        parts.append(pd.DataFrame({"patient": patient, "day": days, "neutrophils": counts}))
    whole = va.grade(pd.concat(parts), "icaht_early")
    alone = pd.concat([va.grade(part, "icaht_early") for part in parts], ignore_index=True)
    pd.testing.assert_frame_equal(whole, alone)
    mixed = pd.concat(parts).sort_values(["day", "patient"])
    again = va.grade(mixed, "icaht_early").sort_values("patient", ignore_index=True)
    pd.testing.assert_frame_equal(whole, again)


def test_a_program_grades_day_after_day_like_the_table() -> None:
    scale = load_scale("icaht_early", open_shelf())
    program = compile_scale(scale)
    counts = np.array([[400e6] * 8 + [900e6] * 3, [900e6] * 5 + [50e6] * 6])
    memory = program.memory(2)
    for day in range(counts.shape[1]):
        last = program.evaluate(memory, np.arange(2), np.full(2, float(day)), {"neutrophils": counts[:, day]})
    rows = [{"patient": p, "day": d, "neutrophils": counts[p, d]} for p in range(2) for d in range(counts.shape[1])]
    assert last.grade.tolist() == va.grade(pd.DataFrame(rows), "icaht_early")["grade"].tolist() == [2, 1]


def test_a_program_takes_what_is_left_out_as_its_text_says() -> None:
    program = compile_scale(load_scale("astct_crs", open_shelf()))
    signs = {"temperature": np.array([39.0, 39.0]), "vasopressors": np.array([0.0, 1.0])}
    found = program.evaluate(program.memory(2), np.arange(2), np.zeros(2), signs)
    assert found.grade.tolist() == [1, 3]
    with pytest.raises(InputError, match="given 'temperature'"):
        program.evaluate(program.memory(1), np.arange(1), np.zeros(1), {"vasopressors": np.zeros(1)})


def test_days_outside_of_a_scale_have_no_grade() -> None:
    found = va.grade(table(neutrophils=[900e6] * 5), "icaht_late")
    assert found.columns.tolist() == ["patient", "day", "grade", "by", "scale"]
    assert len(found) == 0


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(InputError, match="a table of signs is a DataFrame; given 'dict'"):
        va.grade({"patient": [1]}, "astct_crs")  # type: ignore[arg-type]


# -- units ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "columns", "units", "wanted"),
    [
        ("astct_crs", {"temperature [degF]": [100.4, 100.3]}, None, [1, 0]),
        ("astct_crs", {"temperature": [100.4, 100.3]}, {"temperature": "degF"}, [1, 0]),
        ("ctcae_v5_platelets", {"platelets [1e9/L]": [24.9, 25]}, None, [4, 3]),
        ("ctcae_v5_platelets", {"platelets [K/uL]": [24.9, 25]}, None, [4, 3]),
        ("ctcae_v5_platelets", {"platelets [cell/uL]": [24900, 25000]}, None, [4, 3]),
        ("ctcae_v5_neutrophils", {"neutrophils": [499, 500]}, {"neutrophils": "cell/uL"}, [4, 3]),
        ("ctcae_v5_hemoglobin", {"hemoglobin [g/dL]": [7.9, 8.0]}, None, [3, 2]),
        ("ctcae_v5_alt", {"alt [ULN]": [20, 21]}, None, [3, 4]),
        ("ctcae_v5_alt", {"alt [U/L]": [800, 801], "alt_upper_normal": [40, 40]}, None, [3, 4]),
        (
            "vod_seattle_modified",
            {"bilirubin [umol/L]": [34.2, 35], "weight_gain": [0.1, 0.1]},
            None,
            [0, 1],
        ),
        (
            "vod_seattle_modified",
            {"bilirubin [mg/dL]": [3, 3], "weight_gain [%]": [2, 2.1]},
            None,
            [0, 1],
        ),
        ("ctcae_v5_qtc", {"qtc [s]": [0.48, 0.501]}, None, [1, 3]),
    ],
)
def test_units_of_headers_and_of_the_caller(
    scale: str, columns: dict[str, Any], units: dict[str, str] | None, wanted: list[int]
) -> None:
    assert graded(scale, units, **columns) == wanted


def test_hours_are_days_by_their_header() -> None:
    found = va.grade(pd.DataFrame({"patient": 1, "time [h]": [0, 23, 24], "temperature": [36, 39, 37]}), "astct_crs")
    assert found[["day", "grade"]].values.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("scale", "columns", "units", "message"),
    [
        (
            "astct_crs",
            {"temperature": [101.0]},
            {},
            r"row 1: temperature is not plausible in degC: it looks like degF.*--unit temperature=degF",
        ),
        ("astct_crs", {"temperature [degC]": [38.0, 101.0]}, {}, r"row 2: .*looks like degF; given 101.0"),
        ("ctcae_v5_platelets", {"platelets": [150]}, {}, r"looks like 1e9/L"),
        ("ctcae_v5_platelets", {"platelets": [150000]}, {}, r"looks like cell/uL"),
        ("ctcae_v5_hemoglobin", {"hemoglobin": [9.5]}, {}, r"looks like g/dL"),
        (
            "vod_baltimore",
            {"bilirubin": [25.0], "weight_gain": [0]},
            {},
            r"unit of bilirubin must be said.*mg/dL or umol/L.*bilirubin \[mg/dL\]",
        ),
        (
            "vod_baltimore",
            {"bilirubin [mg/dL]": [250], "weight_gain": [0]},
            {},
            r"bilirubin is not plausible in mg/dL: it looks like umol/L",
        ),
        ("ctcae_v5_alt", {"alt": [250]}, {}, r"unit of alt must be said"),
        ("ctcae_v5_alt", {"alt [U/L]": [250]}, {}, r"the scale counts in ULN.*alt_upper_normal"),
        ("ctcae_v5_qtc", {"qtc": [0.48]}, {}, r"looks like s"),
        (
            "vod_baltimore",
            {"bilirubin [mg/dL]": [3], "weight_gain": [5]},
            {},
            r"weight_gain.*looks like %",
        ),
        ("astct_crs", {"temperature": [60]}, {}, r"temperature: an impossible value; given 60.*30 to 45 degC"),
        ("astct_crs", {"temperature": [38], "vasopressors": [-1]}, {}, r"vasopressors: an impossible value"),
        ("astct_icans", {"ice": [11]}, {}, r"ice: an impossible value; given 11.*0 to 10"),
        ("astct_crs", {"temperature [kg]": [38]}, {}, r"temperature cannot be in this unit; given 'kg'.*degF"),
        ("astct_crs", {"temperature [degX]": [38]}, {}, r"temperature cannot be in this unit"),
        (
            "astct_crs",
            {"temperature": [38]},
            {"temprature": "degF"},
            r"unit is given for a column that is not there.*did you mean 'temperature'",
        ),
        ("astct_crs", {"temperature [degF": [38]}, {}, r"bracket of a header is not closed"),
    ],
)
def test_wrong_units_are_named(scale: str, columns: dict[str, Any], units: dict[str, str], message: str) -> None:
    with pytest.raises(VirtuallError, match=message) as caught:
        va.grade(table(**columns), scale, units)
    assert isinstance(caught.value, InputError | UnitError)


# -- bad tables -----------------------------------------------------------------------------------------------

FEVER = {"temperature": [38.5]}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"day": [0], **FEVER}, r"lacks a column; given 'patient'"),
        ({"patients": [1], "day": [0], **FEVER}, r"given 'patient'; is 'patients' meant for it\?"),
        ({"patient": [1], **FEVER}, r"lacks a column; given 'day'"),
        ({"patient": [1], "day": [0], "time": [0], **FEVER}, r"two columns of time"),
        ({"patient": [1], "day": [0]}, r"astct_crs needs columns that are missing; given 'temperature'"),
        ({"patient": [1], "day": [0], "temperatur": [38]}, r"given 'temperatur'; did you mean 'temperature'"),
        (
            {"patient": [1], "day": [0], **FEVER, "vasopresors": [1]},
            r"given 'vasopresors'; did you mean 'vasopressors'",
        ),
        ({"patient": [], "day": [], "temperature": []}, r"the table has no rows"),
        ({"patient": [1, 1], "day": [3, 2], "temperature": [38, 38]}, r"row 2: the times of patient 1 run backwards"),
        (
            {"patient": [1, 2, 1], "day": [3, 1, 3], "temperature": [38, 38, 38]},
            r"row 3: patient 1 has two rows for the same time; given 'day 3'",
        ),
        ({"patient": [1, None], "day": [0, 1], "temperature": [38, 38]}, r"row 2: a row without a patient"),
        ({"patient": [1, 1], "day": [0, None], "temperature": [38, 38]}, r"row 2: a row without a day"),
        ({"patient": [1], "day": ["Monday"], **FEVER}, r"row 1: day holds a text"),
        (
            {"patient": [1], "day": [0], "temperature": ["warm"]},
            r"row 1: temperature holds a text, a number is needed; given 'warm'",
        ),
        ({"patient": [1], "day": [0], "temperature": ["38,5"]}, r"decimal comma"),
        ({"patient": [1], "day": [0], "temperature": [np.inf]}, r"temperature must be finite"),
        (
            {"patient": [1], "day": [0], **FEVER, "oxygen": ["low_flo"]},
            r"unknown word for oxygen; given 'low_flo'; did you mean 'low_flow'",
        ),
        ({"patient": [1], "day": [0], **FEVER, "fluids": ["perhaps"]}, r"fluids is yes or no; given 'perhaps'"),
    ],
)
def test_bad_tables_are_refused(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        va.grade(pd.DataFrame(columns), "astct_crs")


def test_a_column_that_stands_twice_is_refused() -> None:
    twice = pd.DataFrame([[1, 0, 38.0, 100.0]], columns=["patient", "day", "temperature", "temperature [degF]"])
    with pytest.raises(InputError, match="a column stands twice; given 'temperature'"):
        va.grade(twice, "astct_crs")


def test_columns_of_the_readers_own_are_left_alone() -> None:
    found = va.grade(table(temperature=[38.5], spo2=[0.9], ward=["6B"]), "astct_crs")
    assert found["grade"].tolist() == [1]
    assert found.attrs["ignored"] == ["spo2", "ward"]


# -- scales ---------------------------------------------------------------------------------------------------


def test_version_six_is_refused_with_the_reason() -> None:
    for name in ("ctcae_v6", "ctcae_v6_neutrophils", "CTCAE v6"):
        with pytest.raises(InputError, match="moved grades.*ctcae_v3, ctcae_v4 or ctcae_v5"):
            load_scales(name, open_shelf())


def test_an_unknown_scale_is_answered_by_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'astct_crs'"):
        load_scales("astct_csr", open_shelf())
    with pytest.raises(InputError, match="several scales begin like this"):
        load_scale("astct", open_shelf())


def test_names_are_read_with_spaces_and_capitals() -> None:
    assert load_scale("ASTCT-CRS", open_shelf()).name == "astct_crs"


HEAD = '[scale]\ntitle = "T"\nof = "crs"\nversion = "1"\nsource = "assumption"\nmark = "A"\nwhy = "an example"\n'


def criterion(when: str, grade: int = 1) -> str:
    return f'[[grade]]\ngrade = {grade}\nname = "a"\nwhen = "{when}"\n'


FEVERISH = "temperature > 38 degC"
COLUMN = "[column.temperature]\n"
TWO_WAYS = f'[derived.x]\nwhen = "{FEVERISH}"\nrun = "{FEVERISH}"\n'
WRONG_UNIT = '[column.ldh]\n[column.platelets]\n[derived.x]\nformula = "ldh / platelets"\nunit = "d"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[column.temprature]\n" + criterion("temprature > 38 degC"),
            r":8:.*unknown sign; given 'temprature'; did you mean 'temperature'",
        ),
        (COLUMN + criterion("temprature > 38 degC"), r":12:.*unknown observation.*did you mean 'temperature'"),
        (COLUMN + criterion("temperature > 38"), r":12:.*without a unit"),
        (COLUMN + criterion(FEVERISH) + criterion("temperature > 39 degC", 2), r"the highest grade stands first"),
        (COLUMN + criterion(FEVERISH, 6), r"grade must be at most 5"),
        (COLUMN, r"either \[\[grade\]\] or a score"),
        (COLUMN + TWO_WAYS + criterion("x"), r"exactly one of when, item, formula, run, days"),
        (COLUMN + 'unit = "degF"\n' + criterion(FEVERISH), r"in its base unit"),
        (WRONG_UNIT + criterion("x > 1 d"), r"the formula has another unit"),
        (COLUMN + "absent = true\n" + criterion(FEVERISH), r"absent must be a number"),
    ],
)
def test_a_wrong_text_is_found_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(HEAD + text, encoding="utf-8")
    with pytest.raises(Problems) as caught:
        read_scale(file, known_signs(open_shelf()))
    assert re.search(message, str(caught.value)), str(caught.value)


def test_a_scale_of_ones_own_is_graded_from_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "grading"
    folder.mkdir()
    text = HEAD + '[column.spo2]\n[[grade]]\ngrade = 2\nname = "low"\nwhen = "spo2 < 90 %"\n'
    (folder / "my_hypoxia.toml").write_text(text, encoding="utf-8")
    found = va.grade(table(**{"spo2 [%]": [91, 89]}), "my_hypoxia", library=[tmp_path])
    assert found["grade"].tolist() == [0, 2]
