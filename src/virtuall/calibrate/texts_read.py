"""Which texts of the library the simulation of some trials reads, with a checksum of each.

A share of events that a trial reports (``[[report]]`` in a design) and that was derived from simulated events is set
after the calibration; no fitted row reads it, so a design counts without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from virtuall.model import open_shelf
from virtuall.model.shelf import Shelf
from virtuall.store.atomic import checksum
from virtuall.texts.toml_text import read_toml
from virtuall.trial.design import load_design, read_design

_DIGITS = 16
_DESIGN = "design.toml"
_DERIVED = "D"
_WHOLE = ("biology/", "toxicities/", "support/", "care/", "response/", "monitoring/", "grading/")
_OF_THERAPIES = ("biology.ant", "parameters.toml", "values.toml", "policy.toml", "product.toml", "rules.toml")


def texts_read(trials: Iterable[str], library: Sequence[Path | str] = ()) -> Mapping[str, str]:
    """Checksum by relative path of each text that a simulation of these trials reads."""
    shelf = open_shelf(library)
    names = {name for name in shelf.files if name.startswith(_WHOLE)}
    names |= {name for name in shelf.matching("therapies/*/*") if name.rpartition("/")[2] in _OF_THERAPIES}
    for trial in trials:
        design = load_design(trial, library)
        for arm in design.arms:
            names |= {f"cohorts/{arm.cohort}.toml", _relative(shelf, arm.protocol)}
        for folder in (design.name, *design.also_scored):
            names |= {f"trials/{folder}/{name}" for name in ("published.csv", "endpoints.toml", _DESIGN)}
    return {name: file_sum(name, shelf) for name in sorted(names) if name in shelf.files}


def file_sum(name: str, shelf: Shelf) -> str:
    """The checksum of a text of the library as a calibration reads it; a design is refused where it is wrong."""
    path = shelf.files[name]
    if not name.endswith(f"/{_DESIGN}"):
        return text_sum(path.read_bytes())
    read_design(path)
    design = dict(read_toml(path).data)
    design["report"] = [each for each in design.get("report", []) if each["mark"] != _DERIVED]
    return text_sum(repr(design).encode())


def text_sum(content: bytes) -> str:
    """The checksum of one text."""
    return checksum(content)[:_DIGITS]


def _relative(shelf: Shelf, protocol: str) -> str:
    path = shelf.protocol(protocol)
    return next(name for name, each in shelf.files.items() if each == path)
