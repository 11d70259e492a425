"""The calibration runs, resumes, refuses bad budgets, and its stamp tells what the ensemble was made from."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from virtuall.calibrate import evaluation
from virtuall.calibrate.budget import read_budget, shipped_value
from virtuall.calibrate.ensemble_text import write_ensemble
from virtuall.calibrate.evaluation import block_targets, evaluate
from virtuall.calibrate.fit import calibrate
from virtuall.calibrate.identifiability import sobol
from virtuall.calibrate.posterior import sample_stage, votes
from virtuall.calibrate.stamp import what_changed
from virtuall.calibrate.surrogate import Surrogate
from virtuall.calibrate.texts_read import texts_read
from virtuall.core.errors import InputError, Problems, StoreError, TextError, VirtuallError
from virtuall.model import load_system
from virtuall.model.shelf import shipped_library
from virtuall.population import sample
from virtuall.population.ensemble import read_ensemble, sets_for
from virtuall.report.calibration_report import calibration_report, sensitivity_table
from virtuall.simulation.protocol import load_protocol


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibration")
    return folder, calibrate(folder, smoke=True, processes=1)


def test_smoke_gives_an_ensemble_and_a_report(smoke, tmp_path):
    _, found = smoke
    assert len(found.ensemble) == found.budget.members
    assert np.isfinite(found.ensemble.values).all()
    sensitivity = [sobol(each, found.seed) for each in found.blocks]
    text = calibration_report(found, sensitivity)
    for entry in found.blocks[0].fitted:
        assert entry.name in text
    assert sensitivity_table(found, sensitivity).startswith("block,row,entry,total_index")
    table, stamp = write_ensemble(found, tmp_path)
    library = tmp_path / "own"
    (library / "calibration").mkdir(parents=True)
    shutil.copy(table, library / "calibration")
    shutil.copy(stamp, library / "calibration")
    held = read_ensemble([library])
    assert held is not None and held.addresses == found.ensemble.addresses
    np.testing.assert_allclose(held.values, found.ensemble.values, rtol=1e-5)
    assert what_changed([library]) == ()
    few, many = held.of_replicates(1, 8), held.of_replicates(1, 200)
    for address in held.addresses:
        np.testing.assert_array_equal(few[address], many[address][:8])
    changed = library / "biology" / "car_t"
    changed.mkdir(parents=True)
    shipped = (shipped_library() / "biology/car_t/parameters.toml").read_text()
    (changed / "parameters.toml").write_text(shipped + "\n# changed\n")
    assert what_changed([library]) == ("biology/car_t/parameters.toml",)


def test_a_second_run_simulates_nothing_again(smoke, monkeypatch):
    folder, first = smoke
    monkeypatch.setattr(evaluation, "_simulated", lambda *_, **__: pytest.fail("simulated again"))
    again = calibrate(folder, smoke=True, processes=1)
    np.testing.assert_array_equal(again.ensemble.values, first.ensemble.values)


def test_a_cut_batch_is_told_and_other_points_are_refused(smoke, tmp_path):
    folder, _ = smoke
    copy = tmp_path / "points"
    shutil.copytree(folder, copy)
    batch = next(copy.glob("*wave_1/batch_000.npz"))
    with pytest.raises(StoreError, match="another calibration"):
        calibrate(copy, smoke=True, processes=1, seed=2)
    batch.write_bytes(batch.read_bytes()[:100])
    with pytest.raises(StoreError, match="not a batch"):
        calibrate(copy, smoke=True, processes=1)


def test_shipped_budget_holds():
    budget = read_budget()
    assert len({name for each in budget.fitted for name in each.numbers}) == sum(len(e.numbers) for e in budget.fitted)
    for each in budget.fitted:
        center = each.values(np.zeros(1))
        for address, value in zip(each.numbers, each.shipped, strict=True):
            assert center[address] == pytest.approx(value)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('numbers = ["growth_median"]', 'numbers = ["growth_mdian"]', "growth_median"),
        ('scale = "logit"', 'scale = "logti"', "logit"),
        ('rows = ["T0039", "T0043", "T0045"]', 'rows = ["T0210"]', "T0210"),
        ('trials = ["tower", "inovate"]', 'trials = ["towr"]', "tower"),
        ('"response_share", ', '"response_shar", ', "response_share"),
        ("spread = 0.2\n", "spread = -1\n", "spread"),
        ('numbers = ["transplant/eligible"]', 'numbers = ["transplant/eligibl"]', "transplant/eligible"),
        ('numbers = ["infection_hazard"]\nscale = "log"', 'numbers = ["infection_hazard"]\nscale = "logit"', ""),
    ],
)
def test_bad_budgets_are_refused(tmp_path: Path, old: str, new: str, told: str):
    text = (shipped_library() / "calibration/budget.toml").read_text()
    assert old in text
    (tmp_path / "calibration").mkdir()
    (tmp_path / "calibration/budget.toml").write_text(text.replace(old, new, 1))
    if not told:  # a hazard below 1 may stand on this scale
        read_budget([tmp_path])
        return
    with pytest.raises((InputError, TextError, Problems), match=told):
        read_budget([tmp_path])


def test_stages_have_no_feedback():
    """Rows of the second stage that contradict the first do not move its entries."""
    coefficients = np.array([[0.0, 1, 0, 0, 0, 0], [0.0, 1, 1, 0, 0, 0]])
    targets = [evaluation.Target(None, "x", name, "") for name in ("first", "second")]  # type: ignore[arg-type]
    surrogate = Surrogate(tuple(targets), coefficients, np.array([0.1, 0.1]), np.ones(2), np.array([1.0, -1.0]))
    first = sample_stage(
        surrogate, np.array([True, False]), np.array([0]), np.zeros((200, 2)), discrepancy=0.0, tail=50.0, seed=1
    )
    assert first[:, 0].mean() == pytest.approx(1.0, abs=0.1)
    kept = np.repeat(first[:20], 10, axis=0)
    both = sample_stage(surrogate, np.array([False, True]), np.array([1]), kept, discrepancy=0.0, tail=50.0, seed=1)
    np.testing.assert_array_equal(both[:, 0], kept[:, 0])
    assert both[:, 1].mean() == pytest.approx(-2.0, abs=0.25)


def test_rows_of_a_family_share_their_weight():
    assert votes(["a", "b", "b", "b", "b"]).tolist() == pytest.approx([1, 1 / 2, 1 / 2, 1 / 2, 1 / 2])


def test_same_luck_same_patient():
    """Patients of two parameter sets with the same luck differ by the numbers alone."""
    both = sample(
        "eliana",
        4,
        parameters="shipped",
        seed=3,
        ids=[0, 1, 10, 11],
        luck=[0, 1, 0, 1],
        numbers={"growth_median": [0.05, 0.05, 0.09, 0.09]},
    )
    frame = both.frame().drop(columns="growth_median")
    np.testing.assert_array_equal(frame.loc[[0, 1]].to_numpy(), frame.loc[[10, 11]].to_numpy())
    plain = sample("eliana", 2, seed=3, parameters="shipped").frame()
    np.testing.assert_array_equal(frame.loc[[0, 1], plain.columns].to_numpy(), plain.to_numpy())


def test_a_number_of_a_cohort_is_its_own():
    wide = sample(
        "eliana",
        50,
        seed=1,
        parameters="shipped",
        numbers={"failure_hazard": 9.0, "eliana/infection_fatality": 0.5},
    )
    assert wide.columns["failure_hazard"].max() < 9.0  # the cohort sets it itself
    assert set(wide.columns["infection_fatality"]) == {0.5}
    model = load_system()
    assert shipped_value("eliana/infection_fatality", model) != 0.5
    assert (
        "infection_fatality"
        not in sample("zuma3", 5, seed=1, parameters="shipped", numbers={"eliana/infection_fatality": 0.5}).columns
    )


@pytest.mark.parametrize(
    ("address", "told"),
    [("growth_mdian", "growth_median"), ("unfit.q", "unfit.p"), ("elian/x", "eliana"), ("tisagenlecleucel/x", "car_")],
)
def test_addresses_that_do_not_exist(address: str, told: str):
    with pytest.raises(VirtuallError, match=told):
        sample("eliana", 2, seed=1, numbers={address: 1.0})


def test_parameters_are_calibrated_or_shipped():
    assert sets_for("shipped", 1, 5) == {}
    with pytest.raises(InputError, match="calibrated"):
        sets_for("calibratd", 1, 5)


def test_an_ensemble_that_is_no_table(tmp_path: Path):
    folder = tmp_path / "calibration"
    folder.mkdir()
    for text, told in (("growth_median\n", "no parameter set"), ("a,b\n1\n", "2 numbers"), ("a\nx\n", "finite")):
        (folder / "ensemble.csv").write_text(text)
        with pytest.raises(TextError, match=told):
            read_ensemble([tmp_path])


def test_the_shipped_fit_holds_or_the_readme_says_that_it_is_stale():
    changed = what_changed()
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert not changed or "fit is stale" in readme, f"make calibrate, or say so in the README: {', '.join(changed)}"
    held, budget = read_ensemble(), read_budget()
    assert held is not None and len(held) == budget.members
    assert set(held.addresses) == {name for each in budget.fitted for name in each.numbers}


def test_no_fitted_row_reads_a_share_that_is_set_after_the_fit(tmp_path: Path):
    """Shares that a design derives from simulated events may move; neither the fit nor its stamp sees it."""
    budget = read_budget()
    block, *others = budget.blocks
    own = tmp_path / "own"
    for name in block.trials:
        text = (shipped_library() / f"trials/{name}/design.toml").read_text()
        head, *reports = text.split("[[report]]")
        moved = [re.sub('share = ".*"', 'share = "0.01"', each) if 'mark = "D"' in each else each for each in reports]
        assert moved != reports
        (own / "trials" / name).mkdir(parents=True)
        (own / f"trials/{name}/design.toml").write_text("[[report]]".join([head, *moved]))
    assert texts_read(block.trials, [own]) == texts_read(block.trials)
    one, targets = np.zeros((1, 0)), block_targets(block, budget.without)
    as_shipped, as_moved = (
        evaluate(block, targets, (), one, tmp_path / name, seed=1, processes=1, library=library)
        for name, library in (("shipped", []), ("moved", [own]))
    )
    np.testing.assert_array_equal(as_shipped.values, as_moved.values)
    fitted = {each.figure.target for each in targets}
    for other in others:
        if set(other.trials) <= set(block.trials):
            assert {each.figure.target for each in block_targets(other, budget.without)} <= fitted


@pytest.mark.parametrize(("old", "new"), [("[cut]", "[cut"), ('mark = "D"', ""), ("[[report]]", "[[reports]]")])
def test_a_wrong_design_is_told_as_such_by_who_asks_for_the_stamp(tmp_path: Path, old: str, new: str):
    text = (shipped_library() / "trials/tower/design.toml").read_text()
    assert old in text
    (tmp_path / "trials/tower").mkdir(parents=True)
    (tmp_path / "trials/tower/design.toml").write_text(text.replace(old, new))
    with pytest.raises(VirtuallError):
        what_changed([tmp_path])


def test_no_set_of_an_earlier_stage_or_block_is_lost():
    held, budget = read_ensemble(), read_budget()
    assert held is not None
    place = {address: at for at, address in enumerate(held.addresses)}
    for stage in budget.stages:
        own = [place[name] for each in budget.fitted if each.stage == stage.name and each.free for name in each.numbers]
        different = len(np.unique(held.values[:, own], axis=0))
        assert different >= 0.9 * budget.members, stage.name  # a chain repeats a place where it refused to move


def test_a_regimen_of_ones_own_is_not_overruled(tmp_path: Path):
    folder = tmp_path / "therapies/inotuzumab/regimens"
    folder.mkdir(parents=True)
    shipped = (shipped_library() / "therapies/inotuzumab/regimens/relapsed.toml").read_text()
    written = re.search(r"^referred = .*$", shipped, re.MULTILINE)
    assert written
    own = 'referred = { value = 0.3, unit = "1", source = "assumption", mark = "A", why = "a test" }'
    (folder / "zmine.toml").write_text(shipped.replace(written[0], own))
    held = read_ensemble([tmp_path])
    assert held is not None and "inotuzumab/transplant_referred" not in held.addresses


@pytest.mark.parametrize("text", ["success = 1\n[policy]\n", "[policy\n"])
def test_a_policy_that_cannot_be_read_is_told_by_who_loads_it(tmp_path: Path, text: str):
    folder = tmp_path / "therapies/next_line"
    folder.mkdir(parents=True)
    (folder / "policy.toml").write_text(text)
    assert len(sample("eliana", 2, seed=1, library=[tmp_path])) == 2
    with pytest.raises(VirtuallError, match=r"policy\.toml"):
        load_protocol("tisagenlecleucel/relapsed", library=[tmp_path])
