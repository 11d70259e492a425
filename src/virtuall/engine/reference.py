"""The NumPy back end: the plain statement of the algorithm, all patients of a call at once.

The compiled back end does the same operations in the same order, so both give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from virtuall.engine import rosenbrock as method
from virtuall.engine.blueprint import Blueprint
from virtuall.engine.ensemble import (
    MOST_STEPS,
    NOT_FINITE,
    STEP_TOO_SMALL,
    TOO_MANY_STEPS,
    Ensemble,
    Floats,
    Ints,
)
from virtuall.engine.program import Columns, run_on_columns
from virtuall.engine.tableau import GAMMA, NODES, STAGES, A, C, D, H

Loader = Callable[[int], Floats]
_HALVINGS = 64


class ReferenceBackend:
    """Moves patients with NumPy. Slow for few patients, readable, and an oracle for the compiled back end."""

    def __init__(self, blueprint: Blueprint, rtol: float) -> None:
        self.blueprint = blueprint
        self.rtol = rtol
        system = blueprint.system
        self.scales = tolerance_scales(blueprint)
        self.is_amount, self.floors = blueprint.is_amount, blueprint.floors
        self.clocks = [system.states.index(clock) for clock in system.clocks]

    def advance(self, ens: Ensemble, index: Ints, stop: Floats) -> None:
        """Move each patient of `index` to its stop (float64[N]) or its first ring."""
        ens.ring[index] = -1
        left = index[ens.status[index] == 0]
        self._restart(ens, left[ens.fresh[left]])
        with np.errstate(all="ignore"):
            while left.size:
                left = left[~self.deliver(ens, left, stop)]
                if left.size:
                    self._take_step(ens, left)
                left = left[ens.status[left] == 0]

    def read(self, ens: Ensemble, index: Ints, columns: Ints) -> Floats:
        """States and signals at `now`: float64[len(index), len(columns)]."""
        return self.signals_of(ens, index, ens.now[index], ens.y[index])[:, columns]

    @staticmethod
    def _restart(ens: Ensemble, rows: Ints) -> None:
        """Begin anew at `now` after a change."""
        ens.fresh[rows] = False
        ens.before[rows] = ens.after[rows] = ens.now[rows]
        ens.track[rows, 0] = ens.track[rows, 1] = ens.y[rows]
        ens.track[rows, 2:] = 0.0
        ens.proposal[rows] = 0.0
        ens.held[rows] = False

    # -- within a step --------------------------------------------------------------------------------------

    def deliver(self, ens: Ensemble, index: Ints, stop: Floats) -> np.ndarray:
        """Go through the last step up to the stop or a ring; returns who has arrived."""
        end = np.minimum(stop[index], ens.after[index])
        ring, end = self._first_ring(ens, index, end)
        arrived = (ring >= 0) | (end >= stop[index])
        self._record(ens, index, end)
        ens.now[index] = end
        ens.ring[index] = ring
        ens.y[index[arrived]] = self._dense(ens, index[arrived], end[arrived])
        return arrived

    def _dense(self, ens: Ensemble, index: Ints, time: Floats) -> Floats:
        part = method.part_of_step(Columns(), ens.before[index], ens.after[index], time)[:, None]
        first, last, *bends = np.moveaxis(ens.track[index], 1, 0)
        return method.state_within(Columns(), part, self.floors, first, last, bends)

    def _first_ring(self, ens: Ensemble, index: Ints, end: Floats) -> tuple[np.ndarray, Floats]:
        ring = np.full(len(index), -1, np.int32)
        end = end.copy()
        for clock, state in enumerate(self.clocks):
            threshold = ens.thresholds[index, clock]
            # Only whole steps are looked at, so the time of a ring does not depend on the stops.
            due = np.flatnonzero((ens.track[index, 1, state] >= threshold) & (threshold < np.inf))
            if due.size:
                time = self._root(ens, index[due], state, threshold[due])
                time = np.maximum(time, ens.now[index[due]])
                first = (time < end[due]) | ((time == end[due]) & (ring[due] < 0))
                ring[due[first]] = clock
                end[due[first]] = time[first]
        return ring, end

    def _root(self, ens: Ensemble, index: Ints, state: int, threshold: Floats) -> Floats:
        first, last, *bends = np.moveaxis(ens.track[index][:, :, state], 1, 0)
        low, high = np.zeros(len(index)), np.ones(len(index))
        at_start = first >= threshold
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            above = method.dense_value(Columns(), middle, first, last, bends) >= threshold
            high = np.where(above, middle, high)
            low = np.where(above, low, middle)
        high = np.where(at_start, 0.0, high)
        time = ens.before[index] + high * (ens.after[index] - ens.before[index])
        return np.minimum(time, ens.after[index])

    def _record(self, ens: Ensemble, index: Ints, end: Floats) -> None:
        if not ens.recorded_names:
            return
        count = len(ens.times)
        due = np.arange(len(index))
        while True:
            cursor = ens.cursor[index[due]]
            open_ = cursor < count
            due, cursor = due[open_], cursor[open_]
            within = ens.times[cursor] <= end[due]
            due, cursor = due[within], cursor[within]
            if not due.size:
                return
            rows = index[due]
            values = self.signals_of(ens, rows, ens.times[cursor], self._dense(ens, rows, ens.times[cursor]))
            ens.recorded[rows, cursor] = values[:, ens.recorded_columns]
            ens.cursor[rows] = cursor + 1

    def signals_of(self, ens: Ensemble, index: Ints, time: Floats, y: Floats) -> Floats:
        """All states, then all signals of the system: float64[n, S + signals]."""
        load = self._loader(y.T, time, ens.fixed[index].T)
        signals = run_on_columns(self.blueprint.signals, load, len(index))
        return np.concatenate([y, signals.T], axis=1)

    # -- one step -------------------------------------------------------------------------------------------

    def _loader(self, y: Floats, time: Floats, fixed: Floats) -> Loader:
        size = len(y)
        return lambda slot: y[slot] if slot < size else time if slot == size else fixed[slot - size - 1]

    def _take_step(self, ens: Ensemble, index: Ints) -> None:
        m, size = Columns(), len(self.scales)
        y, time, fixed = ens.track[index, 1].T.copy(), ens.after[index], ens.fixed[index].T
        slopes = run_on_columns(self.blueprint.slopes, self._loader(y, time, fixed), len(index))
        rate = slopes[:size]
        step = self._first_step(ens.proposal[index], y, rate)
        stages, after = self._stages(y, time, fixed, slopes, step)
        error, sound, worst = self._error(y, after, stages[-1])
        size_of = np.where(self.is_amount[:, None], after, np.abs(after))
        after = np.where(size_of < method.SMALLEST_STATE, 0.0, after)
        # The estimate of the error is blind to a kink within the step, so such a step must meet the bare tolerance.
        turned = self._turned(self._loader(y, time, fixed), self._loader(after, time + step, fixed), len(index))
        error = np.where(turned, error * method.ERROR_SHARE, error)

        accepted = sound & (error <= 1.0)
        factor = method.growth(m, error)
        factor = np.where(factor < method.LARGEST_GROWTH, factor, method.LARGEST_GROWTH)
        factor = np.where(factor > method.LARGEST_CUT, factor, method.LARGEST_CUT)
        factor = np.where(accepted & ens.held[index] & (factor > 1.0), 1.0, factor)
        factor = np.where(sound, factor, method.CUT_WHEN_NOT_FINITE)
        proposal = step * factor
        ens.proposal[index] = np.where(proposal < method.LONGEST_STEP, proposal, method.LONGEST_STEP)
        ens.held[index] = ~accepted
        ens.steps[index] += accepted
        ens.rejected[index] += ~accepted

        good = index[accepted]
        ens.before[good] = time[accepted]
        ens.after[good] = (time + step)[accepted]
        ens.track[good, 0] = y.T[accepted]
        ens.track[good, 1] = after.T[accepted]
        for place, weights in enumerate(H):
            ens.track[good, 2 + place] = method.weighted_sum(m, weights, stages).T[accepted]

        small = ~accepted & ~(ens.proposal[index] >= method.SHORTEST_STEP)
        many = ens.steps[index] + ens.rejected[index] >= MOST_STEPS
        status = np.where(small, np.where(sound, STEP_TOO_SMALL, NOT_FINITE), np.where(many, TOO_MANY_STEPS, 0))
        ens.status[index] = status
        failed = index[status > 0]
        ens.bad_state[failed] = worst[status > 0]
        ens.now[failed] = ens.before[failed] = ens.after[failed]
        ens.y[failed] = ens.track[failed, 0] = ens.track[failed, 1]
        ens.track[failed, 2:] = 0.0

    def _first_step(self, proposal: Floats, y: Floats, rate: Floats) -> Floats:
        speed = np.zeros(len(proposal))
        for k, scale in enumerate(self.scales):
            share = np.abs(rate[k]) / (np.abs(y[k]) + scale)
            speed = np.where(speed < share, share, speed)
        first = method.FIRST_STEP_SHARE / speed
        first = np.where(first < method.FIRST_STEP_LIMIT, first, method.FIRST_STEP_LIMIT)
        first = np.where(first < method.FIRST_STEP_LEAST, method.FIRST_STEP_LEAST, first)
        return np.where(proposal > 0.0, proposal, first)

    def _stages(
        self, y: Floats, time: Floats, fixed: Floats, slopes: Floats, step: Floats
    ) -> tuple[list[Floats], Floats]:
        m, size, plan = Columns(), len(y), self.blueprint.elimination
        entries = dict(zip(self.blueprint.entries, slopes[size:], strict=False))
        by_time = slopes[size + len(entries) :]
        inverse = 1.0 / step
        factors: dict[int, Floats] = {}
        diagonal = 1.0 / (step * GAMMA)
        method.eliminate(
            m,
            plan,
            diagonal,
            lambda row, column: entries.get((row, column)),
            factors.__setitem__,
            factors.__getitem__,
        )
        stages: list[Floats] = []
        place, right = y, slopes[:size]
        for stage in range(STAGES):
            if stage:
                moved = method.weighted_sum(m, A[stage], stages)
                place = y + moved if stage < 6 else place + stages[-1]
                load = self._loader(place, time + NODES[stage] * step, fixed)
                right = run_on_columns(self.blueprint.rates, load, y.shape[1])
                right = right + method.weighted_sum(m, C[stage], stages) * inverse
            if self.blueprint.explicit_time and D[stage] != 0.0:
                right = right + (step * D[stage]) * by_time
            solution = method.substitute(m, plan, right.__getitem__, factors.__getitem__)
            stages.append(np.array(solution))
        return stages, place + stages[-1]

    def _turned(self, start: Loader, end: Loader, count: int) -> np.ndarray:
        """Whether a switch turned within the step."""
        before, after = (run_on_columns(self.blueprint.switches, load, count) for load in (start, end))
        turned = np.zeros(count, bool)
        for first, last in zip(before, after, strict=True):
            turned |= method.has_turned(Columns(), first, last)
        return turned

    def _error(self, before: Floats, after: Floats, error: Floats) -> tuple[Floats, np.ndarray, np.ndarray]:
        """Largest error as a multiple of the tolerance, whether all is finite, and the state at fault."""
        m = Columns()
        largest = np.zeros(before.shape[1])
        sound = np.ones(before.shape[1], bool)
        shares = np.empty_like(before)
        for k, scale in enumerate(self.scales):
            weight = method.error_weight(m, before[k], after[k], scale)
            share = shares[k] = np.abs(error[k]) / weight
            sound &= (share < np.inf) & (weight < np.inf)
            largest = np.where(largest < share, share, largest)
            below = method.dip(m, after[k], 1.0 / scale if self.is_amount[k] else 0.0)
            largest = np.where(largest < below, below, largest)
        shares = np.where(np.isfinite(shares) & np.isfinite(after), shares, np.inf)
        return (
            largest * (1.0 / (method.ERROR_SHARE * self.rtol)),
            sound,
            np.argmax(shares, axis=0).astype(np.int32),
        )


def tolerance_scales(blueprint: Blueprint) -> Floats:
    """Scale of every state; a clock needs no more than the accuracy of a probability."""
    system = blueprint.system
    return np.array(
        [
            max(scale, method.SMALLEST_CLOCK_SCALE) if state in system.clocks else scale
            for state, scale in zip(system.states, system.scales, strict=True)
        ]
    )
