"""A table of signs of anybody: read, checked, brought to one unit and to one row a day.

Nothing is guessed silently: a value that would be plausible in another unit is refused with the name of that unit.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from virtuall.clinic.grading import Needed, Scale
from virtuall.clinic.sign import MULTIPLE, Sign, in_base, rounded, spelling_of, unit_of_header
from virtuall.core.errors import InputError, UnitError, nearest
from virtuall.core.units import unit as read_unit

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
PATIENT = "patient"
TIMES = ("day", "time")
# Likeness from which a column counts as misspelled; below it is one of the reader's own.
_ALIKE = 0.75
_UNKNOWN = {"", "na", "nan", "null", "n/a", "unknown", "."}  # "none" is a word of categories
# Days beyond it are dates, or slips of the pen; a life is shorter.
_LONGEST = 50_000
# Signs of units that a keyboard may have.
_KEYS = str.maketrans({"°": "deg", "µ": "u", "μ": "u"})
_YES, _NO = {"1", "1.0", "true", "yes", "y"}, {"0", "0.0", "false", "no", "n"}


@dataclass(frozen=True, eq=False)
class SignTable:
    """A checked table of n rows.

    Attributes
    ----------
    patients : object[n]
        As given.
    days : float64[n]
        Days, with their parts.
    values : mapping of str to float64[n]
        Signs in the unit of `units`; flags 1 and 0, categories by number; NaN unknown.
    units : mapping of str to str
        The base unit of each sign, or multiples of its limit of normal.
    ignored : tuple of str
        Columns of the table that no scale asked for.
    where : str
        What messages call the table.
    """

    patients: NDArray[Any]
    days: Floats
    values: Mapping[str, Floats]
    units: Mapping[str, str]
    ignored: tuple[str, ...]
    where: str


def read_table(
    table: pd.DataFrame, scales: Sequence[Scale], signs: Mapping[str, Sign], units: Mapping[str, str], where: str
) -> SignTable:
    """Check a table and read what the scales need.

    Raises
    ------
    InputError
        When the table is empty, lacks a column, has a misspelled one, a text for a number, a value that cannot be,
        or times that run backwards or stand twice.
    UnitError
        When a unit is unknown or does not fit.
    """
    if table.shape[0] == 0:
        raise InputError("the table has no rows", where=where)
    columns, said = _columns(table, where)
    time = _time_column(columns, where)
    if PATIENT not in columns:
        raise _missing(PATIENT, columns, where)
    wanted = _wanted(scales, signs)
    absent = [name for name in wanted if name not in columns]
    _refuse_misspelled(columns, absent, signs, time, where)
    _refuse_missing(columns, scales, where)
    _refuse_units(units, {*columns} & {*signs, time}, where)
    said |= {name: unit.translate(_KEYS) for name, unit in units.items()}
    values, held = {}, {}
    for name in wanted:
        if name in columns:
            values[name], held[name] = _sign_values(columns[name], signs[name], said.get(name, ""), where)
    patients = _patients(columns[PATIENT], where)
    days = _days(columns[time], said.get(time, "d"), time, where)
    _check_times(patients, days, where)
    ignored = tuple(name for name in columns if name not in (*wanted, PATIENT, time))
    return SignTable(patients, days, values, held, ignored, where)


def _columns(table: pd.DataFrame, where: str) -> tuple[dict[str, pd.Series], dict[str, str]]:
    found: dict[str, pd.Series] = {}
    said: dict[str, str] = {}
    for place, header in enumerate(map(str, table.columns)):
        name, unit = unit_of_header(header)
        if name in found:
            raise InputError("a column stands twice", given=name, where=where)
        found[name] = table.iloc[:, place]
        if unit:
            said[name] = unit.translate(_KEYS)
    return found, said


def _time_column(columns: Mapping[str, object], where: str) -> str:
    given = [name for name in TIMES if name in columns]
    if len(given) > 1:
        raise InputError("the table has two columns of time", given=" and ".join(given), where=where)
    if not given:
        raise _missing(TIMES[0], columns, where)
    return given[0]


def _wanted(scales: Sequence[Scale], signs: Mapping[str, Sign]) -> dict[str, None]:
    names = dict.fromkeys(name for scale in scales for name in scale.columns)
    return names | dict.fromkeys(signs[name].upper for name in names if signs[name].upper)


def _missing(name: str, columns: Mapping[str, object], where: str) -> InputError:
    near = nearest(name, columns)
    hint = f"is {near!r} meant for it? rename it" if near else f"the table has {', '.join(columns)}"
    return InputError("the table lacks a column", given=name, where=where, hint=hint)


def _refuse_misspelled(
    columns: Mapping[str, object], absent: Sequence[str], signs: Mapping[str, Sign], time: str, where: str
) -> None:
    """A misspelled column would be taken for one that is not there."""
    for name in columns:
        if name in signs or name in (PATIENT, time):
            continue
        near = difflib.get_close_matches(name.lower(), absent, n=1, cutoff=_ALIKE)
        if near:
            raise InputError(
                "unknown column, much like one that the scale reads", given=name, allowed=near, where=where
            )


def _refuse_missing(columns: Mapping[str, object], scales: Sequence[Scale], where: str) -> None:
    for scale in scales:
        lacking = [name for name, needed in scale.columns.items() if needed.required and name not in columns]
        if lacking:
            near = nearest(lacking[0], columns)
            hint = f"the table has {near!r}" if near else f"the table has {', '.join(columns)}"
            raise InputError(
                f"{scale.name} needs columns that are missing", given=", ".join(lacking), where=where, hint=hint
            )


def _refuse_units(units: Mapping[str, str], columns: set[str], where: str) -> None:
    for name in units:
        if name not in columns:
            allowed = tuple(sorted(columns))
            raise InputError("a unit is given for a column that is not there", given=name, allowed=allowed, where=where)


# -- values ---------------------------------------------------------------------------------------------------


def _sign_values(column: pd.Series, sign: Sign, unit: str, where: str) -> tuple[Floats, str]:
    if sign.kind == "flag":
        return _each(column, lambda word: _flag(word, sign, where), where), "1"
    if sign.kind == "category":
        return _each(column, lambda word: _category(word, sign), where), "1"
    values = _numbers(column, sign.name, where)
    if not unit and sign.must_say and not np.isnan(values).all():
        fitting = _fitting(values, sign) or sign.units
        raise InputError(
            f"the unit of {sign.name} must be said",
            given=f"values from {np.nanmin(values):g} to {np.nanmax(values):g}",
            where=where,
            hint=f"they could be {' or '.join(fitting)}; {_how(sign.name, fitting[0])}",
        )
    return _in_known_unit(values, sign, unit, where)


def _in_known_unit(values: Floats, sign: Sign, unit: str, where: str) -> tuple[Floats, str]:
    if unit.upper() in (MULTIPLE, f"X{MULTIPLE}") and sign.unit != MULTIPLE:
        if not sign.upper:
            raise InputError(f"{sign.name} has no upper limit of normal", given=unit, allowed=sign.units, where=where)
        _refuse_impossible(values, (values < 0) | (values > sign.most), sign, MULTIPLE, where)
        return values, MULTIPLE
    try:
        base = values if not unit or unit == sign.unit else in_base(values, spelling_of(sign, unit))
    except UnitError as error:
        raise UnitError(error.problem, given=error.given, allowed=error.allowed, where=where) from None
    _refuse_impossible(values, ~sign.plausible(base), sign, unit or sign.unit, where)
    return base, sign.unit


def _refuse_impossible(values: Floats, wrong: NDArray[np.bool_], sign: Sign, unit: str, where: str) -> None:
    if not wrong.any():
        return
    row = int(np.flatnonzero(wrong)[0])
    fitting = [each for each in _fitting(values[wrong], sign) if each != unit]
    limits = f"{sign.low:g} to {sign.high:g} {sign.unit}" if sign.unit != "1" else f"{sign.low:g} to {sign.high:g}"
    place = f"{where}, row {row + 1}"
    if not fitting:
        raise InputError(
            f"{sign.name}: an impossible value", given=float(values[row]), where=place, hint=f"plausible: {limits}"
        )
    named = "" if unit == "1" else f" in {unit}"
    raise InputError(
        f"{sign.name} is not plausible{named}: it looks like {' or '.join(fitting)}",
        given=float(values[row]),
        where=place,
        hint=f"{_how(sign.name, fitting[0])}; plausible: {limits}",
    )


def _fitting(values: Floats, sign: Sign) -> list[str]:
    """The units in which every value would be plausible."""
    found: dict[tuple[float, float], str] = {}  # of several names of one unit the first
    for name in (sign.unit, *sign.spellings):
        spelling = spelling_of(sign, name)
        if sign.plausible(in_base(values, spelling)).all():
            found.setdefault((spelling.minus, spelling.per), name)
    fitting = list(found.values())
    if sign.upper and math.isfinite(sign.most) and ((values >= 0) & (values <= sign.most) | np.isnan(values)).all():
        fitting.append(MULTIPLE)
    return fitting


def _how(name: str, unit: str) -> str:
    return f"write the column as `{name} [{unit}]`, or say --unit {name}={unit}"


def _numbers(column: pd.Series, name: str, where: str) -> Floats:
    if column.dtype.kind in "biuf":
        values = column.to_numpy(np.float64)
        endless = np.flatnonzero(np.isinf(values))
        if len(endless):
            raise InputError(f"{name} must be finite", where=f"{where}, row {endless[0] + 1}")
        return values
    return _each(column, lambda word: _number(word, name), where)


def _each(column: pd.Series, read: Any, where: str) -> Floats:
    """Read a column cell by cell; a cell that says nothing is unknown."""
    found = np.full(len(column), np.nan)
    for row, cell in enumerate(column.tolist()):
        word = "" if cell is None else str(cell).strip()
        if word.lower() in _UNKNOWN or word == "<NA>":
            continue
        try:
            found[row] = read(word)
        except InputError as error:
            place = f"{where}, row {row + 1}"
            raise InputError(
                error.problem, given=error.given, allowed=error.allowed, where=place, hint=error.hint
            ) from None
    return found


def _number(word: str, name: str) -> float:
    try:
        value = float(word.replace("_", "no digit"))
    except ValueError:
        comma = "," in word and word.replace(",", "").lstrip("-").isdigit()
        written = "write a point for a decimal comma, and nothing between thousands"
        hint = written if comma else "leave a cell empty when the value is unknown"
        raise InputError(f"{name} holds a text, a number is needed", given=word, hint=hint) from None
    if math.isinf(value):
        raise InputError(f"{name} must be finite", given=word)
    return value


def _flag(word: str, sign: Sign, where: str) -> float:
    if word.lower() in _YES:
        return 1.0
    if word.lower() in _NO:
        return 0.0
    raise InputError(f"{sign.name} is yes or no", given=word, allowed=("yes", "no"))


def _category(word: str, sign: Sign) -> float:
    plain = "_".join(word.lower().replace("-", " ").replace("_", " ").split())
    if plain not in sign.levels:
        raise InputError(f"unknown word for {sign.name}", given=word, allowed=sign.levels)
    return float(sign.levels.index(plain))


# -- patients and times ---------------------------------------------------------------------------------------


def _patients(column: pd.Series, where: str) -> NDArray[Any]:
    names = np.array([each.strip() if isinstance(each, str) else each for each in column.tolist()], object)
    missing = np.flatnonzero(column.isna().to_numpy() | (names == ""))
    if len(missing):
        raise InputError("a row without a patient", where=f"{where}, row {missing[0] + 1}")
    return names


def _days(column: pd.Series, unit: str, name: str, where: str) -> Floats:
    values = _numbers(column, name, where)
    missing = np.flatnonzero(np.isnan(values))
    if len(missing):
        raise InputError(f"a row without a {name}", where=f"{where}, row {missing[0] + 1}")
    days = rounded(values * read_unit(unit, where=where).factor_to(read_unit("d"), where=where))
    wrong = np.flatnonzero(np.abs(days) > _LONGEST)
    if len(wrong):
        given, hint = float(values[wrong[0]]), "count the days from one of your choice, such as the first dose"
        raise InputError(f"an impossible {name}", given=given, where=f"{where}, row {wrong[0] + 1}", hint=hint)
    return days


def _check_times(patients: NDArray[Any], days: Floats, where: str) -> None:
    last: dict[Any, float] = {}
    for row, (patient, day) in enumerate(zip(patients.tolist(), days.tolist(), strict=True)):
        before = last.get(patient, -math.inf)
        place = f"{where}, row {row + 1}"
        if day == before:
            hint = "one row for each time: tell several rows of a day apart by the time, such as day 3.25, or join them"
            raise InputError(
                f"patient {patient} has two rows for the same time", given=f"day {day:g}", where=place, hint=hint
            )
        if day < before:
            hint = f"day {before:g} stands above it: sort the rows of a patient by time; do two patients share a name?"
            raise InputError(
                f"the times of patient {patient} run backwards", given=f"day {day:g}", where=place, hint=hint
            )
        last[patient] = day


# -- one row a day --------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Days:
    """Daily records of a scale: m rows, the patients in order, their days ascending.

    Attributes
    ----------
    patients : object[m]
        As given.
    number : int64[m]
        Number of the patient.
    day : int64[m]
        Whole days.
    made : bool[m]
        Days without a row of their own, about which nothing is known.
    record : mapping of str to float64[m]
        The columns of the scale.
    """

    patients: NDArray[Any]
    number: NDArray[np.int64]
    day: NDArray[np.int64]
    made: NDArray[np.bool_]
    record: Mapping[str, Floats]


def daily(table: SignTable, scale: Scale) -> Days:
    """Bring a table to the columns of a scale, one row a day.

    Raises
    ------
    InputError
        When a limit of normal is missing that a unit needs.
    """
    import pandas as pd

    frame = pd.DataFrame({name: _column(table, needed) for name, needed in scale.columns.items()})
    whole = np.floor(table.days).astype(np.int64)
    number, names = pd.factorize(table.patients)
    frame["number"], frame["day"] = number, whole
    frame = frame[(whole >= scale.first) & (whole <= scale.last)]
    ways = {name: "min" if needed.daily == "lowest" else "max" for name, needed in scale.columns.items()}
    grouped = frame.groupby(["number", "day"], sort=True).agg(ways)
    made = np.zeros(len(grouped), bool)
    if scale.counts_days and len(grouped):
        spans = frame.groupby("number")["day"].agg(["min", "max"])
        every = [(n, day) for n, low, high in spans.itertuples() for day in range(low, high + 1)]
        filled = grouped.reindex(pd.MultiIndex.from_tuples(every, names=["number", "day"]))
        made = ~filled.index.isin(grouped.index)
        grouped = filled
    numbers = grouped.index.get_level_values("number").to_numpy(np.int64)
    days = grouped.index.get_level_values("day").to_numpy(np.int64)
    record = {name: grouped[name].to_numpy(np.float64) for name in scale.columns}
    return Days(np.asarray(names, object)[numbers], numbers, days, made, record)


def _column(table: SignTable, needed: Needed) -> Floats:
    name = needed.sign.name
    if name not in table.values:
        return np.full(len(table.days), needed.absent)
    values, held = table.values[name], table.units[name]
    if held == needed.unit or needed.sign.kind != "number":
        return values
    upper = needed.sign.upper
    if upper not in table.values:
        raise InputError(
            f"{name} is in {held}, the scale counts in {needed.unit}: the upper limit of normal is needed",
            given=name,
            where=table.where,
            hint=f"add the column {upper}, or say --unit {name}={needed.unit} when that is what it holds",
        )
    limit = table.values[upper]
    return rounded(values / limit if needed.unit == MULTIPLE else values * limit)
