"""The page of a trial that was run: figures drawn from its patients, beside the published rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from virtuall.core.units import unit as read_unit
from virtuall.model.load import load_system
from virtuall.report.check_figure import Check, points_of
from virtuall.report.one_trial import OneTrial
from virtuall.report.survival_figure import SurvivalFigure
from virtuall.report.trial_report import Header, trial_report
from virtuall.report.words import published_words, simulated_words
from virtuall.trial.check_design import FigureText
from virtuall.trial.check_run import CheckResult
from virtuall.trial.curves import SignalBand, StrataBand, response_by_burden, signal_band, survival_band
from virtuall.trial.replicates import Stack
from virtuall.trial.run import TrialResult
from virtuall.trial.scoring import TrialRow

_SURVIVALS: Mapping[str, tuple[str, str]] = {
    "os": ("Overall survival", "From randomization; everybody randomized counts, treated or not."),
    "efs": (
        "Event-free survival",
        "To relapse or death; no remission within the window is an event on the day of randomization.",
    ),
    "dor": ("Duration of remission", "From the first remission within the window to relapse or death."),
}
# Rows of a check that are said below its figures; more than these would be a table.
_SAID = 10
# Times at which a survival curve is drawn.
_POINTS = 201


def trial_page(result: TrialResult, checks: Sequence[CheckResult] = (), one: OneTrial | None = None) -> str:
    """The report of a trial as one HTML page that needs nothing from anywhere else.

    Parameters
    ----------
    result : TrialResult
    checks : sequence of CheckResult
        Visual predictive checks to show with it (`virtuall.trial.check_run.run_checks`).
    one : OneTrial, optional
        One replicate in full (`virtuall.report.one_trial.one_trial`).
    """
    stack = Stack(result.outcomes)
    return trial_report(
        _header(result),
        result.rows,
        survival=[_survival(result, stack, of) for of in _SURVIVALS],
        burden=_burden(result, stack),
        checks=[figure for check in checks for figure in check_figures(check)],
        one=one,
    )


def check_figures(check: CheckResult) -> list[Check]:
    """What the figures of a check show; the published numbers stand below the last of them."""
    figures = [_check_figure(check, text) for text in check.design.figures]
    last = figures[-1]
    return [*figures[:-1], _with_note(last, _said(check.rows))]


def _header(result: TrialResult) -> Header:
    design, runs = result.design, list(result.provenance.values())
    model = load_system(result.library)
    hand_set = [name for name, value in model.values.items() if value.mark == "A"]
    hand_set += [name for name, value in model.random.items() if value.mark == "A"]
    return Header(
        title=f"{design.title} on virtual patients",
        trial=design.name,
        about=design.about,
        seed=result.seed,
        replicates=result.replicates,
        patients=result.patients,
        failed=result.failed,
        versions={name: str(version) for run in runs for name, version in run.get("versions", {}).items()},
        fingerprint=", ".join(dict.fromkeys(str(run.get("fingerprint", "")) for run in runs)),
        hand_set=sorted(hand_set),
        notes=_notes(result),
    )


def _notes(result: TrialResult) -> list[str]:
    design, outcomes = result.design, result.outcomes
    arms = " and ".join(f"{arm.size} {arm.name}" for arm in design.arms)
    cuts = outcomes.groupby("replicate")["cut_day"].first().to_numpy(float)
    latest = np.inf if design.cut_latest is None else design.cut_latest
    reached = cuts < latest
    month = read_unit("d").factor_to(read_unit("month"))
    cut = (
        f"{(design.cut_after or 0.0) * month:.3g} months after the trial opened"
        if design.deaths is None
        else f"at {design.deaths} deaths over all arms"
    )
    said = [
        f"Each replicate is a trial of {arms}. "
        f"Patients enter uniformly over {design.accrual * month:.3g} months; the data are cut {cut}. "
        "Who is never treated is drawn for each patient."
    ]
    if reached.any():
        followed = float(np.median((outcomes["cut_day"] - outcomes["accrual_day"])[outcomes["cut_day"] < np.inf]))
        told = design.follow_up
        published = "" if told is None else f"; published follow-up {told * month:.3g} months"
        said.append(
            f"The cut comes {float(np.median(cuts[reached])) * month:.3g} months after the trial opened, "
            f"with a potential follow-up of {followed * month:.3g} months (medians{published})."
        )
    if not reached.all():
        said.append(
            f"In {np.count_nonzero(~reached)} of {reached.size} replicates so many deaths did not "
            f"occur within {min(design.horizon, latest) * month:.3g} months: there everybody is followed that long."
        )
    if design.scales or any(arm.scales for arm in design.arms):
        scales = dict.fromkeys((*design.scales, *(scale for arm in design.arms for scale in arm.scales)))
        said.append(f"Charts are graded beside the bedside's own scales on: {', '.join(scales)}.")
    if design.reports:
        shares = "; ".join(report.words for report in design.reports)
        said.append(
            f"Of the charted events the trial reports, drawn for each event: {shares}. "
            "Support, drugs given and recorded counts are always known."
        )
    late = float(np.mean(outcomes["follow_up"].to_numpy(float) <= 0))
    if late > 0:
        said.append(f"{late:.1%} of the patients would have entered after the cut and count with no follow-up.")
    return said


def _survival(result: TrialResult, stack: Stack, of: str) -> SurvivalFigure:
    figures = result.design.figures
    at_risk = np.arange(0.0, figures.last + figures.every / 2, figures.every)
    title, note = _SURVIVALS[of]
    rule = {} if of == "os" else {"response_by": figures.response_by}
    bands = [
        survival_band(
            stack,
            of=of,
            arm=arm.name,
            days=np.linspace(0, figures.last, _POINTS),
            at_risk_days=at_risk,
            **rule,
        )
        for arm in result.design.arms
    ]
    return SurvivalFigure(title, bands, _medians(result, of), note)


def _medians(result: TrialResult, of: str) -> dict[str, TrialRow]:
    """The published median of each arm as a whole, where there is one."""
    by_target = {row.target: row for row in result.rows}
    found: dict[str, TrialRow] = {}
    for row in result.mapped.rows:
        plain = row.endpoint == "survival_median" and set(row.group) == {"arm"}
        if plain and row.options["of"] == of and "censor_at" not in row.options:
            found[row.group["arm"]] = by_target[row.targets[0]]
    return found


def _burden(result: TrialResult, stack: Stack) -> list[StrataBand]:
    figures = result.design.figures
    if not figures.burden:
        return []
    return [
        response_by_burden(stack, arm=arm.name, edges=figures.burden, by=figures.response_by)
        for arm in result.design.arms
    ]


def _check_figure(check: CheckResult, text: FigureText) -> Check:
    return Check(
        title=text.title,
        bands=[_band(check, text, arm) for arm in text.arms],
        points=[
            points_of(check.mapped, check.published, signal=text.signal, arm=arm, relative=text.relative)
            for arm in text.arms
        ],
        points_label=text.points_label,
        floor=text.floor,
        floor_label=text.floor_label,
        log=text.log,
        log_time=text.log_time,
        first=text.first,
        last=text.last,
        note=text.note,
    )


def _band(check: CheckResult, text: FigureText, arm: str) -> SignalBand:
    signals = check.signals[arm]
    if text.relative or not text.unit:
        return signal_band(signals, text.signal, title=arm, relative=text.relative)
    factor = read_unit(str(signals[text.signal].attrs["units"])).factor_to(read_unit(text.unit))
    return replace(signal_band(signals, text.signal, title=arm, factor=factor), unit=text.unit)


def _with_note(figure: Check, more: str) -> Check:
    return replace(figure, note=" ".join(part for part in (figure.note, more) if part))


def _said(rows: Sequence[TrialRow]) -> str:
    known = [row for row in rows if row.inside is not None]
    inside = sum(1 for row in known if row.inside)
    words = f"{inside} of {len(known)} published figures lie inside the interval of simulated groups."
    if len(known) > _SAID:
        return words
    each = [
        f"{row.endpoint.replace('_', ' ')}, {row.population}: {simulated_words(row)}, "
        f"published {published_words(row)} {row.unit}"
        for row in known
    ]
    return " ".join([words, "; ".join(each) + "."]) if each else ""
