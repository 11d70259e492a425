"""`virtuall trial`: a published trial on virtual patients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from virtuall.cli.domain import found_outside, say_outside
from virtuall.cli.options import (
    ALL_CORES,
    JsonOption,
    LibraryOption,
    ParametersOption,
    ProcessesOption,
    SeedOption,
    check_least,
    check_parameters,
)
from virtuall.cli.output import NOTICE, print_json, remark, write_text

if TYPE_CHECKING:
    from virtuall.trial.run import TrialResult


def trial(
    name: Annotated[str, typer.Argument(help="The trial; `virtuall list` names them.")],
    seed: SeedOption = 1,
    replicates: Annotated[int, typer.Option(metavar="R", help="How many trials of its size.")] = 100,
    processes: ProcessesOption = ALL_CORES,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the page of the trial.")] = None,
    parameters: ParametersOption = "calibrated",
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Run a trial, simulated beside published.

    Every replicate is a trial of the published size on virtual patients; each simulated figure is their mean
    with the range that holds 95 % of them. With calibrated parameters every replicate has a set of its own.
    """
    check_least("the seed", seed, 0)
    check_least("the replicates", replicates, 1)
    check_least("the processes", processes, 1)
    check_parameters(parameters)
    check_file(report)
    from virtuall.cli.library import open_library

    open_library(library).trial(name)  # an unknown name is said before anything heavy is loaded
    from virtuall.trial.run import run_trial

    outside = _outside(name, seed, library or [], parameters)
    try:
        result = run_trial(
            name, seed=seed, replicates=replicates, processes=processes, library=library or (), parameters=parameters
        )
        if report is not None:
            _write_report(report, result, seed, processes, library or [])
    except KeyboardInterrupt:
        remark("Stopped: a trial is kept only when it is whole; nothing was written.")
        raise typer.Exit(130) from None
    if json:
        print_json(result.as_json() | {"parameters": result.parameters, "outside": outside})
        return
    from virtuall.report.rows_table import rows_table

    print(rows_table(result.rows))
    print(f"{result.patients} patients in {replicates} replicates, seed {seed}; {result.failed} failed.")
    print(f"Parameters: {result.parameters}.")
    print(NOTICE)


def _outside(name: str, seed: int, library: list[Path], parameters: str) -> list[str]:
    """What of the arms no calibrated trial covers; said on standard error too."""
    from virtuall.simulation.protocol import load_protocol
    from virtuall.trial.design import load_design

    design = load_design(name, library)
    found: list[str] = []
    for arm in design.arms:
        protocol = load_protocol(arm.protocol, library=library, as_of=design.as_of)
        found += found_outside(arm.cohort, arm.size, seed, protocol, library, parameters)
    return say_outside(found)


def _write_report(report: Path, result: TrialResult, seed: int, processes: int, library: list[Path]) -> None:
    """Write the page, with one replicate in full and the checks of kinetics and effects that the library lists."""
    from virtuall.analysis.marrow import best_marrow_change
    from virtuall.report.one_trial import one_trial
    from virtuall.report.trial_page import trial_page
    from virtuall.trial.check_run import run_checks

    checks = run_checks(seed=seed, processes=processes, library=library)
    first = result.outcomes[result.outcomes["replicate"] == 0]
    marrow = best_marrow_change(
        result.design, first, seed, result.replicates, processes, library, parameters=result.parameters
    )
    write_text(report, trial_page(result, checks, one_trial(result, marrow)))
    remark(f"The report: {report}")


def check_file(path: Path | None) -> None:
    """Refuse a file that cannot be written, before the work and not after it. Raises StoreError."""
    from virtuall.core.errors import StoreError

    if path is None:
        return
    if path.is_dir():
        raise StoreError("the file to write is a folder", given=str(path), hint="name a file in it")
    place = path.absolute().parent
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise StoreError("the folder of the file to write is a file", given=str(place))
