"""What an ensemble was made from: ``calibration/stamp.toml``, and whether that still holds.

The stamp names every text that the calibration read, with a checksum, so a change of one of them shows. The share of
events that a trial reports (``[[report]]`` in a design) is estimated after the calibration and does not enter it, so
designs are left out; rows that read reported events see the shares of their time.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from virtuall.calibrate.budget import BUDGET, Budget
from virtuall.model import open_shelf
from virtuall.model.shelf import Shelf
from virtuall.store.atomic import checksum
from virtuall.trial.design import load_design

STAMP = "calibration/stamp.toml"
_DIGITS = 16
_WHOLE = ("biology/", "toxicities/", "support/", "care/", "response/", "monitoring/", "grading/")
_OF_THERAPIES = ("biology.ant", "parameters.toml", "values.toml", "policy.toml", "product.toml", "rules.toml")


def texts_read(budget: Budget, library: Sequence[Path | str] = ()) -> Mapping[str, str]:
    """Checksum by relative path of each text that a calibration of this budget reads."""
    shelf = open_shelf(library)
    names = {BUDGET, "panels.toml"}
    names |= {name for name in shelf.files if name.startswith(_WHOLE)}
    names |= {name for name in shelf.matching("therapies/*/*") if name.rpartition("/")[2] in _OF_THERAPIES}
    for block in budget.blocks:
        for trial in block.trials:
            design = load_design(trial, library)
            for arm in design.arms:
                names.add(f"cohorts/{arm.cohort}.toml")
                names.add(_relative(shelf, arm.protocol))
            for folder in (design.name, *design.also_scored):
                names |= {f"trials/{folder}/published.csv", f"trials/{folder}/endpoints.toml"}
    return {name: _sum(shelf.files[name].read_bytes()) for name in sorted(names) if name in shelf.files}


def code_sum() -> str:
    """Checksum of the code of the calibration itself."""
    folder = Path(str(files("virtuall"))) / "calibrate"
    own = ("budget.py", "evaluation.py", "surrogate.py", "posterior.py", "fit.py")
    return _sum(b"".join((folder / name).read_bytes() for name in own))


def stamp_text(budget: Budget, seed: int, library: Sequence[Path | str] = ()) -> str:
    """The stamp of an ensemble made now."""
    lines = [
        "# What the ensemble beside this was made from; written by `virtuall calibrate`, never by hand.",
        f"seed = {seed}",
        f'code = "{code_sum()}"',
        "",
        "[texts]",
        *(f'"{name}" = "{value}"' for name, value in texts_read(budget, library).items()),
    ]
    return "\n".join(lines) + "\n"


def what_changed(library: Sequence[Path | str] = ()) -> tuple[str, ...]:
    """What is no longer as it was when the shipped ensemble was made; empty while the fit holds, or without one.

    Returns
    -------
    tuple of str
        Relative paths of texts that changed or are gone, and "code" for the calibration's own.
    """
    shelf = open_shelf(library)
    if STAMP not in shelf.files:
        return ()
    held = tomllib.loads(shelf.files[STAMP].read_text(encoding="utf-8"))
    changed = [
        name
        for name, value in held["texts"].items()
        if name not in shelf.files or _sum(shelf.files[name].read_bytes()) != value
    ]
    return (*changed, *(["code"] if held["code"] != code_sum() else []))


def _relative(shelf: Shelf, protocol: str) -> str:
    path = shelf.protocol(protocol)
    return next(name for name, each in shelf.files.items() if each == path)


def _sum(content: bytes) -> str:
    return checksum(content)[:_DIGITS]
