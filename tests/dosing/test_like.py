"""A regimen that is like another one of its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from virtuall.core.errors import VirtuallError
from virtuall.dosing.reading import RegimenText, read_regimen
from virtuall.model.shelf import open_shelf
from virtuall.simulation.protocol import read_products

SHELF = open_shelf()
PRODUCTS = read_products(SHELF)
SOURCED = 'source = "assumption"\nmark = "A"\nwhy = "a test"\n'


def regimen(name: str) -> RegimenText:
    return read_regimen(SHELF.protocol(name), PRODUCTS)


def liked(folder: Path, text: str, name: str = "short") -> RegimenText:
    folder = folder / "chemotherapy" / "regimens"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "consolidation.toml").write_bytes(SHELF.protocol("chemotherapy/consolidation").read_bytes())
    path = folder / f"{name}.toml"
    path.write_text(f'[regimen]\ntitle = "Short"\n{SOURCED}{text}', encoding="utf-8")
    return read_regimen(path, PRODUCTS)


def test_fewer_cycles_of_the_same() -> None:
    whole, two = regimen("blinatumomab/consolidation"), regimen("blinatumomab/consolidation_two")
    assert [(each.first, each.last) for each in two.regimen.cycles] == [(1, 1), (2, 2)]
    assert regimen("blinatumomab/consolidation_one").regimen.number_of_cycles == 1
    assert two.regimen.name == "blinatumomab/consolidation_two"
    assert two.regimen.levels == whole.regimen.levels
    assert (two.rules, two.monitoring, two.response) == (whole.rules, whole.monitoring, whole.response)
    assert whole.regimen.number_of_cycles == 4, "the other one stays as it is"
    assert (whole.transplant_referred, two.transplant_referred) == (None, 0.235)


def test_a_text_of_several_cycles_is_cut(tmp_path: Path) -> None:
    text = liked(tmp_path, 'like = "consolidation"\ncycles = 3\nvalid_from = 2001-01-01\n')
    assert [(each.first, each.last) for each in text.regimen.cycles] == [(1, 3)]
    assert text.valid_from.year == 2001
    assert liked(tmp_path, 'like = "consolidation"\n').regimen.number_of_cycles == 4


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('like = "consolidaton"\n', "did you mean 'consolidation'"),
        ('like = "consolidation"\ncycles = 5\n', "cycles"),
        ('like = "consolidation"\nstart = "3 d"\n', "start"),
    ],
)
def test_what_it_cannot_be_like_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(VirtuallError, match=problem):
        liked(tmp_path, text)


def test_only_a_regimen_that_is_written_out_can_be_copied(tmp_path: Path) -> None:
    liked(tmp_path, 'like = "consolidation"\n')
    with pytest.raises(VirtuallError, match="like is not one of the words for it"):
        liked(tmp_path, 'like = "short"\n', "shorter")
