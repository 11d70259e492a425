"""The marrow blasts of one replicate of a trial, day by day: the charts of a trial do not hold them.

Recording changes nobody's fate, so the patients are simulated once more, with that signal recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from virtuall.population.ensemble import sets_for
from virtuall.trial.design import Design
from virtuall.trial.run import ever_treated, patient_ids

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

SIGNAL = "marrow_blast_fraction"
_STEP = 7.0  # days: no trial looks at the marrow more often


def best_marrow_change(
    design: Design,
    outcomes: pd.DataFrame,
    seed: int,
    replicates: int,
    processes: int = 1,
    library: Sequence[Path | str] = (),
    *,
    parameters: str = "shipped",
) -> pd.Series:
    """Best change of the marrow blasts of each patient of the first replicate, by patient.

    Parameters
    ----------
    design : Design
    outcomes : pandas.DataFrame
        Patients of the first replicate as known at the data cut.
    seed, replicates, library, parameters
        As the trial was run.
    processes : int

    Returns
    -------
    pandas.Series
        By patient: the lowest share of blasts, week by week, within the window of response and before the next line of
        therapy, against the share at the start, less one; NaN for whom no week was seen.
    """
    import pandas as pd

    sets = {name: values[:1] for name, values in sets_for(parameters, seed, replicates, library).items()}
    times = np.arange(0.0, design.figures.response_by + _STEP / 2, _STEP)
    once = replace(design, recorded=times)
    known = outcomes.set_index("patient")
    parts = []
    for arm in design.arms:
        ids, shares = _course(once, arm.name, seed, processes, library, sets)
        rows = known.loc[ids]
        until = np.fmin(rows["follow_up"].to_numpy(float), rows["next_line_day"].to_numpy(float))
        parts.append(pd.Series(best_change(times, shares, until), index=ids))
    return pd.concat(parts)


def best_change(times: Floats, shares: Floats, until: Floats) -> Floats:
    """The lowest of the values after the first, up to a day, against the first, less one.

    Parameters
    ----------
    times : float64[T]
    shares : float64[N, T]
    until : float64[N]

    Returns
    -------
    float64[N]
        NaN where nothing was seen in time, or where the first value is 0.
    """
    seen = (times > 0) & (times <= until[:, None])
    lowest = np.where(seen & np.isfinite(shares), shares, np.inf).min(axis=1)
    usable = np.isfinite(lowest) & (shares[:, 0] > 0)
    return np.divide(lowest, shares[:, 0], out=np.full(len(shares), np.nan), where=usable) - 1


def _course(
    design: Design,
    name: str,
    seed: int,
    processes: int,
    library: Sequence[Path | str],
    sets: dict[str, Floats],
) -> tuple[NDArray[np.int64], Floats]:
    from virtuall.population import sample
    from virtuall.simulation.protocol import load_protocol
    from virtuall.simulation.simulate import simulate

    arm = next(each for each in design.arms if each.name == name)
    ids = patient_ids(design, arm, 1)
    own = {address: np.repeat(values, arm.size) for address, values in sets.items()}
    result = simulate(
        sample(arm.cohort, len(ids), seed, library=library, ids=ids, numbers=own),
        load_protocol(arm.protocol, library=library, scales=(*design.scales, *arm.scales), as_of=design.as_of),
        days=float(design.recorded[-1]),
        treated=ever_treated(arm, seed, ids),
        record=(SIGNAL,),
        times=design.recorded,
        chart="key",
        processes=processes,
    )
    signals = result.signals[SIGNAL].transpose("patient", "time")
    return np.asarray(signals["patient"].to_numpy(), np.int64), np.asarray(signals.to_numpy(), np.float64)
