"""The shelf: overlay, listing, nearest names."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from virtuall.core.errors import InputError
from virtuall.model import load_system, open_shelf


def test_an_overlay_replaces_files_and_adds_folders(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "therapies" / "drug"
    folder.mkdir(parents=True)
    mine = (tiny / "therapies/drug/parameters.toml").read_text().replace("value = 2.2", "value = 4.4")
    (folder / "parameters.toml").write_text(mine)
    new = tmp_path / "cohorts"
    new.mkdir()
    (new / "mine.toml").write_text("x = 1\n")
    shelf = open_shelf([tiny, tmp_path], shipped=False)
    assert shelf.modules == ("biology/leukemia", "therapies/drug")
    assert shelf.file("therapies/drug/parameters.toml") == folder / "parameters.toml"
    assert shelf.file("therapies/drug/biology.ant") == tiny / "therapies/drug/biology.ant"
    assert list(shelf.cohorts) == ["mine"]
    model = load_system([tiny, tmp_path], shipped=False)
    assert model.values["CL_typical"].value == pytest.approx(4.4 * 24)


def test_names_are_answered_by_the_nearest(tmp_path: Path) -> None:
    for relative in (
        "therapies/drug/regimens/relapsed.toml",
        "trials/first/design.toml",
        "cohorts/adult_relapsed.toml",
    ):
        path = tmp_path / relative
        path.parent.mkdir(parents=True)
        path.write_text("x = 1\n")
    shelf = open_shelf([tmp_path], shipped=False)
    assert shelf.protocol("drug/relapsed").name == "relapsed.toml"
    assert shelf.trial("first").name == "design.toml"
    assert shelf.cohort("adult_relapsed").name == "adult_relapsed.toml"
    with pytest.raises(InputError, match="did you mean 'drug/relapsed'"):
        shelf.protocol("drug/relapse")
    with pytest.raises(InputError, match="no such trial; given 'frist'; did you mean 'first'"):
        shelf.trial("frist")
    with pytest.raises(InputError, match="did you mean 'adult_relapsed'"):
        shelf.cohort("adults_relapsed")
    with pytest.raises(InputError, match="no such file"):
        shelf.file("cohorts/adult_relapse.toml")


def test_a_missing_folder_and_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such folder"):
        open_shelf([tmp_path / "nowhere"])
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file"):
        open_shelf([tmp_path / "file"])


def test_hidden_files_are_left_out(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "biology.ant").write_text("x")
    assert open_shelf([tmp_path], shipped=False).files == {}


def test_links_to_files_count_and_a_link_to_itself_does_not(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "text.toml").write_text("x = 1")
    (tmp_path / "own" / "linked.toml").symlink_to(tmp_path / "text.toml")
    (tmp_path / "own" / "loop.toml").symlink_to(tmp_path / "own" / "loop.toml")
    assert list(open_shelf([tmp_path / "own"], shipped=False).files) == ["linked.toml"]


def test_a_copy_that_keeps_the_time_is_noticed(tmp_path: Path) -> None:
    text = tmp_path / "text.toml"
    text.write_text("x = 1")
    kept, before = text.stat(), open_shelf([tmp_path], shipped=False).stamp()
    time.sleep(0.02)
    text.write_text("x = 2")
    os.utime(text, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert open_shelf([tmp_path], shipped=False).stamp() != before
