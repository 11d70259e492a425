"""Medicine is text: no Python file names a drug, and none of the clinic's holds a number of its own."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path

# Folders of the library whose names are words of care and not names of drugs or products.
WORDS_OF_CARE = {
    "bridging",
    "car_t",
    "chemotherapy",
    "conditioning",
    "leukapheresis",
    "lymphodepletion",
    "next_line",
    "premedication",
    "prophase",
    "transfusion",
    "transplant",
}
# The keys of library/terms.toml under which names of products stand.
KEYS_OF_NAMES = {"brand", "brands", "trade_name", "trade_names", "product", "products", "substance"}
# Where every number must come from a text.
# (report is left out: its numbers are sizes of drawings)
PACKAGES_WITHOUT_NUMBERS = ("clinic", "dosing", "population", "simulation", "trial")

# A quantity in a string would be a number in disguise: "38.0 degC", "3 ULN", "14 d".
QUANTITY = re.compile(r"\s*[-+]?\d+(\.\d*)?([eE][-+]?\d+)?\s?[a-zA-Z%µ/]+\S*\s*")


def product_names(library: Path) -> set[str]:
    """The names of drugs and products: folders of therapies and support, and the brands among the terms."""
    shelves = [library / "therapies", library / "support"]
    folders = {path.name for shelf in shelves for path in shelf.iterdir() if path.is_dir()}
    terms = library / "terms.toml"
    brands = names_in(tomllib.loads(terms.read_text(encoding="utf-8"))) if terms.is_file() else set()
    return (folders | brands) - WORDS_OF_CARE


def names_in(table: Mapping[str, object]) -> set[str]:
    """All names under the keys of names, however deep."""
    found: set[str] = set()
    for key, value in table.items():
        if isinstance(value, dict):
            found |= names_in(value)
        elif key in KEYS_OF_NAMES:
            found |= {value} if isinstance(value, str) else {str(name) for name in value}
    return {name.lower() for name in found if len(name) > 2}


def pattern_of(names: Iterable[str]) -> re.Pattern[str]:
    """A pattern that finds each name as a word or as a part of an identifier, however it is joined."""
    words = [re.sub(r"[_\s-]+", r"[_\\s-]?", re.escape(name).replace("\\", "")) for name in sorted(names)]
    return re.compile(rf"(?<![a-z])(?:{'|'.join(words)})(?![a-z])", flags=re.IGNORECASE)


def tokens_of(path: Path) -> Iterator[tokenize.TokenInfo]:
    return tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)


def named(path: Path, names: re.Pattern[str]) -> Iterator[tuple[int, str]]:
    """The lines of a Python file whose identifiers, strings or comments name one of `names`."""
    for token in tokens_of(path):
        for number, text in enumerate(token.string.splitlines(), start=token.start[0]):
            for found in names.finditer(text):
                yield number, found.group()


def docstrings(tree: ast.AST) -> set[int]:
    """The identities of the constants that are docstrings."""
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, owners) and node.body and isinstance(node.body[0], ast.Expr)
    }


def numbers(source: str) -> Iterator[tuple[int, float | str]]:
    """Every number that a Python text holds, with its line: literals, and quantities in strings."""
    tree = ast.parse(source)
    skipped = docstrings(tree)
    negated = {
        id(node.operand) for node in ast.walk(tree) if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or isinstance(node.value, bool) or id(node) in skipped:
            continue
        if isinstance(node.value, (int, float)):
            yield node.lineno, -node.value if id(node) in negated else node.value
        elif isinstance(node.value, str) and QUANTITY.fullmatch(node.value):
            yield node.lineno, node.value


def test_the_scans_find_what_they_look_for(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    source = '# Examplumab is given\nexamplumab_dose = f"{x} EXAMPLUMAB"\nexamplumabs = 1\n'
    file.write_text(source, encoding="utf-8")
    names = pattern_of({"examplumab", "two_words"})
    assert list(named(file, names)) == [(1, "Examplumab"), (2, "examplumab"), (2, "EXAMPLUMAB")]
    assert names.search("TwoWords") and names.search("two-words")
    source = '"""Doses of 9 ug."""\nx = -3 + 28.0\ny = "38.0 degC"\nz = True\nw = "grade 3"\n'
    assert sorted(numbers(source), key=str) == [(2, -3), (2, 28.0), (3, "38.0 degC")]


def test_no_python_file_names_a_drug_or_product(package: Path, library: Path) -> None:
    names = product_names(library)
    assert names, "the library names no drug"
    pattern = pattern_of(names)
    found = [
        f"{path.relative_to(package)}:{line}: {name}"
        for path in sorted(package.rglob("*.py"))
        for line, name in named(path, pattern)
    ]
    assert not found, "\n".join(found)


def allowed_numbers(repository: Path) -> list[dict[str, object]]:
    """The entries of tests/allowed_numbers.toml."""
    text = (repository / "tests" / "allowed_numbers.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text)["allowed"]
    for entry in entries:
        assert set(entry) == {"files", "numbers", "reason"} and entry["reason"], f"incomplete: {entry}"
    return entries


def test_the_clinic_holds_no_number_of_its_own(repository: Path, package: Path) -> None:
    allowed = allowed_numbers(repository)
    used: set[tuple[int, object]] = set()
    found = []
    for folder in PACKAGES_WITHOUT_NUMBERS:
        for path in sorted((package / folder).rglob("*.py")):
            name = path.relative_to(package).as_posix()
            for line, number in numbers(path.read_text(encoding="utf-8")):
                entries = [
                    (index, number)
                    for index, entry in enumerate(allowed)
                    if fnmatch(name, str(entry["files"])) and number in entry["numbers"]
                ]
                used.update(entries)
                if not entries:
                    found.append(f"{name}:{line}: {number!r}")
    unused = [
        f"{entry['files']}: {number!r}"
        for index, entry in enumerate(allowed)
        for number in entry["numbers"]
        if entry["files"] != "*" and (index, number) not in used
    ]
    advice = "put the number into a text, or into tests/allowed_numbers.toml with its reason:"
    assert not found, "\n".join([advice, *found])
    assert not unused, "\n".join(["tests/allowed_numbers.toml allows what no file holds:", *unused])
