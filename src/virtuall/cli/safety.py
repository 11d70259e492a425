"""`virtuall safety`: the side effects in a result, as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from virtuall.cli.options import JsonOption, LibraryOption
from virtuall.cli.output import NOTICE, print_json


def safety(
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="A result folder that `virtuall run` wrote.")],
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Tell the side effects in a result.

    Every effect as a share of the treated patients, of any grade and severe, in the first cycle and later; deaths by
    cause. Simulated.
    """
    from virtuall.cli.library import open_library
    from virtuall.report.safety_report import safety_report
    from virtuall.simulation.protocol import load_protocol
    from virtuall.store import read
    from virtuall.trial.reporting import safety_text

    open_library(library)
    text = safety_text(library or ())
    stored = read(result)
    run = stored.manifest.run
    products = load_protocol(run.protocol, library=library or ()).main_products
    found = safety_report(stored.outcomes, stored.events, text, products, stored.signals)
    if json:
        print_json(found.as_json() | {"seed": run.seed, "fingerprint": run.fingerprint, "notice": NOTICE})
        return
    from virtuall.report.safety_table import safety_table

    print(f"{safety_table(found)}\n\n{NOTICE}")
