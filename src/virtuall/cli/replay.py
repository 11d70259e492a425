"""`virtuall replay`: a result's patients computed again from what was done to them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from virtuall.cli.options import JsonOption, LibraryOption, check_least
from virtuall.cli.output import NOTICE, frame_rows, frame_text, print_json
from virtuall.core.errors import InputError

if TYPE_CHECKING:
    from virtuall.simulation.replay import Replay
    from virtuall.simulation.result import Result

# What another machine may differ by; on the same one nothing differs.
CLOSE = 1e-9


def replay(
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="A result folder of `virtuall run`.")],
    patients: Annotated[str | None, typer.Option(metavar="ID,ID", help="Whom; everybody if left out.")] = None,
    n: Annotated[
        int | None, typer.Option("-n", "--n", metavar="N", help="So many, drawn at random, always the same.")
    ] = None,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Compute patients again from their realized orders.

    The model alone, without the clinic: each patient's numbers, and every order that really reached the model at its
    time. Signals and deaths are compared with the stored ones: the same bits on the same machine and versions. Ends
    with 1 when anything differs by more than 1e-9.
    """
    if patients is not None and n is not None:
        raise InputError("both --patients and -n are given", hint="name one of them")
    named = None if patients is None else _ids(patients)
    if n is not None:
        check_least("the number of patients", n, 1)
    from virtuall.cli.stored import stored_result
    from virtuall.simulation.replay import replay as replay_of

    stored = stored_result(result, library or ())
    done = replay_of(stored, named if n is None else _drawn(stored, n))
    same = done.worst <= CLOSE
    if json:
        print_json(_content(result, done))
    else:
        print(_text(stored, done))
    if not same:
        raise typer.Exit(1)


def _ids(text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise InputError("patients are named by whole numbers", given=text, hint="such as 1,2,5") from None


def _drawn(stored: Result, n: int) -> list[int]:
    import numpy as np

    from virtuall.core.random import uniform

    ids = stored.patients.ids
    chosen = np.argsort(uniform(stored.patients.seed, "replay", ids))[:n]
    return sorted(ids[chosen].tolist())


def _content(folder: Path, done: Replay) -> dict[str, Any]:
    return {
        "result": str(folder),
        "patients": done.patients,
        "identical": done.identical,
        "worst": done.worst,
        "signals": frame_rows(done.signals),
        "ends": frame_rows(done.ends),
        "notice": NOTICE,
    }


def _text(stored: Result, done: Replay) -> str:
    count, ends = len(done.patients), done.ends
    other = ends[~ends["identical"]]
    table = done.signals.assign(identical=done.signals["identical"].map({True: "yes", False: "no"}))
    if done.signals["identical"].all():
        table = table[["signal", "unit", "values", "identical"]]
    whose = f"{count} patient{'s' if count != 1 else ''} of {stored.patients.cohort} under {stored.protocol.name}"
    verdict = (
        "the same to the last bit."
        if done.identical
        else f"NOT the same bits; the largest relative difference is {done.worst:.2g}."
    )
    died, failed = ends["end"].str.startswith("death").sum(), (ends["end"] == "numerical failure").sum()
    parts = [
        f"{whose}, seed {stored.patients.seed}, computed again from their realized orders: {verdict}",
        frame_text(table) if len(table) else "The result has no signals; only the ends are compared.",
        f"Ends: {died} died, {failed} failed, {count - died - failed} were followed to the end;"
        f" {count - len(other)} of {count} the same to the last bit.",
    ]
    if len(other):
        parts.append(frame_text(other.drop(columns="identical")))
    return "\n\n".join([*parts, NOTICE])
