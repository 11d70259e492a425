"""`virtuall patient`: one patient's story in sentences and one figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from virtuall.cli.domain import found_outside, say_outside
from virtuall.cli.label import OffLabelOption, refuse_ages_off_label
from virtuall.cli.options import (
    JsonOption,
    LibraryOption,
    ParametersOption,
    SeedOption,
    check_least,
    check_parameters,
    check_positive,
)
from virtuall.cli.output import NOTICE, frame_rows, print_json, write_text
from virtuall.core.errors import InputError, StoreError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@dataclass(frozen=True)
class One:
    """One patient: the row of the outcomes, the chart, the signals, and where all that came from."""

    outcome: dict[str, Any]
    events: pd.DataFrame
    signals: xr.Dataset | None
    facts: dict[str, str]
    outside: Sequence[str] = ()


def patient(
    where: Annotated[str, typer.Argument(metavar="RESULT|PROTOCOL", help="A result folder, or a protocol.")],
    number: Annotated[int | None, typer.Argument(metavar="[ID]", help="Which patient, from 0.")] = None,
    cohort: Annotated[str | None, typer.Option(metavar="C", help="With a protocol: the patient's cohort.")] = None,
    seed: SeedOption = 1,
    id_: Annotated[int | None, typer.Option("--id", metavar="I", help="The same as ID.")] = None,
    days: Annotated[float | None, typer.Option(metavar="D", help="With a protocol: how long to simulate.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where to write the page and the figure.")] = None,
    off_label: OffLabelOption = False,
    parameters: ParametersOption = "calibrated",
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Tell one patient's story.

    From a result folder, or simulated afresh under a protocol. The page and the figure are written into
    --out, or else into the result folder. A patient of a result has the parameters of that result.
    """
    check_parameters(parameters)
    chosen = _chosen(number, id_)
    is_result = (Path(where) / "manifest.json").is_file()
    if is_result:
        one = _stored(Path(where), chosen)
    elif cohort is None and Path(where).is_dir():
        raise StoreError("not a result folder: it has no manifest.json", where=where)
    else:
        one = _simulated(where, cohort, seed, chosen, days, library or [], off_label, parameters)
    from virtuall.report.patient_story import patient_story

    sentences = patient_story(one.outcome, one.events)
    folder = Path(where) if is_result else None
    files = _drawn(one, sentences, chosen, out, folder, library or [])
    if json:
        about = {"patient": chosen, **one.facts, "story": sentences, "outcome": one.outcome}
        print_json(about | {"events": frame_rows(one.events), "files": files, "outside": one.outside, "notice": NOTICE})
        return
    print("\n".join(sentences))
    print(f"\nThe page and the figure: {', '.join(files)}" if files else "\n--out DIR draws the figure too.")
    print(NOTICE)


def _chosen(number: int | None, id_: int | None) -> int:
    if number is not None and id_ is not None and number != id_:
        raise InputError("two patients are named", given=f"{number} and --id {id_}")
    chosen = number if number is not None else id_
    if chosen is None:
        raise InputError("which patient is not said", hint="name it: ID after the folder, or --id I")
    check_least("the id", chosen, 0)
    return chosen


def _stored(folder: Path, chosen: int) -> One:
    from virtuall.store import read

    stored = read(folder)
    ids = stored.outcomes["patient"]
    if not (ids == chosen).any():
        held = f"{ids.min()} to {ids.max()}"
        raise InputError("the result has no such patient", given=chosen, hint=f"it holds {held}")
    signals = stored.signals
    run = stored.manifest.run
    return One(
        outcome=_row(stored.outcomes[ids == chosen]),
        events=stored.events[stored.events["patient"] == chosen],
        signals=None if signals is None else signals.sel(patient=chosen),
        facts={"protocol": run.protocol, "cohort": run.cohort, "seed": str(run.seed)}
        | ({"parameters": str(run.settings["parameters"])} if "parameters" in run.settings else {}),
    )


def _simulated(
    protocol: str,
    cohort: str | None,
    seed: int,
    chosen: int,
    days: float | None,
    library: list[Path],
    off_label: bool,
    parameters: str,
) -> One:
    check_least("the seed", seed, 0)
    check_positive("the days", days)
    from virtuall.cli.library import open_library

    shelf = open_library(library)
    shelf.protocol(protocol)
    if cohort is None:
        allowed = tuple(shelf.cohorts)
        raise InputError("the patient's cohort is not said", allowed=allowed, hint="name it: --cohort C")
    shelf.cohort(cohort)
    from virtuall.population import sample
    from virtuall.simulation.protocol import load_protocol
    from virtuall.simulation.simulate import simulate

    text = load_protocol(protocol, library=library)
    if not off_label:
        refuse_ages_off_label(shelf, text, cohort, 1, seed, None, library, first=chosen)
    outside = say_outside(found_outside(cohort, 1, seed, text, library, parameters, first=chosen))
    patients = sample(cohort, 1, seed, library=library, first=chosen, parameters=parameters)
    result = simulate(patients, text, days=days)
    return One(
        outcome=_row(result.outcomes),
        events=result.events,
        signals=result.signals.isel(patient=0),
        facts={"protocol": protocol, "cohort": cohort, "seed": str(seed), "parameters": parameters},
        outside=outside,
    )


def _row(outcomes: pd.DataFrame) -> dict[str, Any]:
    return {str(name): value for name, value in outcomes.iloc[0].items()}


def _drawn(
    one: One, sentences: list[str], chosen: int, out: Path | None, folder: Path | None, library: list[Path]
) -> list[str]:
    """Write the page and the figure into `out`, or else the result folder; the files that were written."""
    if one.signals is None or (out is None and folder is None):
        return []
    from virtuall.cli.library import open_library
    from virtuall.report.patient_figure import patient_figure
    from virtuall.report.patient_page import patient_page
    from virtuall.report.patient_panels import panels_for

    title = f"Patient {chosen}"
    panels = panels_for(one.signals, open_library(library))
    figure = patient_figure(one.signals, one.events, title=title, panels=panels)
    contents = {
        f"patient-{chosen}.html": patient_page(title, sentences, figure, one.facts),
        f"patient-{chosen}.svg": figure,
    }
    if out is not None:
        if out.exists() and not out.is_dir():
            raise StoreError("the output folder is a file", given=str(out), hint="name a folder")
        for name, content in contents.items():
            write_text(out / name, content)
        return [str(out / name) for name in contents]
    from virtuall.store import write_file

    assert folder is not None
    return [str(write_file(folder, name, content)) for name, content in contents.items()]
