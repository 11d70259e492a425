"""`virtuall export`: the model for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from virtuall.cli.options import JsonOption, LibraryOption, SeedOption, check_least
from virtuall.cli.output import NOTICE, print_json, remark, write_text

DEFAULT_COHORT = "adult_relapsed"


def sbml(
    cohort: Annotated[str, typer.Option(metavar="C", help="The patient's cohort.")] = DEFAULT_COHORT,
    seed: SeedOption = 1,
    patient: Annotated[int, typer.Option("--id", metavar="I", help="Which patient, from 0.")] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write; standard output if left out.")
    ] = None,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Write one virtual patient's model as SBML.

    SBML Level 3 Version 2: the equations of the whole library with the patient's numbers. Nothing is given
    to the patient: what orders set is 0, and may be changed in the file.
    """
    check_least("the seed", seed, 0)
    check_least("the id", patient, 0)
    from virtuall.model.shelf import open_shelf

    open_shelf(library or ()).cohort(cohort)
    from virtuall.export.sbml import model_to_sbml
    from virtuall.model import load_system
    from virtuall.population import sample

    model = load_system(library or ())
    columns = sample(cohort, 1, seed, library=library or (), first=patient).columns
    known = {name: float(column[0]) for name, column in columns.items() if name in model.system.parameters}
    text = model_to_sbml(model, known)
    if out is not None:
        write_text(out, text)
    if json:
        about = {"cohort": cohort, "seed": seed, "patient": patient, "states": len(model.system.states)}
        print_json(about | ({"sbml": text} if out is None else {"file": str(out)}) | {"notice": NOTICE})
    elif out is None:
        print(text)
        remark(NOTICE)
    else:
        print(f"Patient {patient} of {cohort}, seed {seed}, {len(model.system.states)} states: {out}")
        print(NOTICE)
