"""Grade a table of signs of anybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from virtuall.clinic.grading import GradeProgram, Grades, Scale, compile_scale, known_signs, load_scales
from virtuall.clinic.sign_table import Days, SignTable, daily, read_table
from virtuall.core.errors import InputError
from virtuall.model.shelf import open_shelf

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("patient", "day", "grade", "by", "scale")


def grade(
    table: pd.DataFrame,
    scale: str,
    units: Mapping[str, str] | None = None,
    library: Sequence[Path | str] = (),
    *,
    name: str = "the table",
) -> pd.DataFrame:
    """Grade a table of signs. For research and teaching, never for the care of a patient.

    Parameters
    ----------
    table : DataFrame
        Columns ``patient``, ``day`` (or ``time``, in days unless its header says otherwise) and the signs that the
        scale reads. A header may say its unit: ``temperature [degF]``. Several rows of a day are brought together,
        the worst value of each column, as the text of the scale says. An empty cell is unknown. A column that is not
        there is taken as its text says, for most "none"; a column that must be there is asked for.
    scale : str
        Name of a scale, such as ``astct_crs``, or the beginning of several: ``ctcae_v5`` grades by every scale of
        that version whose columns are in the table.
    units : mapping of str to str, optional
        Units of columns, stronger than their headers.
    library : sequence of Path or str
        Folders of your own texts.
    name : str
        What messages call the table.

    Returns
    -------
    DataFrame
        ``patient``, ``day`` (whole days), ``grade`` (Int64, missing where unknown; of a score the score, float),
        ``by`` (the criteria that decided, or what is not known) and ``scale``; in ``attrs`` ``assumed`` (columns that
        were not there, and what was taken) and ``ignored``.

    Raises
    ------
    InputError, UnitError
        When the scale is unknown or refused, or the table cannot be read; see `sign_table.read_table`.
    """
    import pandas as pd

    if not isinstance(cast(object, table), pd.DataFrame):
        hint = "make one of it by pandas.DataFrame or pandas.read_csv"
        raise InputError("a table of signs is a DataFrame", given=type(table).__name__, hint=hint)
    shelf = open_shelf(library)
    scales = _gradable(load_scales(scale, shelf), table, name)
    rows = read_table(table, scales, known_signs(shelf), dict(units or {}), name)
    parts = [_graded(each, rows) for each in scales]
    result = pd.concat(parts, ignore_index=True)
    result.attrs = {"assumed": assumed(scales, rows), "ignored": list(rows.ignored)}
    return result


def assumed(scales: Sequence[Scale], table: SignTable) -> dict[str, str]:
    """What was taken for columns that the table does not have, in words."""
    found: dict[str, str] = {}
    for scale in scales:
        for name, needed in scale.columns.items():
            if name in table.values:
                continue
            if np.isnan(needed.absent):
                found[name] = "unknown"
            elif needed.sign.kind == "flag":
                found[name] = "yes" if needed.absent else "no"
            elif needed.sign.kind == "category":
                found[name] = needed.sign.levels[int(needed.absent)]
            else:
                found[name] = f"{needed.absent:g}"
    return found


def _gradable(scales: tuple[Scale, ...], table: pd.DataFrame, name: str) -> tuple[Scale, ...]:
    """Of several scales those whose columns are there."""
    if len(scales) == 1:
        return scales
    given = {str(column).partition("[")[0].strip() for column in table.columns}
    found = tuple(each for each in scales if all(key in given for key, need in each.columns.items() if need.required))
    if not found:
        wanted = sorted({key for each in scales for key, need in each.columns.items() if need.required})
        hint = f"they read {', '.join(wanted)}"
        raise InputError("the table has the columns of none of these scales", where=name, hint=hint)
    return found


def _graded(scale: Scale, table: SignTable) -> pd.DataFrame:
    import pandas as pd

    days = daily(table, scale)
    program = compile_scale(scale)
    count = len(days.day)
    grade = np.full(count, np.nan)
    true, unknown = (np.zeros((len(scale.criteria), count), bool) for _ in range(2))
    memory = program.memory(int(days.number.max(initial=-1)) + 1)
    for rows in _rounds(days):
        record = {key: values[rows] for key, values in days.record.items()}
        found = program.evaluate(memory, days.number[rows], days.day[rows].astype(np.float64), record)
        grade[rows], true[:, rows], unknown[:, rows] = found.grade, found.true, found.unknown
    kept = _last(days) if scale.per == "patient" else np.flatnonzero(~days.made)
    grades = Grades(grade, true, unknown)
    result = pd.DataFrame(
        {
            "patient": days.patients[kept],
            "day": days.day[kept],
            "grade": grade[kept],
            "by": [why(program, grades, days.record, row) for row in kept.tolist()],
            "scale": scale.name,
        },
        columns=list(COLUMNS),
    )
    return result if scale.score else result.astype({"grade": "Int64"})


def _rounds(days: Days) -> list[np.ndarray]:
    """Rows of the first day of every patient, of the second, and so on: patients are graded side by side."""
    if not len(days.day):
        return []
    starts = np.flatnonzero(np.diff(days.number, prepend=-1))
    place = np.arange(len(days.day)) - np.repeat(starts, np.diff([*starts, len(days.day)]))
    return [np.flatnonzero(place == each) for each in range(int(place.max()) + 1)]


def _last(days: Days) -> np.ndarray:
    return np.flatnonzero(np.diff(days.number, append=-1))


def why(program: GradeProgram, grades: Grades, record: Mapping[str, np.ndarray], row: int) -> str:
    """Name the criteria that decided a grade, or what was not known."""
    scale = program.scale
    value = grades.grade[row]
    if not np.isnan(value):
        level = 0 if scale.score else value
        holding = [
            each.name
            for each, true in zip(scale.criteria, grades.true[:, row], strict=True)
            if true and each.grade == level
        ]
        return ", ".join(dict.fromkeys(holding))
    # Of the unknown criteria those above what is certain.
    certain = max(
        (each.grade for each, true in zip(scale.criteria, grades.true[:, row], strict=True) if true), default=0
    )
    blocking: list[str] = []
    for each, reads, unknown in zip(scale.criteria, program.reads, grades.unknown[:, row], strict=True):
        if unknown and each.grade > certain:
            blocking += reads
    if scale.score:
        blocking = [scale.score]
    signs = dict.fromkeys(_signs_behind(program, blocking))
    missing = [name for name in signs if name in record and np.isnan(record[name][row])]
    return "unknown: " + (", ".join(missing) if missing else ", ".join(signs) + " on some days")


def _signs_behind(program: GradeProgram, names: Sequence[str]) -> list[str]:
    """The signs that columns come from, through the derived values."""
    steps = {step.derived.name: step for step in program.steps}
    found: list[str] = []
    for each in names:
        if each in steps:
            found += _signs_behind(program, steps[each].reads)
        else:
            found.append(each)
    return found
