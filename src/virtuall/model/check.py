"""Check every text of a library and report all that is wrong at once."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from virtuall.core.errors import TextError, VirtuallError
from virtuall.core.position import Position
from virtuall.model.load import compose
from virtuall.model.modules import flattened, read_modules
from virtuall.model.shelf import COVARIATES, EQUATIONS, PARAMETERS, REFERENCES, Shelf, open_shelf
from virtuall.texts.file import shown
from virtuall.texts.references import read_references
from virtuall.texts.source import SPECIAL_SOURCES
from virtuall.texts.toml_text import read_toml

# Reads one file and either returns its problems or raises them.
Checker = Callable[[Path], Iterable[VirtuallError] | None]

_OURS = (EQUATIONS, PARAMETERS, COVARIATES, REFERENCES)
# Likeness from which a file name counts as misspelled.
_MISSPELLED = 0.85
_TEXTS = (".ant", ".toml", ".bib", ".csv")


def check(
    library: Sequence[Path | str] = (),
    checkers: Mapping[str, Checker] | None = None,
    *,
    shipped: bool = True,
) -> list[VirtuallError]:
    """Check every text of the shipped library with the given folders laid over it.

    Parameters
    ----------
    library : sequence of Path or str
        The user's own library folders.
    checkers : mapping of str to Checker, optional
        Readers of other texts by pattern, for example ``{"therapies/*/product.toml": read_product}``; see
        `Shelf.matching`. With checkers given, a text that nothing reads is a problem.
    shipped : bool
        Leave the shipped library out when False.

    Returns
    -------
    list of VirtuallError
        All problems; empty when the library is sound.
    """
    shelf = open_shelf(library, shipped=shipped)
    problems = _check_model(shelf)
    for pattern, checker in (checkers or {}).items():
        for path in shelf.matching(pattern).values():
            problems += _run(checker, path)
    problems += _check_sources(shelf)
    problems += _check_names(shelf, None if checkers is None else tuple(checkers))
    return problems


def _check_model(shelf: Shelf) -> list[VirtuallError]:
    try:
        compose(read_modules(shelf))
    except VirtuallError as error:
        return flattened([error])
    return []


def _run(checker: Checker, path: Path) -> list[VirtuallError]:
    try:
        found = checker(path)
    except VirtuallError as error:
        return flattened([error])
    # A plain reader returns what it read; only a list or tuple of errors is a report.
    reported = found if isinstance(found, list | tuple) else ()
    return flattened(each for each in reported if isinstance(each, VirtuallError))


def _check_names(shelf: Shelf, patterns: tuple[str, ...] | None) -> list[VirtuallError]:
    """Find texts that nothing reads: a misspelled file name would otherwise be ignored in silence."""
    problems: list[VirtuallError] = []
    read = {name for pattern in patterns or () for name in shelf.matching(pattern)}
    folders = set(shelf.modules)
    for relative, path in shelf.files.items():
        folder, _, name = relative.rpartition("/")
        if name == PARAMETERS and folder not in folders and relative not in read:
            hint = f"numbers belong to equations: is {EQUATIONS} missing beside it?"
            problems.append(TextError("nothing reads this file", where=shown(path), hint=hint))
        is_known = relative in read or name in (EQUATIONS, PARAMETERS) or relative in (COVARIATES, REFERENCES)
        if is_known or not name.endswith(_TEXTS):
            continue
        names = tuple(each.rpartition("/")[2] for each in _OURS)
        if patterns is not None or name in names or difflib.get_close_matches(name, names, 1, _MISSPELLED):
            problems.append(TextError("nothing reads this file", given=name, allowed=_OURS, where=shown(path)))
    return problems


def _check_sources(shelf: Shelf) -> list[VirtuallError]:
    """Every source that any text names must be in the references."""
    if REFERENCES not in shelf.files:
        known: tuple[str, ...] = SPECIAL_SOURCES
    else:
        try:
            known = (*SPECIAL_SOURCES, *read_references(shelf.files[REFERENCES]))
        except VirtuallError as error:
            return flattened([error])
    unknown: dict[str, list[Position]] = {}
    for path in shelf.matching("*.toml").values():
        try:
            text = read_toml(path)
        except VirtuallError:
            continue  # its own reader says so
        for key, where in _sources(text.data, text.positions):
            if key not in known:
                unknown.setdefault(key, []).append(where)
    allowed = tuple(dict.fromkeys(known))
    return [
        TextError("unknown source", given=key, allowed=allowed, where=places[0], hint=_also(places[1:]))
        for key, places in unknown.items()
    ]


def _also(places: Sequence[Position]) -> str | None:
    return f"and at {len(places)} more places" if places else None


def _sources(
    data: object, positions: Mapping[tuple[str | int, ...], Position], path: tuple[str | int, ...] = ()
) -> Iterable[tuple[str, Position]]:
    """Yield every ``source = "..."`` that stands beside a ``mark``."""
    if isinstance(data, dict):
        key = data.get("source")
        if "mark" in data:
            for each in [key] if isinstance(key, str) else key if isinstance(key, list) else []:
                yield str(each), positions[(*path, "source")]
        for name, value in data.items():
            yield from _sources(value, positions, (*path, name))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from _sources(value, positions, (*path, number))
