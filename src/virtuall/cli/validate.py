"""`virtuall validate`: every published row of every trial beside its simulated counterpart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from virtuall.cli.options import ALL_CORES, JsonOption, LibraryOption, ProcessesOption, SeedOption, check_least
from virtuall.cli.output import NOTICE, print_json, remark, write_text
from virtuall.cli.trial import check_file

if TYPE_CHECKING:
    from virtuall.calibrate.validation_units import Finished


def validate(
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="This trial or check only; may be repeated.")
    ] = None,
    seed: SeedOption = 1,
    replicates: Annotated[int, typer.Option(metavar="R", help="How many trials of its size, of each trial.")] = 200,
    processes: ProcessesOption = ALL_CORES,
    parameters: Annotated[
        str, typer.Option(metavar="NAME", help="calibrated: a parameter set for each replicate; shipped: the texts'.")
    ] = "calibrated",
    rows: Annotated[bool, typer.Option("--rows", help="Print every row too.")] = False,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the page of the validation.")] = None,
    log: Annotated[Path | None, typer.Option(metavar="FILE", help="Append date, commit and score to FILE.")] = None,
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep finished trials here, and go on from those found.")
    ] = None,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Compare every trial of the library with what was published, and say what the model gets wrong.

    A published value lies inside when 95 % of virtual trials of the published size surround it. Each trial and family
    of endpoints has one vote; trials that were fitted to and trials never fitted are counted apart.
    """
    check_least("the seed", seed, 0)
    check_least("the replicates", replicates, 2)
    check_least("the processes", processes, 1)
    check_file(report)
    check_file(log)
    _check_folder(keep)
    from virtuall.calibrate.validation_log import append_log, check_log
    from virtuall.calibrate.validation_run import validate as run
    from virtuall.calibrate.validation_units import Settings
    from virtuall.cli.library import open_library
    from virtuall.core.errors import InputError

    if log is not None:
        check_log(log)
        if only:
            raise InputError("only a validation of all trials goes into the log", given=f"--only {' '.join(only)}")
    open_library(library)
    settings = Settings(seed, replicates, processes, parameters, tuple(library or ()))
    try:
        validation = run(settings, only or (), keep, _say)
    except KeyboardInterrupt:
        kept = "those done are kept" if keep is not None else "with --keep DIR the trials done would be kept"
        remark(f"Stopped; {kept}.")
        raise typer.Exit(130) from None
    if report is not None:
        from virtuall.report.validation_page import validation_page

        write_text(report, validation_page(validation))
        remark(f"The report: {report}")
    if log is not None:
        append_log(log, validation)
        remark(f"The log: {log}")
    if json:
        print_json(validation.as_json())
        return
    from virtuall.report.validation_table import validation_text

    print(validation_text(validation, rows))
    print(f"{replicates} replicates, seed {seed}, parameters: {parameters}.")
    print(NOTICE)


def _say(finished: Finished) -> None:
    how = "found" if finished.reused else f"{finished.seconds:.0f} s"
    failed = f", {finished.failed} failed" if finished.failed else ""
    remark(f"{finished.title}: {finished.patients:,} patients{failed} ({how})")


def _check_folder(folder: Path | None) -> None:
    """Refuse a file where a folder is asked for. Raises StoreError."""
    from virtuall.core.errors import StoreError

    if folder is not None and folder.exists() and not folder.is_dir():
        raise StoreError("the folder for finished trials is a file", given=str(folder))
