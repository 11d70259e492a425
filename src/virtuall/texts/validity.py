"""When a text was in force."""

from __future__ import annotations

import datetime
import re

from virtuall.core.errors import InputError


def in_force(first: datetime.date | None, last: datetime.date | None, day: datetime.date | None) -> bool:
    """Whether a text from `first` to `last` was in force on a day; both count, None is without limit.

    Without a day: whether it still is, that is, no last day is known.
    """
    if day is None:
        return last is None
    return (first is None or first <= day) and (last is None or day <= last)


def day_in(text: str) -> datetime.date | None:
    """The day that a text YYYY-MM-DD tells; None when it tells none."""
    if not re.fullmatch(r"\s*\d{4}-\d{2}-\d{2}\s*", text):
        return None
    try:
        return datetime.date.fromisoformat(text.strip())
    except ValueError:
        return None


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
    day = day_in(str(given))
    if day is None:
        raise InputError("as_of must be a day, YYYY-MM-DD", given=str(given))
    return day
