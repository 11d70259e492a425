"""`virtuall power`: how likely a trial of a design would have shown that its therapy works."""

from __future__ import annotations

from typing import Annotated

import typer

from virtuall.cli.options import ALL_CORES, JsonOption, LibraryOption, ProcessesOption, SeedOption, check_least
from virtuall.cli.output import NOTICE, print_json, remark


def power(
    name: Annotated[str, typer.Argument(metavar="TRIAL", help="The trial; `virtuall list` names them.")],
    replicates: Annotated[int, typer.Option(metavar="R", help="How many trials of each size.")] = 100,
    alpha: Annotated[float, typer.Option(metavar="A", help="Two-sided error over all looks.")] = 0.05,
    looks: Annotated[
        str, typer.Option(metavar="SHARES", help="Shares of the final number of deaths, such as 0.5,0.75,1.")
    ] = "1",
    boundary: Annotated[
        str, typer.Option(metavar="NAME", help="How the error is spent: obrien-fleming or pocock.")
    ] = "obrien-fleming",
    size: Annotated[
        list[int] | None,
        typer.Option("--size", metavar="N", help="Patients in all arms together, shared as in the design; repeatable."),
    ] = None,
    null: Annotated[
        float | None, typer.Option(metavar="P", help="Of a trial of one arm: the response rate to be excluded.")
    ] = None,
    futility: Annotated[
        float | None,
        typer.Option(metavar="X", help="Stop early at this hazard ratio or more (one arm: this response or less)."),
    ] = None,
    treated: Annotated[bool, typer.Option("--treated", help="Of a trial of one arm: count the treated only.")] = False,
    seed: SeedOption = 1,
    processes: ProcessesOption = ALL_CORES,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Tell the power of a trial by simulation.

    Trials of the design are simulated, cut at each look and tested: survival of two arms by the log-rank test, the
    response of a single arm by the exact binomial test. Told are the share of trials that show efficacy at each look,
    the deaths and the time they take, and how far their hazard ratios spread.
    """
    check_least("the seed", seed, 0)
    check_least("the replicates", replicates, 1)
    check_least("the processes", processes, 1)
    from virtuall.analysis.boundary import efficacy_bounds
    from virtuall.analysis.power import Plan, check_plan, trial_power
    from virtuall.cli.library import open_library
    from virtuall.trial.design import load_design

    open_library(library).trial(name)  # an unknown name is said before anything heavy is loaded
    plan = Plan(alpha, read_looks(looks), boundary, null, futility, treated)
    check_plan(plan, load_design(name, library or ()), size or (), replicates)
    efficacy_bounds(plan.looks, plan.alpha / 2, plan.boundary)
    try:
        found = trial_power(
            name,
            plan,
            sizes=size or (),
            seed=seed,
            replicates=replicates,
            processes=processes,
            library=library or (),
        )
    except KeyboardInterrupt:
        remark("Stopped: power is told only of all replicates; nothing was written.")
        raise typer.Exit(130) from None
    if json:
        print_json(found.as_json() | {"notice": NOTICE})
        return
    from virtuall.report.power_table import power_table

    print(f"{power_table(found)}\n\nSeed {seed}, {found.parameters} parameters.\n{NOTICE}")


def read_looks(text: str) -> tuple[float, ...]:
    """Shares from a text such as "0.5,0.75,1". Raises InputError."""
    from virtuall.core.errors import InputError

    try:
        return tuple(float(each) for each in text.split(","))
    except ValueError:
        raise InputError("looks are shares with commas between them, such as 0.5,0.75,1", given=text) from None
