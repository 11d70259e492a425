"""Response to tocilizumab by the full published definition, and the same patients without it, side by side."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest

from virtuall.trial.comparison_run import compare

PROTOCOL, THEN = "tisagenlecleucel/relapsed", datetime.date(2017, 8, 30)
LADDERS = ("care/crs_tisa.toml", "care/icans_car_t.toml")


def without(library: Path, folder: Path, product: str) -> Path:
    """The ladders of care without the rules that order a product."""
    for name in LADDERS:
        rules = re.split(r"(?=\[\[rule\]\])", (library / name).read_text(encoding="utf-8"))
        kept = [each for each in rules if f'what = "{product}"' not in each]
        assert len(kept) < len(rules)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("".join(kept), encoding="utf-8")
    return folder


@pytest.mark.slow
def test_response_with_and_without(library: Path, tmp_path: Path) -> None:
    """31 of 45 (53-82 %) answered; most syndromes end within 14 days by themselves, as they do here."""
    other = without(library, tmp_path, "tocilizumab")
    found = compare(
        PROTOCOL, PROTOCOL, cohort="eliana", n=600, seed=3, days=150, library_b=other, as_of=THEN, processes=2
    )
    (answer,) = (row for row in found.rows if row.name.startswith("response of severe"))
    assert answer.pairs > 80
    assert 0.53 <= answer.a <= 0.82
    assert answer.b > 0.5, "without the drug"
    icans = next(row for row in found.rows if row.name.startswith("ICANS, any"))
    assert icans.low <= 0 <= icans.high, "it does not prevent neurotoxicity"
