"""The estimates of `virtuall.trial.survival` by lifelines, to compare with: an independent hand."""

from __future__ import annotations

from numpy.typing import ArrayLike


def judged_median(time: ArrayLike, event: ArrayLike) -> float:
    """Median by ``lifelines.KaplanMeierFitter`` in days; NaN when not reached."""
    import numpy as np
    from lifelines import KaplanMeierFitter

    median = float(KaplanMeierFitter().fit(np.asarray(time), np.asarray(event)).median_survival_time_)
    return median if np.isfinite(median) else np.nan


def judged_survival_at(time: ArrayLike, event: ArrayLike, day: float) -> float:
    """Share without the event at `day` by ``lifelines.KaplanMeierFitter``."""
    import numpy as np
    from lifelines import KaplanMeierFitter

    return float(KaplanMeierFitter().fit(np.asarray(time), np.asarray(event)).predict(day))


def judged_hazard_ratio(time: ArrayLike, event: ArrayLike, member: ArrayLike) -> float:
    """Hazard ratio by ``lifelines.CoxPHFitter`` (Efron's rule for equal times)."""
    import numpy as np
    import pandas as pd
    from lifelines import CoxPHFitter

    frame = pd.DataFrame(
        {
            "time": np.asarray(time, float),
            "event": np.asarray(event, bool),
            "member": np.asarray(member, float),
        }
    )
    fit = CoxPHFitter().fit(frame, "time", "event", fit_options={"precision": 1e-9})
    return float(fit.hazard_ratios_["member"])
