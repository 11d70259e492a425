"""What counts as response and relapse, as the texts say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from virtuall.clinic.response import read_response
from virtuall.core.errors import Problems, TextError


def test_from_which_share_a_relapse_is_called_negative(library: Path, tmp_path: Path) -> None:
    assert read_response(library / "response/car_t.toml").cd19_negative_from == 0.05
    assert read_response(library / "response/adult_relapsed.toml").cd19_negative_from == 0.5
    assert read_response(library / "response/none.toml").relapse is None
    text = (library / "response/car_t.toml").read_text(encoding="utf-8")
    for old, new in (("value = 0.05", "value = 1.5"), ('source = "eliana_relapse"\n', "")):
        assert old in text
        wrong = tmp_path / "wrong.toml"
        wrong.write_text(text.replace(old, new), encoding="utf-8")
        with pytest.raises((Problems, TextError)):
            read_response(wrong)
