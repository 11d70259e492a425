"""When a text was in force."""

from __future__ import annotations

import datetime


def in_force(first: datetime.date | None, last: datetime.date | None, day: datetime.date | None) -> bool:
    """Whether a text from `first` to `last` was in force on a day; both count, None is without limit.

    Without a day: whether it still is, that is, no last day is known.
    """
    if day is None:
        return last is None
    return (first is None or first <= day) and (last is None or day <= last)
