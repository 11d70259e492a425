"""Every number of the library has a unit, a source and a mark, and every source is where it says."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

MARKS = {"V", "M", "D", "A"}
# Sources that are no publication: the two collections of facts about the model itself, and the assumption.
SPECIAL = {"structure", "feasibility", "assumption"}
# A correlation is between two variables: it has no unit.
WITHOUT_UNIT = {"correlation", "finding"}  # the unit of a finding stands with its name
# Numbers that say how something is computed or counted, and nothing of medicine: absolute tolerances, where a
# clone begins to be counted in whole cells, which cycles a table is about, the order of rules.
SETTINGS = {"scales", "clones", "cycles", "priority"}
# Words that may begin with a digit and are no number for it.
WORDS = {"as", "doc", "title", "unit", "why"}
# Texts whose numbers say nothing of the world: limits of what is accepted as a covariate at all, checksums of the texts
# that were calibrated, bars that the plan sets, and questions (what is to be tried, and how it is valued).
NO_FACTS = ("biology/covariates.toml", "calibration/stamp.toml", "trials/anchors.toml", "explorations/")

QUANTITY = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?( \S.*)?")

Path_in_text = tuple[str, ...]


def read_toml(path: Path) -> dict[str, object]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def tables(value: object, path: Path_in_text = ()) -> Iterator[tuple[Path_in_text, Mapping[str, object]]]:
    """Every table of a text with its path, however deep."""
    if isinstance(value, dict):
        yield path, value
        for key, below in value.items():
            yield from tables(below, (*path, key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from tables(below, (*path, str(index)))


def library_tables(library: Path) -> Iterator[tuple[str, Path_in_text, Mapping[str, object]]]:
    """Every table of every TOML text: its place as words for a message, its path, itself."""
    for file in sorted(library.rglob("*.toml")):
        for path, table in tables(read_toml(file)):
            yield f"{file.relative_to(library)}: [{'.'.join(path)}]", path, table


def holds_number(value: object) -> bool:
    """Whether a value is a number, a quantity ("9 ug/d"), or a list with one in it."""
    if isinstance(value, list):
        return any(holds_number(each) for each in value)
    if isinstance(value, str):
        return QUANTITY.fullmatch(value) is not None
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def unsourced(value: object, path: Path_in_text = (), covered: bool = False) -> Iterator[Path_in_text]:
    """The places of numbers with no source and mark in their table or in one around it."""
    if isinstance(value, dict):
        covered = covered or {"source", "mark"} <= set(value)
        for key, below in value.items():
            if key not in SETTINGS | WORDS:
                yield from unsourced(below, (*path, key), covered)
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
        for index, below in enumerate(value):
            yield from unsourced(below, (*path, str(index)), covered)
    elif not covered and holds_number(value):
        yield path


def head_is_sourced(text: Mapping[str, object]) -> bool:
    """Whether the first table of a text names source and mark for the whole text."""
    first = next((table for table in text.values() if isinstance(table, dict)), {})
    return {"source", "mark"} <= set(first) and "value" not in first and "distribution" not in first


def keys_of(source: object) -> list[str]:
    """The keys of a `source`, which is one key or a list of them."""
    return [source] if isinstance(source, str) else [str(key) for key in source]


def read_bib(text: str) -> dict[str, dict[str, str]]:
    """The entries of a BibTeX text: key -> field -> value. Braces may be nested."""
    entries: dict[str, dict[str, str]] = {}
    for start in re.finditer(r"^@\w+\s*\{\s*([^,\s]+)\s*,", text, flags=re.MULTILINE):
        key = start.group(1)
        assert key not in entries, f"references.bib: {key} is there twice"
        entries[key] = dict(fields(closed(text, start.end(), depth=1)))
    return entries


def closed(text: str, start: int, depth: int) -> str:
    """The text from `start` up to the brace that closes it."""
    for end in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if depth == 0:
            return text[start:end]
    raise AssertionError(f"references.bib: a brace is not closed: {text[start : start + 60]!r}")


def fields(body: str) -> Iterator[tuple[str, str]]:
    """The fields of one entry of BibTeX."""
    position = 0
    while found := re.compile(r"\s*,?\s*(\w+)\s*=\s*\{").match(body, position):
        value = closed(body, found.end(), depth=1)
        yield found.group(1).lower(), value
        position = found.end() + len(value) + 1


def plain(text: str) -> str:
    """A text without the escapes of BibTeX and with single blanks, as it is searched for."""
    return re.sub(r"\s+", " ", re.sub(r"\\([%&$#_{}])", r"\1", text)).strip()


@pytest.fixture(scope="module")
def bib(library: Path) -> dict[str, dict[str, str]]:
    return read_bib((library / "references.bib").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def checked(repository: Path) -> set[str]:
    """The sources that were read for this project, outside of the collected facts."""
    with (repository / "docs" / "sources_checked.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    incomplete = [row for row in rows if not all((row[column] or "").strip() for column in row)]
    assert incomplete == []
    return {row["source"] for row in rows}


def test_the_reader_of_references_reads() -> None:
    text = (
        "@article{a2020,\n title = {A {B} c},\n year = {2020},\n locator = {10 \\% of}\n}\n@misc{b, checked = {yes}}\n"
    )
    assert read_bib(text) == {
        "a2020": {"title": "A {B} c", "year": "2020", "locator": "10 \\% of"},
        "b": {"checked": "yes"},
    }


def test_every_number_has_unit_source_and_mark(library: Path) -> None:
    missing = []
    for place, path, table in library_tables(library):
        if "value" not in table and "distribution" not in table:
            continue
        wanted = {"source", "mark"} | (set() if WITHOUT_UNIT & set(path) else {"unit"})
        if lacking := sorted(wanted - set(table)):
            missing.append(f"{place}: no {', '.join(lacking)}")
    assert not missing, "\n".join(missing)


def test_every_number_stands_under_a_source_and_a_mark(library: Path) -> None:
    bare = []
    for file in sorted(library.rglob("*.toml")):
        name, text = file.relative_to(library).as_posix(), read_toml(file)
        if not name.startswith(NO_FACTS):
            bare += [f"{name}: {'.'.join(path)}" for path in unsourced(text, covered=head_is_sourced(text))]
    assert not bare, "\n".join(bare)


def test_marks_are_known_and_assumptions_say_why(library: Path) -> None:
    wrong = []
    for place, _, table in library_tables(library):
        if "mark" in table and table["mark"] not in MARKS:
            wrong.append(f"{place}: mark {table['mark']!r}, not one of {sorted(MARKS)}")
        if "source" in table and "assumption" in keys_of(table["source"]):
            if table.get("mark") != "A":
                wrong.append(f"{place}: an assumption has the mark A")
            if not table.get("why"):
                wrong.append(f"{place}: an assumption says why")
    assert not wrong, "\n".join(wrong)


def test_every_source_is_a_reference(library: Path, bib: Mapping[str, Mapping[str, str]]) -> None:
    known = set(bib) | SPECIAL
    unknown = [
        f"{place}: source {key!r} is not in references.bib"
        for place, _, table in library_tables(library)
        if "source" in table
        for key in keys_of(table["source"])
        if key not in known
    ]
    assert not unknown, "\n".join(unknown)


def test_every_reference_says_where_it_was_read(bib: Mapping[str, Mapping[str, str]], checked: set[str]) -> None:
    nowhere = [
        key
        for key, entry in bib.items()
        if key not in SPECIAL
        and not ({"evidence", "locator"} <= set(entry) or (entry.get("checked") == "yes" and key in checked))
    ]
    problem = "neither evidence and locator, nor checked = {yes} with a row in docs/sources_checked.csv:"
    assert not nowhere, "\n".join([problem, *nowhere])


def test_every_locator_is_found(bib: Mapping[str, Mapping[str, str]], evidence: Path) -> None:
    lost = []
    for key, entry in bib.items():
        if "evidence" not in entry:
            continue
        file = evidence / entry["evidence"]
        if not file.is_file():
            lost.append(f"{key}: no file {entry['evidence']}")
        elif plain(entry["locator"]) not in plain(file.read_text(encoding="utf-8")):
            lost.append(f"{key}: {entry['locator']!r} is not in {entry['evidence']}")
    assert not lost, "\n".join(lost)
