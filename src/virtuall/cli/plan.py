"""`virtuall plan`: a protocol day by day, before anybody is treated."""

from __future__ import annotations

from typing import Annotated

import typer

from virtuall.cli.options import JsonOption, LibraryOption, check_positive
from virtuall.cli.output import NOTICE, frame_rows, frame_text, print_json


def plan(
    protocol: Annotated[str, typer.Argument(help="Such as THERAPY/NAME; `virtuall list` names them.")],
    weight: Annotated[float | None, typer.Option(metavar="KG", help="Body weight.")] = None,
    bsa: Annotated[float | None, typer.Option(metavar="M2", help="Body surface.")] = None,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Print a protocol day by day.

    What is ordered on which day, and by which rule, when nothing goes wrong.
    """
    check_positive("the weight", weight)
    check_positive("the body surface", bsa)
    from virtuall.simulation import load_protocol
    from virtuall.simulation.plan import plan as plan_of

    text = load_protocol(protocol, library=library or ())
    given = {"weight": weight, "bsa": bsa}
    table = plan_of(text, **{name: value for name, value in given.items() if value is not None})
    if json:
        print_json({"protocol": protocol, "title": text.title, "plan": frame_rows(table), "notice": NOTICE})
        return
    print(f"{text.title}\n\n{frame_text(table)}\n\n{NOTICE}")
