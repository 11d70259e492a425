"""`check`: the shipped library is sound, and all that is wrong in a folder laid over it is said at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A folder with three texts, each wrong in its own way."""
    texts = {
        "toxicities/crs/explain.toml": '[sheet]\ntitle = "A"\nsumary = "B"\n',
        "cohorts/mine.toml": 'nme = "mine"\n',
        "therapies/blinatumomab/regimens/mine.toml": '[regimen]\ntitle = "Mine"\nrules = ["nothing/rules"]\n',
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_the_shipped_library_is_sound(call) -> None:
    done = call("check", "--json")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    assert found["sound"] is True and found["problems"] == []
    assert call("check").out == "All texts are sound.\n"


def test_all_problems_are_said_at_once_with_their_places(call, broken: Path) -> None:
    done = call("check", "--library", broken, "--json")
    assert done.code == 1
    problems = json.loads(done.out)["problems"]
    for name in ("explain.toml:3", "cohorts/mine.toml", "regimens/mine.toml"):
        assert any(name in problem for problem in problems), name
    assert len(set(problems)) == len(problems)
    told = call("check", "--library", broken)
    assert told.code == 1 and f"{len(problems)} problems." in told.out


def test_a_folder_that_is_not_there_is_no_problem_of_a_text(call, tmp_path: Path) -> None:
    done = call("check", "--library", tmp_path / "nowhere")
    assert done.code == 2 and "no such folder" in done.err
