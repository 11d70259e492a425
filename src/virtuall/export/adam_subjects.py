"""ADSL: one record for each patient."""

from __future__ import annotations

import datetime

import numpy as np
from numpy.typing import NDArray

from virtuall.export.adam_exposure import Exposure
from virtuall.export.adam_study import Study
from virtuall.export.adam_table import (
    NO,
    YES,
    Dataset,
    Kind,
    Variable,
    dataset,
    dates,
    enrolled,
    flags,
    moments,
    subject_columns,
    subjects,
)

Floats = NDArray[np.float64]


def treatment_moments(study: Study, given: Exposure) -> tuple[Floats, Floats]:
    """First and last datetime of the assigned therapy for each row of the outcomes; NaN for those never treated."""
    first, last = (np.full(len(study.outcomes), np.nan) for _ in range(2))
    row = given.row[given.main]
    np.fmin.at(first, row, moments(study, row, given.start[given.main]))
    np.fmax.at(last, row, moments(study, row, given.end[given.main]))
    return first, last


def adsl(study: Study, given: Exposure) -> Dataset:
    """The dataset of subjects."""
    outcomes, count = study.outcomes, len(study.outcomes)
    row = np.arange(count)
    arms = list(study.protocols)
    arm = study.words("arm")
    number = np.array([arms.index(each) + 1.0 for each in arm])
    first, last = treatment_moments(study, given)
    treated = np.isfinite(first)
    death = study.column("death_day")
    entered, end = enrolled(study), dates(moments(study, row, study.column("follow_up")))
    failed = study.column("status") != 0
    ended = study.column("follow_up") >= study.column("last_day")
    died = np.isfinite(death)
    # Who dies under the protocol left it, though nobody charted why.
    off = np.where(
        study.words("off_protocol_reason") == "", np.where(died, "death", ""), study.words("off_protocol_reason")
    )
    columns = subject_columns(study, row) | {
        "SUBJID": subjects(study)[0],
        "SITEID": np.full(count, "VIRTUAL", object),
        "AGE": np.floor(study.column("age")),
        "AGEU": np.full(count, "YEARS", object),
        "SEX": np.where(study.words("sex") == "male", "M", "F").astype(object),
        "RACE": np.full(count, "UNKNOWN", object),
        "ARM": arm,
        "TRT01P": arm,
        "TRT01PN": number,
        "TRT01A": np.where(treated, arm, ""),
        "TRT01AN": np.where(treated, number, np.nan),
        "ENRLFL": flags(study.column("accrual_day") <= study.column("cut_day"), NO),
        "RANDFL": np.full(count, YES if study.randomized else NO, object),
        "ITTFL": np.full(count, YES, object),
        "SAFFL": flags(treated, NO),
        "ENRLDT": entered,
        "RANDDT": entered if study.randomized else np.full(count, np.nan),
        "TRTSDT": dates(first),
        "TRTSDTM": first,
        "TRTEDT": dates(last),
        "TRTDURD": dates(last) - dates(first) + 1,
        "EOTSTT": np.where(treated, np.where(off != "", "DISCONTINUED", "ONGOING"), ""),
        "DCTREAS": np.where(treated, off, ""),
        "EOSSTT": np.where(died | (failed & ended), "DISCONTINUED", np.where(ended, "COMPLETED", "ONGOING")),
        "EOSDT": end,
        "DCSREAS": np.where(died, "DEATH", np.where(failed & ended, "SIMULATION FAILED", "")),
        "LSTALVDT": end,
        "DCUTDT": _cut(study),
        "DTHFL": flags(died),
        "DTHDT": dates(moments(study, row, death)),
        "DTHCAUS": study.words("death_cause"),
    }
    own = []
    for each in study.text.subjects:
        if each.column not in outcomes:
            continue
        values = outcomes[each.column].to_numpy()
        kind: Kind = "number"
        derivation = f"{each.column} of the simulated outcomes"
        if each.kind == "flag":
            kind, values = "text", flags(values, NO)
        elif each.kind == "integer":
            kind = "integer"
        elif each.kind == "date":
            kind, values = "date", dates(moments(study, row, values))
            derivation = f"Date part of ENRLDT + {each.column} of the simulated outcomes, known at the data cut"
        columns[each.variable] = values
        own.append(Variable(each.variable, each.label, kind, derivation))
    return dataset("ADSL", "Subject-Level Analysis Dataset", "One record per subject", ("USUBJID",), columns, own=own)


def _cut(study: Study) -> Floats:
    opened = (study.text.reference_date - datetime.date(1960, 1, 1)).days
    day = study.column("cut_day")
    return np.where(np.isfinite(day), opened + np.floor(day), np.nan)
