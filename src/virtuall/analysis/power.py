"""Power of a trial by simulation: of so many trials of its design, how many would have shown that the therapy works.

Every replicate is simulated to the end and then looked at as if it were under way. Smaller trials are parts of the
largest one, so that sizes differ by size and not by luck.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from virtuall.analysis.boundary import check_looks, efficacy_bounds
from virtuall.analysis.looks import Entered, Walk, look_at_deaths, look_at_responses
from virtuall.core.errors import InputError
from virtuall.population.ensemble import sets_for
from virtuall.trial.design import Arm, Design, load_design
from virtuall.trial.endpoints import Patients, responded
from virtuall.trial.run import simulate_design
from virtuall.trial.statistics import NOTHING, Estimate, exact_share

if TYPE_CHECKING:
    import pandas as pd

_LEAST_PATIENTS = 10  # of an arm: below this neither test has anything to tell


@dataclass(frozen=True)
class Plan:
    """How a trial is looked at.

    Attributes
    ----------
    alpha : float
        Two-sided error over all looks; each side gets half of it.
    looks : tuple of float
        Shares of the deaths (of one arm: of the patients) at the final look.
    boundary : str
        Name in `virtuall.analysis.boundary.SPENDING`.
    null : float or None
        Of a trial of one arm: the share of responders to be excluded.
    futility : float or None
        At an early look the trial stops when the hazard ratio is this or more (of one arm: the share of responders
        this or less). Not binding: the boundaries do not count on it.
    treated : bool
        Of a trial of one arm: only those count who got a dose.
    """

    alpha: float = 0.05
    looks: tuple[float, ...] = (1.0,)
    boundary: str = "obrien-fleming"
    null: float | None = None
    futility: float | None = None
    treated: bool = False


@dataclass(frozen=True)
class LookPower:
    """A look over all trials of a size.

    Attributes
    ----------
    share : float
        Of the deaths, or of the patients.
    bound : float
        Of the log-rank statistic; of one arm the one-sided level of the exact test.
    stopped : Estimate
        Trials that show efficacy here and not before, of all.
    harm, futility : float
        Trials that stop here in favor of the other arm, or for futility.
    events, patients, day : float
        Means over all trials, stopped before or not: deaths or responders, patients entered, days since opening.
    effect : Estimate
        Hazard ratio (share of responders): median and 2.5 to 97.5 % of the trials.
    """

    share: float
    bound: float
    stopped: Estimate
    harm: float
    futility: float
    events: float
    patients: float
    day: float
    effect: Estimate


@dataclass(frozen=True)
class SizePower:
    """Trials of one size.

    Attributes
    ----------
    size : int
    arms : mapping of str to int
    deaths : int or None
        Planned at the final look.
    power : Estimate
        Share of the trials that show efficacy at one of the looks, with its exact interval.
    looks : tuple of LookPower
    events, patients, day : float
        Expected when the trial stops.
    effect : Estimate
        Of the trials when they stop: median and 2.5 to 97.5 %.
    not_reached : int
        Trials in which the planned deaths did not occur while patients were simulated.
    """

    size: int
    arms: Mapping[str, int]
    deaths: int | None
    power: Estimate
    looks: tuple[LookPower, ...]
    events: float
    patients: float
    day: float
    effect: Estimate
    not_reached: int


@dataclass(frozen=True)
class PowerResult:
    """The power of a trial's design.

    Attributes
    ----------
    trial : str
    test : str
        "log-rank" or "exact binomial".
    plan : Plan
    seed, replicates : int
    parameters : "calibrated" or "shipped"
    sizes : tuple of SizePower
        From the smallest.
    """

    trial: str
    test: str
    plan: Plan
    seed: int
    replicates: int
    parameters: str
    sizes: tuple[SizePower, ...]

    def as_json(self) -> dict[str, Any]:
        """All of it by name."""
        return asdict(self)


def trial_power(
    name: str,
    plan: Plan,
    *,
    sizes: Sequence[int] = (),
    seed: int = 1,
    replicates: int = 100,
    processes: int = 1,
    library: Sequence[Path | str] = (),
    parameters: str = "calibrated",
) -> PowerResult:
    """Simulate trials of a design and look at them.

    Parameters
    ----------
    name : str
        Folder under ``trials``.
    plan : Plan
    sizes : sequence of int
        Patients in all arms together, shared between them as in the design; by default the published size.
    seed, replicates, processes, library, parameters
        As in `virtuall.trial.run.run_trial`.

    Raises
    ------
    InputError
        When the plan does not fit the trial, or a size is too small.
    """
    design = load_design(name, library)
    check_plan(plan, design, sizes, replicates)
    wanted = sorted(set(sizes)) or [design.size]
    largest = scaled(design, wanted[-1])
    endless = replace(largest, deaths=None, cut_after=None, cut_latest=None)
    sets = sets_for(parameters, seed, replicates, library)
    run = simulate_design(endless, (), seed, replicates, processes, library, numbers=sets)
    return PowerResult(
        trial=design.name,
        test="log-rank" if len(design.arms) > 1 else "exact binomial",
        plan=plan,
        seed=seed,
        replicates=replicates,
        parameters="calibrated" if sets else "shipped",
        sizes=tuple(
            size_power(part_of(run.outcomes, largest, small), small, plan)
            for small in (scaled(design, size) for size in wanted)
        ),
    )


def check_plan(plan: Plan, design: Design, sizes: Sequence[int] = (), replicates: int = 1) -> None:
    """Refuse a plan that does not fit a design. Raises InputError."""
    if replicates < 1:
        raise InputError("power needs at least one replicate", given=replicates)
    if not 0 < plan.alpha < 1:
        raise InputError("alpha must lie between 0 and 1", given=plan.alpha)
    check_looks(plan.looks)
    if len(design.arms) > 2:
        raise InputError("power is told for trials of one or two arms", given=f"{design.name} of {len(design.arms)}")
    one_arm = len(design.arms) == 1
    if one_arm and plan.null is None:
        raise InputError(
            f"{design.name} has one arm: tell the response rate that it should exclude", hint="such as --null 0.3"
        )
    if not one_arm and plan.null is not None:
        raise InputError(
            f"{design.name} compares two arms by survival: a null response rate is for trials of one arm",
            given=plan.null,
        )
    if not one_arm and plan.treated:
        raise InputError(f"{design.name} is randomized: everybody counts, not the treated alone")
    if plan.null is not None and not 0 < plan.null < 1:
        raise InputError("the null response rate must lie between 0 and 1", given=plan.null)
    if plan.futility is not None and not (0 < plan.futility < (1 if one_arm else np.inf)):
        what = "a response rate between 0 and 1" if one_arm else "a hazard ratio above 0"
        raise InputError(f"the limit of futility is {what}", given=plan.futility)
    for size in sizes:
        smallest = min(scaled(design, size).arms, key=lambda arm: arm.size)
        if smallest.size < _LEAST_PATIENTS:
            raise InputError(
                f"a size is that of all arms together, and each needs {_LEAST_PATIENTS} patients",
                given=f"{size}, so {smallest.size} for {smallest.name}",
            )


def scaled(design: Design, size: int) -> Design:
    """A design with other numbers of patients and, if it counts them, deaths, in the same proportions."""
    if size == design.size:
        return design
    factor = size / design.size
    *others, last = design.arms
    arms: list[Arm] = [replace(arm, size=round(arm.size * factor)) for arm in others]
    arms.append(replace(last, size=size - sum(arm.size for arm in arms)))
    deaths = None if design.deaths is None else max(1, round(design.deaths * factor))
    return replace(design, arms=tuple(arms), deaths=deaths)


def part_of(outcomes: pd.DataFrame, largest: Design, small: Design) -> pd.DataFrame:
    """The patients of each replicate who would be in a smaller trial: the first of each arm."""
    place = outcomes["patient"].to_numpy(np.int64) % largest.size
    keep, first = np.zeros(len(outcomes), bool), 0
    for whole, part in zip(largest.arms, small.arms, strict=True):
        keep |= (place >= first) & (place < first + part.size)
        first += whole.size
    return outcomes[keep]


def size_power(outcomes: pd.DataFrame, design: Design, plan: Plan) -> SizePower:
    """Look at all replicates of one size.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        Of all replicates, followed to the end, with ``replicate``, ``arm`` and ``accrual_day``.
    design : Design
        Of that size.
    plan : Plan
    """
    from scipy.stats import norm

    bounds = efficacy_bounds(plan.looks, plan.alpha / 2, plan.boundary)
    if len(design.arms) == 1:
        bounds = norm.sf(bounds)
    walks = [_walk(group, design, plan, bounds.tolist()) for _, group in outcomes.groupby("replicate")]
    stops = Counter((walk.stopped_at, walk.why) for walk in walks)
    found = [
        LookPower(
            share=share,
            bound=float(bounds[place]),
            stopped=exact_share(stops[place, "efficacy"], len(walks)),
            harm=stops[place, "harm"] / len(walks),
            futility=stops[place, "futility"] / len(walks),
            events=_mean([walk.seen[place].events for walk in walks]),
            patients=_mean([walk.seen[place].patients for walk in walks]),
            day=_mean([walk.seen[place].day for walk in walks]),
            effect=_spread([walk.seen[place].effect for walk in walks]),
        )
        for place, share in enumerate(plan.looks)
    ]
    at_stop = [walk.seen[walk.stopped_at] for walk in walks]
    return SizePower(
        size=design.size,
        arms={arm.name: arm.size for arm in design.arms},
        deaths=design.deaths if len(design.arms) > 1 else None,
        power=exact_share(sum(1 for walk in walks if walk.why == "efficacy"), len(walks)),
        looks=tuple(found),
        events=_mean([each.events for each in at_stop]),
        patients=_mean([each.patients for each in at_stop]),
        day=_mean([each.day for each in at_stop]),
        effect=_spread([each.effect for each in at_stop]),
        not_reached=sum(1 for walk in walks if not walk.reached),
    )


def _walk(group: pd.DataFrame, design: Design, plan: Plan, bounds: Sequence[float]) -> Walk:
    if len(design.arms) == 1:
        counted = group[group["treated"].astype(bool)] if plan.treated else group
        if not len(counted):
            raise InputError("nobody of a replicate was treated", given=design.name)
        window = design.figures.response_by
        assert plan.null is not None
        return look_at_responses(
            responded(cast(Patients, counted), by=window),
            counted["accrual_day"].to_numpy(np.float64),
            plan.looks,
            bounds,
            null=plan.null,
            known_after=window,
            futility=plan.futility,
        )
    patients = Entered(
        first=(group["arm"] == design.arms[0].name).to_numpy(bool),
        entry=group["accrual_day"].to_numpy(np.float64),
        death=group["death_day"].to_numpy(np.float64),
        last=group["last_day"].to_numpy(np.float64),
    )
    return look_at_deaths(
        patients, plan.looks, bounds, deaths=design.deaths, cut_after=design.cut_after, futility=plan.futility
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _spread(values: Sequence[float]) -> Estimate:
    known = np.array(values, np.float64)
    known = known[np.isfinite(known)]
    if not known.size:
        return NOTHING
    low, middle, high = np.quantile(known, [0.025, 0.5, 0.975])
    return Estimate(float(middle), float(low), float(high))
