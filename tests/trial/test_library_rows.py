"""Every published row that ships is computed or listed as not simulated, in units that fit."""

from __future__ import annotations

import csv
from importlib.resources import files
from pathlib import Path

import pytest

from virtuall.trial.design import load_design
from virtuall.trial.mapping import check_mapping, read_mapping
from virtuall.trial.published import read_published
from virtuall.trial.run import read_rows
from virtuall.trial.scoring import check_units

TRIALS = Path(str(files("virtuall"))) / "library" / "trials"
CELLS = ("eliana", "zuma3", "felix")
VALIDATE = ("blast", "mt103_205", "felix", "cibmtr_tisa")
POOLED = ("pooled_relapsed", "label_blinatumomab", "label_blinatumomab_mrd", "pooled_tisagenlecleucel")
FOLDERS = (
    "tower",
    "inovate",
    "blast",
    "mt103_205",
    "e1910",
    "allcar19",
    *CELLS,
    "cibmtr_tisa",
    *POOLED,
    "pk_label",
    "ino_pk",
    "mt103_202_pd",
    "nhl_il6",
)
TARGETS = Path(__file__).parents[3] / "shared" / "evidence" / "targets.csv"


@pytest.mark.parametrize("name", FOLDERS)
def test_no_published_row_is_dropped(name: str) -> None:
    published = read_published(TRIALS / name / "published.csv")
    mapped = read_mapping(TRIALS / name / "endpoints.toml")
    check_mapping(mapped, published, where=f"{name}/endpoints.toml")
    check_units(mapped, published)


def test_every_survival_and_response_row_of_tower_is_computed() -> None:
    published = read_published(TRIALS / "tower" / "published.csv")
    mapped = read_mapping(TRIALS / "tower" / "endpoints.toml")
    computed = {target for row in mapped.rows for target in row.targets}
    wanted = {f"T{number:04d}" for number in (*range(39, 70), *range(599, 603))}
    assert wanted <= {row.target for row in published}
    assert wanted <= computed


def test_every_survival_and_response_row_of_inovate_is_computed() -> None:
    mapped = read_mapping(TRIALS / "inovate" / "endpoints.toml")
    computed = {target for row in mapped.rows for target in row.targets}
    genetics, at_the_end = range(403, 409), 396
    wanted = [n for n in (*range(381, 433), *range(918, 924)) if n not in genetics and n != at_the_end]
    assert {f"T{number:04d}" for number in wanted} <= computed


def test_every_response_and_survival_row_of_the_blinatumomab_validation_is_computed() -> None:
    bound, baseline = 207, 240  # a limit of an interval; what the children had before they entered
    assert {f"T{n:04d}" for n in (*range(196, 215), 227, 228) if n != bound} <= computed("blast")
    assert {f"T{n:04d}" for n in range(233, 240)} <= computed("mt103_205")
    assert f"T{baseline:04d}" not in computed("mt103_205")


def test_one_arm_of_consolidation_calibrates_and_the_other_validates() -> None:
    published = {row.target: row for row in read_published(TRIALS / "e1910" / "published.csv")}
    rows = [
        (row, published[target])
        for row in read_mapping(TRIALS / "e1910" / "endpoints.toml").rows
        for target in row.targets
    ]
    assert {row.use for row in published.values() if row.arm == "chemotherapy"} == {"calibrate"}
    assert all(figure.use == "validate" for row, figure in rows if row.group.get("arm") == "blinatumomab")
    assert {figure.target for _, figure in rows} == set(published)


@pytest.mark.parametrize("name", CELLS)
def test_trials_of_cells_keep_both_denominators(name: str) -> None:
    rows = read_mapping(TRIALS / name / "endpoints.toml").rows
    infused = {row.endpoint for row in rows if row.since == "infused_day"}
    assert infused >= {"response_share", "survival_median", "event_share"}
    assert any(row.endpoint == "happened_share" and not row.since for row in rows)


@pytest.mark.parametrize("name", VALIDATE)
def test_what_only_validates_is_told_so(name: str) -> None:
    assert {row.use for row in read_published(TRIALS / name / "published.csv")} == {"validate"}


def computed(name: str) -> set[str]:
    return {target for row in read_mapping(TRIALS / name / "endpoints.toml").rows for target in row.targets}


def test_the_toxicity_that_must_hold_is_computed() -> None:
    """Every scored row about support, cytokine release and ICANS but dialysis, and what has a broad definition."""
    assert {f"T{n:04d}" for n in (*range(674, 693), *range(694, 701), 703, 704)} <= computed("eliana")
    assert {f"T{n:04d}" for n in (*range(954, 961), *range(963, 970))} <= computed("pooled_tisagenlecleucel")
    assert {f"T{n:04d}" for n in range(946, 954)} <= computed("zuma3")
    assert {"T0883", "T0884", "T0885", "T0892"} <= computed("felix")
    assert {f"T{n:04d}" for n in range(929, 946)} <= computed("cibmtr_tisa")
    assert {"T0082", "T0086", "T0088", "T0120", "T0122", "T0150", "T0156"} <= computed("tower")
    assert {f"T{n:04d}" for n in (*range(433, 448), 484, 485, 497, *range(560, 564))} <= computed("inovate")


@pytest.mark.parametrize("name", ["tower", "inovate", "blast", "mt103_205", "e1910", "allcar19", *CELLS, "cibmtr_tisa"])
def test_every_event_on_a_scale_is_graded_on_one_that_exists(name: str) -> None:
    from virtuall.clinic.grading import load_scale
    from virtuall.model.shelf import open_shelf

    shelf, design = open_shelf(), load_design(name)
    rows = [row for each in (name, *design.also_scored) for row in read_rows(each).mapped.rows]
    for column in (column for row in rows for column in row.events if column.scale and column.kind != "care"):
        assert load_scale(column.scale, shelf).of == column.kind
    for scale in (*design.scales, *(scale for arm in design.arms for scale in arm.scales)):
        assert load_scale(scale, shelf).of in {column.kind for row in rows for column in row.events}


@pytest.mark.skipif(not TARGETS.exists(), reason="the collected evidence lies beside the repository only")
@pytest.mark.parametrize("name", FOLDERS)
def test_published_figures_are_those_collected(name: str) -> None:
    with open(TARGETS, newline="") as file:
        collected = {row["id"]: row for row in csv.DictReader(file)}
    for row in read_published(TRIALS / name / "published.csv"):
        if row.target not in collected:
            assert row.mark == "D" and not row.scored, "figures of our own are derived and never count"
            continue
        figure = collected[row.target]
        assert row.value == float(figure["value"])
        assert (row.unit, row.use, row.mark) == (figure["unit"], figure["use"], figure["verified"])
        assert row.scored == (figure["scored"] == "yes")
