"""`virtuall explain`: a sourced fact sheet in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from virtuall.cli.options import AsOfOption, JsonOption, LibraryOption, check_least
from virtuall.cli.output import NOTICE, print_json

if TYPE_CHECKING:
    from virtuall.trial.scoring import TrialRow

# Lines of text are as wide as the terminal, within what can be read.
_NARROWEST, _WIDEST = 40, 100


def explain(
    name: Annotated[str, typer.Argument(help="A therapy or toxicity, or its trade name.")],
    as_of: AsOfOption = None,
    simulate: Annotated[
        int,
        typer.Option(metavar="R", help="Run R replicates of its trials, for simulated figures."),
    ] = 0,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Explain a therapy or toxicity in plain words.

    Every statement stands with its source, as known and approved on a day: today, or that of --as-of.
    """
    check_least("the replicates", simulate, 0)
    import shutil

    from virtuall.model.shelf import open_shelf
    from virtuall.report.explain import day_of, find_sheet, sheet_json, sheet_text

    shelf = open_shelf(library or ())
    day = day_of(as_of, shelf)
    sheet = find_sheet(name, shelf)
    simulated: dict[str, TrialRow] = {}
    if simulate:
        from virtuall.trial.run import run_trial

        for trial in dict.fromkeys(figures.trial for figures in sheet.figures_on(day)):
            if trial in shelf.trials:
                rows = run_trial(trial, seed=1, replicates=simulate, processes=1, library=library or ()).rows
                simulated |= {row.target: row for row in rows}
    if json:
        print_json(sheet_json(sheet, shelf, day, simulated) | {"notice": NOTICE})
    else:
        width = min(shutil.get_terminal_size((_WIDEST, 1)).columns, _WIDEST)
        print(sheet_text(sheet, shelf, day, simulated, width=max(width, _NARROWEST)) + f"\n\n{NOTICE}")
