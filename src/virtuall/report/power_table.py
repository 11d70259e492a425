"""The power of a trial's design as plain text for a terminal."""

from __future__ import annotations

from textwrap import wrap

from virtuall.analysis.power import PowerResult, SizePower
from virtuall.core.units import unit as read_unit
from virtuall.report.words import estimate_words, number_words

_WHOLE = 80
_MONTH = read_unit("d").factor_to(read_unit("month"))


def power_table(result: PowerResult) -> str:
    """The whole result as lines."""
    lines = [*wrap(_title(result), _WHOLE), ""]
    head = ("size", "arms", "power, %", "events", "patients", "months")
    rows = [_size_cells(each) for each in result.sizes]
    lines += [*_columns([head, *rows]), ""]
    lines += wrap("Events, patients and months (since the trial opened) as expected when the trial stops.", _WHOLE)
    for each in result.sizes:
        lines += ["", *_looks(result, each)]
    for note in _notes(result):
        lines += ["", *wrap(note, _WHOLE)]
    return "\n".join(lines)


def _title(result: PowerResult) -> str:
    plan = result.plan
    if result.test == "log-rank":
        test = f"log-rank test of survival, two-sided alpha {plan.alpha:g}"
    else:
        who = "treated" if plan.treated else "enrolled"
        test = f"exact test of the response of all {who} against {plan.null:g}, one-sided {plan.alpha / 2:g}"
    return f"{result.trial}: {result.replicates} simulated trials of each size, {test}, {plan.boundary} spending"


def _size_cells(each: SizePower) -> tuple[str, ...]:
    return (
        str(each.size),
        " : ".join(str(size) for size in each.arms.values()),
        estimate_words(each.power, 100),
        number_words(each.events),
        number_words(each.patients),
        number_words(each.day * _MONTH),
    )


def _looks(result: PowerResult, each: SizePower) -> list[str]:
    survival = result.test == "log-rank"
    head = (
        "look",
        "bound z" if survival else "p at most",
        "deaths" if survival else "responders",
        "patients",
        "months",
        "stops here, %",
        *(("harm, %",) if survival else ()),
        *(("futile, %",) if result.plan.futility is not None else ()),
        "hazard ratio" if survival else "response, %",
    )
    rows = [
        (
            f"{look.share:.0%}",
            f"{look.bound:.3f}" if survival else f"{look.bound:.2g}",
            number_words(look.events),
            number_words(look.patients),
            number_words(look.day * _MONTH),
            number_words(100 * look.stopped.value),
            *((number_words(100 * look.harm),) if survival else ()),
            *((number_words(100 * look.futility),) if result.plan.futility is not None else ()),
            estimate_words(look.effect, 1 if survival else 100),
        )
        for look in each.looks
    ]
    planned = "" if each.deaths is None else f", {each.deaths} deaths planned"
    return [f"{each.size} patients{planned}", *_columns([head, *rows])]


def _notes(result: PowerResult) -> list[str]:
    what = "Hazard ratio of the first arm against the second" if result.test == "log-rank" else "Response"
    said = [
        f"{what}: median and 2.5 to 97.5 % of the trials at that look. The interval of the power is the exact one of "
        f"{result.replicates} simulated trials: it says how many were simulated, not how sure the model is."
    ]
    late = [each for each in result.sizes if each.not_reached]
    if late:
        told = ", ".join(f"{each.not_reached} of {result.replicates} at size {each.size}" for each in late)
        said.append(f"Trials in which the planned deaths did not occur while patients were simulated: {told}.")
    return said


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
