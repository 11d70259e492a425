"""Families of endpoints, ``trials/families.toml``: their names in ``published.csv`` and the words for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from virtuall.core.errors import Problems, TextError
from virtuall.model.shelf import open_shelf
from virtuall.texts.table import reading
from virtuall.trial.published import Published

FAMILIES = "trials/families.toml"


def load_families(library: Sequence[Path | str] = ()) -> Mapping[str, str]:
    """Words by name of a family.

    Raises
    ------
    TextError, Problems
    """
    return read_families(open_shelf(library).file(FAMILIES))


def read_families(path: Path) -> Mapping[str, str]:
    """Read ``families.toml``.

    Raises
    ------
    TextError, Problems
    """
    with reading(path) as table:
        names = table.table("families")
        return {name: names.text(name) for name in names.keys()}


def check_families(published: Iterable[Published], families: Mapping[str, str], where: str) -> None:
    """Refuse rows of a family that has no words: a misspelled name would vote on its own.

    Raises
    ------
    Problems
    """
    problems = [
        TextError(
            f"the row {row.target} is of an unknown family", given=row.family, allowed=tuple(families), where=where
        )
        for row in published
        if row.family not in families
    ]
    if problems:
        raise Problems(problems)
