"""`virtuall check`: every text, every problem at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from virtuall.cli.options import JsonOption, LibraryOption
from virtuall.cli.output import NOTICE, print_json

if TYPE_CHECKING:
    from virtuall.core.errors import VirtuallError
    from virtuall.model.check import Checker


def check_texts(library: LibraryOption = None, json: JsonOption = False) -> None:
    """Check every text of the library.

    All problems are printed at once, each with file and line; the exit code is 1 when there are any.
    """
    problems = problems_of(library or [])
    if json:
        print_json({"sound": not problems, "problems": problems, "notice": NOTICE})
    else:
        print("\n".join(problems) if problems else "All texts are sound.")
        if problems:
            print(f"\n{len(problems)} problem{'s' if len(problems) > 1 else ''}.")
    if problems:
        raise typer.Exit(1)


def problems_of(library: list[Path]) -> list[str]:
    """Everything that is wrong in the texts, one problem a line, none twice."""
    from virtuall.core.errors import InputError, VirtuallError
    from virtuall.model import check

    try:
        found = check(library, readers(library)) + _together(library)
    except InputError:
        raise  # there is no such folder
    except VirtuallError as error:  # a text that the readers of others need: a unit of a product, say
        found = [error, *check(library)]
    return list(dict.fromkeys(line for problem in found for line in str(problem).splitlines()))


def _together(library: list[Path]) -> list[VirtuallError]:
    """What is wrong between texts: a protocol, a trial or its published rows that cannot be put together."""
    from virtuall.cli.library import open_library
    from virtuall.core.errors import VirtuallError
    from virtuall.model import load_system
    from virtuall.simulation.bind import bind
    from virtuall.simulation.protocol import load_protocol
    from virtuall.trial.design import load_design
    from virtuall.trial.run import read_rows

    shelf = open_library(library)
    model = load_system(library)
    whole: list[tuple[Callable[[str, list[Path]], object], Iterable[str]]] = [
        (lambda name, folders: bind(model, load_protocol(name, folders)), shelf.protocols),
        (load_design, shelf.trials),
        (read_rows, [name.split("/")[1] for name in shelf.matching("trials/*/endpoints.toml")]),
    ]
    problems: list[VirtuallError] = []
    for load, names in whole:
        for name in names:
            try:
                load(name, library)
            except VirtuallError as error:
                problems.append(error)
    return problems


def readers(library: list[Path]) -> Mapping[str, Checker]:
    """The reader of every kind of text beside equations and their numbers, by pattern of the file."""
    from virtuall.report.explain import CHECKERS as SHEETS
    from virtuall.report.patient_panels import PANELS, read_panels
    from virtuall.simulation.checkers import checkers
    from virtuall.trial.check_design import read_check
    from virtuall.trial.design import read_design
    from virtuall.trial.mapping import read_mapping
    from virtuall.trial.published import read_published
    from virtuall.trial.reporting import CELLS, COMPARISON, SAFETY, read_cells, read_comparison, read_safety

    return {
        **checkers(tuple(library)),
        "trials/*/design.toml": read_design,
        "trials/*/check.toml": read_check,
        "trials/*/endpoints.toml": read_mapping,
        "trials/*/published.csv": read_published,
        **SHEETS,
        PANELS: read_panels,
        COMPARISON: read_comparison,
        CELLS: read_cells,
        SAFETY: read_safety,
    }
