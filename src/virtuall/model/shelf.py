"""The bookshelf: the shipped library with the user's own folders laid over it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path

from virtuall.core.errors import InputError

EQUATIONS = "biology.ant"
PARAMETERS = "parameters.toml"
COVARIATES = "biology/covariates.toml"
REFERENCES = "references.bib"
PRODUCT_VALUES = ("therapies/*/values.toml", "support/*/values.toml")


def shipped_library() -> Path:
    """Return the folder of the library that ships with the package."""
    return Path(str(files("virtuall"))) / "library"


@dataclass(frozen=True)
class Shelf:
    """Library folders, each laid over the ones before it.

    A file of a later folder replaces the file of the same relative path; new files and folders add.

    Attributes
    ----------
    roots : tuple of Path
        The folders, the shipped library first.
    """

    roots: tuple[Path, ...]

    @cached_property
    def files(self) -> dict[str, Path]:
        """Every text by its relative path (with ``/``), sorted by it."""
        # the later folder wins
        found = {name: _text(root, name) for root in self.roots for name in _texts_under(root)}
        return dict(sorted(found.items()))

    @cached_property
    def replaced(self) -> tuple[str, ...]:
        """The texts that stand in place of one of the same relative path in an earlier folder."""
        if len(self.roots) < 2:
            return ()
        first = {name: root for root in reversed(self.roots) for name in _texts_under(root)}
        return tuple(name for name, path in self.files.items() if path != first[name] / name)

    def stamp(self) -> tuple[tuple[str, int, int, int], ...]:
        """Name, times of change (ns; of the text, of its entry) and size (bytes) of every text.

        Another one when a text changes, also by a copy that keeps the time of the text.
        """
        found = ((str(path), path.stat()) for path in self.files.values())
        return tuple((name, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size) for name, stat in found)

    def matching(self, pattern: str) -> dict[str, Path]:
        """Return the files whose relative path matches a pattern such as ``therapies/*/product.toml``.

        A ``*``, the only sign with a meaning, matches within one folder name only; a pattern without ``/`` is matched
        against the name.
        """
        if "/" not in pattern:
            return {name: path for name, path in self.files.items() if fnmatch(name.rpartition("/")[2], pattern)}
        parts, begin = pattern.split("/"), pattern.partition("*")[0]
        likely = ((name, path) for name, path in self.files.items() if name.startswith(begin))
        return {name: path for name, path in likely if _matches(name.split("/"), parts)}

    def file(self, relative: str) -> Path:
        """Return one file by its relative path.

        Raises
        ------
        InputError
            When the shelf has no such file; names the nearest one.
        """
        if relative not in self.files:
            raise InputError("the library has no such file", given=relative, allowed=tuple(self.files))
        return self.files[relative]

    @property
    def modules(self) -> tuple[str, ...]:
        """The relative folders that hold a ``biology.ant``, sorted."""
        return tuple(name.rpartition("/")[0] for name in self.matching(EQUATIONS))

    @property
    def protocols(self) -> dict[str, Path]:
        """Regimens by name (``drug/relapsed`` is ``therapies/drug/regimens/relapsed.toml``), and sequences."""
        found = self.matching("therapies/*/regimens/*.toml")
        return {_name(relative, 1, 3): path for relative, path in found.items()} | self.sequences

    @property
    def sequences(self) -> dict[str, Path]:
        """Sequences of therapies by name: ``sequence/a_then_b`` is ``sequences/a_then_b.toml``."""
        found = self.matching("sequences/*.toml")
        return {f"sequence/{_name(relative, 1)}": path for relative, path in found.items()}

    @property
    def cohorts(self) -> dict[str, Path]:
        """Cohorts by name: ``adult_relapsed`` is ``cohorts/adult_relapsed.toml``."""
        return {_name(relative, 1): path for relative, path in self.matching("cohorts/*.toml").items()}

    @property
    def trials(self) -> dict[str, Path]:
        """Trial designs by name: ``tower`` is ``trials/tower/design.toml``."""
        return {_name(relative, 1): path for relative, path in self.matching("trials/*/design.toml").items()}

    def protocol(self, name: str) -> Path:
        """Return a regimen by name. Raises InputError with the nearest name."""
        return _named("protocol", name, self.protocols)

    def cohort(self, name: str) -> Path:
        """Return a cohort by name. Raises InputError with the nearest name."""
        return _named("cohort", name, self.cohorts)

    def trial(self, name: str) -> Path:
        """Return a trial's design by name. Raises InputError with the nearest name."""
        return _named("trial", name, self.trials)


def open_shelf(library: Sequence[Path | str] = (), *, shipped: bool = True) -> Shelf:
    """Open the shipped library with the given folders laid over it, in their order.

    Parameters
    ----------
    library : sequence of Path or str
        The user's folders.
    shipped : bool
        Leave the shipped library out when False.

    Raises
    ------
    InputError
        When a folder does not exist or is a file.
    """
    if isinstance(library, str | Path):
        library = (library,)
    roots = [shipped_library()] if shipped else []
    for each in map(Path, library):
        if not each.is_dir():
            what = "is a file, a folder was expected" if each.exists() else "there is no such folder"
            raise InputError(f"library: {what}", given=str(each))
        roots.append(each)
    return Shelf(tuple(roots))


@lru_cache(maxsize=4096)
def _text(root: Path, name: str) -> Path:
    # asked for at every load: joining paths takes longer than to find the texts
    return root / name


def _texts_under(folder: Path | str, before: str = "") -> list[str]:
    """Relative paths of the texts in a folder and those below it."""
    found: list[str] = []
    # asked for at every load of a model or a protocol: several times faster than to walk by pathlib
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except PermissionError:
        return found
    for entry in entries:
        if entry.name.startswith((".", "__")):
            continue
        if entry.is_dir(follow_symlinks=False):
            found += _texts_under(entry.path, f"{before}{entry.name}/")
        elif _is_file(entry):
            found.append(before + entry.name)
    return found


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file, or a link that ends at one."""
    try:
        return entry.is_file()
    except OSError:  # a link to itself
        return False


def _matches(parts: list[str], pattern: list[str]) -> bool:
    return len(parts) == len(pattern) and all(map(fnmatch, parts, pattern))


def _name(relative: str, *places: int) -> str:
    parts = relative.split("/")
    return "/".join(parts[place].removesuffix(".toml") for place in places)


def _named(kind: str, name: str, found: dict[str, Path]) -> Path:
    if name not in found:
        raise InputError(f"the library has no such {kind}", given=name, allowed=tuple(found))
    return found[name]
