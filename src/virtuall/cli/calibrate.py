"""`virtuall calibrate`: parameter sets from published trials."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from virtuall.cli.options import ALL_CORES, LibraryOption, ProcessesOption, SeedOption, check_least
from virtuall.cli.output import NOTICE, remark, write_text


def calibrate(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where points, ensemble and report are kept.")] = Path(
        "build/calibration"
    ),
    seed: SeedOption = 1,
    processes: ProcessesOption = ALL_CORES,
    resume: Annotated[bool, typer.Option("--resume", help="Go on behind the last finished batch in DIR.")] = False,
    smoke: Annotated[
        bool,
        typer.Option("--smoke", help="One small trial and a handful of points: shows that it runs, finds nothing."),
    ] = False,
    library: LibraryOption = None,
) -> None:
    """Fit the numbers of the budget to published trials and write an ensemble of parameter sets.

    Reads calibration/budget.toml of the library. Writes DIR/ensemble.csv and DIR/stamp.toml (copy them into the folder
    calibration of a library to use them), DIR/calibration.md and DIR/sensitivity.csv.
    """
    check_least("the seed", seed, 0)
    check_least("the processes", processes, 1)
    from virtuall.core.errors import StoreError

    if out.exists() and not out.is_dir():
        raise StoreError("the folder to write is a file", given=str(out))
    points = out / "points"
    if points.exists() and any(points.iterdir()) and not resume:
        raise StoreError(
            "the folder holds points of a calibration", given=str(out), hint="--resume goes on with it, or name another"
        )
    from virtuall.calibrate.ensemble_text import write_ensemble
    from virtuall.calibrate.fit import calibrate as fit
    from virtuall.calibrate.identifiability import sobol
    from virtuall.report.calibration_report import calibration_report, sensitivity_table

    start = time.monotonic()

    def told(line: str) -> None:
        remark(f"{time.monotonic() - start:6.0f} s  {line}")

    try:
        found = fit(points, seed=seed, processes=processes, library=library or (), smoke=smoke, told=told)
    except KeyboardInterrupt:
        remark(f"Stopped; finished batches are kept. Go on: virtuall calibrate --resume --out {out}")
        raise typer.Exit(130) from None
    paths = write_ensemble(found, out, library or ())
    sensitivity = [sobol(each, found.seed) for each in found.blocks]
    write_text(out / "calibration.md", calibration_report(found, sensitivity))
    write_text(out / "sensitivity.csv", sensitivity_table(found, sensitivity))
    for each in found.blocks:
        best, worst = each.distance.min(), each.distance.max()
        rows = len(each.surrogate.targets)
        print(f"{each.block.name}: {each.evaluated} points, {rows} rows, distance {best:.2f}-{worst:.2f}")
    print(f"{len(found.ensemble)} parameter sets: {paths[0]}")
    print(NOTICE)
