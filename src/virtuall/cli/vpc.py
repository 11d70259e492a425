"""`virtuall vpc`: a visual predictive check of a signal against measured values of single subjects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from virtuall.cli.options import (
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
    from virtuall.analysis.vpc_data import Observations
    from virtuall.model import Model, Shelf
    from virtuall.simulation.protocol import Protocol

# What a patient takes in memory beside the recorded values.
_BYTES_OF_PATIENT = 60_000
_BYTES_OF_VALUE = 8


def vpc(
    protocol: Annotated[str, typer.Argument(help="What the subjects were given; `virtuall list` names protocols.")],
    cohort: Annotated[str, typer.Option(metavar="C", help="Whose virtual patients stand for them.")],
    data: Annotated[Path, typer.Option(metavar="FILE", help="A table with a row a measurement: id, time, value, ...")],
    signal: Annotated[str, typer.Option(metavar="NAME", help="What was measured: a signal, or an observable's name.")],
    n: Annotated[int, typer.Option("-n", metavar="R", help="How many replicates of the whole table.")] = 200,
    seed: SeedOption = 1,
    unit: Annotated[
        str | None, typer.Option(metavar="U", help="Of the values; else that of the signal, which is printed.")
    ] = None,
    time_unit: Annotated[str, typer.Option(metavar="U", help="Of the times, from the beginning of treatment.")] = "d",
    column: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="NAME=COL", help="What a column is called there: id=patient; repeatable."),
    ] = None,
    group: Annotated[str | None, typer.Option(metavar="COL", help="Look at the groups of a column apart.")] = None,
    lloq: Annotated[
        float | None, typer.Option(metavar="X", help="Limit of quantification: at it or below is censored.")
    ] = None,
    bins: Annotated[
        str | None, typer.Option(metavar="BINS", help="Their number, or edges of time: 0,1,7,28; else equal counts.")
    ] = None,
    prediction_corrected: Annotated[
        bool, typer.Option("--prediction-corrected", help="Take doses and covariates out of the spread.")
    ] = False,
    noise: Annotated[
        float | None, typer.Option(metavar="SD", help="Log spread of one measurement; else as the clinic's text says.")
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the page.")] = None,
    processes: ProcessesOption = 1,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Check a signal against measured values.

    The table is simulated many times over, with virtual patients for its subjects; percentiles of the measured values
    are shown beside the bands of the simulated ones, and the share below the limit of quantification.
    """
    check_least("the replicates", n, 2)
    check_least("the seed", seed, 0)
    check_least("the processes", processes, 1)
    check_positive("the limit of quantification", lloq)
    check_positive("the noise", noise)
    check_file(report)
    from virtuall.analysis.vpc import predictive_check
    from virtuall.analysis.vpc_bins import read_bins
    from virtuall.analysis.vpc_data import read_observations
    from virtuall.cli.library import open_library
    from virtuall.core.units import unit as read_unit

    shelf = open_library(library)
    shelf.protocol(protocol)
    shelf.cohort(cohort)
    from virtuall.model import load_system
    from virtuall.simulation.protocol import load_protocol

    text = load_protocol(protocol, library=library or ())
    model = load_system(library or ())
    measured, of_signal = signal_of(signal, text, model)
    how = None if bins is None else read_bins(bins, read_unit(time_unit).factor_to(read_unit("d")))
    seen = read_observations(
        data,
        unit=unit or of_signal,
        of_signal=of_signal,
        time_unit=time_unit,
        names=read_columns(column or ()),
        group=group,
        lloq=lloq,
        covariates=model.covariates,
    )
    protocols = _protocols(seen, text, shelf, library or [])
    from virtuall.store import check_memory

    check_memory(n * (len(seen.subjects) * _BYTES_OF_PATIENT + 4 * _BYTES_OF_VALUE * len(seen)))
    if unit is None:
        remark(f"The values are read in {of_signal}.")
    try:
        found = predictive_check(
            seen,
            protocols,
            cohort,
            measured,
            of_signal,
            name=data.name,
            replicates=n,
            seed=seed,
            bins=how,
            corrected=prediction_corrected,
            noise=noise,
            processes=processes,
            library=library or (),
            told=remark,
        )
    except KeyboardInterrupt:
        remark("Stopped: nothing was written.")
        raise typer.Exit(130) from None
    if report is not None:
        from virtuall.report.vpc_page import vpc_page

        write_text(report, vpc_page(found))
        remark(f"The page: {report}")
    if json:
        print_json(found.as_json() | {"notice": NOTICE})
        return
    from virtuall.report.vpc_table import vpc_table

    print(f"{vpc_table(found)}\n\n{NOTICE}")


def signal_of(name: str, protocol: Protocol, model: Model) -> tuple[str, str]:
    """A signal of the model and its unit, by its own name or by that of what the clinic measures. Raises InputError."""
    from virtuall.core.errors import InputError

    units = {each: str(model.system.units[each]) for each, _ in model.system.signals}
    observed = {each.name: each.signal for each in protocol.monitoring.observables}
    signal = name if name in units else observed.get(name, "")
    if signal not in units:
        raise InputError("no such signal", given=name, allowed=sorted({*units, *observed}))
    return signal, units[signal]


def read_columns(texts: Sequence[str]) -> dict[str, str]:
    """Names of columns from texts such as "id=patient". Raises InputError."""
    from virtuall.core.errors import InputError

    found = {}
    for each in texts:
        name, sign, called = each.partition("=")
        if not (name.strip() and sign and called.strip()):
            raise InputError("a column is named like id=patient", given=each)
        found[name.strip()] = called.strip()
    return found


def _protocols(seen: Observations, common: Protocol, shelf: Shelf, library: list[Path]) -> list[Protocol]:
    """The protocol of each subject."""
    from virtuall.simulation.protocol import load_protocol

    loaded = {"": common, common.name: common}
    for name in seen.protocol:
        if name not in loaded:
            shelf.protocol(name)
            loaded[name] = load_protocol(name, library=library)
    return [loaded[name] for name in seen.protocol]
