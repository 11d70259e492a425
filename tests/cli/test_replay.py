"""`replay` and `export sbml` of patients of a stored result, on the real library and kernel."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from virtuall.cli.main import main
from virtuall.cli.stored import stored_result
from virtuall.store import read, read_manifest
from virtuall.store.atomic import checksum

PROTOCOL, COHORT, N = "blinatumomab/relapsed", "adult_relapsed", 6


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result folder of two chunks."""
    folder = tmp_path_factory.mktemp("result") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("virtuall.cli.run.CHUNK", 4)
        words = ["run", PROTOCOL, "--cohort", COHORT, "-n", N, "--seed", 5, "--days", 70, "--out", folder]
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
    assert not ended.value.code
    return folder


@pytest.fixture
def result(whole: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(whole, tmp_path / "out"))


@pytest.mark.parametrize("parameters", ["calibrated", "shipped"])
def test_a_stored_result_has_the_patients_of_its_parameters(call, tmp_path: Path, parameters: str) -> None:
    (tmp_path / "sets" / "calibration").mkdir(parents=True)
    (tmp_path / "sets" / "calibration" / "ensemble.csv").write_text("growth_median\n0.07\n0.09\n0.2\n")
    more = ("--parameters", parameters, "--library", tmp_path / "sets", "--out", tmp_path / "out")
    assert call("run", PROTOCOL, "--cohort", COHORT, "-n", 2, "--seed", 5, "--days", 5, *more).code == 0
    held = stored_result(tmp_path / "out", [tmp_path / "sets"]).patients.columns
    assert set(held.get("growth_median", ())) == ({0.09} if parameters == "calibrated" else set())
    assert call("replay", tmp_path / "out", "--library", tmp_path / "sets").code == 0


def rewrite(folder: Path, **settings: object) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["run"] |= settings
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def test_the_stored_patients_are_the_same_to_the_last_bit(call, whole) -> None:
    done = call("replay", whole)
    assert done.code == 0 and "6 patients of adult_relapsed" in done.out and "the same to the last bit" in done.out
    assert re.search(r"^leukemia_cells +cell +\d+ +yes$", done.out, re.MULTILINE)
    assert "6 of 6 the same to the last bit" in done.out and "care of a patient" in done.out
    found = json.loads(call("replay", whole, "--json").out)
    assert found["identical"] is True and found["worst"] == 0.0
    assert found["patients"] == [0, 1, 2, 3, 4, 5] and len(found["ends"]) == 6
    assert {each["identical"] for each in found["signals"]} == {True}


def test_some_of_them(call, whole) -> None:
    assert json.loads(call("replay", whole, "--patients", "4,1", "--json").out)["patients"] == [4, 1]
    drawn = json.loads(call("replay", whole, "-n", 2, "--json").out)["patients"]
    assert len(drawn) == 2 and drawn == json.loads(call("replay", whole, "-n", 2, "--json").out)["patients"]
    assert "1 patient of" in call("replay", whole, "--n", 1).out


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (("--patients", "1,9"), "given 9; it holds 6 patients, 0 to 5"),
        (("--patients", "one"), "whole numbers"),
        (("--patients", ""), "whole numbers"),
        (("--patients", "1", "-n", "1"), "both --patients and -n"),
        (("-n", "0"), "1 or more"),
    ],
)
def test_patients_that_cannot_be_replayed(call, whole, more, problem) -> None:
    done = call("replay", whole, *more)
    assert done.code == 2 and problem in done.err and done.out == ""


def test_another_trajectory_is_said_and_ends_with_1(call, result) -> None:
    import pandas as pd

    chunk = read_manifest(result).chunks[0]
    file = result / "chunks" / chunk.name / "realized.parquet"
    frame = pd.read_parquet(file)
    frame.loc[frame["name"] == "R_blina", "value"] *= 1.01
    frame.to_parquet(file)
    done = call("replay", result)
    assert done.code == 2 and "differs from its checksum" in done.err
    manifest = json.loads((result / "manifest.json").read_text(encoding="utf-8"))
    manifest["chunks"][0]["files"]["realized.parquet"] = checksum(file.read_bytes())
    (result / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    done = call("replay", result)
    assert done.code == 1 and "NOT the same bits" in done.out
    # a hundredth while it is given; far more, of next to nothing, long after its end
    assert re.search(r"^blina_concentration +pg/mL +\d+ +no +0\.\d", done.out, re.MULTILINE)
    assert call("replay", result, "--patients", "4,5").code == 0  # of the other chunk


def test_an_older_result_is_refused(call, result) -> None:
    manifest = json.loads((result / "manifest.json").read_text(encoding="utf-8"))
    del manifest["chunks"][1]["files"]["realized.parquet"]
    (result / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert read(result).realized is None
    for words in (("replay", result), ("export", "sbml", "--result", result, "--patient", 1)):
        done = call(*words)
        assert done.code == 2 and "does not hold what was done" in done.err and "run it again" in done.err


def test_a_result_of_another_library_is_refused(call, result) -> None:
    rewrite(result, fingerprint="f" * 64)
    for words in (("replay", result), ("export", "sbml", "--result", result, "--patient", 1)):
        done = call(*words)
        assert done.code == 2 and "another library" in done.err and "ffffffffffff there" in done.err


def test_a_folder_that_is_no_result(call, tmp_path) -> None:
    for words in (("replay", tmp_path), ("export", "sbml", "--result", tmp_path)):
        done = call(*words)
        assert done.code == 2 and "not a result folder" in done.err


def test_the_exported_patient_is_that_of_the_result(call, whole, tmp_path) -> None:
    from virtuall.export.sbml import sbml_messages

    stored, alone = tmp_path / "stored.xml", tmp_path / "alone.xml"
    done = call("export", "sbml", "--result", whole, "--patient", 4, "--out", stored)
    assert done.code == 0 and "moments at which the model was changed" in done.out
    told = ("--protocol", PROTOCOL, "--cohort", COHORT, "--seed", 5, "--id", 4, "--days", 70)
    found = json.loads(call("export", "sbml", *told, "--out", alone, "--json").out)
    assert found["protocol"] == PROTOCOL and found["moments"] > 2 and found["treated"] is True
    assert stored.read_bytes() == alone.read_bytes()
    text = stored.read_text(encoding="utf-8")
    assert sbml_messages(text) == ([], []) and text.count("<event ") == found["moments"]
    assert call("export", "sbml", "--result", whole, "--patient", 4).out.strip() == text.strip()


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (("--result", "RESULT", "--patient", 6), "given 6; it holds 6 patients"),
        (("--result", "RESULT", "--seed", 5), "the result decides the seed"),
        (("--result", "RESULT", "--protocol", PROTOCOL), "the result decides the protocol"),
        (("--result", "RESULT", "--out", "FOLDER"), "is a folder"),
        (("--result", "RESULT", "--out", "/proc/none/patient.xml"), "nothing was written"),
        (("--protocol", "blinatumomab/relapse"), "did you mean 'blinatumomab/relapsed'"),
        (("--days", 5), "--days needs a protocol"),
        (("--patient", -1), "the id must be 0 or more"),
    ],
)
def test_an_export_that_is_refused(call, whole, tmp_path, more, problem) -> None:
    given = {"RESULT": whole, "FOLDER": tmp_path}
    done = call("export", "sbml", *(given.get(word, word) for word in more))
    assert done.code == 2 and problem in done.err and done.out == ""
