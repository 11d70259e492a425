"""Measured values of a group of subjects: a table with one row a measurement, checked before anything is simulated.

Columns (others may stand beside them)::

    id         who
    time       days, or as stated; from the beginning of treatment, 0 or later
    value      in the unit of the signal, or as stated
    censored   optional: 1 where the value is only known to lie below the limit
    lloq       optional: lower limit of quantification of this measurement
    protocol   optional: the subject's own protocol, in place of the common one
    dose_factor  optional: so many times the protocol's dose

Columns that are named as a covariate of the cohort (age, weight, ...) describe the subject: its first value counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from virtuall.core.errors import InputError, StoreError
from virtuall.core.units import unit as read_unit

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

NEEDED = ("id", "time", "value")
OPTIONAL = ("censored", "lloq", "protocol", "dose_factor")
_SEXES = {"female": 0.0, "f": 0.0, "male": 1.0, "m": 1.0}
_YES = {"1": True, "1.0": True, "true": True, "yes": True, "0": False, "0.0": False, "false": False, "no": False}


@dataclass(frozen=True, eq=False)
class Observations:
    """P measurements of S subjects.

    Attributes
    ----------
    subjects : tuple of str
    subject : int64[P]
        Place in `subjects`.
    time : float64[P]
        Days from the beginning of treatment.
    value : float64[P]
        In the unit of the signal; NaN where censored.
    censored : bool[P]
    limit : float64[P]
        Lower limit of quantification; NaN where there is none.
    group, protocol : tuple of str
        Of each subject; "" for none, and for the common protocol.
    factor : float64[S]
        Times the dose of the protocol.
    covariates : mapping of str to float64[S]
        In the units of the cohort; NaN where not known.
    missing : int
        Rows without a value, left out.
    """

    subjects: tuple[str, ...]
    subject: Ints
    time: Floats
    value: Floats
    censored: Flags
    limit: Floats
    group: tuple[str, ...]
    protocol: tuple[str, ...]
    factor: Floats
    covariates: Mapping[str, Floats]
    missing: int

    def __len__(self) -> int:
        return self.time.size


def read_observations(
    path: Path,
    *,
    unit: str,
    of_signal: str,
    time_unit: str = "d",
    names: Mapping[str, str] | None = None,
    group: str | None = None,
    lloq: float | None = None,
    covariates: Iterable[str] = (),
) -> Observations:
    """Read and check a table.

    Parameters
    ----------
    path : Path
        Comma-separated, with a header.
    unit, of_signal : str
        Of the values in the table (and of `lloq`), and of the signal.
    time_unit : str
    names : mapping of str to str, optional
        What a column is called in the table, by its name here.
    group : str, optional
        A column whose groups are looked at apart.
    lloq : float, optional
        Lower limit of quantification where the table has none: what is at it or below is censored.
    covariates : iterable of str
        Those of the cohort.

    Raises
    ------
    InputError
        When a column is missing (nearest match offered), a cell is no number, a time lies before the treatment, a unit
        does not fit, there are fewer than two subjects, or every value is censored.
    StoreError
        When the file cannot be read.
    """
    table = _table(path)
    called = {name: name for name in (*NEEDED, *OPTIONAL)} | dict(names or {})
    for name in called:
        if name not in (*NEEDED, *OPTIONAL):
            raise InputError("no such column to name", given=name, allowed=(*NEEDED, *OPTIONAL))
    wanted = [called[name] for name in NEEDED] + list(dict(names or {}).values()) + ([group] if group else [])
    for name in wanted:
        if name not in table:
            raise InputError(
                "the table has no such column", given=name, allowed=tuple(map(str, table.columns)), where=str(path)
            )
    days = read_unit(time_unit).factor_to(read_unit("d"))
    factor = read_unit(unit).factor_to(read_unit(of_signal))
    who = _text(table, called["id"])
    empty = np.flatnonzero(who == "")
    if empty.size:
        raise InputError("a row without a subject", where=_row(path, int(empty[0])))
    time = days * _numbers(table, called["time"], path)
    value = factor * _numbers(table, called["value"], path, empty=True)
    limit = np.full(len(table), np.nan if lloq is None else factor * lloq)
    if called["lloq"] in table:
        own = factor * _numbers(table, called["lloq"], path, empty=True)
        limit = np.where(np.isfinite(own), own, limit)
    flagged = _flags(table, called["censored"], path)
    with np.errstate(invalid="ignore"):
        censored = flagged | (value <= limit)
    # a flagged row without a limit is known to lie below the value written there
    limit = np.where(flagged & ~np.isfinite(limit), value, limit)
    _check(path, time, value, censored, flagged, limit)
    kept = np.isfinite(value) | censored
    subjects = tuple(dict.fromkeys(who[kept].tolist()))
    if len(subjects) < 2:
        raise InputError("a predictive check needs two subjects or more", given=len(subjects), where=str(path))
    if censored[kept].all():
        raise InputError("every value is below the limit of quantification: nothing to compare", where=str(path))
    places = {name: place for place, name in enumerate(subjects)}
    subject = np.array([places[each] for each in who[kept]], np.int64)
    rows = table[kept].reset_index(drop=True)
    multiples = _of_subject(rows, called["dose_factor"], subject, subjects, path, default="1")
    return Observations(
        subjects=subjects,
        subject=subject,
        time=time[kept],
        value=np.where(censored, np.nan, value)[kept],
        censored=censored[kept],
        limit=limit[kept],
        group=_of_subject(rows, group or "", subject, subjects, path),
        protocol=_of_subject(rows, called["protocol"], subject, subjects, path),
        factor=np.array([_factor(each, path) for each in multiples]),
        covariates=_covariates(rows, covariates, set(called.values()), subject, len(subjects), path),
        missing=int(np.count_nonzero(~kept)),
    )


def _table(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, skipinitialspace=True, keep_default_na=False)
    except FileNotFoundError:
        raise StoreError("there is no such file", given=str(path)) from None
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise StoreError(f"the table cannot be read: {error}", where=str(path)) from None
    if not len(table):
        raise InputError("the table has no rows", where=str(path))
    return table.rename(columns=lambda name: str(name).strip())


def _check(path: Path, time: Floats, value: Floats, censored: Flags, flagged: Flags, limit: Floats) -> None:
    before = np.flatnonzero(time < 0)
    if before.size:
        raise InputError(
            "a time before the beginning of treatment",
            given=float(time[before[0]]),
            where=_row(path, int(before[0])),
            hint="times count from the beginning of treatment, 0 or later",
        )
    unlimited = np.flatnonzero(flagged & ~np.isfinite(limit))
    if unlimited.size:
        raise InputError(
            "a censored value without a limit of quantification",
            where=_row(path, int(unlimited[0])),
            hint="give --lloq, a column lloq, or the limit as its value",
        )


def _covariates(
    rows: pd.DataFrame, names: Iterable[str], taken: set[str], subject: Ints, count: int, path: Path
) -> dict[str, Floats]:
    found = {}
    for name in names:
        if name not in rows or name in taken:
            continue
        words = _text(rows, name)
        if name == "sex":
            words = np.array([str(_SEXES.get(each.lower(), each)) for each in words])
        numbers = _numbers(rows.assign(**{name: words}), name, path, empty=True)
        first = np.full(count, np.nan)
        for place in np.flatnonzero(np.isfinite(numbers))[::-1]:  # the first one is written last
            first[subject[place]] = numbers[place]
        found[name] = first
    return found


def _of_subject(
    rows: pd.DataFrame, name: str, subject: Ints, subjects: tuple[str, ...], path: Path, default: str = ""
) -> tuple[str, ...]:
    """The one text of each subject in a column; the default where there is no such column."""
    if not name or name not in rows:
        return (default,) * len(subjects)
    found: list[str | None] = [None] * len(subjects)
    for place, words in zip(subject, _text(rows, name), strict=True):
        if found[place] is not None and found[place] != words:
            raise InputError(
                f"a subject has more than one {name}", given=words, where=str(path), hint=f"subject {subjects[place]}"
            )
        found[place] = words
    return tuple(each or default for each in found)


def _factor(words: str, path: Path) -> float:
    try:
        value = float(words)
    except ValueError:
        value = np.nan
    if not 0 < value < np.inf:
        raise InputError("a dose factor is a number above 0", given=words, where=str(path))
    return value


def _flags(table: pd.DataFrame, name: str, path: Path) -> Flags:
    if name not in table:
        return np.zeros(len(table), bool)
    words = _text(table, name)
    for place, each in enumerate(words):
        if each and each.lower() not in _YES:
            raise InputError(f"{name} is 1 or 0", given=str(each), where=_row(path, place))
    return np.array([_YES.get(each.lower(), False) for each in words], bool)


def _numbers(table: pd.DataFrame, name: str, path: Path, empty: bool = False) -> Floats:
    found = np.full(len(table), np.nan)
    for place, words in enumerate(_text(table, name)):
        if empty and words in ("", ".", "NA", "nan", "NaN"):
            continue
        try:
            found[place] = float(words)
        except ValueError:
            raise InputError(f"{name} must be a number", given=str(words), where=_row(path, place)) from None
        if not np.isfinite(found[place]):
            raise InputError(f"{name} must be a number", given=str(words), where=_row(path, place))
    return found


def _text(table: pd.DataFrame, name: str) -> NDArray[np.str_]:
    return table[name].str.strip().to_numpy(str)


def _row(path: Path, place: int) -> str:
    return f"{path}:{place + 2}"  # lines count from 1, the header is the first
