"""`virtuall compare`: the same virtual patients under two protocols, or under one with a changed rule."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from virtuall.cli.domain import found_outside, say_outside
from virtuall.cli.label import OffLabelOption, day_of_rules, refuse_ages_off_label
from virtuall.cli.options import (
    AsOfOption,
    JsonOption,
    LibraryOption,
    ParametersOption,
    ProcessesOption,
    SeedOption,
    check_least,
    check_parameters,
    check_positive,
)
from virtuall.cli.output import NOTICE, print_json, remark, write_text
from virtuall.cli.trial import check_file

# What a patient takes in memory under both protocols together, without recorded signals.
_BYTES_OF_PATIENT = 120_000


def compare(
    a: Annotated[str, typer.Argument(help="Such as THERAPY/NAME; `virtuall list` names them.")],
    b: Annotated[str, typer.Argument(help="Another protocol, or the same one with --library-b.")],
    cohort: Annotated[str, typer.Option(metavar="C", help="Whom to treat; `virtuall list` names them.")],
    n: Annotated[int, typer.Option("-n", metavar="N", help="How many patients.")],
    seed: SeedOption = 1,
    days: Annotated[
        float | None,
        typer.Option(metavar="D", help="How long to follow; else the shorter one of what the protocols say."),
    ] = None,
    processes: ProcessesOption = 1,
    library: LibraryOption = None,
    library_b: Annotated[
        list[Path] | None,
        typer.Option("--library-b", metavar="DIR", help="A folder of texts laid over all of it for B only."),
    ] = None,
    as_of: AsOfOption = None,
    as_of_b: Annotated[
        str | None, typer.Option("--as-of-b", metavar="DATE", help="The rules of another day for B (YYYY-MM-DD).")
    ] = None,
    off_label: OffLabelOption = False,
    sets: Annotated[
        int | None,
        typer.Option(
            metavar="K", help="Spread the patients over so many calibrated parameter sets; 0 for none. [default: 8]"
        ),
    ] = None,
    parameters: ParametersOption = "calibrated",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the page of the comparison.")] = None,
    json: JsonOption = False,
) -> None:
    """Compare two protocols on the same patients.

    Paired differences, A minus B, with 95 % intervals: response, survival, relapse, toxicity, care. For a changed
    rule name the same protocol twice, and with --library-b the folder that holds the changed text. --as-of and
    --as-of-b take the rules of care of other days. With parameter sets there is a second interval, which holds what
    is not known of the parameters too; without an ensemble in the library there are none.
    """
    check_least("the number of patients", n, 2)
    check_least("the seed", seed, 0)
    check_least("the processes", processes, 1)
    check_positive("the days", days)
    check_parameters(parameters)
    if sets is not None:
        check_least("the parameter sets", sets, 0)
    check_file(out)
    from virtuall.cli.library import open_library
    from virtuall.model.shelf import open_shelf
    from virtuall.simulation.protocol import load_protocol
    from virtuall.store import check_memory

    shelf = open_library(library)
    shelf.cohort(cohort)  # texts in the place of shipped ones are said; those of B in the comparison
    over_b = [*(library or []), *(library_b or [])]
    check_memory(n * _BYTES_OF_PATIENT)
    outside: list[str] = []
    for protocol, folders in ((a, library or []), (b, over_b)):
        open_shelf(folders).protocol(protocol)  # an unknown name is said before its texts are read
        text = load_protocol(protocol, library=folders)
        if not off_label:
            refuse_ages_off_label(open_shelf(folders), text, cohort, n, seed, as_of, folders)
        outside += found_outside(cohort, n, seed, text, folders, parameters)
    outside = say_outside(outside)
    from virtuall.trial.comparison_run import compare as compare_protocols

    try:
        found = compare_protocols(
            a,
            b,
            cohort=cohort,
            n=n,
            seed=seed,
            days=days,
            processes=processes,
            library=library or (),
            library_b=library_b or (),
            as_of=day_of_rules(as_of, shelf),
            as_of_b=day_of_rules(as_of_b, shelf),
            sets=sets,
            parameters=parameters,
        )
    except KeyboardInterrupt:
        remark("Stopped: a comparison is kept only when it is whole; nothing was written.")
        raise typer.Exit(130) from None
    found = replace(found, outside=tuple(outside))
    if out is not None:
        from virtuall.report.comparison_page import comparison_page

        write_text(out, comparison_page(found))
        remark(f"The page: {out}")
    if json:
        print_json(found.as_json() | {"notice": NOTICE})
        return
    from virtuall.report.comparison_table import comparison_table

    print(f"{comparison_table(found)}\n{NOTICE}")
