"""`virtuall plan`: a protocol day by day, before anybody is treated."""

from __future__ import annotations

from typing import Annotated

import typer

from virtuall.cli.options import JsonOption, LibraryOption, check_positive
from virtuall.cli.output import NOTICE, frame_rows, frame_text, print_json


def plan(
    protocol: Annotated[str, typer.Argument(help="Such as THERAPY/NAME; `virtuall list` names them.")],
    weight: Annotated[float, typer.Option(metavar="KG", help="Body weight.")] = 70.0,
    bsa: Annotated[
        float | None, typer.Option(metavar="M2", help="Body surface; needed where a dose goes by it.")
    ] = None,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Print a protocol day by day.

    What is ordered on which day, and by which rule, when nothing goes wrong.
    """
    check_positive("the weight", weight)
    check_positive("the body surface", bsa)
    from virtuall.cli.library import open_library

    open_library(library).protocol(protocol)
    from virtuall.simulation.plan import plan as plan_of
    from virtuall.simulation.protocol import load_protocol

    text = load_protocol(protocol, library=library or ())
    table = plan_of(text, weight=weight, bsa=bsa)
    if json:
        about = {"protocol": protocol, "title": text.title, "weight": weight, "bsa": bsa}
        print_json(about | {"plan": frame_rows(table), "notice": NOTICE})
        return
    size = f"{weight:g} kg" if bsa is None else f"{weight:g} kg, {bsa:g} m2"
    print(f"{text.title}, {size}\n\n{frame_text(table)}\n\n{NOTICE}")
