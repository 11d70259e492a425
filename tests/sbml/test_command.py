"""`virtuall sbml simulate`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from virtuall.cli.main import main

from .conftest import to_sbml


@pytest.fixture
def file(written) -> Path:
    """Decay of a species."""
    return written(to_sbml("model decay\ncompartment C = 2; species S in C; S = 1; k = 1; S -> ; k*S*C\nend"))


def called(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    with pytest.raises(SystemExit) as ended:
        main(["sbml", "simulate", *map(str, words)])
    said = capsys.readouterr()
    code = ended.value.code
    return (code if isinstance(code, int) else 0), said.out, said.err


def test_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = called(
        capsys, file, "--duration", 2, "--steps", 2, "--json", "--set", "k=2", "--show", "amount(S),k"
    )
    said = json.loads(out)
    assert code == 0 and said["model"] == "decay" and said["time"] == [0.0, 1.0, 2.0]
    np.testing.assert_allclose(said["values"]["amount(S)"], 2 * np.exp([0.0, -2.0, -4.0]), rtol=1e-6)
    assert said["values"]["k"] == [2.0, 2.0, 2.0]


def test_table_and_plot(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, plot = tmp_path / "out" / "a.csv", tmp_path / "a.svg"
    code, out, _ = called(capsys, file, "--steps", 4, "--out", table, "--plot", plot)
    assert code == 0 and "at 5 times" in out
    lines = table.read_text().splitlines()
    assert lines[0] == "time,C,k,S,_J0" and len(lines) == 6
    assert plot.read_text().startswith("<?xml")
    assert called(capsys, file, "--steps", 4)[1].splitlines() == lines


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--set", "k"), "--set takes"),
        (("--set", "k=nan"), "--set takes"),
        (("--set", "kk=1"), "no such value"),
        (("--show", "amount(T)"), "unknown name"),
        (("--duration", "0"), "duration must be above 0"),
        (("--steps", "0"), "steps must be 1 or more"),
        (("--plot", "a.txt"), "a plot is a file"),
        (("--rtol", "1"), "rtol must lie between"),
    ],
)
def test_what_cannot_be_done(
    file: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], problem: str
) -> None:
    code, out, err = called(capsys, file, *words)
    assert (code, out) == (2, "") and problem in err
