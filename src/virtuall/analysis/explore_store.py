"""Finished candidates, each kept at once: what was computed once is never computed again."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from virtuall.analysis.explore_candidate import write_texts
from virtuall.core.errors import StoreError
from virtuall.model.shelf import Shelf
from virtuall.store.atomic import as_store_error, files_checksum, replace_file

if TYPE_CHECKING:
    import pandas as pd

CANDIDATES, PATIENTS, TEXTS, RESULT = "candidates", "patients.parquet", "library", "exploration.json"
_FORMAT = "virtuall exploration 1"
# Folders of texts that decide nothing of a patient's life (calibrated numbers come as numbers).
_TELLING = ("calibration", "explorations", "reports", "trials")


class Kept:
    """The folder of an exploration: ``candidates/KEY`` with the texts (a folder to lay over the library) and patients.

    The keys are by content, so that several explorations may share a folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def texts(self, key: str, texts: Mapping[str, str]) -> Path:
        """Write the texts of a candidate; returns the folder to lay over the library. Raises StoreError."""
        folder = self.folder / CANDIDATES / key
        with as_store_error(folder, "finished candidates are kept"):
            return write_texts(folder / TEXTS, dict(texts))

    def patients(self, key: str) -> pd.DataFrame | None:
        """The patients of a finished candidate; None when it is not finished, or its file is damaged."""
        import pandas as pd

        path = self.folder / CANDIDATES / key / PATIENTS
        if not path.is_file():
            return None
        try:
            return pd.read_parquet(path)
        except (OSError, ValueError):
            return None

    def keep(self, key: str, frame: pd.DataFrame) -> None:
        """Keep the patients of a candidate, whole or not at all. Raises StoreError."""
        content = io.BytesIO()
        frame.to_parquet(content, index=False)
        path = self.folder / CANDIDATES / key / PATIENTS
        with as_store_error(path, "finished candidates are kept"):
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, content.getvalue())

    def write_result(self, found: Mapping[str, Any]) -> None:
        """Write the ranked result beside the candidates. Raises StoreError."""
        path = self.folder / RESULT
        content = json.dumps(_plain({"format": _FORMAT, **found}), indent=1, ensure_ascii=False) + "\n"
        with as_store_error(path, "finished candidates are kept"):
            replace_file(path, content.encode())


def open_kept(folder: Path) -> Kept:
    """Open or make the folder of an exploration.

    Raises
    ------
    StoreError
        When it is a file, cannot be written, or holds something else.
    """
    if folder.exists() and not folder.is_dir():
        raise StoreError("the output folder is a file", given=str(folder), hint="name a folder, or a new name")
    foreign = _foreign(folder) if folder.is_dir() else []
    if foreign:
        problem = f"the output folder holds things that are not part of an exploration: {', '.join(foreign[:5])}"
        raise StoreError(problem, given=str(folder), hint="choose another, or a new one")
    with as_store_error(folder, "nothing was written"):
        (folder / CANDIDATES).mkdir(parents=True, exist_ok=True)
    return Kept(folder)


def _foreign(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir() if each.name not in (CANDIDATES, RESULT, f".new-{RESULT}"))


def library_digest(shelf: Shelf, cohort: str) -> str:
    """SHA-256 of every text that decides a simulation of this cohort, with its name.

    What trials, reports and searches say decides none.
    """
    folders = {name: name.partition("/")[0] for name in shelf.files}
    return files_checksum(
        (name, path)
        for name, path in shelf.files.items()
        if folders[name] not in _TELLING and (folders[name] != "cohorts" or path == shelf.cohort(cohort))
    )


def _plain(value: Any) -> Any:
    """What JSON can hold: what is not finite becomes null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
