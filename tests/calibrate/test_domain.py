"""The domain follows from the designs of the calibrated trials; what lies outside is said in sentences."""

from __future__ import annotations

from pathlib import Path

import pytest

from virtuall.calibrate.domain import Span, outside, read_domain
from virtuall.model.shelf import shipped_library
from virtuall.population import sample
from virtuall.simulation.protocol import load_protocol
from virtuall.trial.design import load_design

REGIMEN = "therapies/blinatumomab/regimens/relapsed.toml"


@pytest.fixture(scope="module")
def domain():
    found = read_domain()
    assert found is not None
    return found


def test_the_domain_is_that_of_the_calibrated_arms(domain) -> None:
    arm = load_design("tower").arms[0]
    doses = [level.fixed for level in load_protocol(arm.protocol).regimen.levels]
    assert domain.doses["blinatumomab", "ug/d"] == Span(min(doses), max(doses))
    assert domain.covariates["blinatumomab"]["age"] == Span(18.0, 80.0)
    assert domain.covariates["tisagenlecleucel"]["age"] == Span(3.0, 25.0)
    # what goes before the cells was given, but no arm was about it
    assert "cyclophosphamide" in domain.products and "cyclophosphamide" not in domain.covariates


def with_trials(folder: Path, *trials: str) -> Path:
    """A folder whose calibration is of these trials."""
    (folder / "calibration").mkdir()
    names = ", ".join(f'"{each}"' for each in trials)
    (folder / "calibration/budget.toml").write_text(f'[[block]]\nname = "own"\ntrials = [{names}]\n')
    (folder / "calibration/ensemble.csv").write_text("growth_median\n0.06\n")
    return folder


@pytest.mark.parametrize("trial", ["tower", "eliana"])
def test_a_calibrated_trial_lies_inside(trial: str) -> None:
    for arm in load_design(trial).arms:
        assert outside(sample(arm.cohort, 200, seed=1), load_protocol(arm.protocol)) == ()


def test_a_product_that_was_never_calibrated(tmp_path: Path) -> None:
    design = load_design("zuma3").arms[0]
    patients, protocol = sample(design.cohort, 20, seed=1), load_protocol(design.protocol)
    said = outside(patients, protocol, [with_trials(tmp_path, "tower")])
    assert said[0] == f"{design.name} was never calibrated: no calibrated trial gives it."
    assert said[0] not in outside(patients, protocol)


def test_patients_outside_the_cohorts_are_counted() -> None:
    patients = sample("adult_relapsed", 200, seed=1).changed(line=5.0)
    old = patients.columns["age"].copy()
    old[:24] = 90.0
    said = outside(patients.changed(age=old), load_protocol("blinatumomab/relapsed"))
    assert said == (
        "age of 12 % of the patients lies above 80 yr, "
        "the most in the cohorts that calibrated blinatumomab (18 to 80).",
        "line of 100 % of the patients lies above 3, the most in the cohorts that calibrated blinatumomab (1 to 3).",
    )


def test_a_dose_outside_and_what_a_user_lays_over_does_not_widen(tmp_path: Path) -> None:
    for name, old, new in ((REGIMEN, '"28 ug/d"', '"60 ug/d"'), ("cohorts/adult_relapsed.toml", "80.0", "95.0")):
        text = (shipped_library() / name).read_text(encoding="utf-8")
        assert old in text
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text.replace(old, new), encoding="utf-8")
    patients = sample("adult_relapsed", 20, seed=1, library=[tmp_path]).changed(age=90.0)
    said = outside(patients, load_protocol("blinatumomab/relapsed", library=[tmp_path]), [tmp_path])
    assert said[0] == "blinatumomab: a dose of 60 ug/d lies outside 9 to 28 ug/d."
    assert said[1].startswith("age of 100 % of the patients lies above 80 yr")


def test_a_unit_of_dose_that_was_never_given(tmp_path: Path) -> None:
    (tmp_path / REGIMEN).parent.mkdir(parents=True)
    text = (shipped_library() / REGIMEN).read_text(encoding="utf-8")
    (tmp_path / REGIMEN).write_text(text.replace('fixed = "9 ug/d"', 'per_weight = "0.1 ug/kg/d"'), encoding="utf-8")
    said = outside(
        sample("adult_relapsed", 5, seed=1), load_protocol("blinatumomab/relapsed", library=[tmp_path]), [tmp_path]
    )
    assert said == ("blinatumomab: doses in ug/kg/d were never calibrated.",)


def test_an_arm_that_only_validates_is_no_part_of_it(tmp_path: Path) -> None:
    """E1910: its chemotherapy arm calibrates, the other one does not."""
    found = read_domain([with_trials(tmp_path, "e1910")])
    assert found is not None
    assert "chemotherapy" in found.covariates and "blinatumomab" not in found.covariates
