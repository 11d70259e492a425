"""The report of manufactured cells as plain text for a terminal, and its numbers in words."""

from __future__ import annotations

import math
from collections.abc import Mapping

from virtuall.report.cells_report import CellsReport, Estimate
from virtuall.report.words import number_words


def cells_table(report: CellsReport) -> str:
    """The whole report as lines."""
    width = max(len(row.name) for row in report.rows)
    cells = [(row.name, estimate_words(row.enrolled), estimate_words(row.infused)) for row in report.rows]
    left = max(len(whole) for _, whole, _ in (("", "of all enrolled", ""), *cells))
    text = [title_words(report), "", f"{'':{width}}  {'of all enrolled':{left}}  of those infused"]
    text += [f"{name:{width}}  {whole:{left}}  {infused}" for name, whole, infused in cells]
    text += ["", *flow_lines(report), "", *wait_lines(report), "", *fact_lines(report), "", *report.notes]
    return "\n".join(text)


def title_words(report: CellsReport) -> str:
    """Who, under what."""
    return (
        f"{report.protocol}: {report.enrolled} patients of {report.cohort} enrolled, "
        f"{report.stages[-1].reached} infused; {report.failed} simulations failed and are left out"
    )


def flow_lines(report: CellsReport) -> list[str]:
    """Stage by stage, who was lost and why."""
    width = max(len(stage.name) for stage in report.stages)
    lines = []
    for stage in report.stages:
        share = number_words(100 * stage.reached / report.enrolled)
        lost = ", ".join(f"{cause} {count}" for cause, count in stage.lost.items())
        total = sum(stage.lost.values())
        lines.append(
            f"{stage.name:{width}}  {stage.reached:>6}  {share:>5} %{f'   lost {total}: {lost}' if total else ''}"
        )
    return lines


def wait_lines(report: CellsReport) -> list[str]:
    """Days between the stages."""
    width = max(len(wait.name) for wait in report.waits)
    return [
        f"{wait.name:{width}}  median {number_words(wait.median)} d "
        f"({number_words(wait.least)} to {number_words(wait.most)}), n = {wait.patients}"
        for wait in report.waits
        if wait.patients
    ]


def fact_lines(report: CellsReport) -> list[str]:
    """Everything else: losses, products, B cells, relapses."""
    return [f"{name}: {words}" for name, words in facts(report).items()]


def facts(report: CellsReport) -> dict[str, str]:
    """Losses, products, B cells and relapses by name."""
    total = sum(report.losses.values())
    return {
        "never infused": f"{total} of {report.enrolled} ({number_words(100 * total / report.enrolled)} %)"
        + (f": {_listed(report.losses)}" if total else ""),
        "collected more than once": estimate_words(report.collected_again),
        "products out of specification": estimate_words(report.out_of_specification),
        "B-cell aplasia of those in remission": (
            "B cells were not recorded" if report.aplasia is None else estimate_words(report.aplasia)
        ),
        "relapses after infusion": _listed(report.phenotypes) or "none",
    }


def estimate_words(estimate: Estimate) -> str:
    """Share, interval, count."""
    if math.isnan(estimate.value):
        return "nobody" if not estimate.of else "not followed so long"
    words = f"{number_words(100 * estimate.value)} %"
    if not math.isnan(estimate.low):
        words += f" ({number_words(100 * estimate.low)}–{number_words(100 * estimate.high)})"
    return words if estimate.count is None else f"{words}, {estimate.count} of {estimate.of}"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{word} {count}" for word, count in counts.items())
