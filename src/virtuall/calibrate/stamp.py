"""What an ensemble was made from: ``calibration/stamp.toml``, and whether that still holds.

The stamp names every text that the calibration read, with a checksum, so a change of one of them shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from virtuall.calibrate.budget import BUDGET, Budget
from virtuall.calibrate.texts_read import file_sum, text_sum, texts_read
from virtuall.core.errors import TextError
from virtuall.model import open_shelf
from virtuall.texts.file import shown
from virtuall.texts.toml_text import read_toml

STAMP = "calibration/stamp.toml"
_CODE = ("budget.py", "evaluation.py", "surrogate.py", "posterior.py", "fit.py")


def code_sum() -> str:
    """Checksum of the code of the calibration itself."""
    folder = Path(str(files("virtuall"))) / "calibrate"
    return text_sum(b"".join((folder / name).read_bytes() for name in _CODE))


def stamp_text(budget: Budget, seed: int, library: Sequence[Path | str] = ()) -> str:
    """The stamp of an ensemble made now."""
    texts = {BUDGET: file_sum(BUDGET, open_shelf(library))}
    texts |= texts_read([trial for block in budget.blocks for trial in block.trials], library)
    lines = [
        "# What the ensemble beside this was made from; written by `virtuall calibrate`, never by hand.",
        f"seed = {seed}",
        f'code = "{code_sum()}"',
        "",
        "[texts]",
        *(f'"{name}" = "{value}"' for name, value in texts.items()),
    ]
    return "\n".join(lines) + "\n"


def read_stamp(path: Path) -> dict[str, Any]:
    """The checksums of a stamp: ``code``, and ``texts`` by relative path. Raises TextError."""
    held = read_toml(path).data
    if not isinstance(held.get("code"), str) or not isinstance(held.get("texts"), dict):
        raise TextError("a stamp holds the checksum of the code and those of the texts", where=shown(path))
    return held


def what_changed(library: Sequence[Path | str] = ()) -> tuple[str, ...]:
    """What is no longer as it was when the shipped ensemble was made; empty while the fit holds, or without one.

    Returns
    -------
    tuple of str
        Relative paths of texts that changed or are gone, and "code" for the calibration's own.

    Raises
    ------
    TextError
        When the stamp is none.
    """
    shelf = open_shelf(library)
    if STAMP not in shelf.files:
        return ()
    held = read_stamp(shelf.files[STAMP])
    changed = [
        name for name, value in held["texts"].items() if name not in shelf.files or file_sum(name, shelf) != value
    ]
    return (*changed, *(["code"] if held["code"] != code_sum() else []))
