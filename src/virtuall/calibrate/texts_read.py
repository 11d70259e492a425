"""Which texts of the library the simulation of some trials reads, with a checksum of each.

The share of events that a trial reports (``[[report]]`` in a design) is estimated after the calibration and does not
enter it, so designs are left out; rows that read reported events see the shares of their time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from virtuall.model import open_shelf
from virtuall.model.shelf import Shelf
from virtuall.store.atomic import checksum
from virtuall.trial.design import load_design

_DIGITS = 16
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
            names |= {f"trials/{folder}/published.csv", f"trials/{folder}/endpoints.toml"}
    return {name: text_sum(shelf.files[name].read_bytes()) for name in sorted(names) if name in shelf.files}


def text_sum(content: bytes) -> str:
    """The checksum of one text."""
    return checksum(content)[:_DIGITS]


def _relative(shelf: Shelf, protocol: str) -> str:
    path = shelf.protocol(protocol)
    return next(name for name, each in shelf.files.items() if each == path)
