"""The reader of references."""

from __future__ import annotations

from pathlib import Path

import pytest

from virtuall.core.errors import Problems
from virtuall.texts.references import read_references

GOOD = """% a comment
@article{author2020,
  title = {A {study} of
    something},
  year = 2020,
  journal = "Journal",
}
@misc{other, checked = {yes}}
"""


def test_entries_and_fields(tmp_path: Path) -> None:
    path = tmp_path / "references.bib"
    path.write_text(GOOD)
    found = read_references(path)
    assert list(found) == ["author2020", "other"]
    assert found["author2020"].fields == {
        "title": "A {study} of something",
        "year": "2020",
        "journal": "Journal",
    }
    assert found["author2020"].position.line == 2
    assert found["other"].kind == "misc"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "@misc{other, a = {b}}\n", "references.bib:9:1: other is given twice; first at"),
        ("@misc{a, b = {c}\n", "references.bib:1:1: the entry does not end"),
        ("@misc{a, b = {c\n", "a bracket is not closed"),
        ('@misc{a, b = "c\n', "a quote is not closed"),
        ("@misc{a, b = }\n", "a field has no value"),
    ],
)
def test_broken_entries(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "references.bib"
    path.write_text(text)
    with pytest.raises(Problems) as caught:
        read_references(path)
    assert message in str(caught.value)
