"""`eligible`: one patient, one day, every therapy with the rule and its source."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from virtuall.cli.label import refuse_ages_off_label
from virtuall.cli.output import NOTICE
from virtuall.core.errors import InputError, Problems
from virtuall.model.shelf import open_shelf

PATIENT = ("--age", 30, "--state", "relapsed", "--lines", 2, "--cd19", "positive", "--cd22", 0.9, "--mrd", "0.2")


def therapies(call, *words: object) -> dict[str, dict[str, object]]:
    done = call("eligible", *words, "--json")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    assert found["notice"] == NOTICE
    return {each["therapy"]: each for each in found["therapies"]}


def test_json_names_the_rule_and_the_source_of_every_therapy(call) -> None:
    found = therapies(call, *PATIENT, "--as-of", "2024-11-11")
    assert {"blinatumomab", "inotuzumab", "tisagenlecleucel", "brexucabtagene", "obecabtagene"} <= set(found)
    assert all(each["rule"] and each["source"] for each in found.values())
    assert found["obecabtagene"]["open"] is True and found["obecabtagene"]["valid_from"] == "2024-11-08"
    assert found["tisagenlecleucel"]["open"] is False
    assert found["tisagenlecleucel"]["unmet"] == ["age < 26 year"]


def test_the_day_and_the_patient_stand_beside_the_answer(call) -> None:
    done = json.loads(call("eligible", *PATIENT, "--ph", "--as-of", "2017-08-18", "--json").out)
    assert done["as_of"] == "2017-08-18"
    assert done["patient"] == {
        "age": 30,
        "state": "relapsed",
        "lines": 2,
        "cd19": 1,
        "cd22": 0.9,
        "mrd": 0.2,
        "ph": True,
    }
    named = {key for each in done["therapies"] for key in each["source"].split(", ")}
    assert set(done["sources"]) == named and all(done["sources"].values())


def test_the_table_says_why_and_what_is_missing(call) -> None:
    done = call("eligible", "--age", 30, "--state", "relapsed", "--lines", 2, "--as-of", "2024-11-11")
    assert (done.code, done.err) == (0, "")
    rows = {line.split()[0]: line for line in done.out.splitlines() if line[:1].isalpha()}
    assert "unknown" in rows["inotuzumab"] and "needs --cd22" in rows["inotuzumab"]
    assert "closed" in rows["tisagenlecleucel"] and "age < 26" in rows["tisagenlecleucel"]
    assert "open" in rows["chemotherapy"]
    words = " ".join(done.out.split())
    assert "not said: --cd19, --cd22, --mrd" in words and "no Philadelphia chromosome" in words
    assert done.out.rstrip().endswith(NOTICE)


def test_no_line_is_wider_than_the_page(call, monkeypatch: pytest.MonkeyPatch) -> None:
    for columns in (40, 100, 300):
        monkeypatch.setenv("COLUMNS", str(columns))
        done = call("eligible", *PATIENT, "--as-of", "2024-11-11")
        assert max(map(len, done.out.splitlines())) <= min(max(columns, 80), 120)


def test_today_is_the_day_when_none_is_named(call) -> None:
    assert therapies(call, *PATIENT)["obecabtagene"]["open"] is True


@pytest.mark.parametrize("year", ["2017", "2024"])
def test_a_bare_year_is_refused_with_both_editions_offered(call, year) -> None:
    done = call("eligible", *PATIENT, "--as-of", year)
    assert done.code == 2 and done.out == ""
    assert "2017-08-18" in done.err and "2024-11-11" in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--age", "-1"), "age must be 0 or more"),
        (("--age", "200"), "100 at most"),
        (("--age", "abc"), "age is not understood"),
        (("--state", "relapse"), "did you mean 'relapsed'"),
        (("--cd19", "2.0"), "1 at most"),
        (("--lines", "few"), "lines is not understood"),
        (("--as-of", "2017-13-01"), "YYYY-MM-DD"),
        (("--library", "nowhere"), "no such folder"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, words, said) -> None:
    done = call("eligible", *words)
    assert done.code == 2 and done.out == ""
    assert said in done.err and len(done.err.strip().splitlines()) == 1


def test_a_folder_of_a_user_adds_a_therapy_and_check_reads_its_text(call, tmp_path: Path) -> None:
    text = """
[[rule]]
name = "for children"
when = "age < 18 year"
do = "open"
source = "assumption"
mark = "A"
why = "An example."
doc = "An example."
"""
    path = tmp_path / "therapies" / "imaginary" / "eligibility.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    found = therapies(call, *PATIENT, "--library", tmp_path)["imaginary"]
    assert (found["open"], found["source"], found["unmet"]) == (False, "assumption", ["age < 18 year"])
    path.write_text(text.replace("age <", "size <"), encoding="utf-8")
    done = call("check", "--library", tmp_path)
    assert done.code == 1 and "imaginary/eligibility.toml:4" in done.out and "'size'" in done.out


def test_a_cohort_of_another_age_than_the_label_is_refused() -> None:
    shelf = open_shelf()
    protocol: Any = SimpleNamespace(main_products=frozenset(["tisagenlecleucel"]))
    refuse_ages_off_label(shelf, protocol, "adult_relapsed", 5, 1, "2017-08-29")  # no label yet
    with pytest.raises(Problems) as error:
        refuse_ages_off_label(shelf, protocol, "adult_relapsed", 5, 1, "2017-08-30", first=3)
    assert "of 5 patients" in str(error.value) and "fda_tisagenlecleucel_2017" in str(error.value)
    with pytest.raises(InputError, match="edition"):
        refuse_ages_off_label(shelf, protocol, "adult_relapsed", 5, 1, "2017")
