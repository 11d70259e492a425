"""Days at which rules are asked for."""

from __future__ import annotations

import datetime

import pytest

from virtuall.core.errors import InputError
from virtuall.simulation.protocol import load_protocol
from virtuall.texts.validity import as_day

DAY = datetime.date(2017, 8, 30)


@pytest.mark.parametrize("given", [DAY, "2017-08-30", datetime.datetime(2017, 8, 30, 12, 0)])
def test_a_day_is_a_date_or_its_text(given: datetime.date | str) -> None:
    assert as_day(given) == DAY


def test_no_day_is_none() -> None:
    assert as_day(None) is None


@pytest.mark.parametrize("given", ["2017", "soon", "2017-13-01"])
def test_what_is_no_day_is_refused(given: str) -> None:
    with pytest.raises(InputError, match="YYYY-MM-DD"):
        load_protocol("tisagenlecleucel/relapsed", as_of=given)


def test_rules_of_a_day_given_as_text() -> None:
    by_text, by_date = (load_protocol("tisagenlecleucel/relapsed", as_of=day) for day in ("2017-08-30", DAY))
    assert by_text.as_of == by_date.as_of == DAY
    assert [rule.name for rule in by_text.rules] == [rule.name for rule in by_date.rules]
