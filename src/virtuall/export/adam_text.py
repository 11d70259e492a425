"""The words of the clinic in analysis datasets: ``reports/adam.toml`` of the library."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from virtuall.model.shelf import open_shelf
from virtuall.texts.table import Table, reading
from virtuall.trial.endpoints import SURVIVALS

T = TypeVar("T")

ADAM = "reports/adam.toml"
# The limits of SAS transport files, version 5.
LONGEST_NAME, LONGEST_LABEL, LONGEST_TEXT = 8, 40, 200
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,7}")


@dataclass(frozen=True)
class SubjectText:
    """A variable of ADSL that is a column of the outcomes; `kind` is "number", "integer", "flag" or "date" (a day)."""

    variable: str
    column: str
    label: str
    kind: str


@dataclass(frozen=True)
class TimeText:
    """A time to event of ADTTE.

    Attributes
    ----------
    code, label : str
    of : str
        One of `virtuall.trial.endpoints.SURVIVALS`.
    events : mapping of str to str
        What an event is called, by the column of the day on which it happened.
    otherwise : str
        What an event is called that happened on none of these days.
    since : str
        A column of days: only those who have it, counted from it; "" for enrollment.
    """

    code: str
    label: str
    of: str
    events: Mapping[str, str]
    otherwise: str
    since: str


@dataclass(frozen=True)
class ParameterText:
    """A parameter: its code and label."""

    code: str
    label: str


@dataclass(frozen=True)
class ResultText:
    """A parameter of ADLB: a result of the charts in `unit`, which is written `shown`; limits of normal if known."""

    name: str
    code: str
    label: str
    unit: str
    shown: str
    low: float | None
    high: float | None


@dataclass(frozen=True)
class TermText:
    """The word for an event on a scale; `again`: the scale that grades the same events first, or ""."""

    word: str
    again: str


@dataclass(frozen=True)
class AdamText:
    """The whole text; windows in days.

    Attributes
    ----------
    reference_date : date
        Day 0 of a study: fictitious.
    response_by, emergent_after : float
        Of a stored run: the window of remission, and how long after the protocol events count.
    terms : mapping of str to TermText
        By scale.
    """

    reference_date: datetime.date
    response_by: float
    emergent_after: float
    subjects: tuple[SubjectText, ...]
    times: tuple[TimeText, ...]
    responses: Mapping[str, ParameterText]
    results: tuple[ResultText, ...]
    left_out: tuple[str, ...]
    terms: Mapping[str, TermText]


RESPONSES = ("level", "best", "window", "mrd", "relapse")


def read_adam(path: Path) -> AdamText:
    """Read ``reports/adam.toml``.

    Raises
    ------
    TextError, Problems
        With every error of the text, by line.
    """
    with reading(path) as text:
        head = text.table("adam")
        head.source()
        responses = text.table("response")
        return AdamText(
            reference_date=head.date("reference_date"),
            response_by=head.days("response_by", low=0),
            emergent_after=head.days("emergent_after", low=0),
            subjects=_unique(text, "subject", "variable", [_subject(each) for each in text.tables("subject")]),
            times=_unique(text, "time", "code", [_time(each) for each in text.tables("time", at_least=1)]),
            responses={name: _parameter(responses.table(name)) for name in RESPONSES},
            results=_unique(text, "result", "code", [_result(each) for each in text.tables("result")]),
            left_out=text.table("laboratory").texts("left_out", default=()),
            terms={scale: term for each in text.tables("term") for scale, term in _terms(each)},
        )


def adam_text(library: Sequence[Path | str] = ()) -> AdamText:
    """The words of this library."""
    return read_adam(open_shelf(library).file(ADAM))


def _unique(text: Table, key: str, name: str, found: Sequence[T]) -> tuple[T, ...]:
    names = [str(getattr(each, name)) for each in found]
    for twice in dict.fromkeys(each for each in names if names.count(each) > 1):
        text.problem(f"two tables [[{key}]] have one {name}", key, given=twice)
    return tuple(found)


def _subject(table: Table) -> SubjectText:
    kind = table.choice("kind", ("number", "integer", "flag", "date"))
    return SubjectText(_code(table, "variable"), table.text("column"), _label(table), kind)


def _time(table: Table) -> TimeText:
    events = table.table("event")
    return TimeText(
        code=_code(table, "code"),
        label=_label(table),
        of=table.choice("of", SURVIVALS),
        events={column: events.text(column) for column in events.keys()},
        otherwise=table.text("otherwise", default=""),
        since=table.text("since", default=""),
    )


def _parameter(table: Table) -> ParameterText:
    return ParameterText(_code(table, "code"), _label(table))


def _result(table: Table) -> ResultText:
    return ResultText(
        name=table.text("name"),
        code=_code(table, "code"),
        label=_label(table),
        unit=table.unit(),
        shown=table.text("shown"),
        low=table.number("low", default=None),
        high=table.number("high", default=None),
    )


def _terms(table: Table) -> list[tuple[str, TermText]]:
    term = TermText(table.text("word"), table.text("again", default=""))
    return [(scale, term) for scale in table.texts("scales")]


def _code(table: Table, key: str) -> str:
    code = table.text(key)
    if not _NAME.fullmatch(code):
        table.problem("a name of at most 8 letters and digits, in capitals, was expected", key, given=code)
    return code


def _label(table: Table) -> str:
    label = table.text("label")
    if not label.isascii() or len(label) > LONGEST_LABEL:
        table.problem("a label of at most 40 plain letters was expected", "label", given=label)
    return label
