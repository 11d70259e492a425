"""Run the visual predictive checks: signals of simulated cohorts for comparison with measured ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from virtuall.core.errors import InputError
from virtuall.model.shelf import open_shelf
from virtuall.trial.check_design import CheckDesign, read_check
from virtuall.trial.design import Arm
from virtuall.trial.exposure import exposure
from virtuall.trial.mapping import Mapped
from virtuall.trial.published import Published
from virtuall.trial.run import read_rows
from virtuall.trial.scoring import TrialRow, score_trial
from virtuall.trial.traced import SignalColumn

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class CheckResult:
    """A check that was run.

    Attributes
    ----------
    design : CheckDesign
    rows : tuple of TrialRow
        Simulated groups of the stated size beside the published figures.
    signals : mapping of str to xarray.Dataset
        By arm, over patient and time (days).
    published : tuple of Published
    mapped : Mapped
    """

    design: CheckDesign
    rows: tuple[TrialRow, ...]
    signals: Mapping[str, xr.Dataset]
    published: tuple[Published, ...]
    mapped: Mapped


def run_checks(
    seed: int = 1, n: int = 300, processes: int = 1, library: Sequence[Path | str] = ()
) -> tuple[CheckResult, ...]:
    """Run every check of the library.

    Parameters
    ----------
    seed : int
    n : int
        Patients in each arm; rounded down to whole groups, one at least.
    processes : int
        Does not change a bit of the result.
    library : sequence of Path
        The user's own library folders.

    Raises
    ------
    InputError
        When `n` is less than 1.
    Problems
        With every error in the texts of a check.
    """
    if n < 1:
        raise InputError("a check needs at least one patient", given=n)
    texts = open_shelf(library).matching("trials/*/check.toml").values()
    return tuple(run_check(read_check(path), seed, n, processes, library) for path in texts)


def run_check(
    design: CheckDesign, seed: int, n: int, processes: int = 1, library: Sequence[Path | str] = ()
) -> CheckResult:
    """Run one check; parameters as in `run_checks`."""
    import pandas as pd
    import xarray as xr

    rows = read_rows(design.name, library)
    names = _signals(design, rows.mapped)
    outcomes: list[pd.DataFrame] = []
    events: list[pd.DataFrame] = []
    signals: dict[str, xr.Dataset] = {}
    for place, arm in enumerate(design.arms):
        result = _simulate_arm(design, arm, names, seed, n, processes, library)
        ids = result.outcomes["patient"].to_numpy()
        # The same patients in every arm, told apart by id where they are scored together.
        shift = place * len(ids)
        frame = result.outcomes.assign(arm=arm.name, replicate=ids // arm.size, patient=ids + shift)
        outcomes.append(frame.assign(**_exposure(design, result)) if design.exposure else frame)
        if len(result.events) or not events:  # nothing beside something would blur the types
            events.append(result.events.assign(patient=result.events["patient"] + shift))
        signals[arm.name] = result.signals
    together = xr.concat(list(signals.values()), dim="patient", data_vars="minimal", coords="minimal")
    scored = score_trial(
        pd.concat(outcomes, ignore_index=True),
        pd.concat(events, ignore_index=True),
        rows.published,
        rows.mapped,
        seed=seed,
        signals=together,
    )
    return CheckResult(design, scored, signals, rows.published, rows.mapped)


def _simulate_arm(
    design: CheckDesign,
    arm: Arm,
    names: Sequence[str],
    seed: int,
    n: int,
    processes: int,
    library: Sequence[Path | str],
) -> Any:
    from virtuall.population import sample
    from virtuall.simulation.protocol import load_protocol
    from virtuall.simulation.simulate import simulate

    return simulate(
        sample(arm.cohort, max(n // arm.size, 1) * arm.size, seed, library=library),
        load_protocol(arm.protocol, library=library),
        days=float(design.times[-1]),
        record=names,
        times=design.times,
        chart="key",
        processes=processes,
        realized=False,
    )


def _signals(design: CheckDesign, mapped: Mapped) -> tuple[str, ...]:
    read = [row.column.signal for row in mapped.rows if isinstance(row.column, SignalColumn)]
    known = [design.exposure] if design.exposure else []
    return tuple(dict.fromkeys([*design.signals, *read, *known]))


def _exposure(design: CheckDesign, result: Any) -> dict[str, Any]:
    """Clearance, volume and half-life from the concentration under the regimen's first step."""
    regimen, trace = result.protocol.regimen, result.signals[design.exposure]
    cycle, columns = regimen.cycles[0], result.outcomes
    weight, bsa = columns["weight"].to_numpy(float), columns["bsa"].to_numpy(float)
    as_planned = np.zeros(len(columns))
    rate = regimen.levels[cycle.steps[0].levels[0]].given(weight, bsa, regimen.light_below, as_planned)
    return dict(
        exposure(
            result.signals["time"].to_numpy(),
            trace.transpose("patient", "time").to_numpy(),
            np.asarray(rate),
            regimen.start + cycle.infusion,
            (design.rate_unit, str(trace.attrs["units"])),
        )
    )
