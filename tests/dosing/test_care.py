"""Supportive drugs that rules order: the amount, and the limits to repeating it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from virtuall.core.errors import VirtuallError
from virtuall.dosing.care import CareDose, Given, read_care

TEXT = """
[dose]
per_weight = "8 mg/kg"
light = "12 mg/kg"
light_below = "30 kg"
cap = "800 mg"
over = "1 h"
apart = "8 h"
most = 3
within = "24 h"
most_in_all = 4
source = "assumption"
mark = "A"
why = "a test"
"""


def read(folder: Path, text: str = TEXT, infused: bool = True) -> CareDose:
    path = folder / "drug" / "care.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return read_care(path, "mg", infused)


def test_the_amount_goes_by_weight_and_is_capped(tmp_path: Path) -> None:
    dose = read(tmp_path)
    weight = np.array([20.0, 29.9, 30.0, 70.0, 120.0])
    assert dose.amount(weight, np.ones(5)).tolist() == pytest.approx([240.0, 358.8, 240.0, 560.0, 800.0])


def test_doses_keep_apart_and_within_their_number(tmp_path: Path) -> None:
    dose = read(tmp_path)
    given, row = Given.nothing(dose, 2), np.array([1])
    times = []
    for hour in np.arange(0.0, 96.0, 2.0):
        now = np.array([hour / 24])
        if given.allows(dose, row, now)[0]:
            given.note(row, now)
            times.append(hour)
    assert times == [0.0, 8.0, 16.0, 24.0], "four in all, eight hours apart, three in any day"
    slow = read(tmp_path, TEXT.replace('apart = "8 h"', 'apart = "1 h"').replace("most_in_all = 4", "most_in_all = 9"))
    given, times = Given.nothing(slow, 2), []
    for hour in np.arange(0.0, 60.0, 2.0):
        now = np.array([hour / 24])
        if given.allows(slow, row, now)[0]:
            given.note(row, now)
            times.append(hour)
    assert times == [0.0, 2.0, 4.0, 24.0, 26.0, 28.0, 48.0, 50.0, 52.0]
    assert given.count.tolist() == [0, 9], "another patient's doses do not count"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('light_below = "30 kg"\n', "", "go together"),
        ('per_weight = "8 mg/kg"', 'per_weight = "8 mg/kg"\nfixed = "400 mg"', "one of fixed"),
        ('per_weight = "8 mg/kg"', 'per_weight = "8 ug/m^2"', "mg/kg"),
        ('over = "1 h"', 'over = "0 h"', "an infusion takes a time"),
        ('apart = "8 h"', 'apart = "-8 h"', "at least 0"),
        ("most = 3", "most = 0", "at least 1"),
        ('cap = "800 mg"', 'cap = "800 mg"\nkap = "1 mg"', "kap"),
    ],
)
def test_what_a_dose_may_not_say(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(VirtuallError, match=message):
        read(tmp_path, TEXT.replace(old, new))
