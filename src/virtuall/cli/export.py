"""`virtuall export`: the model for other tools."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from virtuall.cli.options import JsonOption, LibraryOption, check_least, check_positive
from virtuall.cli.output import NOTICE, print_json, remark, write_text
from virtuall.core.errors import InputError, StoreError

if TYPE_CHECKING:
    from virtuall.simulation.result import Result

DEFAULT_COHORT, DEFAULT_SEED = "adult_relapsed", 1


def sbml(
    patient: Annotated[int, typer.Option("--patient", "--id", metavar="I", help="Which patient, from 0.")] = 0,
    result: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A result folder: the patient as treated there.")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(metavar="P", help="Without a result: treat the patient under this protocol.")
    ] = None,
    cohort: Annotated[
        str | None, typer.Option(metavar="C", help=f"Without a result: the cohort; {DEFAULT_COHORT} if left out.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="S", help=f"Without a result: the seed; {DEFAULT_SEED} if left out.")
    ] = None,
    days: Annotated[float | None, typer.Option(metavar="D", help="With --protocol: how long to follow.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write; standard output if left out.")
    ] = None,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Write one virtual patient's model as SBML.

    SBML Level 3 Version 2: the equations of the whole library with the patient's numbers. With --result or
    --protocol every order that really reached the patient's model is an event at its time, so that another program
    computes the same course. Without them nothing is given to the patient: what orders set is 0, and may be changed
    in the file.
    """
    check_least("the id", patient, 0)
    check_positive("the days", days)
    if out is not None and out.is_dir():
        raise StoreError("the file to write is a folder", given=str(out), hint="name a file in it")
    if result is not None:
        for option, value in (("protocol", protocol), ("cohort", cohort), ("seed", seed), ("days", days)):
            if value is not None:
                raise InputError(f"the result decides the {option}", given=value, hint=f"leave --{option} out")
        from virtuall.cli.stored import stored_result

        text, about = _treated(stored_result(result, library or (), signals=False), patient)
    else:
        cohort, seed = cohort or DEFAULT_COHORT, DEFAULT_SEED if seed is None else seed
        check_least("the seed", seed, 0)
        from virtuall.cli.library import open_library

        shelf = open_library(library)
        shelf.cohort(cohort)
        if protocol is None:
            if days is not None:
                raise InputError("--days needs a protocol", hint="name it: --protocol P")
            text, about = _untreated(cohort, seed, patient, library or ())
        else:
            shelf.protocol(protocol)
            text, about = _treated(_simulated(cohort, protocol, seed, patient, days, library or ()), patient)
    if out is not None:
        write_text(out, text)
    if json:
        print_json(about | ({"sbml": text} if out is None else {"file": str(out)}) | {"notice": NOTICE})
    elif out is None:
        print(text)
        remark(NOTICE)
    else:
        print(_sentence(about, out))
        print(NOTICE)


def _untreated(cohort: str, seed: int, patient: int, library: Sequence[Path]) -> tuple[str, dict[str, Any]]:
    from virtuall.export.sbml import model_to_sbml
    from virtuall.model import load_system
    from virtuall.population import sample

    model = load_system(library)
    columns = sample(cohort, 1, seed, library=library, first=patient).columns
    known = {name: float(column[0]) for name, column in columns.items() if name in model.system.parameters}
    about = {"cohort": cohort, "seed": seed, "patient": patient, "states": len(model.system.states)}
    return model_to_sbml(model, known), about


def _treated(result: Result, patient: int) -> tuple[str, dict[str, Any]]:
    from virtuall.export.patient import patient_changes, patient_to_sbml
    from virtuall.model import load_system

    text, model = patient_to_sbml(result, patient), load_system(result.protocol.library)
    days = {change.time for change in patient_changes(result, patient, model)}
    outcome = result.outcomes[result.outcomes["patient"] == patient].iloc[0]
    return text, {
        "cohort": result.patients.cohort,
        "seed": result.patients.seed,
        "patient": patient,
        "states": len(model.system.states),
        "protocol": result.protocol.name,
        "treated": bool(outcome["treated"]),
        "moments": len(days),
        "last_day": float(outcome["last_day"]),
    }


def _simulated(
    cohort: str, protocol: str, seed: int, patient: int, days: float | None, library: Sequence[Path]
) -> Result:
    from virtuall.population import sample
    from virtuall.simulation.protocol import load_protocol
    from virtuall.simulation.simulate import simulate

    one = sample(cohort, 1, seed, library=library, first=patient)
    return simulate(one, load_protocol(protocol, library=library), days=days, record=())


def _sentence(about: dict[str, Any], out: Path) -> str:
    who = f"Patient {about['patient']} of {about['cohort']}, seed {about['seed']}"
    if "protocol" not in about:
        return f"{who}, {about['states']} states, untreated: {out}"
    never = "" if about["treated"] else " (never treated by it)"
    done = f"{about['moments']} moments at which the model was changed"
    under = f"{about['states']} states, under {about['protocol']}{never}"
    return f"{who}, {under}, {done}, to day {about['last_day']:g}: {out}"
