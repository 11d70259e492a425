"""Candidates: one setting for every dial, and the texts that say so."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from virtuall.analysis.explore_dial import Dial, Setting, Sources
from virtuall.analysis.explore_key import Spot, replaced
from virtuall.core.errors import InputError

# More candidates than anybody waits for: a slip in a list of values.
MOST = 10_000


@dataclass(frozen=True)
class Candidate:
    """One way to treat: a setting for each dial, in their order."""

    settings: tuple[Setting, ...]

    def words(self, dials: Sequence[Dial]) -> str:
        """The settings by name."""
        return ", ".join(f"{dial.name} {each.words}" for dial, each in zip(dials, self.settings, strict=True))

    def texts(self, dials: Sequence[Dial], sources: Sources) -> dict[str, str]:
        """The changed texts by relative name; none for what the library has."""
        changes: dict[Spot, str] = {}
        for dial, each in zip(dials, self.settings, strict=True):
            changes |= dial.changes(each)
        names = dict.fromkeys(spot.text for spot in changes)
        return {
            name: replaced(sources.written[name], {spot: new for spot, new in changes.items() if spot.text == name})
            for name in names
        }


def base_candidate(dials: Sequence[Dial]) -> Candidate:
    """The candidate that is the library as it stands."""
    return Candidate(tuple(dial.base for dial in dials))


def grid(dials: Sequence[Dial]) -> tuple[Candidate, ...]:
    """Every combination, in the order of the text.

    Raises
    ------
    InputError
        When there are too many.
    """
    count = 1
    for dial in dials:
        count *= len(dial.settings)
    if count > MOST:
        raise InputError(
            f"a grid of more than {MOST:,} candidates", given=f"{count:,}", hint='try fewer values, or method = "bayes"'
        )
    return tuple(Candidate(settings) for settings in itertools.product(*(dial.settings for dial in dials)))


def one_by_one(dials: Sequence[Dial]) -> tuple[Candidate, ...]:
    """Every setting (or end) of every dial alone, the others as the library has them."""
    found = []
    for place, dial in enumerate(dials):
        for each in dial.settings or (dial.at(dial.low), dial.at(dial.high)):
            settings = [other.base for other in dials]
            settings[place] = each
            found.append(Candidate(tuple(settings)))
    return tuple(found)


def key_of(texts: dict[str, str], what: object) -> str:
    """A name by content: what decides the simulation, and the changed texts."""
    content = json.dumps([what, sorted(texts.items())], sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:20]


def write_texts(folder: Path, texts: dict[str, str]) -> Path:
    """Write changed texts as a folder that can be laid over the library; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder
