"""The effect of a therapy in subgroups by baseline: age, line, burden, earlier transplant.

Of two arms the odds ratio of response and the hazard ratio of death; of a single arm the shares themselves. All with
95 % intervals. Subgroups of one trial are small: that is what the figure shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from virtuall.trial.endpoints import Patients, responded, times_to_event
from virtuall.trial.statistics import NOTHING, Estimate, exact_share, hazard_ratio, kaplan_meier

if TYPE_CHECKING:
    import pandas as pd

Flags = NDArray[np.bool_]

# Further lines than this are one subgroup: few trials hold enough of them.
_LINES = 2


@dataclass(frozen=True)
class Subgroup:
    """Who of all patients belongs: of which baseline, called what."""

    by: str
    name: str
    members: Flags


@dataclass(frozen=True)
class SubgroupRow:
    """An estimate in one subgroup.

    Attributes
    ----------
    by, name : str
        Such as "age", "below 40 years".
    patients : tuple of int
        Of each arm.
    events : tuple of int
        Responders or deaths of each arm.
    estimate : Estimate
        NaN where none can be had.
    """

    by: str
    name: str
    patients: tuple[int, ...]
    events: tuple[int, ...]
    estimate: Estimate


def subgroups(outcomes: pd.DataFrame, burden: Sequence[float] = ()) -> tuple[Subgroup, ...]:
    """The subgroups that these outcomes can tell, everybody first.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        One row a patient of one trial.
    burden : sequence of float
        Edges of marrow blasts (fractions), ascending; without them the median of the trial.
    """
    found = [Subgroup("all", "all patients", np.ones(len(outcomes), bool))]
    if "age" in outcomes:
        age = outcomes["age"].to_numpy(np.float64)
        middle = float(np.round(np.nanmedian(age)))
        found += [
            Subgroup("age", f"below {middle:g} years", age < middle),
            Subgroup("age", f"{middle:g} years and above", age >= middle),
        ]
    if "line" in outcomes:
        line = outcomes["line"].to_numpy(np.float64)
        for number in np.unique(line[np.isfinite(line) & (line <= _LINES)]):
            found.append(Subgroup("line", f"line {number:g}", line == number))
        found.append(Subgroup("line", f"line {_LINES + 1} and above", line > _LINES))
    if "marrow_blasts" in outcomes:
        found += _by_burden(outcomes["marrow_blasts"].to_numpy(np.float64), burden)
    if "prior_transplant" in outcomes:
        before = outcomes["prior_transplant"].to_numpy(bool)
        found += [
            Subgroup("transplant before", "transplant before", before),
            Subgroup("transplant before", "no transplant before", ~before),
        ]
    # A baseline that all patients share splits nothing.
    counts = {each.by: sum(bool(other.members.any()) for other in found if other.by == each.by) for each in found}
    return tuple(each for each in found if each.members.any() and (each.by == "all" or counts[each.by] > 1))


def response_rows(
    outcomes: pd.DataFrame, arms: Sequence[str], groups: Sequence[Subgroup], response_by: float
) -> tuple[SubgroupRow, ...]:
    """Odds ratio of response of the first arm against the second, or the share of a single arm, in each subgroup."""
    answered = responded(cast(Patients, outcomes), by=response_by)
    rows = []
    for group, members in _in_arms(outcomes, arms, groups):
        sizes = tuple(int(np.count_nonzero(each)) for each in members)
        counts = tuple(int(np.count_nonzero(each & answered)) for each in members)
        estimate = exact_share(counts[0], sizes[0]) if len(arms) == 1 else odds_ratio(counts, sizes)
        rows.append(SubgroupRow(group.by, group.name, sizes, counts, estimate))
    return tuple(rows)


def death_rows(
    outcomes: pd.DataFrame, arms: Sequence[str], groups: Sequence[Subgroup], day: float
) -> tuple[SubgroupRow, ...]:
    """Hazard ratio of death of the first arm against the second, or the share of a single arm alive at `day`."""
    time, event = times_to_event(cast(Patients, outcomes), "os")
    rows = []
    for group, members in _in_arms(outcomes, arms, groups):
        sizes = tuple(int(np.count_nonzero(each)) for each in members)
        deaths = tuple(int(np.count_nonzero(each & event)) for each in members)
        estimate = NOTHING
        if len(arms) > 1:
            estimate, _ = hazard_ratio(*((time[each], event[each]) for each in members))
        elif sizes[0]:
            told = kaplan_meier(time[members[0]], event[members[0]], landmarks=[day]).landmarks
            estimate = told[0].share if told else NOTHING
        rows.append(SubgroupRow(group.by, group.name, sizes, deaths, estimate))
    return tuple(rows)


def odds_ratio(counts: Sequence[int], sizes: Sequence[int]) -> Estimate:
    """Odds ratio of the first of two groups against the second with Woolf's interval (statsmodels).

    When a cell of the table is empty, one half is added to each (Haldane); NaN when a group is, or when nobody or
    everybody responded.
    """
    from statsmodels.stats.contingency_tables import Table2x2

    if not all(sizes) or sum(counts) in (0, sum(sizes)):
        return NOTHING
    cells = np.array([[count, size - count] for count, size in zip(counts, sizes, strict=True)], np.float64)
    table = Table2x2(cells + (0.5 if (cells == 0).any() else 0.0), shift_zeros=False)
    low, high = table.oddsratio_confint()
    return Estimate(float(table.oddsratio), float(low), float(high))


def _in_arms(
    outcomes: pd.DataFrame, arms: Sequence[str], groups: Sequence[Subgroup]
) -> list[tuple[Subgroup, list[Flags]]]:
    arm = outcomes["arm"].to_numpy(str)
    return [(group, [group.members & (arm == name) for name in arms[:2]]) for group in groups]


def _by_burden(blasts: NDArray[np.float64], edges: Sequence[float]) -> list[Subgroup]:
    if not edges:
        middle = float(np.nanmedian(blasts))
        return [
            Subgroup("marrow blasts", f"blasts below {middle:.0%}", blasts < middle),
            Subgroup("marrow blasts", f"blasts {middle:.0%} and above", blasts >= middle),
        ]
    found = []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        name = f"blasts {low:.0%} and above" if high > 1 else f"blasts {low:.0%} to {high:.0%}"
        found.append(Subgroup("marrow blasts", name, (blasts >= low) & (blasts < high)))
    return found
