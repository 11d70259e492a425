"""`virtuall export`: the model, and simulated data, for other tools."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from virtuall.cli.options import JsonOption, LibraryOption, ProcessesOption, check_least, check_positive
from virtuall.cli.output import NOTICE, print_json, remark, write_text
from virtuall.core.errors import InputError, StoreError

if TYPE_CHECKING:
    from virtuall.export.adam import Adam
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


def adam(
    out: Annotated[Path, typer.Option(metavar="DIR", help="A folder for the datasets: new, or empty.")],
    result: Annotated[
        Path | None, typer.Argument(metavar="RESULT", help="A result folder that `virtuall run` wrote.")
    ] = None,
    trial: Annotated[
        str | None, typer.Option(metavar="NAME", help="Instead of a result: simulate this trial once, all its arms.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="S", help=f"With --trial: the seed; {DEFAULT_SEED} if left out.")
    ] = None,
    response_by: Annotated[
        float | None,
        typer.Option(metavar="D", help="With a result: remission within so many days; a trial states its own."),
    ] = None,
    processes: ProcessesOption = 1,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Write simulated patients as analysis datasets of the CDISC standard ADaM.

    ADSL, ADAE, ADTTE, ADLB, ADEX and ADRS, each as CSV, Parquet and SAS transport file (version 5); define.json says
    what every variable is. Simulated data: every dataset and every record says so, and the dates are fictitious.
    """
    if (result is None) == (trial is None):
        raise InputError("either a result folder or --trial is exported", hint="give one of the two")
    if result is not None and seed is not None:
        raise InputError("the result decides the seed", given=seed, hint="leave --seed out")
    if trial is not None and response_by is not None:
        raise InputError("the trial states its own window of remission", hint="leave --response-by out")
    check_least("the seed", seed or 0, 0)
    check_least("the processes", processes, 1)
    check_positive("the window of remission", response_by)
    from virtuall.cli.library import open_library

    shelf = open_library(library)
    if result is not None:
        _check_finished(result)
    else:
        shelf.trial(str(trial))
    from virtuall.export.adam import adam as datasets_of
    from virtuall.export.adam_files import write_adam
    from virtuall.export.adam_study import study_of_run, study_of_trial
    from virtuall.export.adam_text import adam_text
    from virtuall.store import open_folder

    _check_empty(out)
    text = adam_text(library or ())
    if result is not None:
        from virtuall.cli.stored import stored_result

        study = study_of_run(stored_result(result, library or (), signals=False), text, response_by)
        open_folder(out)
    else:
        open_folder(out)
        study = study_of_trial(str(trial), DEFAULT_SEED if seed is None else seed, text, library or (), processes)
    content = datasets_of(study)
    write_adam(content, out)
    if json:
        print_json(_adam_summary(content, out))
    else:
        print(_adam_sentences(content, out))
        print(NOTICE)


def _check_empty(folder: Path) -> None:
    """Refuse a folder that holds anything: nothing is replaced here. Raises StoreError."""
    if folder.is_dir() and any(folder.iterdir()):
        raise StoreError("the output folder is not empty", given=str(folder), hint="choose another, or empty it")


def _check_finished(folder: Path) -> None:
    """Refuse a run that lacks patients: who is not there yet would be missing in silence. Raises StoreError."""
    from virtuall.store import read_manifest

    if not folder.is_dir():
        raise StoreError("there is no such result folder", given=str(folder), hint="`virtuall run` writes one")
    manifest = read_manifest(folder)
    if manifest.missing():
        raise StoreError(
            f"the run is not finished: {len(manifest.missing())} of {manifest.run.chunk_count} chunks are missing",
            where=str(folder),
            hint="end it first: the same `virtuall run` with --resume",
        )


def _adam_summary(content: Adam, out: Path) -> dict[str, Any]:
    return {
        "study": content.study.identifier,
        "about": content.study.about,
        "seed": content.study.seed,
        "out": str(out),
        "records": {each.name: len(each.frame) for each in content.datasets},
        "left_out_results": list(content.left_out),
        "notice": NOTICE,
    }


def _adam_sentences(content: Adam, out: Path) -> str:
    from virtuall.export.adam import title

    lines = [f"{content.study.identifier}: {content.study.about}"]
    lines += [f"{each.name:<6}{len(each.frame):>8} records  {title(each)}" for each in content.datasets]
    if content.left_out:
        lines.append(f"Results of the charts in no dataset: {', '.join(content.left_out)}.")
    lines.append(f"As CSV, Parquet and SAS transport files, with define.json and define.csv: {out}")
    return "\n".join(lines)


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
