"""`virtuall explore`: a search over dose, step, schedule or premedication of a regimen, for a stated utility."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from virtuall.cli.label import OffLabelOption, refuse_ages_off_label
from virtuall.cli.options import JsonOption, LibraryOption, ProcessesOption, check_least, check_positive
from virtuall.cli.output import NOTICE, print_json, remark, write_text
from virtuall.cli.trial import check_file

if TYPE_CHECKING:
    from virtuall.analysis.explore_prepared import Prepared
    from virtuall.analysis.explore_result import Explored
    from virtuall.analysis.explore_text import Exploration

# What a patient takes in memory while a candidate is simulated, without recorded signals.
_BYTES_OF_PATIENT = 60_000


def explore(
    text: Annotated[str, typer.Argument(help="The file that says what varies, in whom, and what is wanted.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep every finished candidate there at once; a second call goes on."),
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the page of the exploration.")] = None,
    n: Annotated[int | None, typer.Option("-n", metavar="N", help="How many patients; else as the text says.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="S", help="Other patients; else as the text says.")] = None,
    days: Annotated[float | None, typer.Option(metavar="D", help="How long to follow; else as the text says.")] = None,
    processes: ProcessesOption = 1,
    top: Annotated[int, typer.Option(metavar="K", help="How many rows to print; 0: all.")] = 20,
    measures: Annotated[bool, typer.Option("--measures", help="Only list what the utility may name.")] = False,
    off_label: OffLabelOption = False,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Search doses, steps, schedules and premedication of a regimen for a stated utility.

    Every candidate is a changed copy of a text of the library, on the same virtual patients with the same luck; the
    table ranks them, with paired differences to the regimen as it is. It proposes what to study, never what to give.
    """
    if n is not None:
        check_least("the number of patients", n, 2)
    if seed is not None:
        check_least("the seed", seed, 0)
    check_least("the processes", processes, 1)
    check_least("the rows", top, 0)
    check_positive("the days", days)
    check_file(report)
    from virtuall.analysis.explore_prepared import measures_of, prepare
    from virtuall.analysis.explore_text import exploration_file, read_exploration
    from virtuall.cli.library import open_library

    shelf = open_library(library)
    exploration = read_exploration(exploration_file(text, shelf)).altered(n, seed, days)
    shelf.protocol(exploration.protocol)
    shelf.cohort(exploration.cohort)
    if measures:
        _print_measures(measures_of(exploration, library or ()), json)
        return
    from virtuall.store import check_memory

    check_memory(exploration.patients * _BYTES_OF_PATIENT * processes)
    prepared = prepare(exploration, library or ())
    if not off_label:
        refuse_ages_off_label(
            shelf,
            prepared.protocol,
            exploration.cohort,
            exploration.patients,
            exploration.seed,
            None,
            library or [],
        )
    found = _explored(prepared, processes, out)
    if report is not None:
        from virtuall.report.explore_page import explore_page

        write_text(report, explore_page(found))
        remark(f"The page: {report}")
    if json:
        print_json(found.as_json() | {"notice": NOTICE})
        return
    from virtuall.report.explore_table import explore_table

    print(explore_table(found, top))
    if out is not None:
        print(_kept_words(found, out, exploration))
    print(NOTICE)


def _explored(prepared: Prepared, processes: int, out: Path | None) -> Explored:
    from virtuall.analysis.explore import explore as explore_regimens

    def told(done: int, of: int, words: str) -> None:
        remark(f"{done} of {of}: {words}")

    try:
        return explore_regimens(prepared, processes=processes, out=out, told=told)
    except KeyboardInterrupt:
        kept = "nothing was kept: --out DIR keeps every finished candidate"
        remark(f"Stopped: {kept if out is None else f'what is finished is kept, the same command goes on ({out})'}.")
        raise typer.Exit(130) from None


def _kept_words(found: Explored, out: Path, exploration: Exploration) -> str:
    from virtuall.analysis.explore_store import CANDIDATES, TEXTS

    best = found.rows[0]
    if best.is_base:
        return f"Kept: {out}"
    folder = out / CANDIDATES / best.key / TEXTS
    return f"Kept: {out}. The texts of the best one: virtuall run {exploration.protocol} --library {folder} ..."


def _print_measures(known: object, json: bool) -> None:
    assert isinstance(known, dict)
    if json:
        print_json({"measures": {name: each.unit for name, each in known.items()}, "notice": NOTICE})
        return
    width = max(map(len, known), default=0)
    for name, each in known.items():
        print(f"{name.ljust(width)}  {each.unit}")
    print('\nAlso: "dead by day N" for any day of the follow-up, and "..., grade N or more" for any grade.')
    print(NOTICE)
