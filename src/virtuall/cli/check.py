"""`virtuall check`: every text, every problem at once."""

from __future__ import annotations

import typer

from virtuall.cli.options import JsonOption, LibraryOption
from virtuall.cli.output import NOTICE, print_json


def check_texts(library: LibraryOption = None, json: JsonOption = False) -> None:
    """Check every text of the library.

    All problems are printed at once, each with file and line; the exit code is 1 when there are any.
    """
    from virtuall.model import check
    from virtuall.report.explain import CHECKERS as SHEETS
    from virtuall.report.patient_panels import PANELS, read_panels
    from virtuall.simulation.checkers import CHECKERS

    readers = {**CHECKERS, **SHEETS, PANELS: read_panels}
    problems = [str(problem) for problem in check(library or (), readers)]
    if json:
        print_json({"sound": not problems, "problems": problems, "notice": NOTICE})
    else:
        print("\n".join(problems) if problems else "All texts are sound.")
        if problems:
            print(f"\n{len(problems)} problem{'s' if len(problems) > 1 else ''}.")
    if problems:
        raise typer.Exit(1)
