"""The commands on the real library and kernel, with as few patients as will do."""

from __future__ import annotations

import json

import pytest

PROTOCOL, COHORT = "blinatumomab/relapsed", "adult_relapsed"


def test_a_patient_of_a_run_is_the_same_patient_alone(call, tmp_path) -> None:
    out = tmp_path / "out"
    done = call("run", PROTOCOL, "--cohort", COHORT, "-n", 3, "--seed", 5, "--days", 60, "--out", out, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["failed"] == 0
    in_run = json.loads(call("patient", out, 2, "--json").out)
    told = ("patient", PROTOCOL, "--cohort", COHORT, "--seed", 5, "--id", 2, "--days", 60, "--json")
    alone = json.loads(call(*told).out)
    assert in_run["story"] == alone["story"]
    assert in_run["outcome"] == alone["outcome"] and in_run["events"] == alone["events"]


def test_the_plan_follows_the_weight(call) -> None:
    def first_rate(*words: object) -> float:
        plan = json.loads(call("plan", PROTOCOL, "--json", *words).out)["plan"]
        return next(row["amount"] for row in plan if row["product"] == "blinatumomab" and row["amount"] > 0)

    assert first_rate() == 9.0
    assert first_rate("--weight", 40, "--bsa", 1.0) == 5.0
    assert "28" in call("plan", PROTOCOL).out


@pytest.mark.parametrize("weight", ["0", "-70", "nan", "inf"])
def test_a_weight_that_nobody_has_is_refused(call, weight) -> None:
    done = call("plan", PROTOCOL, "--weight", weight)
    assert done.code == 2 and "above 0" in done.err


def test_the_exported_model_is_valid_and_has_the_patients_numbers(call, tmp_path) -> None:
    from virtuall.export.sbml import sbml_messages

    file = tmp_path / "model.xml"
    done = call("export", "sbml", "--cohort", COHORT, "--seed", 2, "--id", 4, "--out", file, "--json")
    assert json.loads(done.out)["file"] == str(file)
    text = file.read_text(encoding="utf-8")
    assert sbml_messages(text)[0] == []
    assert call("export", "sbml", "--seed", 2, "--id", 4).out.strip() == text.strip()
    assert call("export", "sbml", "--seed", 2, "--id", 5).out.strip() != text.strip()


@pytest.mark.slow
def test_a_trial_prints_one_object_and_writes_its_page(call, tmp_path) -> None:
    page = tmp_path / "pages" / "tower.html"
    done = call("trial", "tower", "--replicates", 1, "--seed", 3, "--report", page, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert list(found) == ["trial", "seed", "replicates", "patients", "failed", "rows", "parameters", "outside"]
    assert found["patients"] == 405 and found["rows"]
    assert "never for the care of a patient" in page.read_text(encoding="utf-8").lower()
