"""Explorations on real patients, few and short: the same patients, nothing computed twice, nothing lost."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from virtuall.analysis import explore_work
from virtuall.analysis.explore import explore
from virtuall.analysis.explore_patients import patient_frame
from virtuall.analysis.explore_prepared import prepare
from virtuall.analysis.explore_store import CANDIDATES, RESULT, TEXTS
from virtuall.analysis.explore_text import read_exploration
from virtuall.cli.main import main
from virtuall.core.errors import StoreError
from virtuall.population import sample
from virtuall.report.explore_page import explore_page
from virtuall.simulation.protocol import load_protocol
from virtuall.simulation.simulate import simulate

TEXT = """
[exploration]
title = "Try"
protocol = "blinatumomab/relapsed"
cohort = "adult_relapsed"
patients = 8
days = "12 d"
shown = ["amount of blinatumomab"]

[[vary]]
name = "first dose"
key = "level.starting.fixed"
values = ["9 ug/d", "28 ug/d"]

[[vary]]
name = "steroid"
key = "premedication.dexamethasone"
values = ["on", "off"]

[[utility]]
measure = "cytokine release syndrome, any grade"
weight = -1

[[utility]]
measure = "days in hospital"
weight = -1
"""


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "try.toml"
    path.write_text(TEXT, encoding="utf-8")
    return path


class Counted:
    """Counts simulations, or stands for them: the base with something added for each change."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stand_in: Any = None) -> None:
        self.real, self.stand_in, self.calls = explore_work.simulated, stand_in, 0
        self.stop_at = 0
        monkeypatch.setattr(explore_work, "simulated", self)

    def __call__(self, patients: Any, protocol: Any, days: float, processes: int) -> Any:
        self.calls += 1
        if self.calls == self.stop_at:
            raise KeyboardInterrupt
        if self.stand_in is None:
            return self.real(patients, protocol, days, processes)
        dose = protocol.regimen.levels[0].fixed
        return self.stand_in.assign(
            bed_days=self.stand_in["bed_days"] + dose - 5.0 * len(protocol.regimen.premedication)
        )


@pytest.fixture(scope="module")
def frame() -> Any:
    """Eight patients under the library's own regimen."""
    protocol = load_protocol("blinatumomab/relapsed")
    return patient_frame(simulate(sample("adult_relapsed", 8, 1), protocol, days=12, record=(), chart="key"))


def test_a_candidate_is_the_changed_text_and_no_kernel_is_built_again(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frame: Any
) -> None:
    counted = Counted(monkeypatch)
    built: list[object] = []
    module = importlib.import_module("virtuall.simulation.simulate")
    build = module.build_kernel
    monkeypatch.setattr(module, "build_kernel", lambda *words, **more: built.append(words) or build(*words, **more))
    only = TEXT.replace('["9 ug/d", "28 ug/d"]', '["28 ug/d"]').replace('["on", "off"]', '["off"]')
    text.write_text(only, encoding="utf-8")
    found = explore(prepare(read_exploration(text)), out=tmp_path / "out")
    assert counted.calls == 2 and not built
    (row,) = [row for row in found.rows if not row.is_base]
    assert row.settings == ("28 ug/d", "off") and row.numbers == (28.0, None)
    # as if the kept texts were laid over the library by hand
    folder = tmp_path / "out" / CANDIDATES / row.key
    protocol = load_protocol("blinatumomab/relapsed", library=[folder / TEXTS])
    assert not protocol.regimen.premedication and protocol.regimen.levels[0].fixed == 28.0
    patients = sample("adult_relapsed", 8, 1, library=[folder / TEXTS])
    own = patient_frame(simulate(patients, protocol, days=12, record=(), chart="key"))
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "patients.parquet"), own, check_dtype=False)
    amount = found.base.score.measures["amount of blinatumomab"]
    kept = frame["amount blinatumomab"].to_numpy()
    assert amount.value == pytest.approx(kept.mean()) and np.all(kept <= 7 * 9 + 3 * 28)
    assert row.score.measures["amount of blinatumomab"].value > amount.value
    assert not row.same and found.base.same


