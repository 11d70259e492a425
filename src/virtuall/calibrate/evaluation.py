"""Published rows at points of the parameter space: each point is one trial of the published size, or several.

Points are simulated in batches, all points of a batch as one stacked population. A finished batch is a file; a run that
was cut off goes on behind the last one.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from virtuall.calibrate.budget import Block, Fitted, usable_rows
from virtuall.calibrate.texts_read import texts_read
from virtuall.core.errors import StoreError
from virtuall.store.atomic import checksum, replace_file
from virtuall.trial.design import load_design
from virtuall.trial.published import Published
from virtuall.trial.run import read_rows, simulate_design
from virtuall.trial.scoring import score_trial

Floats = NDArray[np.float64]
BATCH = 80


@dataclass(frozen=True)
class Target:
    """A row to be fitted: the published figure, how it is computed, and the family with which it shares one vote."""

    figure: Published
    endpoint: str
    family: str
    trial: str


@dataclass(frozen=True, eq=False)
class Points:
    """Evaluated points of a block.

    Attributes
    ----------
    places : float64[N, P]
        Standardized, in the order of the block's entries.
    values : float64[N, T]
        Computed rows in the published unit; NaN where a row could not be had.
    failed : float64[N]
        Share of patients whose simulation failed.
    """

    places: Floats
    values: Floats
    failed: Floats

    def __add__(self, other: Points) -> Points:
        return Points(*(np.concatenate(pair) for pair in zip(_parts(self), _parts(other), strict=True)))


def block_targets(block: Block, without: Sequence[str], library: Sequence[Path | str] = ()) -> tuple[Target, ...]:
    """The rows of a block that may be fitted (`usable_rows`)."""
    found = []
    for name, figure, row in usable_rows(block, without, library):
        computed = f"{row.endpoint} {row.options.get('of', '')}".strip()
        found.append(Target(figure, computed, f"{name} {figure.family} {row.endpoint}", name))
    return tuple(found)


def evaluate(
    block: Block,
    targets: Sequence[Target],
    fitted: Sequence[Fitted],
    places: Floats,
    folder: Path,
    *,
    seed: int,
    processes: int,
    library: Sequence[Path | str] = (),
    given: Mapping[str, Floats] | None = None,
    lots: NDArray[np.int64] | None = None,
    told: Callable[[str], None] = lambda line: None,
) -> Points:
    """Evaluate points, or read what is there of them.

    Parameters
    ----------
    targets : sequence of Target
        Rows to compute.
    places : float64[N, P]
    folder : Path
        Where finished batches lie.
    given : mapping of str to float64[N], optional
        Numbers of each point that earlier blocks found, by address.
    lots : int64[N], optional
        Whose luck each point has; points with the same lot are the same patients with other parameters.
    told : callable
        Gets one line after each batch.

    Raises
    ------
    StoreError
        When the folder holds batches of other points, or of other texts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = sorted(texts_read(block.trials, library).items())
    done: list[Points] = []
    for first in range(0, len(places), BATCH):
        these = slice(first, first + BATCH)
        own = np.arange(first, min(first + BATCH, len(places))) if lots is None else lots[these]
        numbers = {address: values[these] for address, values in (given or {}).items()}
        for column, entry in enumerate(fitted):
            numbers |= entry.values(places[these, column])
        rows, entries = [each.figure.target for each in targets], [each.name for each in fitted]
        what = repr((block, rows, entries, seed, sorted(numbers), texts)).encode()
        asked = checksum(what + own.tobytes() + b"".join(numbers[name].tobytes() for name in sorted(numbers)))
        path = folder / f"batch_{first // BATCH:03d}.npz"
        found = _read(path, asked)
        if found is None:
            found = _simulated(block, places[these], numbers, own, seed, processes, library, targets)
            _write(path, found, asked)
        done.append(found)
        failed = f", {np.count_nonzero(found.failed)} points with failed patients" if found.failed.any() else ""
        told(f"{folder.name}: {min(first + BATCH, len(places))} of {len(places)} points{failed}")
    whole = done[0]
    for each in done[1:]:
        whole = whole + each
    return whole


def _simulated(
    block: Block,
    places: Floats,
    numbers: Mapping[str, Floats],
    lots: NDArray[np.int64],
    seed: int,
    processes: int,
    library: Sequence[Path | str],
    targets: Sequence[Target],
) -> Points:
    values: dict[str, Sequence[float]] = {}
    failed, patients = np.zeros(len(places)), 0
    for name in block.trials:
        wanted = {each.figure.target for each in targets if each.trial == name}
        found, lost, size = _trial_values(name, block.arms, wanted, numbers, lots, seed, processes, library)
        values |= found
        failed += lost
        patients += size
    table = np.array([values[each.figure.target] for each in targets], np.float64).T
    return Points(places, table, failed / patients)


def _trial_values(
    name: str,
    arms: Sequence[str],
    wanted: Collection[str],
    numbers: Mapping[str, Floats],
    lots: NDArray[np.int64],
    seed: int,
    processes: int,
    library: Sequence[Path | str],
) -> tuple[dict[str, Sequence[float]], Floats, int]:
    """Values by target at each point, failed patients at each point, and patients at a point."""
    design = load_design(name, library)
    if arms:
        design = replace(design, arms=tuple(arm for arm in design.arms if arm.name in arms))
    tables = [read_rows(each, library) for each in (design.name, *design.also_scored)]
    run = simulate_design(design, tables, seed, len(lots), processes, library, numbers=numbers, lots=lots)
    values: dict[str, Sequence[float]] = {}
    for table in tables:
        # a pooled row too is computed from the patients of one point, and from all of them: no groups that mix points
        rows_of_all = tuple(replace(row, size=None, earliest=None) for row in table.mapped.rows)
        mapped = replace(table.mapped, rows=rows_of_all)
        usable = [each for each in table.published if each.target in wanted]
        rows = score_trial(run.outcomes, run.charted, usable, mapped, seed=seed, signals=run.signals, resamples=0)
        values |= {row.target: row.values or (np.nan,) * len(lots) for row in rows}
    status = run.outcomes["status"].to_numpy()
    lost = np.bincount(run.outcomes["replicate"].to_numpy()[status != 0], minlength=len(lots)).astype(np.float64)
    return values, lost, design.size


def _parts(points: Points) -> tuple[Floats, Floats, Floats]:
    return points.places, points.values, points.failed


def _write(path: Path, points: Points, asked: str) -> None:
    content = io.BytesIO()
    np.savez(content, places=points.places, values=points.values, failed=points.failed, asked=np.array(asked))
    replace_file(path, content.getvalue())


def _read(path: Path, asked: str) -> Points | None:
    if not path.exists():
        return None
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as held:
            if str(held["asked"]) != asked:
                raise StoreError(
                    "a batch of another calibration lies here", given=str(path), hint="name another folder"
                )
            return Points(held["places"], held["values"], held["failed"])
    except (ValueError, OSError, KeyError, BadZipFile) as error:
        raise StoreError("not a batch of a calibration", given=str(path), hint="remove it") from error
