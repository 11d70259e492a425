"""The state of many patients between two calls of a kernel: plain arrays, one row a patient."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Values of `Ensemble.status`.
FINE, STEP_TOO_SMALL, NOT_FINITE, TOO_MANY_STEPS = 0, 1, 2, 3
STATUS_TEXT = {
    FINE: "fine",
    STEP_TOO_SMALL: "the step became smaller than 1e-9 day",
    NOT_FINITE: "a state became infinite or not a number",
    TOO_MANY_STEPS: "more than 1,000,000 steps",
}
MOST_STEPS = 1_000_000


@dataclass(eq=False)
class Ensemble:
    """N patients with P parameters, S states, K clocks, F fixed columns; T record times of R signals.

    Read freely; change values through `Kernel.change` only. `thresholds` may be set at any time.

    Attributes
    ----------
    parameters : float64[N, P]
    now : float64[N]
        Day of each patient. After a failure: the last good time.
    y : float64[N, S]
        States at `now`.
    status : int32[N]
        0 fine, 1 step too small, 2 state not finite, 3 too many steps; see `STATUS_TEXT`.
    bad_state : int32[N]
        For a failed patient the index of the state at fault, else -1.
    ring : int32[N]
        Index of the clock that rang at `now`, else -1.
    thresholds : float64[N, K]
        A clock rings when its state reaches this; inf is silent.
    steps, rejected : int64[N]
        Steps taken and steps tried in vain.
    times : float64[T]
        Record grid (patient days).
    recorded : float64[N, T, R]
        Signals on the grid, NaN where not reached.
    recorded_names : tuple of str
    fixed : float64[N, F]
        Formulas of parameters alone, kept by the kernel.
    before, after, proposal : float64[N]
        Ends of the last step, and the length of the next one (0: not chosen yet).
    track : float64[N, 5, S]
        States at both ends of the last step and the three bends of its dense output.
    held : bool[N]
        The last try was rejected, so the next step may not grow.
    cursor : int64[N]
        Next record time.
    fresh : bool[N]
        Values were changed at `now`: the next step begins there, and nothing of the last step is kept.
    """

    parameters: Floats
    now: Floats
    y: Floats
    status: NDArray[np.int32]
    bad_state: NDArray[np.int32]
    ring: NDArray[np.int32]
    thresholds: Floats
    steps: Ints
    rejected: Ints
    fixed: Floats
    before: Floats
    after: Floats
    proposal: Floats
    track: Floats
    held: NDArray[np.bool_]
    cursor: Ints
    fresh: NDArray[np.bool_]
    times: Floats = field(default_factory=lambda: np.empty(0))
    recorded: Floats = field(default_factory=lambda: np.empty((0, 0, 0)))
    recorded_names: tuple[str, ...] = ()
    recorded_columns: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    def __len__(self) -> int:
        return len(self.now)


def make_ensemble(parameters: Floats, fixed: Floats, y: Floats, clocks: int, time: float) -> Ensemble:
    """Ensemble at its start: no step taken yet."""
    count, size = y.shape
    return Ensemble(
        parameters=parameters,
        now=np.full(count, float(time)),
        y=y,
        status=np.zeros(count, np.int32),
        bad_state=np.full(count, -1, np.int32),
        ring=np.full(count, -1, np.int32),
        thresholds=np.full((count, clocks), np.inf),
        steps=np.zeros(count, np.int64),
        rejected=np.zeros(count, np.int64),
        fixed=fixed,
        before=np.full(count, float(time)),
        after=np.full(count, float(time)),
        proposal=np.zeros(count),
        track=np.zeros((count, 5, size)),
        held=np.zeros(count, bool),
        cursor=np.zeros(count, np.int64),
        fresh=np.ones(count, bool),
        recorded=np.empty((count, 0, 0)),
    )
