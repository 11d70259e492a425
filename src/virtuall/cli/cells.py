"""`virtuall cells`: what became of the patients for whom cells were to be made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from virtuall.cli.options import JsonOption, LibraryOption
from virtuall.cli.output import NOTICE, print_json, remark, write_text
from virtuall.cli.trial import check_file


def cells(
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="A result folder that `virtuall run` wrote.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the page of the report.")] = None,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Report manufactured cells.

    Of all enrolled and of those infused: remission and survival; who was lost on the way and why; how long it took.
    """
    check_file(out)
    from virtuall.cli.library import open_library
    from virtuall.report.cells_report import cells_report, has_cells
    from virtuall.store import read
    from virtuall.trial.reporting import cells_text

    open_library(library)
    text = cells_text(library or ())
    stored = read(result, signals=False)
    if has_cells(stored.outcomes):
        stored = read(result)
    found = cells_report(stored.outcomes, stored.events, text, stored.signals)
    if out is not None:
        from virtuall.report.cells_page import cells_page

        write_text(out, cells_page(found))
        remark(f"The page: {out}")
    if json:
        run = stored.manifest.run
        print_json(found.as_json() | {"seed": run.seed, "fingerprint": run.fingerprint, "notice": NOTICE})
        return
    from virtuall.report.cells_table import cells_table

    print(f"{cells_table(found)}\n{NOTICE}")
