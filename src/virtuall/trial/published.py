"""Published results of a trial, read from ``published.csv``: facts, one figure a row."""

from __future__ import annotations

import csv
import math
import re
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
    "family",
    "use",
    "scored",
    "duplicate",
    "verified",
    "source",
)
# A file without this column is read too: its rows are of one family, OTHER.
_OPTIONAL = "family"
OTHER = "other"
# "Not estimable": a bound that was looked for and not reached.
_NO_BOUND = "NE"
# What must agree for two rows to be the same figure.
_SAME = ("trial", "population", "arm", "n", "endpoint", "timepoint", "unit")
_COUNTS = ("patients", "relapses")
_ROUNDING = 0.5  # a share is told in whole percent at least
# "(35/162)": the patients of whom a share is told.
_SHARE_OF = re.compile(r"\((\d+)/(\d+)\b")
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
        95 % confidence interval, NaN where none was published or a bound was not reached ("NE").
    scored : bool
        Whether it counts in the score.
    mark : str
        V read in the source, M recalled, D derived by arithmetic from figures that were read.
    family : str
        Endpoints that tell of the same thing and have one vote together.
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
    family: str = OTHER

    @property
    def exact(self) -> float:
        """The value unrounded, where it is a share in % of which the publication tells the patients."""
        found = _SHARE_OF.search(f"{self.unit} {self.endpoint}")
        if found is None or not self.unit.startswith("%"):
            return self.value
        return 100 * int(found[1]) / int(found[2])


def read_published(path: Path) -> tuple[Published, ...]:
    """Read ``published.csv``.

    Raises
    ------
    TextError
        When the file or its header cannot be read.
    Problems
        With every wrong row: an unknown word, no number, an id twice, an interval or a share that cannot be, a share
        that its count does not give, two rows that contradict each other.
    """
    lines = csv.reader(read_text(path).splitlines())
    header = next(lines)
    if tuple(header) not in (COLUMNS, tuple(name for name in COLUMNS if name != _OPTIONAL)):
        missing = [name for name in COLUMNS if name not in header and name != _OPTIONAL]
        raise TextError(
            "wrong columns of published results",
            given=", ".join(missing) + " missing" if missing else ", ".join(header),
            allowed=COLUMNS,
            where=f"{shown(path)}:1",
        )
    rows: dict[str, Published] = {}
    figures: dict[tuple[object, ...], Published] = {}
    problems = []
    for values in lines:
        where = f"{shown(path)}:{lines.line_num}"
        try:
            row = _row(values, header, where)
            if row.target in rows:
                raise TextError("this id stands twice", given=row.target, where=where)
            rows[row.target] = row
            first = figures.setdefault(tuple(getattr(row, name) for name in _SAME), row)
            if first.value != row.value:
                raise TextError(
                    f"the rows {first.target} and {row.target} give two values of the same figure "
                    f"(the same {', '.join(_SAME)})",
                    given=f"{first.value:g} and {row.value:g} {row.unit}",
                    where=where,
                )
        except TextError as error:
            problems.append(error)
    if problems:
        raise Problems(problems)
    return tuple(rows.values())


def _row(values: list[str], header: list[str], where: str) -> Published:
    if len(values) != len(header):
        raise TextError(f"{len(header)} fields are needed", given=f"{len(values)} fields", where=where)
    cell = dict(zip(header, values, strict=True))
    for name, allowed in _WORDS.items():
        if cell[name] not in allowed:
            raise TextError(f"unknown word for {name}", given=cell[name], allowed=allowed, where=where)
    value = _number(cell["value"], "value", where)
    if math.isnan(value):
        raise TextError("a published row needs a value", where=where)
    count = _number(cell["n"], "n", where)
    row = Published(
        target=cell["id"],
        trial=cell["trial"],
        population=cell["population"],
        arm=cell["arm"],
        n=None if math.isnan(count) else int(count),
        endpoint=cell["endpoint"],
        timepoint=cell["timepoint"],
        value=value,
        low=_bound(cell["lower95"], "lower95", where),
        high=_bound(cell["upper95"], "upper95", where),
        unit=cell["unit"],
        event_kind=cell["event_kind"],
        use=cell["use"],
        scored=cell["scored"] == "yes",
        duplicate=cell["duplicate"],
        mark=cell["verified"],
        source=cell["source"],
        family=cell.get(_OPTIONAL) or OTHER,
    )
    _check_possible(row, where)
    return row


def _check_possible(row: Published, where: str) -> None:
    """Refuse an interval that its value is not in, a share beyond 0 to 100 %, a count beyond its patients."""
    low, high = row.low, row.high
    if low > high or row.value < low or row.value > high:  # all false for bounds that are not there
        raise TextError(
            f"the row {row.target} has an impossible interval: lower95 <= value <= upper95 must hold",
            given=f"{row.value:g} ({low:g} to {high:g})",
            where=where,
        )
    word = row.unit.partition(" (")[0]
    if word == "%" and not 0 <= row.value <= 100:
        raise TextError(
            f"the row {row.target}: a share lies between 0 and 100 %", given=f"{row.value:g} %", where=where
        )
    if abs(row.exact - row.value) > _ROUNDING:
        raise TextError(
            f"the row {row.target}: its count does not give its share",
            given=f"{row.value:g} % and {row.exact:.1f} %",
            where=where,
        )
    if word in _COUNTS and row.value < 0:
        raise TextError(f"the row {row.target}: a count is not negative", given=f"{row.value:g}", where=where)
    if word in _COUNTS and row.n is not None and row.value > row.n:
        raise TextError(
            f"the row {row.target}: more are counted than there are patients",
            given=f"{row.value:g} of {row.n}",
            where=where,
        )


def _bound(text: str, name: str, where: str) -> float:
    return math.nan if text == _NO_BOUND else _number(text, name, where)


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
