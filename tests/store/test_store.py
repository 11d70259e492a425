"""A result folder: whole chunks only, readable at any time, resumable; nobody else's files are removed."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from virtuall import store
from virtuall.core.errors import InputError, StoreError
from virtuall.store import atomic


def a_run(**changes: object) -> store.Run:
    settings = {"seed": 1, "cohort": "c", "protocol": "p", "n": 10, "chunk_size": 4, "fingerprint": "f"}
    return store.Run(**{**settings, **changes})  # type: ignore[arg-type]


def frames(run: store.Run, number: int) -> tuple[pd.DataFrame, pd.DataFrame, xr.Dataset]:
    patients = np.array(run.patients_of(number))
    outcomes = pd.DataFrame(
        {
            "patient": patients,
            "best_response": np.where(patients % 2, "CR", "none"),
            "death_day": np.where(patients % 3, np.nan, patients * 10.5),
            "treated": patients % 4 > 0,
        }
    )
    events = pd.DataFrame({"patient": patients, "day": patients + 0.5, "kind": "order", "value": 1.5})
    signals = xr.Dataset(
        {
            "L": (
                ("patient", "time"),
                np.outer(patients + 1.0, [1.0, 0.3, 1 / 3]),
                {"units": "cell", "long_name": "blasts"},
            )
        },
        coords={"patient": patients, "time": ("time", [0.0, 0.5, 1.0], {"units": "d"})},
        attrs={"seed": 1},
    )
    return outcomes, events, signals


def fill(folder: Path, run: store.Run, numbers: list[int]) -> None:
    for number in numbers:
        store.write_chunk(folder, number, *frames(run, number))


def test_what_was_written_is_read_back_bit_for_bit(tmp_path: Path) -> None:
    run = a_run()
    folder = store.create(tmp_path / "out", run)
    fill(folder, run, [2, 0, 1])
    store.close(folder)
    stored = store.read(folder)
    whole = [frames(run, number) for number in range(3)]
    pd.testing.assert_frame_equal(stored.outcomes, pd.concat([part[0] for part in whole], ignore_index=True))
    pd.testing.assert_frame_equal(stored.events, pd.concat([part[1] for part in whole], ignore_index=True))
    assert stored.signals is not None
    xr.testing.assert_identical(stored.signals, xr.concat([part[2] for part in whole], dim="patient"))
    assert stored.manifest.state == "finished"
    assert stored.manifest.run == run


def test_realized_changes_are_read_back_and_older_chunks_have_none(tmp_path: Path) -> None:
    run = a_run()
    folder = store.create(tmp_path / "out", run)
    names = pd.CategoricalDtype(["A", "B", ""])
    changes = [
        pd.DataFrame({"patient": [number * 4], "day": [0.1 + number], "name": pd.Series(["B"], dtype=names)})
        for number in range(2)
    ]
    for number, each in enumerate(changes):
        store.write_chunk(folder, number, *frames(run, number), each)
    found = store.read(folder, signals=False)
    assert found.realized is not None and found.signals is None
    pd.testing.assert_frame_equal(found.realized, pd.concat(changes, ignore_index=True), check_exact=True)
    assert found.realized["name"].dtype == names
    store.write_chunk(folder, 2, *frames(run, 2))
    assert store.read(folder).realized is None


def test_the_same_chunk_gives_the_same_bytes(tmp_path: Path) -> None:
    run = a_run()
    for name in ("a", "b"):
        fill(store.create(tmp_path / name, run), run, [0])
    sums = [store.read_manifest(tmp_path / name).chunks for name in ("a", "b")]
    assert sums[0] == sums[1]


def test_an_unfinished_run_is_readable_and_resumed_with_the_missing_chunks_only(tmp_path: Path) -> None:
    run = a_run()
    folder = store.create(tmp_path / "out", run)
    with pytest.raises(StoreError, match="no chunk is finished yet"):
        store.read(folder)
    fill(folder, run, [1])
    assert list(store.read(folder).outcomes["patient"]) == [4, 5, 6, 7]
    with pytest.raises(StoreError, match="not finished; given .2 missing chunks"):
        store.close(folder)
    assert store.resume(folder, run) == (0, 2)
    fill(folder, run, [0, 2])
    assert store.missing(folder) == ()
    assert list(store.read(folder, signals=False).outcomes["patient"]) == list(range(10))


def test_resume_refuses_another_run_and_says_what_differs(tmp_path: Path) -> None:
    folder = store.create(tmp_path / "out", a_run())
    with pytest.raises(StoreError, match="seed 1 there, 2 now"):
        store.resume(folder, a_run(seed=2))


def test_a_damaged_chunk_is_refused_by_read_and_computed_again_by_resume(tmp_path: Path) -> None:
    run = a_run()
    folder = store.create(tmp_path / "out", run)
    fill(folder, run, [0, 1, 2])
    (folder / "chunks/chunk-0001/events.parquet").write_bytes(b"foreign")
    with pytest.raises(StoreError, match=r"chunk-0001.*checksum"):
        store.read(folder)
    assert store.resume(folder, run) == (1,)
    assert not (folder / "chunks/chunk-0001").exists()


def test_a_chunk_without_signals_or_events(tmp_path: Path) -> None:
    run = a_run(n=4)
    folder = store.create(tmp_path / "out", run)
    outcomes, events, _ = frames(run, 0)
    store.write_chunk(folder, 0, outcomes, events.iloc[:0])
    stored = store.read(folder)
    assert stored.signals is None
    assert list(stored.events.columns) == list(events.columns)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_full_disk_leaves_finished_chunks_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    run = a_run()
    folder = store.create(tmp_path / "out", run)
    fill(folder, run, [0])
    written = atomic.write_bytes

    def full(path: Path, content: bytes) -> None:
        if path.name == "events.parquet":
            written(path, content[: len(content) // 2])
            raise OSError(code, "the disk says no")
        written(path, content)

    monkeypatch.setattr(atomic, "write_bytes", full)
    with pytest.raises(StoreError, match=r"1 of 3 chunks \(4 patients\) stay readable: chunk-0000") as caught:
        fill(folder, run, [1])
    assert ("no space left" in str(caught.value)) == (code != errno.EIO)
    monkeypatch.undo()
    assert [entry.name for entry in (folder / "chunks").iterdir()] == ["chunk-0000"]
    assert len(store.read(folder).outcomes) == 4
    assert store.resume(folder, run) == (1, 2)


@pytest.mark.parametrize("victim", ["signals.npz", ".new-manifest.json"])
def test_ctrl_c_leaves_no_half_written_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, victim: str) -> None:
    run = a_run()
    folder = store.create(tmp_path / "out", run)
    fill(folder, run, [0])
    written = atomic.write_bytes

    def interrupted(path: Path, content: bytes) -> None:
        if path.name == victim:
            written(path, content[:10])
            raise KeyboardInterrupt
        written(path, content)

    monkeypatch.setattr(atomic, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fill(folder, run, [1])
    monkeypatch.undo()
    left = [path.name for path in folder.rglob("*") if path.name.startswith(".new-")]
    assert left == []
    assert len(store.read(folder).outcomes) == 4
    assert store.resume(folder, run) == (1, 2)


def test_a_folder_in_use_is_refused_and_force_replaces_only_a_result(tmp_path: Path) -> None:
    run = a_run()
    folder = store.create(tmp_path / "out", run)
    fill(folder, run, [0])
    store.write_file(folder, "report.html", "<p>")
    with pytest.raises(StoreError, match="not empty.*--force"):
        store.create(folder, run)
    store.create(folder, run, force=True)
    assert store.missing(folder) == (0, 1, 2)
    assert not (folder / "report.html").exists()


def test_force_replaces_a_result_with_realized_changes(tmp_path: Path) -> None:
    run = a_run()
    folder = store.create(tmp_path / "out", run)
    store.write_chunk(folder, 0, *frames(run, 0), pd.DataFrame({"patient": [0], "name": ["dose"]}))
    assert "realized.parquet" in {file.name for file in (folder / "chunks" / "chunk-0000").iterdir()}
    store.create(folder, run, force=True)
    assert store.missing(folder) == (0, 1, 2)


@pytest.mark.parametrize("name", ["notes.txt", "chunks/mine", "chunks/chunk-0000/mine.csv"])
def test_force_removes_nothing_when_anything_foreign_is_there(tmp_path: Path, name: str) -> None:
    run = a_run()
    folder = store.create(tmp_path / "out", run)
    fill(folder, run, [0])
    (folder / name).write_text("mine")
    with pytest.raises(StoreError, match=f"not part of a result: {name}"):
        store.open_folder(folder, force=True)
    assert (folder / name).read_text() == "mine"
    assert len(store.read(folder).outcomes) == 4


def test_force_does_not_touch_a_folder_that_is_not_a_result(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(StoreError, match="not a result folder"):
        store.open_folder(tmp_path, force=True)
    assert (tmp_path / "thesis.txt").exists()


def test_a_file_or_an_unwritable_place_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="is a file"):
        store.open_folder(tmp_path / "file")
    with pytest.raises(StoreError, match="cannot write"):
        store.open_folder(tmp_path / "file" / "below")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StoreError, match="not allowed to write here"):
        store.open_folder(tmp_path / "new")


def test_files_beside_the_chunks_have_plain_names(tmp_path: Path) -> None:
    folder = store.create(tmp_path / "out", a_run())
    for name in ("../x", "a/b", ".lock"):
        with pytest.raises(StoreError, match="plain file name"):
            store.write_file(folder, name, "")


@pytest.mark.parametrize(
    "content", ["{", "[]", json.dumps({"format": "other"}), json.dumps({"format": "virtuall result 1"})]
)
def test_a_foreign_manifest_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(StoreError, match=r"manifest\.json: "):
        store.read(tmp_path)


def test_an_unknown_state_is_refused(tmp_path: Path) -> None:
    folder = store.create(tmp_path / "out", a_run())
    with pytest.raises(StoreError, match="did you mean 'stopped'"):
        store.close(folder, "stoped")
    store.close(folder, "stopped")
    assert store.read_manifest(folder).state == "stopped"


def test_a_run_too_large_is_refused_before_it_begins(tmp_path: Path) -> None:
    store.check_space(tmp_path / "not" / "yet", store.estimate_bytes(10, signals=5, times=400))
    with pytest.raises(StoreError, match="TB and the disk has"):
        store.check_space(tmp_path, store.estimate_bytes(10**12, signals=5, times=400))
    store.check_memory(1000)
    with pytest.raises(InputError, match="2 GB of memory and 1 MB is available"):
        store.check_memory(2 * 10**9, available=10**6)


def test_the_estimate_is_not_below_what_is_written(tmp_path: Path) -> None:
    run = a_run(n=400, chunk_size=400)
    folder = store.create(tmp_path / "out", run)
    fill(folder, run, [0])
    size = sum(path.stat().st_size for path in (folder / "chunks").rglob("*") if path.is_file())
    assert size < store.estimate_bytes(400, signals=1, times=3, events_per_patient=1) < 10 * size
