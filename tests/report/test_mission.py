"""What the source pages say of inotuzumab and of CAR T cells stands in a fact sheet."""

from __future__ import annotations

import csv
import datetime
from pathlib import Path

import pytest

from virtuall.model.shelf import open_shelf
from virtuall.report.explain import find_sheet

# Row of the map of the mission -> a sheet, and words that one statement has on the day of the later page.
ROWS = {
    "C1": ("inotuzumab", ("CD22", "chemotherapy drug")),
    "C2": ("inotuzumab", ("dies when it tries to divide",)),
    "C3": ("inotuzumab", ("after chemotherapy",)),
    "C4": ("inotuzumab", ("once a week", "3 or 4 weeks")),
    "C5": ("inotuzumab", ("Up to 6 cycles", "transplant")),
    "C6": ("inotuzumab", ("infection", "bleeding", "fatigue", "fever", "nausea", "headache", "belly", "bilirubin")),
    "C7": ("inotuzumab", ("liver", "veno-occlusive disease")),
    "C8": ("inotuzumab", ("before each dose", "antihistamine")),
    "C9": ("inotuzumab", ("life-threatening", "stem cell transplant")),
    "C10": ("inotuzumab", ("rhythm of the heart",)),
    "D1": ("car_t", ("taken", "receptor", "seek", "attack")),
    "D2": ("car_t", ("machine", "few hours", "repeated")),
    "D3": ("car_t", ("frozen", "laboratory", "multiplied", "few weeks")),
    "D4": ("car_t", ("Chemotherapy of a few days", "before the infusion")),
    "D5": ("car_t", ("into a vein",)),
    "D6": ("car_t", ("Only in medical centers with special training",)),
    "D7": ("brexucabtagene", ("Adults", "came back or did not respond")),
    "D8": ("tisagenlecleucel", ("Children and young adults", "25 years", "refractory")),
    "D9": ("obecabtagene", ("Adults", "came back or did not respond")),
    "D10": ("car_t", ("fever and chills", "breathing", "nausea", "diarrhea", "muscles or joints", "dizziness")),
    "D11": ("car_t", ("Headache", "consciousness", "agitation", "seizures", "tremor", "speaking", "balance")),
    "D12": ("car_t", ("Serious infections",)),
    "D13": ("car_t", ("infection", "fatigue", "bleeding")),
    "D14": ("car_t", ("another cancer of the blood",)),
    "D15": ("car_t", ("reported", "at once", "medicines that help")),
}
LATER_PAGE = datetime.date(2024, 11, 11)


@pytest.mark.parametrize("row", ROWS)
def test_a_row_of_the_mission_is_told(row: str) -> None:
    name, words = ROWS[row]
    statements = find_sheet(name, open_shelf()).statements
    texts = [each.text for each in statements if each.holds(LATER_PAGE)]
    assert any(all(word in text for word in words) for text in texts), f"{row}: {words} is not in {name}"


def test_no_row_of_the_mission_is_forgotten(repository: Path) -> None:
    table = repository.parent / "shared" / "mission_map.csv"
    if not table.is_file():
        pytest.skip("shared/mission_map.csv does not lie beside the repository")
    with table.open(encoding="utf-8", newline="") as file:
        rows = {row["id"] for row in csv.DictReader(file)}
    assert {row for row in rows if row[0] in "CD"} == set(ROWS)