def test_what_is_finished_is_kept_and_not_simulated_again(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frame: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    counted = Counted(monkeypatch, frame)
    counted.stop_at = 3
    words = ["explore", str(text), "--out", str(tmp_path / "out"), "--report", str(tmp_path / "page.html")]
    with pytest.raises(SystemExit) as ended:
        main(words)
    said = capsys.readouterr()
    assert ended.value.code == 130 and "the same command goes on" in said.err
    assert len(list((tmp_path / "out" / CANDIDATES).glob("*/patients.parquet"))) == 2
    counted.stop_at = 0
    with pytest.raises(SystemExit) as ended:
        main([*words, "--json"])
    said = capsys.readouterr()
    assert ended.value.code == 0, said.err
    # base and 4 combinations, of which one is the base; two were kept, one was interrupted
    assert counted.calls == 3 + 2
    found = json.loads(said.out)
    rows = found["candidates"]
    assert [row["settings"]["first dose"] for row in rows] == ["9 ug/d", "9 ug/d", "28 ug/d", "28 ug/d"]
    assert [row["settings"]["steroid"] for row in rows] == ["on", "off", "on", "off"]
    assert [row["base"] for row in rows] == [True, False, False, False]
    assert [row["to_base"]["value"] for row in rows] == pytest.approx([0, -5, -19, -24])
    assert json.loads((tmp_path / "out" / RESULT).read_text(encoding="utf-8"))["candidates"] == rows
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 1 and "days in hospital" in page
    # another utility over what was kept: only what was damaged is computed again
    kept = tmp_path / "out" / CANDIDATES / rows[0]["kept_as"] / "patients.parquet"
    kept.write_bytes(kept.read_bytes()[:100])
    text.write_text(TEXT.replace("weight = -1", "weight = -3"), encoding="utf-8")
    with pytest.raises(SystemExit):
        main(words)
    said = capsys.readouterr()
    assert counted.calls == 6
    assert "4 candidates of blinatumomab/relapsed, each on the same 8 patients" in said.out
    assert "-72.0 (" in said.out and "what is not known of these" in said.out


def test_a_bayesian_search_goes_on_where_it_was_stopped(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frame: Any
) -> None:
    counted = Counted(monkeypatch, frame)
    searched = TEXT.replace('values = ["9 ug/d", "28 ug/d"]', 'low = "5 ug/d"\nhigh = "28 ug/d"')

    def tried(tries: int) -> Any:
        head = f'days = "12 d"\nmethod = "bayes"\ntries = {tries}'
        text.write_text(searched.replace('days = "12 d"', head), encoding="utf-8")
        return explore(prepare(read_exploration(text)), out=tmp_path / "out")

    first = tried(2)
    assert len(first.rows) == 3 and counted.calls == 3
    more = tried(4)
    assert len(more.rows) == 5 and counted.calls == 5
    assert {row.key for row in first.rows} < {row.key for row in more.rows}
    assert explore_page(more).count("<svg") == 1


@pytest.mark.parametrize(
    ("vary", "figures"),
    [
        ('name = "dose"\nkey = "level.starting.fixed"\nvalues = ["5 ug/d", "9 ug/d"]', 5),
        (
            'name = "dose"\nkey = "level.starting.fixed"\nvalues = ["5 ug/d", "9 ug/d"]\n'
            '[[vary]]\nname = "rest"\nkey = "cycle.1.rest"\nvalues = ["14 d", "7 d"]',
            4,
        ),
    ],
)
def test_figures_fit_what_varies(
    vary: str, figures: int, text: Path, monkeypatch: pytest.MonkeyPatch, frame: Any
) -> None:
    Counted(monkeypatch, frame)
    head, _, rest = TEXT.partition("[[vary]]")
    text.write_text(f"{head}[[vary]]\n{vary}\n[[utility]]{rest.partition('[[utility]]')[2]}", encoding="utf-8")
    found = explore(prepare(read_exploration(text)))
    page = explore_page(found)
    assert page.count("<svg") == figures
    assert "shipped regimens: 9 to 28 ug/d" in page


def test_combinations_that_no_reader_takes_are_told(text: Path, monkeypatch: pytest.MonkeyPatch, frame: Any) -> None:
    Counted(monkeypatch, frame)
    both = """[[vary]]
name = "step"
key = "cycle.1.steps.2.day"
values = ["7 d", "20 d"]
[[vary]]
name = "infusion"
key = "cycle.1.infusion"
values = ["28 d", "14 d"]
"""
    head, _, rest = TEXT.partition("[[vary]]")
    text.write_text(f"{head}{both}[[utility]]{rest.partition('[[utility]]')[2]}", encoding="utf-8")
    found = explore(prepare(read_exploration(text)))
    assert len(found.rows) == 3
    ((words, why),) = found.refused
    assert words == "step 20 d, infusion 14 d" and "the infusion ends before" in why


def test_a_folder_that_holds_something_else_is_left_alone(text: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(StoreError, match="not part of an exploration: letter.txt"):
        explore(prepare(read_exploration(text)), out=out)


def test_the_command_lists_measures_and_says_what_is_wrong(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["explore", str(text), "--measures"])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert "cytokine release syndrome, CTCAE, grade 3 or more" in said and "amount of blinatumomab" in said
    with pytest.raises(SystemExit) as ended:
        main(["explore", str(text.with_name("tyr.toml"))])
    assert ended.value.code == 2 and "did you mean 'try.toml'" in capsys.readouterr().err
