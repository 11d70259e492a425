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


RULES = '''source = "assumption"
mark = "A"
why = "an example"

[[rule]]
name = "too hot and too cold"
when = "neutrophils < 500 cell/uL and neutrophils > 1e9 cell/L"
do = "hold"
doc = "."

[[rule]]
name = "too old"
when = "age > 150 year"
do = "hold"
doc = "."

[[rule]]
name = "held at rest"
when = """
  relapsed and
  for(phase is held and phase is resting, 3 d)"""
do = "hold"
doc = "."

[[rule]]
name = "stop late"
when = "assessed_cycles >= 2"
do = "stop"
doc = "."

[[rule]]
name = "hold later"
when = "assessed_cycles >= 3 and relapsed"
do = "hold"
doc = "."

[[rule]]
name = "always"
when = "days >= 0 d"
do = "resume"
doc = "."

[[rule]]
name = "of the past"
when = "marrow_blasts < -1 %"
do = "hold"
valid_to = 2001-12-31
doc = "."
'''


def regimen(library: Path, key: str, value: str) -> str:
    """A shipped regimen with another list of rules or of monitoring."""
    text = (library / "therapies" / "blinatumomab" / "regimens" / "relapsed.toml").read_text(encoding="utf-8")
    before, found, rest = text.partition(f"\n{key} = [")
    assert found
    return f"{before}{found}{value}{rest[rest.index(']') :]}"


def test_rules_that_make_no_sense_and_unknown_signs_are_found_with_their_places(
    call, tmp_path: Path, library: Path
) -> None:
    sequence = (library / "sequences" / "blinatumomab_then_inotuzumab.toml").read_text(encoding="utf-8")
    watch = '[monitoring]\ntitle = "Mine"\nsource = "assumption"\nmark = "A"\nwhy = "an example"\n[finding.low]\n'
    texts = {
        "therapies/mine/rules.toml": RULES,
        "therapies/blinatumomab/regimens/mine.toml": regimen(library, "rules", '"mine/rules"'),
        "therapies/wrong/rules.toml": RULES.replace("age > 150", "agee > 150"),
        "therapies/blinatumomab/regimens/wrong.toml": regimen(library, "rules", '"wrong/rules"'),
        "sequences/mine.toml": sequence.replace("response is none", "respons is none"),
        "monitoring/mine.toml": f'{watch}doc = "."\nwhen = "neutrophil < 1 cell/L"\n',
        "therapies/blinatumomab/regimens/watched.toml": regimen(library, "monitoring", '"adult", "mine"'),
        "care/forgotten.toml": RULES,
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = json.loads(call("check", "--library", tmp_path, "--json").out)

    senseless = {each.partition("mine/rules.toml:")[2] for each in found["problems"] if "mine/rules.toml" in each}
    wanted = [
        "7:51: the rule can never fire; given 'neutrophils > 1000000000 cell/L'; it contradicts 'neutrophils < 500",
        "13:13: the rule can never fire; given 'age > 150 year'; age can be 0 to 100 yr",
        "21:34: the rule can never fire; given 'phase is resting'; it contradicts 'phase is held'",
        "31:1: the rule can never stand: whenever it fires, a stronger one does; given 'hold later'; 'stop late' at",
        "45:23: the rule can never fire; given 'marrow_blasts < -1 %'; marrow_blasts can be 0 to 1",
    ]
    for each in wanted:
        assert any(problem.startswith(each) for problem in senseless), (each, senseless)
    assert len(senseless) == len(wanted)

    for place, given, nearest in (
        ("wrong/rules.toml:13:9", "agee", "age"),
        ("sequences/mine.toml:", "respons", "response"),
        ("monitoring/mine.toml:8", "neutrophil", "neutrophils"),
    ):
        message = f"unknown observation; given '{given}'; did you mean '{nearest}'"
        assert any(place in each and message in each for each in found["problems"]), (place, found["problems"])

    mine = [each for each in found["remarks"] if str(tmp_path) in each]
    assert len(mine) == 2
    assert "rules.toml:39:9: the condition can never be false; given 'days >= 0 d'" in mine[0]
    assert "forgotten.toml: no regimen follows these rules; given 'care/forgotten'" in mine[1]


def test_a_fit_of_other_texts_is_a_remark(call, tmp_path: Path, repository: Path) -> None:
    name = "cohorts/eliana.toml"
    shipped = (repository / "src/virtuall/library" / name).read_text(encoding="utf-8")
    (tmp_path / "cohorts").mkdir()
    (tmp_path / name).write_text("# mine\n" + shipped, encoding="utf-8")
    found = json.loads(call("check", "--library", tmp_path, "--json").out)
    assert any("the calibration was made with other texts" in each and name in each for each in found["remarks"])


@pytest.mark.parametrize(("stamp", "words"), [("seed = [", "not valid TOML"), ("seed = 1\n", "a stamp holds")])
def test_a_broken_stamp_is_a_problem_of_its_text(call, tmp_path: Path, stamp: str, words: str) -> None:
    (tmp_path / "calibration").mkdir()
    (tmp_path / "calibration/stamp.toml").write_text(stamp, encoding="utf-8")
    done = call("check", "--library", tmp_path)
    assert done.code == 1 and "stamp.toml" in done.out + done.err and words in done.out + done.err
