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
from virtuall.trial.run import plan_arm

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

    from virtuall.simulation.simulate import simulate_together

    sets = {name: values[:1] for name, values in sets_for(parameters, seed, replicates, library).items()}
    times = np.arange(0.0, design.figures.response_by + _STEP / 2, _STEP)
    once = replace(design, recorded=times, horizon=float(times[-1]))
    known, lots = outcomes.set_index("patient"), np.zeros(1, np.int64)
    parts = []
    arms = [plan_arm(once, arm, seed, lots, library, names=(SIGNAL,), numbers=sets) for arm in once.arms]
    for result in simulate_together(arms, processes):
        signals = result.signals[SIGNAL].transpose("patient", "time")
        ids, shares = signals["patient"].to_numpy(), np.asarray(signals.to_numpy(), np.float64)
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
