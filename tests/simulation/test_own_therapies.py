"""A therapy of one's own is a folder of texts: nothing in Python knows of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import virtuall as va
from virtuall.cli.check import problems_of
from virtuall.core.errors import VirtuallError
from virtuall.model import load_system
from virtuall.model.shelf import shipped_library

OWN = Path(__file__).parents[1] / "data" / "own_library"
SHIPPED_CELLS = shipped_library() / "therapies" / "tisagenlecleucel"


@pytest.fixture(scope="module")
def fourth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with a fourth product of CAR T cells: a shipped one whose cells release and grow otherwise."""
    library = tmp_path_factory.mktemp("library")
    folder = library / "therapies" / "fourthcel"
    shutil.copytree(SHIPPED_CELLS, folder)
    for path in folder.rglob("*.toml"):
        if path.name in ("explain.toml", "eligibility.toml"):
            path.unlink()
            continue
        path.write_text(path.read_text().replace("tisagenlecleucel", "fourthcel").replace("Tisagenlecleucel", "Fourth"))
    values = (folder / "values.toml").read_text()
    before, _, rest = values.partition("[values.car_loss]\n")
    old, _, after = rest.partition("\n")
    assert old.startswith("value = ")
    (folder / "values.toml").write_text(f"{before}[values.car_loss]\nvalue = 1.0\n{after}")
    return library


def test_a_fourth_product_of_cells_is_a_folder(fourth: Path) -> None:
    library = [fourth]
    assert problems_of(library) == []
    shipped, own = load_system(), load_system(library)
    assert own.system.fingerprint() == shipped.system.fingerprint(), "no equation is new: the kernel is the same"
    days, names = 120.0, ("car_cells",)
    patients = va.sample("eliana", 60, seed=2, library=library)
    one = va.simulate(patients, va.load_protocol("tisagenlecleucel/relapsed", library), days=days, record=names)
    other = va.simulate(patients, va.load_protocol("fourthcel/relapsed", library), days=days, record=names)
    infused = one.outcomes.infused_day.notna().to_numpy()
    assert infused.sum() > 20 and not one.status.any() and not other.status.any()
    same = one.outcomes.infused_day.to_numpy()[infused] == other.outcomes.infused_day.to_numpy()[infused]
    assert same.all(), "until the cells are there, the patients fare the same"
    late = [np.nanmedian(each.signals.car_cells.values[infused, -30:]) for each in (one, other)]
    assert late[1] < 0.5 * late[0], "memory cells that die within a day are soon gone"
    orders = other.events[(other.events.kind == "order") & (other.events.what == "fourthcel")]
    assert set(orders.patient) == set(np.flatnonzero(infused))


def test_an_antibody_with_biology_of_its_own_is_a_folder() -> None:
    library = [OWN]
    assert problems_of(library) == []
    patients = va.sample("adult_relapsed", 200, seed=2, library=library)
    names = ("twenty_concentration", "b_cells_blood", "leukemia_cells_cd19_positive")
    protocol = va.load_protocol("anticd20/weekly", library)
    treated = va.simulate(patients, protocol, days=29.0, record=names)
    nobody = va.simulate(patients, protocol, days=29.0, record=names, treated=np.zeros(200, bool))
    assert not treated.status.any()
    doses = treated.events[(treated.events.kind == "order") & (treated.events.what == "anticd20")]
    given = doses[doses.value > 0].groupby("patient").value.agg(["count", "first"])
    bsa = treated.outcomes.bsa[given.index]
    assert (given["count"].max() == 4) and np.allclose(given["first"], 375 * bsa)
    assert np.nanmedian(treated.signals.twenty_concentration.values[:, 2]) > 50
    untouched = nobody.signals.twenty_concentration.values
    assert not np.any(untouched[np.isfinite(untouched)])
    cells = [each.signals.leukemia_cells_cd19_positive.values[:, 15] for each in (treated, nobody)]
    both = np.isfinite(cells[0]) & np.isfinite(cells[1]) & ~(nobody.outcomes.next_line_day < 15).to_numpy()
    assert both.sum() > 50
    ratio = np.log(cells[0][both] / cells[1][both])
    carries = patients.columns["cd20_share"][both]
    assert np.corrcoef(ratio, carries)[0, 1] < -0.9, "the more cells carry the antigen, the more die"


def test_cells_without_manufacture_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "therapies" / "tisagenlecleucel" / "regimens"
    folder.mkdir(parents=True)
    text = (SHIPPED_CELLS / "regimens" / "relapsed.toml").read_text()
    (folder / "off_the_shelf.toml").write_text(text[: text.index("[supply]")])
    with pytest.raises(VirtuallError, match="made from the patient's own cells: the regimen needs a"):
        va.load_protocol("tisagenlecleucel/off_the_shelf", [tmp_path])
