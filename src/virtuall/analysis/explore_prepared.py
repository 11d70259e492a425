"""An exploration made ready: names, keys, values and measures looked up and checked before anybody is simulated."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from virtuall.analysis.explore_candidate import grid, one_by_one, write_texts
from virtuall.analysis.explore_dial import Dial, Sources, find_dials, read_sources
from virtuall.analysis.explore_measures import Measure, find_measure, known_measures
from virtuall.analysis.explore_text import BAYES, Exploration, limits
from virtuall.analysis.explore_utility import Limit, read_limits
from virtuall.core.errors import Problems, TextError, VirtuallError
from virtuall.model.shelf import Shelf, open_shelf
from virtuall.trial.reporting import comparison_text

if TYPE_CHECKING:
    from virtuall.simulation.protocol import Protocol


@dataclass(frozen=True)
class Prepared:
    """An exploration with everything looked up and checked, before any patient is simulated."""

    exploration: Exploration
    shelf: Shelf
    library: tuple[Path, ...]
    protocol: Protocol
    dials: tuple[Dial, ...]
    sources: Sources
    measures: Mapping[str, Measure]
    limits: tuple[Limit, ...]
    days: float


def prepare(exploration: Exploration, library: Sequence[Path | str] = ()) -> Prepared:
    """Look up protocol, cohort, keys and measures, and have every value read by the readers of its text.

    Raises
    ------
    InputError
        When protocol or cohort is unknown (nearest match offered), or there are too many candidates.
    TextError, Problems
        When a key, a value or a measure is not usable.
    """
    from virtuall.simulation.protocol import load_protocol

    folders = tuple(Path(each) for each in library)
    shelf = open_shelf(folders)
    shelf.protocol(exploration.protocol)
    shelf.cohort(exploration.cohort)
    sources = read_sources(exploration, shelf)
    dials = find_dials(exploration, shelf, sources)
    if exploration.method != BAYES:
        grid(dials)  # too many are said at once
    protocol = load_protocol(exploration.protocol, library=folders)
    days = protocol.follow_up if exploration.days is None else exploration.days
    known = known_measures(protocol, days, comparison_text(folders))
    problems: list[VirtuallError] = []
    measures = {}
    for name, where in exploration.asked:
        try:
            measures[name] = find_measure(name, known, protocol, days, where)
        except TextError as error:
            problems.append(error)
    if problems:
        raise Problems(problems)
    found = Prepared(
        exploration,
        shelf,
        folders,
        protocol,
        dials,
        sources,
        measures,
        read_limits(limits(exploration.terms), measures),
        days,
    )
    _check_values(found)
    return found


def measures_of(exploration: Exploration, library: Sequence[Path | str] = ()) -> dict[str, Measure]:
    """What the utility of this exploration may name. Raises as `prepare`."""
    from virtuall.simulation.protocol import load_protocol

    protocol = load_protocol(exploration.protocol, library=library)
    days = protocol.follow_up if exploration.days is None else exploration.days
    return known_measures(protocol, days, comparison_text(tuple(library)))


def _check_values(prepared: Prepared) -> None:
    """Every value alone must be one that the reader of its text takes."""
    from virtuall.simulation.checkers import checkers

    readers = checkers(prepared.library)
    problems: list[VirtuallError] = []
    with tempfile.TemporaryDirectory() as folder:
        for place, candidate in enumerate(one_by_one(prepared.dials)):
            texts = candidate.texts(prepared.dials, prepared.sources)
            shelf = Shelf((write_texts(Path(folder) / str(place), texts),))
            try:
                for pattern, reader in readers.items():
                    for path in shelf.matching(pattern).values():
                        reader(path)
            except VirtuallError as error:
                settings = zip(prepared.dials, candidate.settings, strict=True)
                dial, setting = next(each for each in settings if not each[0].is_base(each[1]))
                problem = f"{dial.name} {setting.words} is refused: {reason(error)}"
                problems.append(TextError(problem, where=dial.where))
    if problems:
        raise Problems(problems)


def reason(error: VirtuallError) -> str:
    """Why a text was refused, without the place of the copy that was refused."""
    errors = error.problems if isinstance(error, Problems) else (error,)
    return "; ".join(str(VirtuallError(each.problem, given=each.given, hint=each.hint)) for each in errors)


def protocol_of(prepared: Prepared, folder: Path) -> Protocol:
    """The protocol with the texts of a candidate. Its model is the library's own: only the treatment differs."""
    from virtuall.simulation.protocol import load_protocol

    protocol = load_protocol(prepared.exploration.protocol, library=(*prepared.library, folder))
    # so that equations and kernel are not loaded anew for every candidate
    return replace(protocol, library=prepared.library)
