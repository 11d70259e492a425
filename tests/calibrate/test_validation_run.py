"""Units of a validation, what is kept of them, the log, and the rows of the shipped trials."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from virtuall.calibrate import validation_run
from virtuall.calibrate.estimands import Estimand, read_estimands
from virtuall.calibrate.validation_log import COLUMNS, append_log, check_log, commit_of
from virtuall.calibrate.validation_run import Validation, assemble, validate
from virtuall.calibrate.validation_units import Finished, Settings, find_units, fingerprint, keep, kept
from virtuall.core.errors import InputError, StoreError
from virtuall.trial.run import read_rows

Make = Callable[..., Any]
UNIT = find_units(only=["pk_label"])[0]


@pytest.fixture(scope="module")
def estimands() -> dict[str, Estimand]:
    return read_estimands(find_units())


@pytest.fixture
def finished(figure: Make, row: Make) -> Finished:
    rows = (row(figure("A", trial="t"), [40.0, np.nan, 60.0], [1.0, 2.0]), row(figure("B", trial="t"), [np.nan]))
    return Finished("pk_label", "A check", "check", rows, 20, 1, 3.5)


def test_every_trial_and_check_of_the_library_is_a_unit() -> None:
    units = {unit.name: unit for unit in find_units()}
    assert units["tower"].folders[:2] == ("tower", "pooled_relapsed")
    assert units["pk_label"].kind == "check"
    assert [unit.name for unit in find_units(only=["tower"])] == ["tower"]
    with pytest.raises(InputError, match="did you mean 'tower'"):
        find_units(only=["towr"])


def test_every_computed_row_has_an_estimand(estimands: dict[str, Estimand]) -> None:
    for unit in find_units():
        for folder in unit.folders:
            assert {target for row in read_rows(folder).mapped.rows for target in row.targets} <= set(estimands)


def test_classes_of_therapy_come_of_the_arms(estimands: dict[str, Estimand]) -> None:
    assert estimands["T0638"].therapy == estimands["T0799"].therapy == "cells"
    assert estimands["T0040"].therapy == estimands["T0388"].therapy == "chemotherapy"
    assert estimands["T0049"].therapy == f"{estimands['T0041'].therapy} against chemotherapy"
    assert estimands["T0049"].arms == tuple(arm.name for arm in find_units(only=["tower"])[0].arms)


def test_rows_computed_alike_are_alike_in_every_trial(estimands: dict[str, Estimand]) -> None:
    assert estimands["T0638"].what == estimands["T0799"].what, "CR/CRi within 3 months, and best"
    assert estimands["T0638"].what != estimands["T0639"].what, "CR alone"
    assert estimands["T0638"].whose == estimands["T0799"].whose != estimands["T0641"].whose, "enrolled, not infused"
    assert estimands["T0674"].what == estimands["T0946"].what, "cytokine release on two scales"
    assert estimands["T0609"].share and estimands["T0609"].patients == 92
    assert estimands["T0652"].day == pytest.approx(182.6, abs=0.1)


def test_a_finished_unit_is_found_again(tmp_path: Path, finished: Finished) -> None:
    keep(tmp_path / "kept", "stamp", finished)
    again = kept(tmp_path / "kept", "stamp", UNIT)
    assert again is not None and again.reused
    first, other = finished.rows[0], again.rows[0]
    assert np.array_equal(first.values, other.values, equal_nan=True)
    assert dataclasses.replace(first, values=()) == dataclasses.replace(other, values=())
    assert kept(tmp_path / "kept", "another", UNIT) is None
    assert kept(tmp_path / "nowhere", "stamp", UNIT) is None
    (tmp_path / "kept" / "pk_label.json").write_text("[]")
    with pytest.raises(StoreError, match="no finished trial"):
        kept(tmp_path / "kept", "stamp", UNIT)


def test_the_fingerprint_tells_what_changes_the_result(tmp_path: Path) -> None:
    plain = fingerprint(Settings())
    assert plain == fingerprint(Settings(processes=7))
    (tmp_path / "note.toml").write_text("a = 1\n")
    others = [Settings(seed=2), Settings(replicates=3), Settings(parameters="shipped"), Settings(library=(tmp_path,))]
    assert len({plain, *(fingerprint(each) for each in others)}) == 5


def test_a_validation_that_was_stopped_goes_on(
    tmp_path: Path, finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def run_unit(unit: Any, settings: Settings) -> Finished:
        if len(ran) == 1:
            raise KeyboardInterrupt
        ran.append(unit.name)
        return dataclasses.replace(finished, name=unit.name)

    monkeypatch.setattr(validation_run, "run_unit", run_unit)
    only = ["nhl_il6", "pk_label"]
    with pytest.raises(KeyboardInterrupt):
        validate(Settings(), only, tmp_path)
    assert ran == ["nhl_il6"]
    ran.append("not again")
    told: list[tuple[str, bool]] = []
    found = validate(Settings(), only, tmp_path, lambda each: told.append((each.name, each.reused)))
    assert told == [("nhl_il6", True), ("pk_label", False)]
    assert not found.whole
    assert {each.row.target for each in found.judged} == {"A", "B"}


@pytest.fixture
def validation(finished: Finished) -> Validation:
    from virtuall.calibrate.validation import judge

    judged = judge([(finished.name, row) for row in finished.rows], {})
    return assemble(Settings(replicates=3), "0" * 64, [finished], judged, whole=True)


def test_json_keeps_the_keys_of_a_trial(validation: Validation) -> None:
    (trial,) = validation.as_json()["trials"]
    assert {"trial", "seed", "replicates", "patients", "failed", "rows"} <= set(trial)
    assert set(validation.judged[0].row.as_json()) <= set(trial["rows"][0])
    assert trial["rows"][0]["median"] == 50
    assert "values" not in trial["rows"][0]


def test_the_log_grows_by_one_line(tmp_path: Path, validation: Validation) -> None:
    path = tmp_path / "docs" / "log.csv"
    check_log(path)
    append_log(path, validation)
    append_log(path, validation)
    head, *lines = path.read_text().splitlines()
    assert head.split(",") == list(COLUMNS)
    assert len(lines) == 2
    assert dict(zip(COLUMNS, lines[0].split(","), strict=True))["validate_inside"] == "1.000"
    with pytest.raises(InputError, match="only a validation of all trials"):
        append_log(path, dataclasses.replace(validation, whole=False))
    path.write_text("date,score\n")
    with pytest.raises(StoreError, match="no log of validations"):
        append_log(path, validation)
    assert path.read_text() == "date,score\n"


def test_the_commit_says_when_files_were_changed(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == "unknown"
    name = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (["init", "-q"], ["add", "."], [*name, "commit", "-q", "--allow-empty", "-m", "one"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    commit = commit_of(tmp_path)
    assert len(commit) == 12
    (tmp_path / "new").write_text("")
    assert commit_of(tmp_path) == commit + "+"


def test_json_of_infinite_distances_is_json(figure: Make, row: Make) -> None:
    from virtuall.calibrate.validation import judge
    from virtuall.cli.output import _plain

    rows = (row(figure("A"), [1.0, 1.0], [1.0, 1.0]),)
    finished = Finished("u", "U", "trial", rows, 2, 0, 1.0)
    found = assemble(Settings(), "", [finished], judge([("u", rows[0])], {}), whole=False)
    json.dumps(_plain(found.as_json()), allow_nan=False)
    assert found.validate.abs_z == np.inf
