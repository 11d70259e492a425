"""`validate`: one small check of the library, its files, and refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest


def test_a_check_is_validated_kept_and_found_again(call: Callable[..., object], tmp_path: Path) -> None:
    words = ("validate", "--only", "pk_label", "--replicates", 2, "--processes", 1, "--keep", tmp_path / "kept")
    first = call(*words, "--json", "--report", tmp_path / "page.html")
    assert first.code == 0, first.err
    found = json.loads(first.out)
    (trial,) = found["trials"]
    assert (trial["trial"], trial["patients"]) == ("pk_label", 200)
    assert {row["target"] for row in trial["rows"] if row["inside"] is not None} >= {"T0354", "T0355"}
    assert found["scores"][0]["simulated"] == 5
    assert "What the model gets wrong" in (tmp_path / "page.html").read_text()
    again = call(*words, "--rows")
    assert "(found)" in again.err and "(found)" not in first.err
    assert "T0354" in again.out and "never for the care of a patient" in again.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--only", "towr"), "did you mean 'tower'"),
        (("--replicates", 1), "the replicates must be 2 or more"),
        (("--only", "pk_label", "--log", "LOG"), "only a validation of all trials goes into the log"),
        (("--log", "OTHER"), "no log of validations"),
        (("--keep", "OTHER"), "the folder for finished trials is a file"),
        (("--only", "tower", "--parameters", "mine"), "no such parameters; given 'mine'"),
    ],
)
def test_what_cannot_be_is_refused_before_the_work(
    call: Callable[..., object], tmp_path: Path, words: tuple[object, ...], message: str
) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n")
    places = {"LOG": tmp_path / "log.csv", "OTHER": other}
    ended = call("validate", *(places.get(str(word), word) for word in words))
    assert ended.code == 2
    assert message in ended.err
    assert other.read_text() == "a,b\n"
