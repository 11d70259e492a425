"""One patient's course in sentences that a physician reads."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# Kinds of the chart that are told, in words; samples and results would drown the story.
_TOLD = {
    "infusion_start": "{what} infusion started{value}",
    "infusion_stop": "{what} infusion ended",
    "dose": "{what} given{value}",
    "hold": "{what} held",
    "resume": "{what} resumed{value}",
    "stop": "{what} stopped for good",
    "response": "response: {what}",
    "relapse": "relapse{named}",
    "crs": "cytokine release syndrome{grade}",
    "neurologic_event": "neurologic event{grade}",
    "infusion_reaction": "infusion reaction{grade}",
    "infection": "infection{grade}",
    "transplant": "allogeneic transplant",
    "next_line": "next line of therapy",
    "death": "death{named}",
}
_ORDINALS = {1: "first", 2: "second", 3: "third or later"}


def patient_story(outcome: Mapping[str, Any], events: pd.DataFrame) -> list[str]:
    """Tell one patient's course.

    Parameters
    ----------
    outcome : mapping
        The patient's row of the outcomes (a Series will do).
    events : pandas.DataFrame
        The patient's chart: day, kind, what, value, unit, rule, detail.

    Returns
    -------
    list of str
        Who it is; what happened, day by day; how it ended.
    """
    return [_who(outcome), *_days(events), _end(outcome)]


def _who(outcome: Mapping[str, Any]) -> str:
    sex = {"female": "woman", "male": "man"}.get(str(outcome.get("sex", "")), "person")
    words = f"Patient {outcome['patient']}: a {_number(outcome, 'age', '{:.0f}-year-old ')}{sex}"
    if _known(outcome, "marrow_blasts"):
        words += f" with {100 * outcome['marrow_blasts']:.2g} % blasts in the marrow"
    if _known(outcome, "line"):
        words += f", {_ORDINALS.get(int(outcome['line']), str(outcome['line']))} salvage"
    if outcome.get("prior_transplant", False):
        words += ", after an earlier transplant"
    return words + "."


def _days(events: pd.DataFrame) -> list[str]:
    told = events[events["kind"].isin(_TOLD)].sort_values("day", kind="stable")
    sentences: list[str] = []
    for event in told.to_dict("records"):
        sentence = f"Day {_day(event['day'])}: {_happening(event)}."
        if not sentences or sentences[-1] != sentence:
            sentences.append(sentence)
    return sentences


def _happening(event: Mapping[Any, Any]) -> str:
    what = _text(event, "what").replace("_", " ")
    value = event.get("value")
    known = isinstance(value, int | float) and not math.isnan(value)
    words = _TOLD[str(event["kind"])].format(
        what=what or "therapy",
        named=f" ({what})" if what else "",
        value=_value(float(value), _text(event, "unit")) if known and value is not None else "",
        grade=f", grade {value:.0f}" if known else "",
    )
    because = _text(event, "rule")
    detail = _text(event, "detail")
    return words + (f", by the rule “{because}”" if because else "") + (f" ({detail})" if detail else "")


def _value(value: float, unit: str) -> str:
    if unit == "cycle":
        return f", cycle {value:.0f}"
    if unit == "d":
        return f" after {_day(value)} d"
    return f" at {value:g} {unit}".rstrip()


def _end(outcome: Mapping[str, Any]) -> str:
    if _known(outcome, "death_day"):
        cause = str(outcome.get("death_cause", "") or "").replace("_", " ")
        return f"Died on day {_day(outcome['death_day'])}{f' of {cause}' if cause else ''}."
    seen = f"Alive when last seen, on day {_day(outcome['last_day'])}"
    if _known(outcome, "relapse_day"):
        return f"{seen}, after a relapse on day {_day(outcome['relapse_day'])}."
    if _known(outcome, "response_day"):
        return f"{seen}, in remission since day {_day(outcome['response_day'])}."
    return f"{seen}, never in remission."


def _known(outcome: Mapping[str, Any], name: str) -> bool:
    value = outcome.get(name)
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _number(outcome: Mapping[str, Any], name: str, words: str) -> str:
    return words.format(outcome[name]) if _known(outcome, name) else ""


def _text(event: Mapping[Any, Any], name: str) -> str:
    value = event.get(name)
    return value if isinstance(value, str) else ""


def _day(day: float) -> str:
    return f"{day:.0f}" if abs(day - round(day)) < 0.05 else f"{day:.1f}"
