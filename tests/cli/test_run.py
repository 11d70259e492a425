"""`run` and `patient`: what is refused, what is kept, what is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from virtuall.cli import run as run_module
from virtuall.core.errors import StoreError
from virtuall.store import read, read_manifest

PROTOCOL, COHORT = "blinatumomab/relapsed", "adult_relapsed"


def words(out: Path, n: object = 5, *more: object) -> list[object]:
    return ["run", PROTOCOL, "--cohort", COHORT, "-n", n, "--seed", 3, "--out", out, *more]


@pytest.mark.parametrize("n", [0, -3])
def test_no_patients_are_refused(call, clinic, tmp_path, n) -> None:
    done = call(*words(tmp_path / "out", n))
    assert done.code == 2 and "1 or more" in done.err
    assert not (tmp_path / "out").exists()


def test_too_many_patients_are_refused_with_an_estimate(call, clinic, tmp_path) -> None:
    done = call(*words(tmp_path / "out", 10**12))
    assert done.code == 2 and "needs about" in done.err and "free" in done.err
    assert not (tmp_path / "out").exists() and clinic.calls == 0


def test_a_cohort_too_large_for_memory_is_refused(call, clinic, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("virtuall.store.space._available_memory", lambda: 1000)
    done = call(*words(tmp_path / "out"))
    assert done.code == 2 and "of memory" in done.err and clinic.calls == 0


def test_a_run_is_summed_up_and_can_be_read(call, clinic, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(run_module, "CHUNK", 2)
    done = call(*words(tmp_path / "out", 5, "--json"))
    assert done.code == 0
    found = json.loads(done.out)
    assert (found["patients"], found["failed"], found["chunks"]) == (5, 0, 3)
    assert found["best_response"] == {"CR": 5}
    assert list(read(tmp_path / "out").outcomes["patient"]) == [0, 1, 2, 3, 4]
    assert read_manifest(tmp_path / "out").state == "finished"


def test_a_folder_that_is_not_empty_is_refused_unless_forced(call, clinic, tmp_path) -> None:
    out = tmp_path / "out"
    assert call(*words(out)).code == 0
    done = call(*words(out))
    assert done.code == 2 and "--force" in done.err
    assert call(*words(out, 3, "--force")).code == 0
    assert len(read(out).outcomes) == 3


def test_a_file_in_the_place_of_the_folder_is_refused(call, clinic, tmp_path) -> None:
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    done = call(*words(tmp_path / "out", 5, "--force"))
    assert done.code == 2 and "is a file" in done.err
    assert (tmp_path / "out").read_text(encoding="utf-8") == "mine"


def test_ctrl_c_says_what_is_kept_and_the_run_goes_on(call, clinic, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(run_module, "CHUNK", 2)
    clinic.interrupt = {2: KeyboardInterrupt()}
    done = call(*words(tmp_path / "out", 5, "--json"))
    assert done.code == 130 and done.out == ""
    assert "1 of 3 chunks (2 patients) stay readable" in done.err and "--resume" in done.err
    assert read_manifest(tmp_path / "out").state == "stopped"
    assert len(read(tmp_path / "out").outcomes) == 2
    again = call(*words(tmp_path / "out", 5, "--resume", "--json"))
    assert again.code == 0 and clinic.calls == 4
    assert json.loads(again.out)["patients"] == 5
    assert len(read(tmp_path / "out").outcomes) == 5


def test_a_run_of_other_settings_is_not_resumed(call, clinic, tmp_path) -> None:
    call(*words(tmp_path / "out", 5))
    done = call(*words(tmp_path / "out", 6, "--resume"))
    assert done.code == 2 and "another run" in done.err


def test_the_parameters_belong_to_the_result(call, clinic, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(run_module, "CHUNK", 2)
    clinic.interrupt = {2: KeyboardInterrupt()}
    call(*words(tmp_path / "out", 5, "--parameters", "shipped"))
    assert clinic.parameters[-1] == "shipped"
    assert read_manifest(tmp_path / "out").run.settings["parameters"] == "shipped"
    done = call(*words(tmp_path / "out", 5, "--resume"))
    assert done.code == 2 and "another run" in done.err
    done = call(*words(tmp_path / "out", 5, "--resume", "--parameters", "shipped", "--json"))
    assert done.code == 0 and json.loads(done.out)["parameters"] == "shipped"
    assert json.loads(call("patient", tmp_path / "out", 0, "--json").out)["parameters"] == "shipped"


@pytest.mark.parametrize(
    "command",
    [("run", PROTOCOL, "--cohort", COHORT, "-n", 2, "--out", "x"), ("patient", PROTOCOL, 1), ("trial", "tower")],
)
def test_parameters_that_do_not_exist(call, clinic, command) -> None:
    done = call(*command, "--parameters", "shiped")
    assert done.code == 2 and "did you mean 'shipped'" in done.err and clinic.calls == 0


def test_finished_chunks_outlive_an_error(call, clinic, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(run_module, "CHUNK", 2)
    clinic.interrupt = {3: StoreError("the disk is full")}
    done = call(*words(tmp_path / "out"))
    assert done.code == 2 and "the disk is full" in done.err
    assert read_manifest(tmp_path / "out").state == "failed"
    assert len(read(tmp_path / "out").outcomes) == 4


def test_a_patient_of_a_result_is_told_and_drawn(call, clinic, tmp_path) -> None:
    out = tmp_path / "out"
    call(*words(out))
    done = call("patient", out, 3)
    assert done.code == 0 and done.out.startswith("Patient 3: a 40-year-old woman")
    assert (out / "patient-3.svg").read_text(encoding="utf-8").lstrip().startswith("<")
    assert "never for the care of a patient" in (out / "patient-3.html").read_text(encoding="utf-8").lower()
    found = json.loads(call("patient", out, "--id", 3, "--json").out)
    assert found["patient"] == 3 and found["story"][0].startswith("Patient 3")
    assert call(*words(out, 5, "--force")).code == 0  # the pages belong to the result


@pytest.mark.parametrize(("more", "problem"), [((9,), "0 to 4"), ((), "which patient"), ((1, "--id", 2), "two")])
def test_a_patient_that_cannot_be_told(call, clinic, tmp_path, more, problem) -> None:
    call(*words(tmp_path / "out"))
    done = call("patient", tmp_path / "out", *more)
    assert done.code == 2 and problem in done.err


def test_a_folder_without_a_result_is_said(call, clinic, tmp_path) -> None:
    done = call("patient", tmp_path, 0)
    assert done.code == 2 and "not a result folder" in done.err


def test_a_patient_under_a_protocol(call, clinic, tmp_path) -> None:
    told = ("patient", PROTOCOL, "--cohort", COHORT, "--seed", 3, "--id", 7)
    assert call(*told).out.startswith("Patient 7")
    assert "Patient 7" in call(*told, "--out", tmp_path / "page").out
    assert sorted(path.name for path in (tmp_path / "page").iterdir()) == ["patient-7.html", "patient-7.svg"]
    done = call("patient", PROTOCOL, "--id", 7)
    assert done.code == 2 and COHORT in done.err
