"""What a validation runs: every trial of the library and every check of signals, one after another.

A trial that is done is kept on the disk under the checksum of all texts and of the code, so that a validation that
was stopped goes on where it was.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from virtuall.core.errors import InputError, StoreError
from virtuall.model.shelf import open_shelf
from virtuall.trial.check_design import read_check
from virtuall.trial.design import Arm, read_design
from virtuall.trial.scoring import TrialRow

Library = Sequence[Path | str]
CALIBRATED = "calibrated"
# Checks record their signals in full: more groups than these would fill the memory and move no bound by much.
CHECK_GROUPS = 40


@dataclass(frozen=True)
class Unit:
    """A trial, or a check of signals.

    Attributes
    ----------
    name, title : str
    kind : str
        "trial" or "check".
    folders : tuple of str
        Folders under ``trials`` whose published rows it computes.
    arms : tuple of Arm
    """

    name: str
    title: str
    kind: Literal["trial", "check"]
    folders: tuple[str, ...]
    arms: tuple[Arm, ...]


@dataclass(frozen=True)
class Settings:
    """How all units are run.

    Attributes
    ----------
    seed, replicates, processes : int
    parameters : str
        "calibrated" or "shipped", see `virtuall.trial.run.run_trial`.
    library : sequence of Path
        The user's own library folders.
    """

    seed: int = 1
    replicates: int = 200
    processes: int = 1
    parameters: str = CALIBRATED
    library: Library = ()


@dataclass(frozen=True)
class Finished:
    """A unit that was run.

    Attributes
    ----------
    name, title, kind : str
    rows : tuple of TrialRow
    patients, failed : int
        Simulated, and those of them whose simulation ended with an error code (of a trial).
    seconds : float
    reused : bool
        Read from the folder of finished trials.
    """

    name: str
    title: str
    kind: str
    rows: tuple[TrialRow, ...]
    patients: int
    failed: int
    seconds: float
    reused: bool = False


def find_units(library: Library = (), only: Sequence[str] = ()) -> tuple[Unit, ...]:
    """The trials of the library, then its checks; of these those named in `only`, if any are.

    Raises
    ------
    InputError
        With the nearest name, when one is unknown.
    Problems
        With every error in their texts.
    """
    shelf = open_shelf(library)
    designs = [read_design(path) for path in shelf.trials.values()]
    checks = [read_check(path) for path in shelf.matching("trials/*/check.toml").values()]
    units = [Unit(each.name, each.title, "trial", (each.name, *each.also_scored), each.arms) for each in designs]
    units += [Unit(each.name, each.title, "check", (each.name,), each.arms) for each in checks]
    names = tuple(unit.name for unit in units)
    for name in only:
        if name not in names:
            raise InputError("the library has no such trial or check", given=name, allowed=names)
    return tuple(unit for unit in units if not only or unit.name in only)


def run_unit(unit: Unit, settings: Settings) -> Finished:
    """Run a trial or a check; the one place where a validation simulates.

    Raises
    ------
    InputError
        When there are no such parameters.
    """
    began = time.perf_counter()
    rows, patients, failed = (_trial if unit.kind == "trial" else _check)(unit, settings)
    return Finished(unit.name, unit.title, unit.kind, rows, patients, failed, time.perf_counter() - began)


def _trial(unit: Unit, settings: Settings) -> tuple[tuple[TrialRow, ...], int, int]:
    from virtuall.trial.run import run_trial

    result = run_trial(
        unit.name,
        settings.seed,
        settings.replicates,
        settings.processes,
        settings.library,
        parameters=settings.parameters,
    )
    return result.rows, result.patients, result.failed


def _check(unit: Unit, settings: Settings) -> tuple[tuple[TrialRow, ...], int, int]:
    from virtuall.trial.check_run import run_check

    path = open_shelf(settings.library).file(f"trials/{unit.name}/check.toml")
    patients = min(settings.replicates, CHECK_GROUPS) * max(arm.size for arm in unit.arms)
    result = run_check(read_check(path), settings.seed, patients, settings.processes, settings.library)
    return result.rows, patients * len(unit.arms), 0


# finished units on the disk


def fingerprint(settings: Settings) -> str:
    """SHA-256 over every text of the library, the code, seed, replicates and parameters; processes change nothing."""
    from virtuall.store.atomic import files_checksum

    package = Path(__file__).parents[1]
    code = {path.relative_to(package).as_posix(): path for path in package.rglob("*.py")}
    files = (*sorted(code.items()), *open_shelf(settings.library).files.items())
    return files_checksum(files, f"{settings.seed} {settings.replicates} {settings.parameters}")


def keep(folder: Path, stamp: str, finished: Finished) -> None:
    """Write a finished unit to `folder`. Raises StoreError when it cannot be written."""
    from virtuall.store.atomic import as_store_error, replace_file

    content = json.dumps({"fingerprint": stamp} | asdict(finished))  # NaN and inf as Python writes them
    with as_store_error(folder, "trials that were kept before stay"):
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / f"{finished.name}.json", content.encode())


def kept(folder: Path, stamp: str, unit: Unit) -> Finished | None:
    """A unit finished before under the same fingerprint; None without one.

    Raises
    ------
    StoreError
        When the file is not one of ours.
    """
    path = folder / f"{unit.name}.json"
    if not path.is_file():
        return None
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("fingerprint") != stamp:
            return None
        rows = tuple(TrialRow(**{**row, "values": tuple(row["values"])}) for row in content["rows"])
        return Finished(**{**content, "rows": rows, "reused": True})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError("this is no finished trial; remove the file", given=str(path)) from error
