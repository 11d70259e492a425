"""`virtuall exposure-response`: response, side effect or survival over drug or cells in the body."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from virtuall.cli.label import OffLabelOption, day_of_rules, refuse_ages_off_label
from virtuall.cli.options import (
    AsOfOption,
    JsonOption,
    LibraryOption,
    ProcessesOption,
    SeedOption,
    check_least,
    check_positive,
)
from virtuall.cli.output import NOTICE, print_json, remark, write_text
from virtuall.cli.trial import check_file

if TYPE_CHECKING:
    from virtuall.simulation.protocol import Protocol

# What a patient takes in memory beside the recorded signals.
_BYTES_OF_PATIENT = 60_000
_BYTES_OF_VALUE = 8


class Axis(StrEnum):
    """The scale of exposure in the regression."""

    log = "log"
    linear = "linear"


def exposure_response(
    protocol: Annotated[str, typer.Argument(help="Such as THERAPY/NAME; `virtuall list` names them.")],
    cohort: Annotated[str, typer.Option(metavar="C", help="Whom to treat; `virtuall list` names them.")],
    n: Annotated[int, typer.Option("-n", metavar="N", help="How many patients.")] = 300,
    seed: SeedOption = 1,
    exposure: Annotated[
        str | None,
        typer.Option(
            metavar="MEASURE",
            help="Such as 'mean SIGNAL, day 0 to 28' (also max, min, auc) or 'SIGNAL on day 7', days of treatment; "
            "else that of the product over the first cycle.",
        ),
    ] = None,
    response: Annotated[
        str | None,
        typer.Option(metavar="MEASURE", help="What follows: see --measures; else a response of any level."),
    ] = None,
    days: Annotated[
        float | None, typer.Option(metavar="D", help="How long to follow; else as the protocol says.")
    ] = None,
    axis: Annotated[
        Axis, typer.Option("--axis", help="Exposure as it enters the regression: doublings, or standard deviations.")
    ] = Axis.log,
    adjust: Annotated[
        list[str] | None,
        typer.Option("--adjust", metavar="COVARIATE", help="A second fit with this covariate beside; repeatable."),
    ] = None,
    dose: Annotated[
        list[float] | None,
        typer.Option("--dose", metavar="X", help="The same patients at X times the dose; repeatable."),
    ] = None,
    measures: Annotated[
        bool,
        typer.Option(
            "--measures", help="Only list what may be named as response; PROTOCOL and --cohort are still asked for."
        ),
    ] = False,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the page.")] = None,
    processes: ProcessesOption = 1,
    as_of: AsOfOption = None,
    off_label: OffLabelOption = False,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Tell how response goes with exposure.

    Groups by quarters of exposure with exact intervals, and a logistic or a Cox regression. The relation between
    patients is confounded; --dose shows beside it what another dose does to the same patients.
    """
    check_least("the number of patients", n, 1)
    check_least("the seed", seed, 0)
    check_least("the processes", processes, 1)
    check_positive("the days", days)
    check_file(report)
    from virtuall.analysis.exposure_response import ask, recorded_times
    from virtuall.analysis.exposure_response import exposure_response as relate
    from virtuall.cli.library import open_library

    shelf = open_library(library)
    shelf.protocol(protocol)
    shelf.cohort(cohort)
    from virtuall.simulation.protocol import load_protocol

    text = load_protocol(protocol, library=library or (), as_of=day_of_rules(as_of, shelf))
    if measures:
        _print_measures(text, days, json)
        return
    question = ask(text, exposure, response, days=days, scale=axis.value, adjust=adjust or (), doses=dose or ())
    from virtuall.store import check_memory

    check_memory(n * (_BYTES_OF_PATIENT + 2 * _BYTES_OF_VALUE * recorded_times(text, question).size))
    if not off_label:
        refuse_ages_off_label(shelf, text, cohort, n, seed, as_of, library or [])
    from virtuall.population import sample

    try:
        patients = sample(cohort, n, seed, library=library or ())
        found = relate(patients, text, question, processes=processes, told=remark)
    except KeyboardInterrupt:
        remark("Stopped: nothing was written.")
        raise typer.Exit(130) from None
    if report is not None:
        from virtuall.report.exposure_response_page import exposure_response_page

        write_text(report, exposure_response_page(found))
        remark(f"The page: {report}")
    if json:
        print_json(found.as_json() | {"notice": NOTICE})
        return
    from virtuall.report.exposure_response_table import exposure_response_table

    print(f"{exposure_response_table(found)}\n\n{NOTICE}")


def _print_measures(protocol: Protocol, days: float | None, json: bool) -> None:
    from virtuall.analysis.explore_measures import known_measures
    from virtuall.analysis.exposure_outcome import TIMES
    from virtuall.trial.comparison import SHARE
    from virtuall.trial.reporting import comparison_text

    followed = protocol.follow_up if days is None else days
    known = known_measures(protocol, followed, comparison_text(protocol.library))
    shares = [name for name, each in known.items() if each.unit == SHARE]
    if json:
        print_json({"times": dict(TIMES), "shares": shares, "notice": NOTICE})
        return
    for name, words in TIMES.items():
        print(f"{name}  {words}")
    print("\n".join(shares))
    print(
        "\nAlso: 'dead by day N', '..., grade N or more' for any grade, 'EFS, remission by day N',\n"
        "and a limit of a signal: 'min SIGNAL below 0.5e9 cell/L', 'max SIGNAL, day 0 to 14 above 1000 pg/mL'."
    )
    print(NOTICE)
