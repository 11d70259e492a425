"""`virtuall run`: a cohort under a protocol, into a result folder."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from virtuall.cli.domain import found_outside, say_outside
from virtuall.cli.label import OffLabelOption, day_of_rules, refuse_ages_off_label
from virtuall.cli.options import (
    AsOfOption,
    JsonOption,
    LibraryOption,
    ParametersOption,
    ProcessesOption,
    SeedOption,
    check_least,
    check_parameters,
    check_positive,
)
from virtuall.cli.output import NOTICE, frame_rows, print_json, remark
from virtuall.core.errors import VirtuallError

if TYPE_CHECKING:
    import pandas as pd

    from virtuall.model.shelf import Shelf
    from virtuall.simulation.protocol import Protocol
    from virtuall.store import Run

# Patients that are simulated, held in memory and written together. The results do not depend on it.
CHUNK = 2000
ScaleOption = Annotated[
    list[str] | None,
    typer.Option("--scale", metavar="S", help="Grade on this scale too, beside the clinic's own; may be repeated."),
]
# What a patient takes in memory beside the recorded signals: state, parameters, chart, the copies on the way.
_BYTES_OF_PATIENT = 60_000
_BYTES_OF_VALUE = 8
# The setting of a stored run that says where its patients' numbers come from.
PARAMETERS = "parameters"
# More signals than are recorded when nothing is said: the estimate is an upper one.
_SIGNALS = 20


@dataclass
class Tally:
    """What came out so far."""

    patients: int = 0
    failed: int = 0
    deaths: int = 0
    responses: Counter[str] = field(default_factory=Counter)
    infused: int | None = None  # with cells made for the patient; None where no cells are made


def run(
    protocol: Annotated[str, typer.Argument(help="Such as THERAPY/NAME; `virtuall list` names them.")],
    cohort: Annotated[str, typer.Option(metavar="C", help="Whom to treat; `virtuall list` names them.")],
    n: Annotated[int, typer.Option("-n", metavar="N", help="How many patients.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="A folder for the results: new, or empty.")],
    seed: SeedOption = 1,
    days: Annotated[
        float | None, typer.Option(metavar="D", help="How long to follow; else as the protocol says.")
    ] = None,
    processes: ProcessesOption = 1,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier result in DIR.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the interrupted run in DIR.")] = False,
    as_of: AsOfOption = None,
    off_label: OffLabelOption = False,
    scale: ScaleOption = None,
    parameters: ParametersOption = "calibrated",
    rules: Annotated[bool, typer.Option("--rules", help="Say which rules were followed, and by how many.")] = False,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Simulate a cohort under a protocol.

    What is finished lies in the folder at once and can be read while the run goes on.
    """
    check_least("the number of patients", n, 1)
    check_least("the seed", seed, 0)
    check_least("the processes", processes, 1)
    check_positive("the days", days)
    check_parameters(parameters)
    from virtuall.cli.library import open_library

    shelf = open_library(library)
    shelf.protocol(protocol)
    shelf.cohort(cohort)
    from virtuall.simulation.protocol import load_protocol

    text = load_protocol(protocol, library=library or (), scales=scale or (), as_of=day_of_rules(as_of, shelf))
    check_room(out, n, text, days)
    if not off_label:
        refuse_ages_off_label(shelf, text, cohort, n, seed, as_of, library or [])
    from virtuall.store import create
    from virtuall.store import resume as resume_run

    outside = say_outside(found_outside(cohort, n, seed, text, library or [], parameters))
    run = describe(shelf, text, cohort, n, seed, days, parameters)
    if resume:
        numbers: Sequence[int] = resume_run(out, run)
    else:
        create(out, run, force)
        numbers = range(run.chunk_count)
    tally = _run_chunks(out, run, numbers, text, days, processes, library or [])
    followed = _followed(out, text) if rules else None
    if json:
        counted = {} if followed is None else {"rules": frame_rows(followed)}
        print_json(_summary(out, run, tally) | {"outside": outside} | counted)
        return
    print(_sentences(out, run, tally))
    if followed is not None:
        from virtuall.report.rule_coverage import coverage_table

        print("\n" + coverage_table(followed), end="")


def describe(
    shelf: Shelf, protocol: Protocol, cohort: str, n: int, seed: int, days: float | None, parameters: str
) -> Run:
    """What decides the content of the result folder."""
    from importlib.metadata import version

    from virtuall.store import Run

    return Run(
        seed=seed,
        cohort=cohort,
        protocol=protocol.name,
        n=n,
        chunk_size=min(n, CHUNK),
        fingerprint=fingerprint(shelf),
        versions={name: version(name) for name in ("virtuall", "numpy", "llvmlite")},
        settings={
            "days": days,
            "scales": list(protocol.scales),
            "as_of": None if protocol.as_of is None else protocol.as_of.isoformat(),
            PARAMETERS: parameters,
        },
    )


