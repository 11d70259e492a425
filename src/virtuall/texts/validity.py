"""When a text was in force."""

from __future__ import annotations

import datetime

from virtuall.core.errors import InputError


def in_force(first: datetime.date | None, last: datetime.date | None, day: datetime.date | None) -> bool:
    """Whether a text from `first` to `last` was in force on a day; both count, None is without limit.

    Without a day: whether it still is, that is, no last day is known.
    """
    if day is None:
        return last is None
    return (first is None or first <= day) and (last is None or day <= last)


def as_day(given: datetime.date | str | None) -> datetime.date | None:
    """A day that is given as a date or as text such as ``"2017-08-30"``.

    Raises
    ------
    InputError
        When it is neither.
    """
    if given is None or type(given) is datetime.date:
        return given
    if isinstance(given, datetime.datetime):
        return given.date()
    try:
        return datetime.date.fromisoformat(str(given))
    except ValueError:
        raise InputError("as_of must be a day, YYYY-MM-DD", given=str(given)) from None
