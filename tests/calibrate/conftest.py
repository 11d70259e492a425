"""Published rows and their estimands, made up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from virtuall.calibrate.estimands import Estimand
from virtuall.trial.published import Published
from virtuall.trial.scoring import TrialRow, score

Make = Callable[..., Any]


def made_figure(target: str = "X1", value: float = 50.0, **changes: Any) -> Published:
    plain: dict[str, Any] = {
        "trial": "one", "population": "", "arm": "a", "n": 100, "endpoint": "e", "timepoint": "", "low": np.nan,
        "high": np.nan, "unit": "%", "event_kind": "efficacy", "use": "validate", "scored": True, "duplicate": "",
        "mark": "V", "source": "s", "family": "remission",
    }  # fmt: skip
    return Published(target=target, value=value, **{**plain, **changes})


def made_estimand(figure: Published, **changes: Any) -> Estimand:
    share = figure.unit == "%"
    plain: dict[str, Any] = {
        "unit": figure.trial, "therapy": "cells", "arms": ("a",), "what": ("response_share", "remission"),
        "whose": (), "day": None, "factor": 100.0 if share else 1.0, "share": share,
    }  # fmt: skip
    return Estimand(figure=figure, **{**plain, **changes})


def made_row(figure: Published, values: Any, resampled: Any = (), *, large: bool = False) -> TrialRow:
    return score(figure, np.asarray(values, float), np.asarray(resampled, float), not_reached_is_large=large)


@pytest.fixture
def figure() -> Make:
    return made_figure


@pytest.fixture
def estimand() -> Make:
    return made_estimand


@pytest.fixture
def row() -> Make:
    return made_row
