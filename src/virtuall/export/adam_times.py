"""ADTTE: times to events, one record for each patient and parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virtuall.export.adam_study import Study
from virtuall.export.adam_table import Dataset, dataset, dates, moments, relative_days, subject_columns
from virtuall.export.adam_text import TimeText
from virtuall.trial.endpoints import responded, times_to_event
from virtuall.trial.replicates import Group

Floats = NDArray[np.float64]
Columns = dict[str, NDArray[Any]]

EVENT, CENSORED = 0.0, 1.0
_CUT, _END, _FAILED = "Data cut", "End of simulated follow-up", "Simulation failed"
# Days apart below which an event lies on the day that names it: what adding and subtracting the origin rounds off.
_SAME = 1e-6


def adtte(study: Study) -> Dataset:
    """The dataset of times to events."""
    outcomes = {str(name): study.outcomes[name].to_numpy() for name in study.outcomes}
    parts = [_records(study, outcomes, text) for text in study.text.times if _asked(outcomes, text)]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    window = f"remission within {study.response_by:g} days of enrollment"
    return dataset(
        "ADTTE",
        "Time-to-Event Analysis Dataset",
        "One record per subject per parameter",
        ("USUBJID", "PARAMCD"),
        columns,
        {
            "AVAL": "Days from the origin to the event or censoring, exact: parts of days are kept, no day is added",
            "STARTDT": f"ENRLDT; of DOR the first remission ({window}); from infusion: the first infusion",
            "ADT": "Date part of the moment of the event or censoring",
            "EVNTDESC": f"What happened, or why the subject is censored; EFS: no {window} is an event on day 0",
        },
    )


def _asked(outcomes: Mapping[str, NDArray[Any]], text: TimeText) -> bool:
    """Times from another origin are asked where a product is made for each patient: it differs from enrollment."""
    return not text.since or bool(np.isfinite(outcomes["collected_day"].astype(np.float64)).any())


def _records(study: Study, outcomes: Mapping[str, NDArray[Any]], text: TimeText) -> Columns:
    everybody = np.arange(len(study.outcomes))
    group = Group(outcomes, everybody, text.since)
    row = everybody[np.isfinite(outcomes[text.since].astype(np.float64))] if text.since else everybody
    origin = outcomes[text.since][row].astype(np.float64) if text.since else np.zeros(len(row))
    time, event = times_to_event(group, text.of, response_by=study.response_by)
    if text.of == "dor":
        remission = responded(group, by=study.response_by)
        origin = (origin + np.asarray(group["response_day"], np.float64))[remission]
        row = row[remission]
    said, date_said = _descriptions(study, outcomes, text, row, origin + time, event)
    start, moment = moments(study, row, origin), moments(study, row, origin + time)
    return subject_columns(study, row) | {
        "TRTP": study.words("arm")[row],
        "TRTPN": _numbers(study)[row],
        "PARAM": np.full(len(row), text.label, object),
        "PARAMCD": np.full(len(row), text.code, object),
        "AVAL": time,
        "CNSR": np.where(event, EVENT, CENSORED),
        "EVNTDESC": said,
        "CNSDTDSC": date_said,
        "STARTDT": dates(start),
        "ADT": dates(moment),
        "ADY": relative_days(study, row, dates(moment)),
    }


def _descriptions(
    study: Study,
    outcomes: Mapping[str, NDArray[Any]],
    text: TimeText,
    row: NDArray[np.int64],
    day: Floats,
    event: NDArray[np.bool_],
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """What happened on these days, and what ended the follow-up of the censored."""
    said = np.full(len(row), text.otherwise, object)
    for column, words in reversed(list(text.events.items())):  # of several on one day the first holds
        said[np.abs(outcomes[column][row].astype(np.float64) - day) < _SAME] = words
    last = study.column("last_day")[row]
    ended = study.column("follow_up")[row] >= last
    why = np.where(ended, np.where(study.column("status")[row] != 0, _FAILED, _END), _CUT).astype(object)
    early = day < study.column("follow_up")[row] - _SAME  # censored where it begins: too short to tell
    why_censored = np.where(early, "Followed for less than the window", "Without event")
    return np.where(event, said, why_censored).astype(object), np.where(event, "", why).astype(object)


def _numbers(study: Study) -> Floats:
    arms = list(study.protocols)
    return np.array([arms.index(each) + 1.0 for each in study.words("arm")])