def fingerprint(shelf: Shelf) -> str:
    """SHA-256 of every text of the library, with its name."""
    from virtuall.store.atomic import files_checksum

    return files_checksum(shelf.files.items())


def check_room(out: Path, n: int, protocol: Protocol, days: float | None) -> None:
    """Estimate memory and disk, and refuse a run that does not fit.

    Raises
    ------
    InputError
        When memory is short.
    StoreError
        When the disk is.
    """
    from virtuall.store import check_memory, check_space, estimate_bytes

    signals, times = recorded(protocol, days)
    check_space(out, estimate_bytes(n, signals, times))
    # Recorded values are held twice: as they come, and as they are written.
    check_memory(min(n, CHUNK) * (_BYTES_OF_PATIENT + 2 * _BYTES_OF_VALUE * signals * times))


def recorded(protocol: Protocol, days: float | None) -> tuple[int, int]:
    """How many signals are recorded, at how many times."""
    return _SIGNALS, int(protocol.follow_up if days is None else days) + 1


def _run_chunks(
    out: Path,
    run: Run,
    numbers: Sequence[int],
    protocol: Protocol,
    days: float | None,
    processes: int,
    library: list[Path],
) -> Tally:
    from virtuall.population import sample
    from virtuall.simulation.simulate import simulate
    from virtuall.store import close, read, read_manifest, write_chunk

    tally = Tally()
    if read_manifest(out).chunks:  # of the run that is resumed
        _count(tally, read(out, signals=False).outcomes)
    try:
        for number in numbers:
            ids = run.patients_of(number)
            patients = sample(
                run.cohort,
                len(ids),
                run.seed,
                library=library,
                first=ids.start,
                parameters=run.settings[PARAMETERS],
            )
            result = simulate(patients, protocol, days=days, processes=processes)
            write_chunk(out, number, result.outcomes, result.events, result.signals, result.realized)
            _count(tally, result.outcomes)
            if run.chunk_count > 1:
                remark(f"{number + 1} of {run.chunk_count} chunks written")
        close(out)
    except KeyboardInterrupt:
        close(out, "stopped")
        kept = read_manifest(out).finished_words()
        remark(f"Stopped: {kept}. The same command with --resume goes on.")
        raise typer.Exit(130) from None
    except VirtuallError:
        with contextlib.suppress(VirtuallError):  # a full disk cannot take this note either
            close(out, "failed")
        raise
    return tally


def _followed(out: Path, protocol: Protocol) -> pd.DataFrame:
    """Which rules of the protocol were followed in the stored charts."""
    from virtuall.report.rule_coverage import rule_coverage
    from virtuall.store import read

    return rule_coverage(read(out, signals=False).events, protocol.rules)


def _count(tally: Tally, outcomes: Any) -> None:
    from virtuall.report.cells_report import has_cells

    tally.patients += len(outcomes)
    tally.failed += int((outcomes["status"] != 0).sum())
    tally.deaths += int(outcomes["death_day"].notna().sum())
    tally.responses.update(outcomes["best_response"].astype(str))
    if has_cells(outcomes):
        tally.infused = (tally.infused or 0) + int(outcomes["infused_day"].notna().sum())


def _summary(out: Path, run: Run, tally: Tally) -> dict[str, Any]:
    return {
        "protocol": run.protocol,
        "cohort": run.cohort,
        "seed": run.seed,
        "parameters": run.settings[PARAMETERS],
        "out": str(out),
        "chunks": run.chunk_count,
        "patients": tally.patients,
        "failed": tally.failed,
        "deaths": tally.deaths,
        "best_response": dict(sorted(tally.responses.items())),
        **({} if tally.infused is None else {"infused": tally.infused}),
        "fingerprint": run.fingerprint,
        "notice": NOTICE,
    }


def _sentences(out: Path, run: Run, tally: Tally) -> str:
    responses = ", ".join(f"{name} {count}" for name, count in sorted(tally.responses.items()))
    cells = f"Infused with the cells made for them: {tally.infused}. Who was lost, and why: virtuall cells {out}"
    return "\n".join(
        [
            f"{tally.patients} patients of {run.cohort} under {run.protocol}, seed {run.seed}: {out}",
            f"Best response: {responses}. Died: {tally.deaths}. Simulation failed: {tally.failed}.",
            *([] if tally.infused is None else [cells]),
            f"One patient's story: virtuall patient {out} 0",
            NOTICE,
        ]
    )
