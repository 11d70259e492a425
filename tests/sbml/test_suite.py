"""Cases of the SBML Test Suite, and the rule by which they are judged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from virtuall.cli.main import main
from virtuall.core.errors import InputError
from virtuall.sbml.suite import Settings, find_cases, judge, parse_cases, run_case

from .conftest import HEAD, to_sbml

# Beside the repository where it is developed; not a part of it.
CASES = Path(__file__).resolve().parents[3] / "shared" / "sbml_cases"
SETTINGS = (
    "start: 0\nduration: 2\nsteps: 2\nvariables: S, k\nabsolute: 1e-6\nrelative: 1e-4\namount: S\nconcentration:\n"
)


def write_case(folder: Path, number: int, model: str, results: str) -> Path:
    """A case as the suite has them."""
    name = f"{number:05d}"
    case = folder / name
    case.mkdir()
    (case / f"{name}-sbml-l3v2.xml").write_text(model, encoding="utf-8")
    (case / f"{name}-settings.txt").write_text(SETTINGS, encoding="utf-8")
    (case / f"{name}-results.csv").write_text(results, encoding="utf-8")
    return case


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three cases: one passes, one has other values, one is not supported; and a file that is none."""
    decay = to_sbml("compartment C = 2; species S in C; S = 1; k = 1; S -> ; k*S*C")
    right = "time,S,k\n0,2,1\n1,0.735758882,1\n2,0.270670566,1\n"
    write_case(tmp_path, 1, decay, right)
    write_case(tmp_path, 2, decay, right.replace("0.7357", "0.7367"))
    comp = 'xmlns:comp="http://www.sbml.org/sbml/level3/version1/comp/version1" comp:required="true"'
    write_case(tmp_path, 7, f"{HEAD[:-1]} {comp}><model id='m'/></sbml>", right)
    (tmp_path / "README.md").write_text("cases", encoding="utf-8")
    return tmp_path


def test_json_says_what_came_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["sbml", "suite", str(folder), "--json"])
    said = json.loads(capsys.readouterr().out)
    assert ended.value.code == 1
    assert {key: said[key] for key in ("total", "passed", "wrong", "unsupported")} == {
        "total": 3,
        "passed": 1,
        "wrong": [2],
        "unsupported": [7],
    }
    assert "S at 1" in said["reasons"]["2"] and "package 'comp'" in said["reasons"]["7"]


def test_chosen_cases_and_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["sbml", "suite", str(folder), "--cases", "1"])
    assert ended.value.code == 0
    assert "1 of 1 cases pass (100.0 %)" in capsys.readouterr().out


def test_the_rule_of_the_suite() -> None:
    settings = Settings(np.arange(1.0), ("x",), 0.1, 0.01, frozenset(), frozenset())

    def outcome(ours: float, expected: float) -> str:
        return judge(1, settings, np.array([[ours]]), np.array([[expected]])).outcome

    assert outcome(10.2, 10.0) == outcome(9.8, 10.0) == outcome(np.nan, np.nan) == outcome(np.inf, np.inf) == "passed"
    assert outcome(10.21, 10.0) == outcome(np.nan, 1.0) == outcome(1.0, np.nan) == outcome(np.inf, -np.inf) == "wrong"
    assert outcome(np.inf, 1.0) == "wrong"


def test_numbers_of_cases() -> None:
    assert parse_cases("1,2, 5-9") == {1, 2, 5, 6, 7, 8, 9}
    for text in ("", "a", "1-", "-3", "1;2"):
        with pytest.raises(InputError, match="1,2,5-9"):
            parse_cases(text)


def test_folders_without_cases(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no cases"):
        find_cases(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        find_cases(tmp_path / "none")


def test_a_case_that_is_not_whole_is_not_a_pass(folder: Path) -> None:
    (folder / "00001" / "00001-results.csv").write_text("time,S\n0,1\n", encoding="utf-8")
    verdict = run_case(folder / "00001")
    assert (verdict.outcome, "expected values" in verdict.reason) == ("unsupported", True)


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases of the SBML Test Suite lie beside the repository only")
def test_a_sample_of_the_suite_passes() -> None:
    sample = find_cases(CASES)[::12]
    assert [verdict for verdict in map(run_case, sample) if verdict.outcome != "passed"] == []


@pytest.mark.slow
@pytest.mark.skipif(not CASES.is_dir(), reason="the cases of the SBML Test Suite lie beside the repository only")
def test_the_whole_suite() -> None:
    verdicts = [run_case(case) for case in find_cases(CASES)]
    passed = sum(verdict.outcome == "passed" for verdict in verdicts)
    assert [verdict for verdict in verdicts if verdict.outcome == "wrong"] == []
    assert passed >= 0.97 * len(verdicts)
