"""Run a trial on virtual patients: every arm, every replicate, the data cut, and the published rows.

A replicate is one trial of the published size. All replicates of an arm are simulated as one population; a
patient's id is told by replicate and place in it, so replicate 7 of 20 and replicate 7 of 100 hold the same
patients with the same fates.

Who is never treated is drawn for each patient with the published chance. The published number itself, in
every replicate, would leave out what chance does to it in a trial of this size.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from virtuall.core.errors import InputError
from virtuall.core.random import uniform
from virtuall.core.records import OVER
from virtuall.model.shelf import Shelf, open_shelf
from virtuall.population.ensemble import sets_for
from virtuall.trial.accrual import accrual_days, confirmed, cut_data
from virtuall.trial.charted import during_treatment, with_first_response
from virtuall.trial.design import Arm, Design, load_design
from virtuall.trial.episodes import with_episodes
from virtuall.trial.mapping import Mapped, check_mapping, read_mapping
from virtuall.trial.published import Published, read_published
from virtuall.trial.reported import reported
from virtuall.trial.scoring import RESAMPLES, TrialRow, check_units, score_trial
from virtuall.trial.traced import SignalColumn

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from virtuall.simulation.protocol import Protocol
    from virtuall.simulation.simulate import Chart, Planned

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """The published rows of one folder and how they are computed."""

    published: tuple[Published, ...]
    mapped: Mapped


@dataclass(frozen=True)
class TrialResult:
    """A trial that was run.

    Attributes
    ----------
    design : Design
    seed, replicates : int
    rows : tuple of TrialRow
        Simulated beside published, in the order of publication; then those of `Design.also_scored`.
    outcomes : pandas.DataFrame
        One row a patient as known at the data cut, all replicates stacked, with ``replicate``, ``arm``,
        ``accrual_day``, ``cut_day`` and ``follow_up``.
    events : pandas.DataFrame
        The key entries of their charts; whole, not cut.
    failed : int
        Patients whose simulation ended with an error code; they stay in, censored where it ended.
    provenance : mapping
        By arm: versions, seed, cohort, protocol, fingerprint.
    mapped : Mapped
        How the trial's own rows are computed.
    library : tuple of Path
        The user's own library folders.
    parameters : "calibrated" or "shipped"
        Whether each replicate had a parameter set of the ensemble.
    """

    design: Design
    seed: int
    replicates: int
    rows: tuple[TrialRow, ...]
    outcomes: pd.DataFrame
    events: pd.DataFrame
    failed: int
    provenance: Mapping[str, Mapping[str, Any]]
    mapped: Mapped
    library: tuple[Path, ...] = ()
    parameters: str = "shipped"

    @property
    def patients(self) -> int:
        """Patients of all replicates together."""
        return len(self.outcomes)

    def as_json(self) -> dict[str, Any]:
        """The result with the keys promised for ``--json``."""
        return {
            "trial": self.design.name,
            "seed": self.seed,
            "replicates": self.replicates,
            "patients": self.patients,
            "failed": self.failed,
            "rows": [row.as_json() for row in self.rows],
        }


def run_trial(
    name: str,
    seed: int = 1,
    replicates: int = 100,
    processes: int = 2,
    library: Sequence[Path | str] = (),
    *,
    resamples: int = RESAMPLES,
    parameters: str = "calibrated",
) -> TrialResult:
    """Run a trial of the library.

    Parameters
    ----------
    name : str
        Folder under ``trials`` that holds a ``design.toml``.
    seed : int
    replicates : int
        How many trials of the published size.
    processes : int
        Does not change a bit of the result.
    library : sequence of Path
        The user's own library folders.
    resamples : int
        For the width that sampling alone would give; 0 leaves it out.
    parameters : "calibrated" or "shipped"
        A parameter set of the ensemble for each replicate, or the numbers of the texts in all of them.

    Raises
    ------
    InputError
        When the library has no such trial, or `replicates` is less than 1.
    Problems
        With every error in the texts of the trial.
    """
    if replicates < 1:
        raise InputError("a trial needs at least one replicate", given=replicates)
    design = load_design(name, library)
    tables = [read_rows(each, library) for each in (design.name, *design.also_scored)]
    sets = sets_for(parameters, seed, replicates, library)
    run = simulate_design(design, tables, seed, replicates, processes, library, numbers=sets)
    rows = [
        row
        for table in tables
        for row in score_trial(
            run.outcomes,
            run.charted,
            table.published,
            table.mapped,
            seed=seed,
            signals=run.signals,
            resamples=resamples,
        )
    ]
    return TrialResult(
        design=design,
        seed=seed,
        replicates=replicates,
        rows=tuple(rows),
        outcomes=run.outcomes,
        events=run.events,
        failed=int(np.count_nonzero(run.outcomes["status"])),
        provenance=run.provenance,
        mapped=tables[0].mapped,
        library=tuple(Path(each) for each in library),
        parameters="calibrated" if sets else "shipped",
    )


@dataclass(frozen=True, eq=False)
class Simulated:
    """All replicates of a design, as known at the data cut.

    Attributes
    ----------
    outcomes, events, provenance
        As of `TrialResult`.
    charted : pandas.DataFrame
        The entries that the trial counts.
    signals : xarray.Dataset or None
        What rows read.
    protocols : mapping of str to Protocol
        By arm.
    """

    outcomes: pd.DataFrame
    events: pd.DataFrame
    charted: pd.DataFrame
    signals: xr.Dataset | None
    protocols: Mapping[str, Protocol]
    provenance: Mapping[str, Mapping[str, Any]]


def simulate_design(
    design: Design,
    tables: Sequence[Rows],
    seed: int,
    replicates: int,
    processes: int = 1,
    library: Sequence[Path | str] = (),
    *,
    numbers: Mapping[str, NDArray[np.float64]] | None = None,
    lots: Ids | None = None,
    chart: Chart = "key",
) -> Simulated:
    """Simulate all arms of a design.

    Parameters
    ----------
    numbers : mapping of str to float64[R], optional
        Numbers of each replicate, by address (`virtuall.population.numbers`).
    lots : int64[R], optional
        The replicate whose luck each replicate has, by default its own.
    """
    from virtuall.simulation.simulate import simulate_together

    names = signals_read(tables)
    lots = np.arange(replicates, dtype=np.int64) if lots is None else lots
    planned = [
        plan_arm(design, arm, seed, lots, library, names=names, numbers=numbers, chart=chart) for arm in design.arms
    ]
    arms = list(simulate_together(planned, processes))
    whole, events = stacked(design, [arm.outcomes for arm in arms], [arm.events for arm in arms])
    patients = whole["patient"].to_numpy()
    draws = uniform(seed, "accrual", patients + (lots[patients // design.size] - patients // design.size) * design.size)
    known = cut_data(
        whole, draws, period=design.accrual, deaths=design.deaths, after=design.cut_after, latest=design.cut_latest
    )
    return Simulated(
        outcomes=known if design.maintained is None else confirmed(known, design.maintained),
        events=events,
        charted=counted_events(design, events, whole, tables, seed),
        signals=_together([arm.signals for arm in arms]) if names and design.recorded.size else None,
        protocols={arm.name: run.protocol for arm, run in zip(design.arms, arms, strict=True)},
        provenance={arm.name: run.provenance for arm, run in zip(design.arms, arms, strict=True)},
    )


def read_rows(folder: str, library: Sequence[Path | str] = ()) -> Rows:
    """Read and check the published rows of a folder under ``trials``, and how they are computed.

    Raises
    ------
    InputError, TextError, Problems
    """
    shelf = open_shelf(library)
    return _rows(shelf, folder, shelf.stamp())


@lru_cache(maxsize=64)
def _rows(shelf: Shelf, folder: str, stamp: Hashable) -> Rows:
    # Kept as long as no text changes: every replicate and every point of a fit asks for them.
    path = shelf.file(f"trials/{folder}/endpoints.toml")
    published, mapped = read_published(shelf.file(f"trials/{folder}/published.csv")), read_mapping(path)
    check_mapping(mapped, published, where=str(path))
    check_units(mapped, published)
    return Rows(published, mapped)


def patient_ids(design: Design, arm: Arm, replicates: int | Ids) -> Ids:
    """Ids of an arm's patients; replicates (so many, or these) follow each other, within each the arms in order."""
    first = sum(other.size for other in design.arms[: design.arms.index(arm)])
    places = np.arange(first, first + arm.size, dtype=np.int64)
    numbers = np.arange(replicates, dtype=np.int64) if isinstance(replicates, int) else replicates
    return (numbers[:, None] * design.size + places).ravel()


