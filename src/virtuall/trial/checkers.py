"""Readers of a trial's texts by pattern, for ``virtuall check`` (see `virtuall.model.check`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from virtuall.model.check import Checker
from virtuall.trial.check_design import read_check
from virtuall.trial.design import read_design
from virtuall.trial.families import FAMILIES, read_families
from virtuall.trial.mapping import Mapped, check_mapping, read_mapping
from virtuall.trial.published import read_published
from virtuall.trial.scoring import check_units


def _mapping(path: Path) -> None:
    mapped: Mapped = read_mapping(path)
    published = path.with_name("published.csv")
    if published.exists():  # a user's folder may replace one of the two
        rows = read_published(published)
        check_mapping(mapped, rows, where=str(path))
        check_units(mapped, rows)


def _published(path: Path) -> None:
    read_published(path)


def _design(path: Path) -> None:
    read_design(path)


def _check(path: Path) -> None:
    read_check(path)


def _families(path: Path) -> None:
    read_families(path)


CHECKERS: Mapping[str, Checker] = {
    "trials/*/design.toml": _design,
    "trials/*/check.toml": _check,
    "trials/*/endpoints.toml": _mapping,
    "trials/*/published.csv": _published,
    FAMILIES: _families,
}
