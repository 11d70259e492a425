"""The command `virtuall`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from virtuall.cli import (
    calibrate,
    cells,
    check,
    compare,
    eligible,
    explain,
    explore,
    export,
    exposure_response,
    grade,
    listing,
    patient,
    plan,
    power,
    replay,
    run,
    safety,
    sbml,
    trial,
    validate,
    vpc,
)
from virtuall.cli.output import NOTICE, remark
from virtuall.core.errors import VirtuallError

app = typer.Typer(
    name="virtuall",
    help="A virtual clinic for immunotherapy of B-cell acute lymphocytic leukemia. " + NOTICE,
    epilog=NOTICE,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # loading rich would double the time to the first line
)
export_app = typer.Typer(
    help="Hand the model to other tools. " + NOTICE,
    epilog=NOTICE,
    no_args_is_help=True,
    rich_markup_mode=None,
)
sbml_app = typer.Typer(
    help="Run models of other people. " + NOTICE,
    epilog=NOTICE,
    no_args_is_help=True,
    rich_markup_mode=None,
)

for _name, _function in (
    ("run", run.run),
    ("plan", plan.plan),
    ("patient", patient.patient),
    ("replay", replay.replay),
    ("trial", trial.trial),
    ("validate", validate.validate),
    ("calibrate", calibrate.calibrate),
    ("compare", compare.compare),
    ("power", power.power),
    ("explore", explore.explore),
    ("exposure-response", exposure_response.exposure_response),
    ("vpc", vpc.vpc),
    ("cells", cells.cells),
    ("safety", safety.safety),
    ("eligible", eligible.eligible),
    ("grade", grade.grade),
    ("explain", explain.explain),
    ("list", listing.list_names),
    ("check", check.check_texts),
):
    app.command(_name, epilog=NOTICE)(_function)
export_app.command("sbml", epilog=NOTICE)(export.sbml)
export_app.command("adam", epilog=NOTICE)(export.adam)
app.add_typer(export_app, name="export")
sbml_app.command("simulate", epilog=NOTICE)(sbml.simulate)
sbml_app.command("suite", epilog=NOTICE)(sbml.suite)
app.add_typer(sbml_app, name="sbml")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"virtuall {version('virtuall')}")
        raise typer.Exit


@app.callback()
def _whole(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit: 0 done, 1 a check failed, 2 not possible as asked, 130 Ctrl-C.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those that the process was called with.
    """
    try:
        app(args=None if arguments is None else list(arguments), prog_name="virtuall")
    except VirtuallError as error:
        remark(f"Error: {error}")
        sys.exit(2)
