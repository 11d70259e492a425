"""Fact sheets: what was known on a day, and with which source."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest

from virtuall.core.errors import Problems
from virtuall.model.shelf import open_shelf
from virtuall.report.explain import find_sheet, read_sheet, read_terms
from virtuall.texts.references import read_references


def uses(call, day: str) -> str:
    sheet = json.loads(call("explain", "blinatumomab", "--as-of", day, "--json").out)
    return " ".join(each["text"] for each in sheet["statements"] if each["topic"] == "Use")


def test_the_two_editions_give_different_uses(call) -> None:
    early, late = uses(call, "2017-08-18"), uses(call, "2024-11-11")
    assert "Philadelphia" in early and "after chemotherapy" in early
    assert "consolidation" not in early and "residual" not in early
    assert "consolidation" in late and "0.1 %" in late and "induction" in late
    assert "after chemotherapy" not in late


@pytest.mark.parametrize(
    ("day", "said", "unsaid"),
    [
        ("2014-12-02", "not approved", "relapsed"),
        ("2014-12-03", "without the Philadelphia", "children"),
        ("2017-07-10", "accelerated", "full approval"),
        ("2017-07-11", "full approval", "accelerated"),
        ("2018-03-28", "full approval", "residual"),
        ("2018-03-29", "residual", "consolidation"),
        ("2024-06-13", "residual", "consolidation"),
        ("2024-06-14", "consolidation", "accelerated"),
    ],
)
def test_an_approval_holds_from_its_day_on(call, day, said, unsaid) -> None:
    found = uses(call, day)
    assert said in found and unsaid not in found


@pytest.mark.parametrize("year", ["2017", "2024", " 2017 "])
def test_a_bare_year_is_refused_with_both_editions_offered(call, year) -> None:
    done = call("explain", "blinatumomab", "--as-of", year)
    assert done.code == 2 and done.out == ""
    assert "2017-08-18" in done.err and "2024-11-11" in done.err


@pytest.mark.parametrize("day", ["2017-13-01", "18.8.2017", "yesterday", "", "2017-08"])
def test_what_is_no_day_is_refused(call, day) -> None:
    done = call("explain", "blinatumomab", "--as-of", day)
    assert done.code == 2 and "YYYY-MM-DD" in done.err


@pytest.mark.parametrize("name", ["Blincyto", "BLINATUMOMAB", "blincyto "])
def test_other_names_lead_to_the_sheet(call, name) -> None:
    assert call("explain", name).out.startswith("Blinatumomab (Blincyto)")


def test_a_sheet_has_its_sources_and_the_published_figures(call) -> None:
    out = call("explain", "blinatumomab", "--as-of", "2024-11-11").out
    topics = ("How it works", "Use", "Dosing", "Cycles", "Setting", "Nervous system", "Infusion reactions")
    for topic in topics:
        assert f"\n{topic}\n" in out
    assert "[acs_antibodies] American Cancer Society" in out
    assert "OS median: 7.70 months" in out
    assert "never for the care of a patient" in out
    assert "Figures" not in call("explain", "blinatumomab", "--as-of", "2016-01-01").out


def test_every_sheet_names_known_sources_and_something_for_today(library: Path) -> None:
    shelf = open_shelf()
    known = read_references(library / "references.bib")
    sheets = list(shelf.matching("*/*/explain.toml"))
    assert len(sheets) >= 4
    for relative in sheets:
        sheet = find_sheet(relative.split("/")[1], shelf)
        assert sheet.topics(datetime.date(2024, 11, 11))
        assert all(key in known for each in sheet.statements for key in each.sources)


def test_a_wrong_sheet_tells_all_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "explain.toml"
    path.write_text(
        '[sheet]\ntitle = "A"\n\n[[statement]]\ntopic = "Use"\ntextt = "b"\nsource = "c"\nmark = "X"\n'
        'valid_from = "2014"\n',
        encoding="utf-8",
    )
    with pytest.raises(Problems) as found:
        read_sheet(path)
    text = str(found.value)
    for problem in ("summary is missing", "did you mean 'text'", "text is missing", "unknown mark"):
        assert problem in text
    assert "not a day" in text
    assert "explain.toml:6" in text


def test_wrong_terms_are_told(tmp_path: Path) -> None:
    path = tmp_path / "terms.toml"
    path.write_text('[editions]\n"2017" = "x"\n[names.a]\nbrand = ["B"]\n', encoding="utf-8")
    with pytest.raises(Problems) as found:
        read_terms(path)
    assert len(found.value.problems) == 2
