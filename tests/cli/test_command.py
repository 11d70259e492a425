"""What holds for every command: help, errors, JSON, the time to the first line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

NOTICE = "For research and teaching, never for the care of a patient."
COMMANDS = [
    ("run",),
    ("plan",),
    ("patient",),
    ("trial",),
    ("explain",),
    ("list",),
    ("check",),
    ("eligible",),
    ("compare",),
    ("cells",),
    ("safety",),
    ("export", "sbml"),
]


@pytest.mark.parametrize("words", [(), ("export",), ("sbml",), ("sbml", "simulate"), ("sbml", "suite"), *COMMANDS])
def test_every_help_says_what_it_is_not_for(call, words) -> None:
    done = call(*words, "--help")
    assert done.code == 0
    assert NOTICE in " ".join(done.out.split())


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_offers_json_and_a_library(call, words) -> None:
    out = call(*words, "--help").out
    assert "--json" in out and "--library" in out


def test_the_version_is_said(call) -> None:
    from importlib.metadata import version

    assert call("--version").out == f"virtuall {version('virtuall')}\n"


def test_no_words_show_the_help(call) -> None:
    done = call()
    assert "Commands:" in done.out + done.err


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (("plan", "blinatumomab/relapse"), "did you mean 'blinatumomab/relapsed'?"),
        (("trial", "towr"), "did you mean 'tower'?"),
        (("explain", "blinatumumab"), "did you mean 'blinatumomab'?"),
        (("export", "sbml", "--cohort", "adult_relapse"), "did you mean 'adult_relapsed'?"),
        (("run", "blinatumomab/relapsed", "--cohort", "adults", "-n", 1, "--out", "x"), "adult_relapsed"),
    ],
)
@pytest.mark.parametrize("json_too", [(), ("--json",)])
def test_an_unknown_name_is_one_clean_line(call, words, near, json_too) -> None:
    done = call(*words, *json_too)
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("Error: ") and near in done.err and done.err.count("\n") == 1


@pytest.mark.parametrize("words", [("list", "--library", "nowhere"), ("nothing",), ("list", "--nothing")])
def test_wrong_words_exit_with_2_and_no_traceback(call, words) -> None:
    done = call(*words)
    assert done.code == 2
    assert done.out == "" and "Traceback" not in done.err


@pytest.mark.parametrize("words", [("--seed", -1), ("--replicates", 0), ("--processes", 0), ("--report", ".")])
def test_a_trial_refuses_what_makes_no_sense_before_it_begins(call, words) -> None:
    done = call("trial", "tower", *words)
    assert done.code == 2 and done.err.startswith("Error: ")


def test_list_names_what_the_library_holds(call) -> None:
    done = call("list", "--json")
    found = json.loads(done.out)
    assert done.err == ""
    assert "blinatumomab/relapsed" in found["protocols"]
    assert "adult_relapsed" in found["cohorts"]
    assert "blinatumomab" in found["fact_sheets"]
    text = call("list").out
    assert "blinatumomab/relapsed" in text and NOTICE in text


def test_list_shows_the_users_own_folder(call, tmp_path: Path) -> None:
    folder = tmp_path / "cohorts"
    folder.mkdir()
    (folder / "mine.toml").write_text('name = "mine"\ntitle = "My cohort"\n', encoding="utf-8")
    (folder / "broken.toml").write_text("not = = toml", encoding="utf-8")
    out = call("list", "--library", tmp_path).out
    assert "My cohort" in out and "broken" in out


def test_the_help_comes_at_once() -> None:
    code = "from virtuall.cli.main import main; main(['--help'])"
    # Compiled modules are kept, as for every user; the first call makes them.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=kept)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.3
