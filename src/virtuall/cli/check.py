"""`virtuall check`: every text, every problem at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from virtuall.cli.options import JsonOption, LibraryOption
from virtuall.cli.output import NOTICE, print_json, remark

if TYPE_CHECKING:
    from virtuall.core.errors import VirtuallError
    from virtuall.model.check import Checker
    from virtuall.model.shelf import Shelf
    from virtuall.simulation.sense import Bound

RULE_FILES = ("therapies/*/rules.toml", "care/*.toml")


def check_texts(library: LibraryOption = None, json: JsonOption = False) -> None:
    """Check every text of the library.

    All problems are printed at once, each with file and line; the exit code is 1 when there are any. So are rules that
    can never fire, or never stand beside a stronger one. Remarks, of what may be meant so, change no exit code.
    """
    problems, remarks = findings_of(library or [])
    if json:
        print_json({"sound": not problems, "problems": problems, "remarks": remarks, "notice": NOTICE})
    else:
        for each in remarks:
            remark(f"Remark: {each}")
        print("\n".join(problems) if problems else "All texts are sound.")
        if problems:
            print(f"\n{len(problems)} problem{'s' if len(problems) > 1 else ''}.")
    if problems:
        raise typer.Exit(1)


def problems_of(library: list[Path]) -> list[str]:
    """Everything that is wrong in the texts, one problem a line, none twice."""
    return findings_of(library)[0]


def findings_of(library: list[Path]) -> tuple[list[str], list[str]]:
    """Everything that is wrong in the texts, and what may be wrong; one a line, none twice."""
    from virtuall.core.errors import InputError, VirtuallError
    from virtuall.model import check

    remarks: list[VirtuallError] = []
    try:
        found = check(library, readers(library))
        between, remarks = _together(library)
        found += between
    except InputError:
        raise  # there is no such folder
    except VirtuallError as error:  # a text that the readers of others need: a unit of a product, say
        found = [error, *check(library)]
    return _lines(found), _lines(remarks)


def _lines(errors: Iterable[VirtuallError]) -> list[str]:
    return list(dict.fromkeys(line for error in errors for line in str(error).splitlines()))


def _together(library: list[Path]) -> tuple[list[VirtuallError], list[VirtuallError]]:
    """What is wrong between texts: what cannot be put together, and rules that make no sense; then remarks."""
    from virtuall.cli.library import open_library
    from virtuall.core.errors import VirtuallError
    from virtuall.model import load_system
    from virtuall.simulation.bind import bind
    from virtuall.simulation.protocol import load_protocol
    from virtuall.simulation.sense import Bound, sense_of_protocols
    from virtuall.trial.design import load_design
    from virtuall.trial.run import read_rows

    shelf = open_library(library)
    model = load_system(library)
    bound: list[Bound] = []
    problems: list[VirtuallError] = []

    def attempt(load: Callable[[str, list[Path]], object], names: Iterable[str]) -> None:
        for name in names:
            try:
                load(name, library)
            except VirtuallError as error:
                problems.append(error)

    def put_together(name: str, folders: list[Path], as_of: date | None = None) -> None:
        protocol = load_protocol(name, folders, as_of=as_of)
        bound.append(Bound(protocol, bind(model, protocol)))

    attempt(put_together, shelf.protocols)
    for day, names in _past_days(shelf, tuple(bound)).items():
        attempt(partial(put_together, as_of=day), names)
    attempt(load_design, shelf.trials)
    attempt(read_rows, [name.split("/")[1] for name in shelf.matching("trials/*/endpoints.toml")])
    sense = sense_of_protocols(model, bound)
    return [*problems, *sense.problems], [*sense.remarks, *_unfollowed(shelf), *_stale(library)]


def _rule_files(shelf: Shelf) -> dict[str, Path]:
    return {name: path for pattern in RULE_FILES for name, path in shelf.matching(pattern).items()}


def _past_days(shelf: Shelf, bound: Iterable[Bound]) -> dict[date, list[str]]:
    """The last days of rules of the past, each with the protocols that may have followed them then."""
    from virtuall.core.errors import VirtuallError
    from virtuall.simulation.protocol import ACTIONS
    from virtuall.texts.file import shown
    from virtuall.texts.rules import read_rules

    followers: dict[str, list[str]] = {}
    for each in bound:
        for file in {rule.where.file for rule in each.protocol.rules}:
            followers.setdefault(file, []).append(each.protocol.name)
    days: dict[date, set[str]] = {}
    for path in _rule_files(shelf).values():
        with suppress(VirtuallError):  # its reader says so
            for rule in read_rules(path, ACTIONS):
                if rule.valid_to is not None:  # of a file without any rule of today nobody knows who followed it
                    days.setdefault(rule.valid_to, set()).update(followers.get(shown(path), shelf.protocols))
    return {day: sorted(names) for day, names in sorted(days.items())}


def _unfollowed(shelf: Shelf) -> list[VirtuallError]:
    """Rules that no regimen names: nothing says whether they can be understood."""
    from virtuall.core.errors import TextError, VirtuallError
    from virtuall.texts.file import shown
    from virtuall.texts.toml_text import read_toml

    named: set[object] = set()
    for path in shelf.matching("therapies/*/regimens/*.toml").values():
        with suppress(VirtuallError):  # its reader says so
            head = read_toml(path).data.get("regimen", {})
            named |= set(head.get("rules", ()) if isinstance(head, dict) else ())
    problem, hint = "no regimen follows these rules", "what their conditions speak of is not checked"
    return [
        TextError(problem, where=shown(path), given=name, hint=hint)
        for file, path in _rule_files(shelf).items()
        if (name := file.removeprefix("therapies/").removesuffix(".toml")) not in named
    ]


def _stale(library: list[Path]) -> list[VirtuallError]:
    """Texts that the calibration did not read as they are now."""
    from virtuall.calibrate.stamp import STAMP, what_changed
    from virtuall.core.errors import TextError

    changed = what_changed(library)
    problem, hint = "the calibration was made with other texts", "its parameter sets may not fit to these"
    return [TextError(problem, where=STAMP, given=", ".join(changed), hint=hint)] if changed else []


def readers(library: list[Path]) -> Mapping[str, Checker]:
    """The reader of every kind of text beside equations and their numbers, by pattern of the file."""
    from virtuall.analysis.explore_text import SHIPPED as EXPLORATIONS
    from virtuall.analysis.explore_text import read_exploration
    from virtuall.calibrate.anchors import ANCHORS, read_anchors
    from virtuall.calibrate.budget import BUDGET, read_budget
    from virtuall.calibrate.stamp import STAMP, read_stamp
    from virtuall.export.adam_text import ADAM, read_adam
    from virtuall.population.ensemble import ENSEMBLE, read_ensemble
    from virtuall.report.explain import CHECKERS as SHEETS
    from virtuall.report.patient_panels import PANELS, read_panels
    from virtuall.simulation.checkers import checkers
    from virtuall.trial.care_response import CARE_RESPONSE, read_care_response
    from virtuall.trial.check_design import read_check
    from virtuall.trial.design import read_design
    from virtuall.trial.families import FAMILIES, read_families
    from virtuall.trial.mapping import read_mapping
    from virtuall.trial.published import read_published
    from virtuall.trial.reporting import CELLS, COMPARISON, SAFETY, read_cells, read_comparison, read_safety

    return {
        **checkers(tuple(library)),
        "trials/*/design.toml": read_design,
        "trials/*/check.toml": read_check,
        "trials/*/endpoints.toml": read_mapping,
        "trials/*/published.csv": read_published,
        FAMILIES: read_families,
        ADAM: read_adam,
        EXPLORATIONS: read_exploration,
        ANCHORS: read_anchors,
        BUDGET: lambda path: read_budget(library),
        ENSEMBLE: lambda path: read_ensemble(library),
        STAMP: read_stamp,
        **SHEETS,
        PANELS: read_panels,
        COMPARISON: read_comparison,
        CELLS: read_cells,
        SAFETY: read_safety,
        CARE_RESPONSE: read_care_response,
    }
