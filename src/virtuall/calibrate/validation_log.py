"""The log of validations: one line each, committed with the code, so that the score's history is there for all."""

from __future__ import annotations

import csv
import datetime
import io
import subprocess
from pathlib import Path

from virtuall.calibrate.validation_run import Validation
from virtuall.core.errors import InputError, StoreError

COLUMNS = (
    "date",
    "commit",
    "parameters",
    "seed",
    "replicates",
    "trials",
    "calibrate_votes",
    "calibrate_inside",
    "calibrate_abs_z",
    "validate_votes",
    "validate_inside",
    "validate_inside50",
    "validate_width_ratio",
    "validate_crps",
    "predictor_crps",
    "goals_met",
)
_UNKNOWN = "unknown"


def append_log(path: Path, validation: Validation) -> None:
    """Append a validation of the whole library to a log; the file is made where it is missing.

    Raises
    ------
    InputError
        When a trial was left out: its score does not compare with the others.
    StoreError
        When the file is another one, or cannot be written.
    """
    from virtuall.store.atomic import as_store_error, replace_file

    if not validation.whole:
        raise InputError("only a validation of all trials goes into the log", given="some trials")
    text = path.read_text(encoding="utf-8") if path.exists() else ",".join(COLUMNS) + "\n"
    check_log(path, text)
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(_cells(validation))
    with as_store_error(path, "the log is as it was"):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, (text + line.getvalue()).encode())


def check_log(path: Path, text: str | None = None) -> None:
    """Refuse a file that is no such log. Raises StoreError."""
    if text is None:
        if not path.is_file():
            return
        text = path.read_text(encoding="utf-8")
    head = text.partition("\n")[0]
    if head.split(",") != list(COLUMNS):
        raise StoreError("this file is no log of validations", given=head[:80], allowed=COLUMNS, where=str(path))


def commit_of(folder: Path) -> str:
    """The commit of the working tree that `folder` is in, with "+" where files of it were changed since."""
    commit = _git(folder, "rev-parse", "--short=12", "HEAD")
    if not commit:
        return _UNKNOWN
    return commit + ("+" if _git(folder, "status", "--porcelain", "--", ".") else "")


def _cells(validation: Validation) -> list[str]:
    calibrate, validate, settings = validation.calibrate, validation.validate, validation.settings
    numbers = (
        calibrate.inside,
        calibrate.abs_z,
        validate.inside,
        validate.inside50,
        validate.width_ratio,
        validate.model,
        validate.predictor,
    )
    inside, abs_z, *others = ("" if each is None else f"{each:.3f}" for each in numbers)
    package = Path(__file__).parents[1]
    goals = validation.goals
    return [
        datetime.datetime.now(datetime.UTC).date().isoformat(),
        commit_of(package),
        settings.parameters,
        str(settings.seed),
        str(settings.replicates),
        str(len(validation.finished)),
        str(calibrate.votes),
        inside,
        abs_z,
        str(validate.votes),
        *others,
        f"{sum(1 for goal in goals if goal.met)} of {len(goals)}",
    ]


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    except OSError:  # no git here
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
