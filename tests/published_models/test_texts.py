"""Every number of the published models names a source that is known."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from virtuall.texts.references import read_references

from .conftest import FOLDER

TEXTS = sorted(FOLDER.rglob("parameters.toml"))


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: "/".join(path.relative_to(FOLDER).parts[:-1:2]))
def test_sources_are_references(path: Path, library: Path) -> None:
    known = read_references(library / "references.bib")
    text = tomllib.loads(path.read_text(encoding="utf-8"))
    numbers = {**text.get("parameters", {}), **text.get("random", {})}
    assert numbers
    assert {number["source"] for number in numbers.values()} <= set(known)
