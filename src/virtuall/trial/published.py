"""Published results of a trial, read from ``published.csv``: facts, one figure a row."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from virtuall.core.errors import Problems, TextError
from virtuall.texts.file import read_text, shown

COLUMNS = (
    "id",
    "trial",
    "population",
    "arm",
    "n",
    "endpoint",
    "timepoint",
    "value",
    "lower95",
    "upper95",
    "unit",
    "event_kind",
    "use",
    "scored",
    "duplicate",
    "verified",
    "source",
)
_WORDS = {
    "use": ("calibrate", "validate", "context"),
    "scored": ("yes", "no"),
    "verified": ("V", "M", "D"),
    "event_kind": ("efficacy", "lab", "reported", "support", "input"),
}


@dataclass(frozen=True)
class Published:
    """One published figure.

    Attributes
    ----------
    target : str
        Its id.
    trial, population, arm, endpoint, timepoint, unit, event_kind, use, source, duplicate : str
        As collected.
    n : int or None
        Patients behind the figure.
    value : float
    low, high : float
        95 % confidence interval, NaN where none was published.
    scored : bool
        Whether it counts in the score.
    mark : str
        V read in the source, M recalled, D derived by arithmetic from figures that were read.
    """

    target: str
    trial: str
    population: str
    arm: str
    n: int | None
    endpoint: str
    timepoint: str
    value: float
    low: float
    high: float
    unit: str
    event_kind: str
    use: str
    scored: bool
    duplicate: str
    mark: str
    source: str


def read_published(path: Path) -> tuple[Published, ...]:
    """Read ``published.csv``.

    Raises
    ------
    TextError
        When the file or its header cannot be read.
    Problems
        With every wrong row: an unknown word, no number, an id twice.
    """
    lines = csv.reader(read_text(path).splitlines())
    header = next(lines)
    if tuple(header) != COLUMNS:
        missing = [name for name in COLUMNS if name not in header]
        raise TextError(
            "wrong columns of published results",
            given=", ".join(missing) + " missing" if missing else ", ".join(header),
            allowed=COLUMNS,
            where=f"{shown(path)}:1",
        )
    rows: dict[str, Published] = {}
    problems = []
    for values in lines:
        where = f"{shown(path)}:{lines.line_num}"
        try:
            row = _row(values, where)
            if row.target in rows:
                raise TextError("this id stands twice", given=row.target, where=where)
            rows[row.target] = row
        except TextError as error:
            problems.append(error)
    if problems:
        raise Problems(problems)
    return tuple(rows.values())


def _row(values: list[str], where: str) -> Published:
    if len(values) != len(COLUMNS):
        raise TextError(f"{len(COLUMNS)} fields are needed", given=f"{len(values)} fields", where=where)
    cell = dict(zip(COLUMNS, values, strict=True))
    for name, allowed in _WORDS.items():
        if cell[name] not in allowed:
            raise TextError(f"unknown word for {name}", given=cell[name], allowed=allowed, where=where)
    value = _number(cell["value"], "value", where)
    if math.isnan(value):
        raise TextError("a published row needs a value", where=where)
    count = _number(cell["n"], "n", where)
    return Published(
        target=cell["id"],
        trial=cell["trial"],
        population=cell["population"],
        arm=cell["arm"],
        n=None if math.isnan(count) else int(count),
        endpoint=cell["endpoint"],
        timepoint=cell["timepoint"],
        value=value,
        low=_number(cell["lower95"], "lower95", where),
        high=_number(cell["upper95"], "upper95", where),
        unit=cell["unit"],
        event_kind=cell["event_kind"],
        use=cell["use"],
        scored=cell["scored"] == "yes",
        duplicate=cell["duplicate"],
        mark=cell["verified"],
        source=cell["source"],
    )


def _number(text: str, name: str, where: str) -> float:
    if not text:
        return math.nan
    try:
        number = float(text)
    except ValueError:
        number = math.inf
    if not math.isfinite(number):
        raise TextError(f"{name} must be a number", given=text, where=where)
    return number
