"""Fact sheets: what was known on a day, and with which source."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest

from virtuall.core.errors import Problems
from virtuall.model.shelf import open_shelf
from virtuall.report.explain import find_sheet, published_of, read_sheet, read_terms
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


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("InO", "Inotuzumab ozogamicin (Besponsa)"),
        ("inotuzumab  ozogamicin", "Inotuzumab ozogamicin (Besponsa)"),
        ("CAR-T", "CAR T-cell therapy"),
        ("car t cells", "CAR T-cell therapy"),
        ("Obe cel", "Obecabtagene autoleucel (Aucatzyl)"),
        ("brexu-cel", "Brexucabtagene autoleucel (Tecartus)"),
        ("tisa_cel", "Tisagenlecleucel (Kymriah)"),
        ("stem cell transplant", "Allogeneic stem cell transplant"),
    ],
)
def test_words_of_a_name_may_be_joined_in_any_way(call, name: str, title: str) -> None:
    assert call("explain", name).out.startswith(title)


def test_a_sheet_has_its_sources_and_the_published_figures(call) -> None:
    out = call("explain", "blinatumomab", "--as-of", "2024-11-11").out
    topics = ("How it works", "Use", "Dosing", "Cycles", "Setting", "Nervous system", "Infusion reactions")
    for topic in topics:
        assert f"\n{topic}\n" in out
    assert "[acs_antibodies] American Cancer Society" in out
    assert "OS median: 7.70 months" in out
    assert "never for the care of a patient" in out
    assert "Figures" not in call("explain", "blinatumomab", "--as-of", "2016-01-01").out


def statuses(call, name: str, day: str) -> list[str]:
    sheet = json.loads(call("explain", name, "--as-of", day, "--json").out)
    return [each["status"] for each in sheet["statements"] if each["topic"] == "Use" and each["status"]]


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("Besponsa", "2017-08-17"),
        ("Kymriah", "2017-08-30"),
        ("Tecartus", "2021-10-01"),
        ("Aucatzyl", "2024-11-08"),
    ],
)
def test_a_therapy_is_investigational_up_to_its_approval(call, name: str, day: str) -> None:
    before = (datetime.date.fromisoformat(day) - datetime.timedelta(days=1)).isoformat()
    assert statuses(call, name, before) == ["investigational"]
    assert statuses(call, name, day) == ["approved"]


def test_an_approval_for_children_takes_the_place_of_that_for_adults(call) -> None:
    uses = {day: call("explain", "InO", "--as-of", day).out for day in ("2024-03-05", "2024-03-06")}
    assert "children of one year" not in uses["2024-03-05"] and "children of one year" in uses["2024-03-06"]


@pytest.mark.parametrize("name", ["Kymriah", "Tecartus"])
def test_the_rules_of_the_center_change_with_the_end_of_the_restricted_program(call, name: str) -> None:
    before = call("explain", name, "--as-of", "2025-06-25", "--json").out
    after = call("explain", name, "--as-of", "2025-06-26", "--json").out
    assert "only in certified hospitals" in before and "at least 4 weeks" in before
    assert "certified hospitals" not in after and "no driving for 2 weeks" in after


def test_a_product_has_the_statements_of_its_kind_and_the_kind_names_its_products(call) -> None:
    out = call("explain", "tisa-cel", "--as-of", "2024-11-11").out
    assert "Leukapheresis" in out and "25 years" in out
    assert out.index("\nUse\n") < out.index("\nCollection\n") < out.index("\nReporting\n")
    kind = json.loads(call("explain", "CAR-T", "--as-of", "2024-11-01", "--json").out)
    found = {each["title"]: each["status"] for each in kind["products"]}
    assert found["Tisagenlecleucel (Kymriah)"] == "approved since 2017-08-30"
    assert found["Obecabtagene autoleucel (Aucatzyl)"] == "investigational"


def test_a_folder_of_the_user_adds_a_product_to_its_kind(call, tmp_path: Path) -> None:
    sheet = tmp_path / "therapies" / "fourth" / "explain.toml"
    sheet.parent.mkdir(parents=True)
    text = '[sheet]\ntitle = "Fourth"\nsummary = "One more."\nshares = ["car_t"]\n'
    sheet.write_text(text, encoding="utf-8")
    assert "  - Fourth\n" in call("explain", "car t", "--library", tmp_path).out
    assert "Leukapheresis" in call("explain", "fourth", "--library", tmp_path).out
    sheet.write_text(text.replace("car_t", "car_tt"), encoding="utf-8")
    done = call("explain", "fourth", "--library", tmp_path)
    assert done.code == 2 and "did you mean 'car_t'" in done.err


@pytest.mark.parametrize(
    ("given", "meant"), [("inotuzumb", "inotuzumab"), ("kymria", "kymriah"), ("obe-sel", "obe-cel")]
)
def test_an_unknown_name_is_refused_with_the_nearest(call, given: str, meant: str) -> None:
    done = call("explain", given)
    assert done.code == 2 and f"did you mean '{meant}'?" in done.err


@pytest.mark.parametrize(("columns", "widest"), [("80", 80), ("60", 60), ("200", 100)])
def test_a_sheet_is_as_wide_as_the_terminal(call, monkeypatch, columns: str, widest: int) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = call("explain", "lymphodepletion").out.splitlines()
    assert widest - 12 < max(map(len, lines)) <= widest


def test_every_sheet_names_known_sources_and_something_for_today(library: Path) -> None:
    shelf = open_shelf()
    known = read_references(library / "references.bib")
    sheets = list(shelf.matching("*/*/explain.toml"))
    assert len(sheets) >= 12
    for relative in sheets:
        sheet = find_sheet(relative.split("/")[1], shelf)
        assert sheet.topics(datetime.date(2024, 11, 11))
        assert all(key in known for each in sheet.statements for key in each.sources)
        found = {figure.target for figure in published_of(sheet, shelf, datetime.date(2026, 1, 1))}
        assert {target for figures in sheet.figures for target in figures.targets} <= found


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