def ever_treated(arm: Arm, seed: int, ids: Ids) -> NDArray[np.bool_]:
    """Who gets at least one dose of the assigned therapy."""
    return np.asarray(uniform(seed, "never treated", ids) >= arm.never_treated)


def stacked(
    design: Design, outcomes: Sequence[pd.DataFrame], events: Sequence[pd.DataFrame]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The arms' outcomes and events under each other, with ``replicate`` (told by the id) and ``arm``."""
    import pandas as pd

    parts = [
        frame.assign(
            arm=arm.name,
            replicate=frame["patient"] // design.size,
            # Who dies before the first dose never got one.
            treated=frame["treated"].astype(bool) & (frame["cycles_started"] > 0),
        )
        for arm, frame in zip(design.arms, outcomes, strict=True)
    ]
    charts = [frame for frame in events if len(frame)] or list(events[:1])
    together, chart = pd.concat(parts, ignore_index=True), pd.concat(charts, ignore_index=True)
    return with_first_response(together, chart), chart


def counted_events(
    design: Design, events: pd.DataFrame, outcomes: pd.DataFrame, tables: Sequence[Rows], seed: int
) -> pd.DataFrame:
    """The entries that the trial counts: of the kinds that its rows read, reported, and within its window of time.

    Parameters
    ----------
    design : Design
    events : pandas.DataFrame
        Charts, whole.
    outcomes : pandas.DataFrame
        Before the cut, with unique ``patient`` and ``arm``.
    tables : sequence of Rows
    seed : int
        Of the draws that tell what is reported.
    """
    asked = with_episodes(events[events["kind"].isin({OVER, *_kinds(tables)})])
    arms = outcomes.set_index("patient")["arm"]
    told = reported(asked, arms, design.reports, seed)
    return during_treatment(told, outcomes, design.events_after, design.events_to_the_end)


def signals_read(tables: Sequence[Rows]) -> tuple[str, ...]:
    """The signals that rows read."""
    columns = [row.column for table in tables for row in table.mapped.rows]
    return tuple(dict.fromkeys(column.signal for column in columns if isinstance(column, SignalColumn)))


def _together(signals: Sequence[xr.Dataset]) -> xr.Dataset:
    import xarray as xr

    return xr.concat(list(signals), dim="patient", data_vars="minimal", coords="minimal")


def plan_arm(
    design: Design,
    arm: Arm,
    seed: int,
    lots: Ids,
    library: Sequence[Path | str] = (),
    *,
    names: Sequence[str] = (),
    numbers: Mapping[str, NDArray[np.float64]] | None = None,
    chart: Chart = "key",
) -> Planned:
    """One arm, to be simulated: a replicate for each of `lots`, which tell whose luck it has.

    Parameters
    ----------
    names : sequence of str
        Signals that are recorded at the times of the design.
    numbers : mapping of str to float64[R], optional
        Numbers of each replicate, by address.
    """
    from virtuall.population import sample
    from virtuall.simulation.protocol import load_protocol
    from virtuall.simulation.simulate import planned

    ids, luck = patient_ids(design, arm, len(lots)), patient_ids(design, arm, lots)
    own = {address: np.repeat(values, arm.size) for address, values in (numbers or {}).items()}
    scales = tuple(dict.fromkeys((*design.scales, *arm.scales)))
    patients = sample(
        arm.cohort, len(ids), seed, library=library, ids=ids, luck=luck, numbers=own, parameters="shipped"
    )
    protocol = load_protocol(arm.protocol, library=library, scales=scales, as_of=design.as_of)
    if arm.next_line is not None:
        policy, first = protocol.next_line, protocol.legs[0].regimen.product
        protocol = replace(protocol, next_line=replace(policy, after={**policy.after, first: arm.next_line}))
    return planned(
        patients,
        protocol,
        days=design.seen(accrual_days(uniform(seed, "accrual", luck), design.accrual)),
        treated=ever_treated(arm, seed, luck),
        record=names if design.recorded.size else (),
        times=design.recorded if names and design.recorded.size else None,
        chart=chart,
        realized=False,
    )


def _kinds(tables: Sequence[Rows]) -> set[str]:
    return {column.kind for table in tables for row in table.mapped.rows for column in row.events}
