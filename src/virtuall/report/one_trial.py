"""One replicate of a trial as its statistician would see it: tables and figures for the page of the trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from virtuall.core.errors import InputError
from virtuall.core.units import unit as read_unit
from virtuall.report.curve_figure import curve_figure
from virtuall.report.drawing import Drawn
from virtuall.report.incidence_figure import incidence_figure
from virtuall.report.safety_cycles import CycleTable, safety_cycles
from virtuall.report.safety_report import SafetyReport, safety_report
from virtuall.report.subgroup_figure import subgroup_figure
from virtuall.report.swimmer_figure import lanes, swimmer_figure
from virtuall.report.waterfall_figure import waterfall_figure
from virtuall.report.words import estimate_words, p_words
from virtuall.trial.charted import during_treatment
from virtuall.trial.design import Arm, Design
from virtuall.trial.endpoints import LEVELS
from virtuall.trial.episodes import with_episodes
from virtuall.trial.reported import reported
from virtuall.trial.reporting import safety_text
from virtuall.trial.run import TrialResult
from virtuall.trial.statistics import ESTIMATED, Estimate, KaplanMeier, TrialStatistics, trial_statistics
from virtuall.trial.subgroups import death_rows, response_rows, subgroups

if TYPE_CHECKING:
    import pandas as pd

_SURVIVALS = {"os": "Overall survival", "efs": "Event-free survival", "dor": "Duration of remission"}
_SWIMMERS = 40  # patients in all: more bars would be too thin on a phone
_WIDEST_TABLE = 25  # rows of a table of side effects; the rest is said to be left out
_MONTH = read_unit("d").factor_to(read_unit("month"))


@dataclass(frozen=True)
class StatisticRow:
    """A statistic: what it is, its value in each arm, and the first arm against the second ("" for none)."""

    what: str
    arms: tuple[str, ...]
    compared: str = ""


@dataclass(frozen=True)
class ArmSafety:
    """Side effects of one arm: by worst grade and by cycle; of both tables so many rows are left out."""

    arm: str
    report: SafetyReport
    cycles: CycleTable
    left_out: int = 0


@dataclass(frozen=True)
class OneTrial:
    """What the page shows of one replicate.

    Attributes
    ----------
    arms : tuple of str
    notes : tuple of str
    rows : tuple of StatisticRow
    survival, subgroups, courses, change : sequence of Drawn
        Curves and competing risks; forests; swimmers; waterfalls.
    safety : tuple of ArmSafety
    """

    arms: tuple[str, ...]
    notes: tuple[str, ...]
    rows: tuple[StatisticRow, ...]
    survival: Sequence[Drawn]
    subgroups: Sequence[Drawn]
    courses: Sequence[Drawn]
    change: Sequence[Drawn]
    safety: tuple[ArmSafety, ...]


def one_trial(result: TrialResult, marrow: pd.Series | None = None, replicate: int = 0) -> OneTrial:
    """Form the tables and figures of one replicate.

    Parameters
    ----------
    result : TrialResult
    marrow : pandas.Series, optional
        Best change of marrow blasts by patient (`virtuall.analysis.marrow`); without it there is no waterfall.
    replicate : int
    """
    design = result.design
    outcomes = result.outcomes[result.outcomes["replicate"] == replicate]
    arms = tuple(arm.name for arm in design.arms)
    found = _statistics(design, outcomes, arms)
    charts = result.events[result.events["patient"].isin(outcomes["patient"])]
    seen = _seen(charts, outcomes)
    return OneTrial(
        arms=arms,
        notes=_notes(outcomes, replicate, marrow),
        rows=_rows(found, design, outcomes),
        survival=_survival(found, design),
        subgroups=_forests(outcomes, arms, design),
        courses=_swimmers(outcomes, seen, arms, design),
        change=[] if marrow is None else _waterfalls(outcomes, arms, marrow),
        safety=_safety(result, outcomes, seen),
    )


def _statistics(design: Design, outcomes: pd.DataFrame, arms: Sequence[str]) -> TrialStatistics:
    figures = design.figures
    return trial_statistics(
        outcomes, arms, response_by=figures.response_by, landmarks=_landmarks(figures.last), until=figures.last
    )


def _landmarks(last: float) -> list[float]:
    return [last / 4, last / 2, last]


def _seen(charts: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """The entries of charts up to the last day that each patient was seen."""
    end = outcomes.set_index("patient")["follow_up"].reindex(charts["patient"]).to_numpy(float)
    return charts[charts["day"].to_numpy(float) <= end]


def _notes(outcomes: pd.DataFrame, replicate: int, marrow: pd.Series | None) -> tuple[str, ...]:
    cut = float(outcomes["cut_day"].iloc[0])
    when = (
        "everybody followed to the end" if not np.isfinite(cut) else f"data cut {cut * _MONTH:.3g} months after opening"
    )
    died = int(outcomes["death_day"].notna().sum())
    said = [
        f"Replicate {replicate + 1}: {len(outcomes)} patients, {died} deaths, {when}. One draw of many: the next one "
        "differs by chance as the next real trial would. Intervals are of 95 %.",
        "Kaplan-Meier curves with Greenwood's interval on the scale of log(-log); hazard ratios by Cox with Efron's "
        "rule; exact intervals of shares (Clopper and Pearson) where nobody is censored before.",
    ]
    if marrow is None:
        said.append("The charts of a trial do not hold the marrow blasts, so there is no waterfall here.")
    return tuple(said)


def _rows(found: TrialStatistics, design: Design, outcomes: pd.DataFrame) -> tuple[StatisticRow, ...]:
    arms = tuple(arm.name for arm in design.arms)
    size = outcomes["arm"].value_counts()
    treated = outcomes[outcomes["treated"].astype(bool)]["arm"].value_counts()
    rows = [StatisticRow("Patients, treated", tuple(f"{size.get(arm, 0)}, {treated.get(arm, 0)}" for arm in arms))]
    for levels in dict.fromkeys(each.levels for each in found.responses):
        counts = {each.arm: each for each in found.responses if each.levels == levels}
        told = tuple(
            f"{counts[arm].count}/{counts[arm].of}: {estimate_words(counts[arm].share, 100)} %"
            if arm in counts
            else "–"
            for arm in arms
        )
        compared = next(
            (
                f"difference {estimate_words(each.difference, 100)} %, Fisher's exact {p_words(each.p)}"
                for each in found.response_differences
                if each.levels == levels
            ),
            "",
        )
        rows.append(StatisticRow(f"{'/'.join(levels)} within {design.figures.response_by:g} days", told, compared))
    for of in ESTIMATED:
        rows += _survival_rows(found, arms, of, design)
    return (*rows, *_incidence_rows(found, arms, design))


def _survival_rows(found: TrialStatistics, arms: Sequence[str], of: str, design: Design) -> list[StatisticRow]:
    curves = [found.curve(arm, of) for arm in arms]
    if not any(curves):
        return []
    title, effect = _SURVIVALS[of], found.effect(of)
    ratio = tested = difference = ""
    if effect is not None:
        ratio = f"hazard ratio {estimate_words(effect.hazard_ratio)}, {p_words(effect.p)}"
        tested = f"log-rank {p_words(effect.log_rank_p)}"
        difference = f"difference {estimate_words(effect.mean_difference, _MONTH)} months"
    rows = [
        StatisticRow(f"{title}: events", _each(curves, lambda curve: f"{curve.events}/{curve.patients}"), tested),
        StatisticRow(
            f"{title}: median, months", _each(curves, lambda curve: estimate_words(curve.median, _MONTH)), ratio
        ),
    ]
    for day in _landmarks(design.figures.last):
        told = _each(curves, lambda curve, day=day: _landmark_words(curve, day))
        if any(word != "–" for word in told):
            rows.append(StatisticRow(f"{title} at {day * _MONTH:.3g} months, %", told))
    until = next(curve.mean_until for curve in curves if curve is not None)
    rows.append(
        StatisticRow(
            f"{title}: restricted mean to {until * _MONTH:.3g} months",
            _each(curves, lambda curve: estimate_words(curve.mean, _MONTH)),
            difference,
        )
    )
    return rows


def _incidence_rows(found: TrialStatistics, arms: Sequence[str], design: Design) -> list[StatisticRow]:
    day = _landmarks(design.figures.last)[1]
    rows = []
    for cause in dict.fromkeys(each.cause for each in found.incidences):
        told = []
        for arm in arms:
            each = next((each for each in found.incidences if (each.arm, each.cause) == (arm, cause)), None)
            told.append(
                "–"
                if each is None
                else f"{each.events}/{each.patients}: {estimate_words(Estimate(*each.at(day)), 100)}"
            )
        rows.append(
            StatisticRow(
                f"After remission, first: {cause}; cumulative incidence at {day * _MONTH:.3g} months, %", tuple(told)
            )
        )
    return rows


def _each(curves: Sequence[KaplanMeier | None], words: Any) -> tuple[str, ...]:
    return tuple("–" if curve is None else words(curve) for curve in curves)


def _landmark_words(curve: KaplanMeier, day: float) -> str:
    found = next((each for each in curve.landmarks if each.day == day), None)
    return "–" if found is None else estimate_words(found.share, 100)


def _survival(found: TrialStatistics, design: Design) -> list[Drawn]:
    last, every = design.figures.last, design.figures.every
    drawn = []
    for of, title in _SURVIVALS.items():
        curves = [curve for curve in found.curves if curve.of == of]
        if curves:
            drawn.append(Drawn(curve_figure(title, curves, found.effect(of), last=last, every=every), _CURVES[of]))
    risks = incidence_figure(found.incidences, last=last, every=every)
    return [*drawn, *([Drawn(risks, _RISKS)] if risks else [])]


_CURVES = {
    "os": "Everybody randomized or enrolled; short strokes: last seen alive.",
    "efs": "No remission within the window is an event on day 0.",
    "dor": "Responders only, from their first remission: such groups are not randomized.",
}
_RISKS = (
    "From the first remission to what came first: relapse, death in remission, or transplant in remission. The shares "
    "add up to all who had one of them (Aalen and Johansen)."
)


def _forests(outcomes: pd.DataFrame, arms: tuple[str, ...], design: Design) -> list[Drawn]:
    groups = subgroups(outcomes, design.figures.burden)
    day, two = _landmarks(design.figures.last)[1], len(arms) > 1
    responses = response_rows(outcomes, arms, groups, design.figures.response_by)
    deaths = death_rows(outcomes, arms, groups, day)
    favors = (arms[0], arms[1]) if two else ("", "")
    first, second = (
        ("Response: odds ratio", "Death: hazard ratio")
        if two
        else (
            "Response by subgroup, %",
            f"Alive at {day * _MONTH:.3g} months by subgroup, %",
        )
    )
    note = "Counts are responders of all" if not two else f"Counts are responders of all, {arms[0]} : {arms[1]}"
    return [
        Drawn(svg, words)
        for svg, words in (
            (subgroup_figure(first, responses, ratio=two, favors=favors[::-1]), f"{note}. Dotted: all patients."),
            (subgroup_figure(second, deaths, ratio=two, favors=favors), "Counts are deaths of all."),
        )
        if svg
    ]


def _swimmers(outcomes: pd.DataFrame, seen: pd.DataFrame, arms: Sequence[str], design: Design) -> list[Drawn]:
    drawn = []
    for arm in arms:
        group = outcomes[outcomes["arm"] == arm]
        shown = lanes(group, seen, max(1, _SWIMMERS // len(arms)))
        note = f"{len(shown)} of {len(group)} patients, spread evenly over the lengths of follow-up."
        svg = swimmer_figure(f"Courses: {arm}", shown, every=design.figures.every)
        drawn += [Drawn(svg, note)] if svg else []
    return drawn


def _waterfalls(outcomes: pd.DataFrame, arms: Sequence[str], marrow: pd.Series) -> list[Drawn]:
    drawn = []
    for arm in arms:
        group = outcomes[outcomes["arm"] == arm]
        change = marrow.reindex(group["patient"]).to_numpy(float)
        svg = waterfall_figure(f"Marrow blasts: {arm}", change, group["best_response"].astype(str).tolist(), LEVELS)
        missing = int(np.count_nonzero(~np.isfinite(change)))
        note = (
            "Lowest simulated share of blasts week by week within the window of response and before another therapy, "
            f"against the share at the start; rises above 100 % are cut off. {missing} were not seen for a week."
        )
        drawn += [Drawn(svg, note)] if svg else []
    return drawn


def _safety(result: TrialResult, outcomes: pd.DataFrame, seen: pd.DataFrame) -> tuple[ArmSafety, ...]:
    from virtuall.simulation.protocol import load_protocol

    design, text = result.design, safety_text(result.library)
    told = reported(with_episodes(seen), outcomes.set_index("patient")["arm"], design.reports, result.seed)
    counted = during_treatment(told, outcomes, design.events_after, design.events_to_the_end)
    # The scales on which this trial grades are those that its published rows name.
    read = {column.scale for row in result.mapped.rows for column in row.events if column.scale}
    found = []
    for arm in design.arms:
        group = outcomes[outcomes["arm"] == arm.name]
        protocol = load_protocol(arm.protocol, library=result.library, as_of=design.as_of)
        events = counted[counted["patient"].isin(group["patient"])]
        scales = (*design.scales, *arm.scales, *sorted(read))
        try:
            report = safety_report(group, events, text, protocol.main_products, scales=scales)
        except InputError:  # nobody of this arm was treated
            continue
        cycles = safety_cycles(group, events, severe_grade=text.severe_grade, scales=scales)
        found.append(_shortened(arm, report, cycles))
    return tuple(found)


def _shortened(arm: Arm, report: SafetyReport, cycles: CycleTable) -> ArmSafety:
    return ArmSafety(
        arm.name,
        replace(report, rows=report.rows[:_WIDEST_TABLE]),
        replace(cycles, rows=cycles.rows[:_WIDEST_TABLE]),
        left_out=max(0, len(report.rows) - _WIDEST_TABLE),
    )
