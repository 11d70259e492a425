"""One patient's course in sentences that a physician reads."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

from virtuall.report.patient_course import Course, Cycle, Making, charted, day_words, first_doses, read_course

if TYPE_CHECKING:
    import pandas as pd

Entry = Mapping[str, Any]
_ORDINALS = {1: "first", 2: "second", 3: "third or later"}
_TIMES = ("", "second ", "third ")
_ADULT = 18
# What the course itself brings about, unlike the rules of a clinic.
_BY_ITSELF = ("end of infusion", "all cycles given", "no further cycle given", "never treated", "transplant")
_WHY_NOT = {
    "leukapheresis": "no product: too few cells were collected",
    "not fit": "the product is not given: the patient is not fit for it",
}
_CAUSES = {"treatment": "toxicity of the treatment", "transplant": "complications of the transplant"}


def patient_story(outcome: Mapping[str, Any], events: pd.DataFrame) -> list[str]:
    """Tell one patient's course.

    Parameters
    ----------
    outcome : mapping
        The patient's row of the outcomes (a Series will do).
    events : pandas.DataFrame
        The patient's chart: day, kind, what, value, unit, rule. Doses are told where it holds orders.

    Returns
    -------
    list of str
        Who it is; what happened, day by day; how it ended.
    """
    entries = first_doses(charted(events))
    return [_who(outcome), *_days(entries), _end(outcome, entries)]


def _who(outcome: Mapping[str, Any]) -> str:
    age = float(outcome["age"]) if _known(outcome, "age") else math.nan
    sexes = {"female": "girl", "male": "boy"} if age < _ADULT else {"female": "woman", "male": "man"}
    who = sexes.get(str(outcome.get("sex", "")), "person")
    if math.isfinite(age):
        years = f"{math.floor(age)}"
        article = "an" if years in ("8", "11", "18") or years.startswith("8") else "a"
        who = f"{article} {years}-year-old {who}"
    else:
        who = f"a {who}"
    words = f"Patient {outcome['patient']}: {who}"
    if _known(outcome, "marrow_blasts"):
        words += f" with {100 * outcome['marrow_blasts']:.2g} % blasts in the marrow"
    if _known(outcome, "line"):
        words += f", {_ORDINALS.get(int(outcome['line']), str(outcome['line']))} salvage"
    if outcome.get("prior_transplant", False):
        words += ", after an earlier transplant"
    return words + "."


def _days(entries: Sequence[Entry]) -> list[str]:
    course = read_course(entries)
    sentences: list[str] = []
    for _, moment in groupby(entries, key=lambda entry: float(entry["day"])):
        together = list(moment)
        for entry in together:
            told = _TELLERS.get(str(entry["kind"]), _grade)(entry, together, course)
            sentence = f"Day {day_words(entry['day'])}: {told}."
            if told and (not sentences or sentences[-1] != sentence):
                sentences.append(sentence)
    return sentences


# Each teller gets an entry, all entries of the same moment, and the course; "" keeps silent.


def _grade(entry: Entry, together: Sequence[Entry], course: Course) -> str:
    return f"{_what(entry)}, grade {entry['value']:.0f}" if _text(entry, "unit") == "grade" else ""


def _start(entry: Entry, together: Sequence[Entry], course: Course) -> str:
    what, day = _what(entry), float(entry["day"])
    cycle = course.cycle_of(_text(entry, "what"), day)
    assert cycle is not None
    again = day > cycle.start
    if cycle.role == "lymphodepletion":
        return "" if again else f"lymphodepletion: {_doses(cycle)}" if cycle.doses else f"lymphodepletion: {what}"
    if cycle.role == "cells":  # with orders each dose is told on its own day
        return "" if again or cycle.dosed else f"infusion of {what}"
    if cycle.role == "bridging":
        return "" if again else f"bridging with {what}, cycle {cycle.number}{_until(cycle)}"
    if cycle.dosed:
        counted = f", cycle {cycle.number}" if any(_amount(dose.amount, dose.unit) for dose in cycle.doses) else ""
        return "" if again else f"{what}{counted}: {_doses(cycle)}"
    beside = f", with {_doses(cycle)}" if cycle.doses and not again else ""
    return f"{what} infusion started{' again' if again else ''}{_rate(entry, together)}, cycle {cycle.number}{beside}"


def _stop(entry: Entry, together: Sequence[Entry], course: Course) -> str:
    cycle = course.cycle_of(_text(entry, "what"), float(entry["day"]))
    followed = any(
        other["kind"] in ("hold", "stop") and other["what"] == entry["what"] and other["rule"] == entry["rule"]
        for other in together
    )
    if followed or (cycle is not None and (cycle.dosed or cycle.role)):
        return ""
    return f"{_what(entry)} infusion ended{_after(entry)}{_rule(entry)}"


def _stop_for_good(entry: Entry, together: Sequence[Entry], course: Course) -> str:
    what, rule = _what(entry), _text(entry, "rule")
    cycle = course.cycle_of(_text(entry, "what"), float(entry["day"]))
    role = "" if cycle is None else cycle.role
    begun = cycle is not None
    if role == "bridging":
        ends = any(other["kind"] in ("product ready", "no product") for other in together)
        return "" if rule == "all cycles given" and not ends else "bridging ended"
    if rule.startswith("no product"):
        return ""
    if rule == "all cycles given":
        return "" if role or entry["value"] <= 1 else f"{what}: all cycles given"
    if rule in _BY_ITSELF:
        return f"{what} stopped: {rule}" if begun else f"{what} not started: {rule}"
    return f"{what} stopped for good{_rule(entry)}"


def _order(entry: Entry, together: Sequence[Entry], course: Course) -> str:
    value, unit, day = float(entry["value"]), _text(entry, "unit"), float(entry["day"])
    cycle = course.cycle_of(_text(entry, "what"), day)
    if unit == "cell" and value > 0 and cycle is not None and cycle.role == "cells":
        return f"infusion of {_what(entry)}: {_amount(value, unit)}"
    if _text(entry, "rule").startswith("step:"):
        return f"{_what(entry)} now at {_amount(value, unit)}"
    return ""


def _hold(entry: Entry, together: Sequence[Entry], course: Course) -> str:
    return f"{_course_of(entry, course)} held{_rule(entry)}"


def _resume(entry: Entry, together: Sequence[Entry], course: Course) -> str:
    return f"{_course_of(entry, course)} resumed{_after(entry)}{_rule(entry)}"


def _course_of(entry: Entry, course: Course) -> str:
    """What is held or resumed: lymphodepletion goes by one product, but all of it waits."""
    cycle = course.cycle_of(_text(entry, "what"), float(entry["day"]))
    return cycle.role if cycle is not None and cycle.role in ("bridging", "lymphodepletion") else _what(entry)


def _collected(entry: Entry, together: Sequence[Entry], course: Course) -> str:
    making = course.making_of(float(entry["day"]))
    assert making is not None
    number = [day for day, _ in making.collections].index(float(entry["day"]))
    enough = making.started == float(entry["day"])
    which = _TIMES[number] if number < len(_TIMES) else "further "
    few = "" if enough else ", too few"
    return f"{which}leukapheresis: {_amount(float(entry['value']), 'cell')} collected{few}"


def _ready(entry: Entry, together: Sequence[Entry], course: Course) -> str:
    making = course.making_of(float(entry["day"]))
    off = ", but out of specification" if entry["value"] > 0 else ""
    if making is None:
        return f"the product is ready{off}"
    stages = ", ".join(f"{name} {day_words(days)} d" for name, days in making.stages)
    return f"the product is ready{off}, {day_words(entry['day'] - making.started)} days after collection ({stages})"


def _made_in_vain(entry: Entry, together: Sequence[Entry], course: Course) -> str:
    making = course.making_of(float(entry["day"]))
    since = "" if making is None else f", {day_words(entry['day'] - making.started)} days after collection"
    last = any(other["kind"] == "no product" for other in together)
    return f"{_what(entry)} failed{since}{'; there will be no product' if last else '; it is made again'}"


def _no_product(entry: Entry, together: Sequence[Entry], course: Course) -> str:
    why = _text(entry, "what")
    if any(other["kind"] == "manufacture failed" for other in together):
        return ""
    return _WHY_NOT.get(why, f"no product: {why}")


def _step(entry: Entry, together: Sequence[Entry], course: Course) -> str:
    return f"next step of the sequence: {_what(entry)} ({_text(entry, 'rule')})"


def _care(entry: Entry, together: Sequence[Entry], course: Course) -> str:
    """A dose of care: the first of a run of doses is told, with why."""
    if not entry["first"]:
        return ""
    amount = _amount(float(entry["value"]), _text(entry, "unit"))
    return f"{_what(entry)}{f' {amount}' if amount else ''}{_rule(entry)}"


def _over(entry: Entry, together: Sequence[Entry], course: Course) -> str:
    """The end of what was graded at the bedside."""
    if not _text(entry, "rule"):
        return ""
    lasted = float(entry["value"])
    if lasted < 1:
        return f"{_what(entry)} over: signs for less than a day"
    days = day_words(lasted)
    signs = f"{days} {'day' if days == '1' else 'days'} from the first sign to the last"
    return f"{_what(entry)} over: {signs}"


def _admitted(entry: Entry, together: Sequence[Entry], course: Course) -> str:
    return f"{_STAYS[str(entry['kind'])]}{_rule(entry)}"


def _named(words: str) -> Callable[[Entry, Sequence[Entry], Course], str]:
    return lambda entry, together, course: words.format(what=_what(entry))


_STAYS = {"admit": "admitted to hospital", "intensive_care": "taken to intensive care"}
_TELLERS: dict[str, Callable[[Entry, Sequence[Entry], Course], str]] = {
    "infusion_start": _start,
    "infusion_stop": _stop,
    "order": _order,
    "hold": _hold,
    "resume": _resume,
    "stop": _stop_for_good,
    "leukapheresis": _collected,
    "product ready": _ready,
    "manufacture failed": _made_in_vain,
    "no product": _no_product,
    "step": _step,
    "care": _care,
    "resolved": _over,
    "admit": _admitted,
    "intensive_care": _admitted,
    "response": _named("response: {what}"),
    "relapse": _named("relapse ({what})"),
    "transplant": _named("{what}"),
    "next_line": _named("{what}"),
    "failure": _named("the simulation stopped: {what}"),
}


def _doses(cycle: Cycle) -> str:
    """Such as "0.9 mg on days 9 and 16", or "30 mg of A on days 3 to 6, 500 mg of B on day 3"."""
    given: dict[tuple[str, str], list[float]] = {}
    for dose in cycle.doses:
        given.setdefault((dose.product, _amount(dose.amount, dose.unit)), []).append(dose.day)
    several = {dose.product for dose in cycle.doses} != {cycle.product}
    words = []
    for (product, amount), days in given.items():
        of = f" of {product}" if several and amount else product if not amount else ""
        words.append(f"{amount}{of} on {_day_list(days)}")
    return ", ".join(words)


def _day_list(days: Sequence[float]) -> str:
    """A run of three days or more as "days 3 to 6"."""
    told = list(dict.fromkeys(day_words(day) for day in days))
    if len(told) == 1:
        return f"day {told[0]}"
    if len(told) > 2 and all(abs(later - day - 1) < 0.1 for day, later in pairwise(days)):
        return f"days {told[0]} to {told[-1]}"
    return f"days {', '.join(told[:-1])} and {told[-1]}"


def _amount(amount: float, unit: str) -> str:
    """Cells in millions and billions; a bare number (a graft, a share of a course) says nothing."""
    if unit == "cell":
        return f"{amount / 1e9:.2g} billion cells" if amount >= 1e9 else f"{amount / 1e6:.3g} million cells"
    if unit in ("", "1"):
        return ""
    if amount >= 1e9:
        return f"{amount / 1e9:.3g}e9 {unit}"
    return f"{amount:.0f} {unit}" if amount >= 100 else f"{amount:.3g} {unit}"


def _rate(entry: Entry, together: Sequence[Entry]) -> str:
    for other in together:
        unit = _text(other, "unit")
        if other["kind"] == "order" and other["what"] == entry["what"] and unit.endswith("g/d"):  # not of a course
            return f" at {_amount(float(other['value']), unit)}"
    return ""


def _until(cycle: Cycle) -> str:
    end = cycle.stretches[-1][1]
    return f", to day {day_words(end)}" if math.isfinite(end) else ""


def _after(entry: Entry) -> str:
    value = float(entry["value"])
    return f" after {day_words(value)} d" if math.isfinite(value) and _text(entry, "unit") == "d" else ""


def _rule(entry: Entry) -> str:
    rule = _text(entry, "rule")
    if not rule or rule == "end of infusion":
        return ""
    return f": {rule}" if rule in _BY_ITSELF else f", by the rule “{rule}”"


def _end(outcome: Mapping[str, Any], entries: Sequence[Entry]) -> str:
    course = read_course(entries)
    last = course.makings[-1] if course.makings else None
    if _known(outcome, "death_day"):
        words = f"Died on day {day_words(outcome['death_day'])}{_cause(outcome, entries)}"
        return f"{words}{_uninfused(outcome, last, died=True)}."
    return f"Alive when last seen, on day {day_words(outcome['last_day'])}{_state(outcome, entries)}" + (
        f"{_uninfused(outcome, last, died=False)}."
    )


def _cause(outcome: Mapping[str, Any], entries: Sequence[Entry]) -> str:
    cause = str(outcome.get("death_cause", "") or "")
    titles = [_what(entry) for entry in entries if entry["kind"] == cause and _text(entry, "unit") == "grade"]
    named = _CAUSES.get(cause, titles[-1] if titles else cause.replace("_", " "))
    return f" of {named}" if cause else ""


def _uninfused(outcome: Mapping[str, Any], making: Making | None, *, died: bool) -> str:
    if "infused_day" not in outcome or "collected_day" not in outcome or _known(outcome, "infused_day"):
        return ""
    if making is not None and making.failed is not None:
        return ", without an infusion of the cells"
    if not _known(outcome, "collected_day"):
        return ", before cells were collected" if died and making is not None else ""
    ready = making is not None and math.isfinite(making.ready)
    return f", before the infusion of the cells{' (the product was ready)' if ready else ''}"


def _state(outcome: Mapping[str, Any], entries: Sequence[Entry]) -> str:
    """Remission or not, by the outcome, and by the chart what later lines brought."""
    relapses = [float(entry["day"]) for entry in entries if entry["kind"] == "relapse"]
    if _known(outcome, "relapse_day"):
        relapses.append(float(outcome["relapse_day"]))
    responses = [float(entry["day"]) for entry in entries if entry["kind"] == "response"]
    since = [day for day in responses if not relapses or day > max(relapses)]
    if relapses:
        again = f", in remission again since day {day_words(since[0])}" if since else ""
        return f", after a relapse on day {day_words(max(relapses))}{again}"
    if _known(outcome, "response_day"):
        return f", in remission since day {day_words(outcome['response_day'])}"
    if since:
        return f", in remission under later therapy since day {day_words(since[0])}"
    return ", never in remission"


def _known(outcome: Mapping[str, Any], name: str) -> bool:
    value = outcome.get(name)
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _what(entry: Entry) -> str:
    return _text(entry, "what").replace("_", " ") or "therapy"


def _text(entry: Entry, name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""
