"""A dataset of the ADaM standard: its variables with names, labels, types and derivations, and its records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import pandas as pd

    from virtuall.export.adam_study import Study

Floats = NDArray[np.float64]
Kind = Literal["text", "number", "integer", "date", "datetime"]

SECONDS_OF_DAY = 86400
# How SAS shows a kind; numbers and texts as they are.
FORMATS: Mapping[Kind, str] = {"date": "DATE9.", "datetime": "DATETIME20."}
YES, NO = "Y", "N"


@dataclass(frozen=True)
class Variable:
    """A variable.

    Attributes
    ----------
    name, label : str
        At most 8 and 40 letters.
    kind : Kind
        Dates are days and datetimes seconds since 1960-01-01, as SAS counts them; an unknown number is NaN, an
        unknown text empty.
    derivation : str
        Where its values come from.
    """

    name: str
    label: str
    kind: Kind
    derivation: str


@dataclass(frozen=True, eq=False)
class Dataset:
    """A dataset: `keys` tell its records apart, `frame` has a column for each variable in their order."""

    name: str
    label: str
    structure: str
    keys: tuple[str, ...]
    variables: tuple[Variable, ...]
    frame: pd.DataFrame


# Names, labels and types are those of the ADaM Implementation Guide 1.3 and of the structure for occurrences 1.1.
_DAY = "day in the simulation, from enrollment"
_STANDARD: tuple[tuple[str, str, Kind, str], ...] = (
    ("STUDYID", "Study Identifier", "text", "Says that the data are simulated"),
    ("USUBJID", "Unique Subject Identifier", "text", "STUDYID, a hyphen, SUBJID"),
    ("SUBJID", "Subject Identifier for the Study", "text", "Number of the virtual patient"),
    ("SITEID", "Study Site Identifier", "text", "One virtual clinic"),
    ("AGE", "Age", "integer", "Whole years at enrollment"),
    ("AGEU", "Age Units", "text", "YEARS"),
    ("SEX", "Sex", "text", "M or F"),
    ("RACE", "Race", "text", "Not simulated: UNKNOWN"),
    ("ARM", "Description of Planned Arm", "text", "Arm of the trial, or protocol of the run"),
    ("TRT01P", "Planned Treatment for Period 01", "text", "As ARM"),
    ("TRT01PN", "Planned Treatment for Period 01 (N)", "integer", "Place of the arm in the design, from 1"),
    ("TRT01A", "Actual Treatment for Period 01", "text", "TRT01P of those treated, else empty"),
    ("TRT01AN", "Actual Treatment for Period 01 (N)", "integer", "TRT01PN of those treated, else missing"),
    ("TRTP", "Planned Treatment", "text", "ADSL.TRT01P"),
    ("TRTPN", "Planned Treatment (N)", "integer", "ADSL.TRT01PN"),
    ("TRTA", "Actual Treatment", "text", "ADSL.TRT01A"),
    ("ENRLFL", "Enrolled Population Flag", "text", "Y; N for those who would enter after the cut, with no follow-up"),
    ("RANDFL", "Randomized Population Flag", "text", "Y where the study has several arms, else N"),
    ("ITTFL", "Intent-To-Treat Population Flag", "text", "Y: everybody enrolled"),
    ("SAFFL", "Safety Population Flag", "text", "Y with at least one dose of the assigned therapy by the data cut"),
    ("ENRLDT", "Date of Enrollment", "date", "Fictitious reference date + day of accrual; the simulation's day 0"),
    ("RANDDT", "Date of Randomization", "date", "ENRLDT where the study has several arms"),
    ("TRTSDT", "Date of First Exposure to Treatment", "date", "First ADEX.ASTDT of the assigned therapy"),
    ("TRTSDTM", "Datetime of First Exposure to Treatment", "datetime", "First ADEX.ASTDTM of the assigned therapy"),
    ("TRTEDT", "Date of Last Exposure to Treatment", "date", "Last ADEX.AENDT of the assigned therapy"),
    ("TRTDURD", "Total Treatment Duration (Days)", "integer", "TRTEDT - TRTSDT + 1"),
    ("EOTSTT", "End of Treatment Status", "text", "DISCONTINUED with a reason, ONGOING, or empty if never treated"),
    ("DCTREAS", "Reason for Discontinuation of Treatment", "text", "Why the patient left the protocol"),
    ("EOSSTT", "End of Study Status", "text", "COMPLETED at the simulated end, ONGOING at the cut, else DISCONTINUED"),
    ("EOSDT", "End of Study Date", "date", "Last day seen"),
    ("DCSREAS", "Reason for Discontinuation from Study", "text", "DEATH, or SIMULATION FAILED"),
    ("LSTALVDT", "Date Last Known Alive", "date", "Last day seen alive; for the dead the day of death"),
    ("DCUTDT", "Data Cutoff Date", "date", "Day of the data cut; missing where everybody is followed to the end"),
    ("DTHFL", "Subject Death Flag", "text", "Y for those who died by the data cut, else empty"),
    ("DTHDT", "Date of Death", "date", _DAY),
    ("DTHCAUS", "Cause of Death", "text", "What the simulated death came of"),
    ("ASEQ", "Analysis Sequence Number", "integer", "Place among the subject's records, from 1"),
    ("PARAM", "Parameter", "text", "Label of the parameter with its unit"),
    ("PARAMCD", "Parameter Code", "text", "Short name of PARAM"),
    ("AVAL", "Analysis Value", "number", ""),
    ("AVALC", "Analysis Value (C)", "text", ""),
    ("ADT", "Analysis Date", "date", "Date part of the moment: ENRLDT + " + _DAY),
    ("ADTM", "Analysis Datetime", "datetime", "ENRLDT at midnight + " + _DAY + ", to the second"),
    ("ADY", "Analysis Relative Day", "integer", "ADT - ENRLDT + 1; day 1 is that of enrollment"),
    ("ACYCLE", "Cycle of Treatment", "integer", "Cycle in the chart; 0 before the first"),
    ("AVISIT", "Analysis Visit", "text", "Occasion of the sample, as scheduled"),
    ("ABLFL", "Baseline Record Flag", "text", "Y for the last value before the first dose, of the untreated on day 0"),
    ("BASE", "Baseline Value", "number", "AVAL where ABLFL is Y"),
    ("CHG", "Change from Baseline", "number", "AVAL - BASE, after baseline"),
    ("ANRLO", "Analysis Normal Range Lower Limit", "number", "Where known"),
    ("ANRHI", "Analysis Normal Range Upper Limit", "number", "Where known"),
    ("STARTDT", "Time-to-Event Origin Date for Subject", "date", ""),
    ("CNSR", "Censor", "integer", "0 event, 1 censored"),
    ("EVNTDESC", "Event or Censoring Description", "text", ""),
    ("CNSDTDSC", "Censor Date Description", "text", "What ended the follow-up of a censored subject"),
    ("AESEQ", "Sequence Number", "integer", "Place among the subject's events, from 1"),
    ("AETERM", "Reported Term for the Adverse Event", "text", "Title of the event in the chart"),
    (
        "AEDECOD",
        "Dictionary-Derived Term",
        "text",
        "Word of the library for the event on its scale, or AETERM; no dictionary was used",
    ),
    ("AECAT", "Category for Adverse Event", "text", "Kind of the event in the chart"),
    ("AESCALE", "Grading Scale", "text", "Scale of AETOXGR; empty where the event itself has a grade"),
    ("AETOXGR", "Standard Toxicity Grade", "text", "Worst grade by the data cut"),
    ("ATOXGRN", "Analysis Toxicity Grade (N)", "integer", "AETOXGR as a number"),
    ("ASTDT", "Analysis Start Date", "date", "Date part of ASTDTM"),
    ("ASTDTM", "Analysis Start Datetime", "datetime", "ENRLDT at midnight + " + _DAY + ", to the second"),
    ("ASTDY", "Analysis Start Relative Day", "integer", "ASTDT - ENRLDT + 1; day 1 is that of enrollment"),
    ("AENDT", "Analysis End Date", "date", "Date part of AENDTM"),
    ("AENDTM", "Analysis End Datetime", "datetime", "ENRLDT at midnight + " + _DAY + ", to the second"),
    ("AENDY", "Analysis End Relative Day", "integer", "AENDT - ENRLDT + 1; day 1 is that of enrollment"),
    ("ADURN", "Analysis Duration (N)", "number", "End - start, exact; missing without an end"),
    ("ADURU", "Analysis Duration Units", "text", "DAYS"),
    ("TRTEMFL", "Treatment Emergent Analysis Flag", "text", ""),
    ("AEREPFL", "Reported in the Trial Flag", "text", ""),
    ("ANL01FL", "Analysis Flag 01", "text", ""),
    ("EXSEQ", "Sequence Number", "integer", "Place among the subject's records, from 1"),
    ("EXTRT", "Name of Treatment", "text", "Title of the product"),
    ("EXCAT", "Category of Treatment", "text", "Part of the protocol that gives it"),
    ("EXDOSE", "Dose", "number", "Dose as given, or rate of an infusion"),
    ("EXDOSU", "Dose Units", "text", "Unit of EXDOSE; per day for a rate"),
    ("AMOUNT", "Amount Given", "number", "EXDOSE of a dose; rate x duration of an infusion, to the data cut"),
    ("AMOUNTU", "Unit of Amount Given", "text", "Unit of AMOUNT"),
)
STANDARD: Mapping[str, Variable] = {row[0]: Variable(*row) for row in _STANDARD}


def dataset(
    name: str,
    label: str,
    structure: str,
    keys: Sequence[str],
    columns: Mapping[str, ArrayLike],
    derivations: Mapping[str, str] | None = None,
    own: Sequence[Variable] = (),
) -> Dataset:
    """A dataset of columns by name, sorted by its keys.

    Parameters
    ----------
    name, label, structure : str
    keys : sequence of str
        Variables that tell the records apart; the records are sorted by them.
    columns : mapping of str to array
        In the order of the variables.
    derivations : mapping of str to str, optional
        What is said of a standard variable here.
    own : sequence of Variable
        Those that are not in `STANDARD`.
    """
    import pandas as pd

    known = {**STANDARD, **{each.name: each for each in own}}
    said = derivations or {}
    variables = tuple(replace(known[each], derivation=said.get(each, known[each].derivation)) for each in columns)
    frame = pd.DataFrame({each.name: _typed(columns[each.name], each.kind) for each in variables})
    return Dataset(
        name=name,
        label=label,
        structure=structure,
        keys=tuple(keys),
        variables=variables,
        frame=frame.sort_values(list(keys), kind="stable").reset_index(drop=True),
    )


def _typed(values: ArrayLike, kind: Kind) -> NDArray[Any]:
    if kind == "text":
        return np.asarray(values, object)
    return np.asarray(values, np.float64)


def subject_columns(study: Study, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """The identifiers of the patients in these rows of the outcomes."""
    return {
        "STUDYID": np.full(len(rows), study.identifier, object),
        "USUBJID": subjects(study)[1][rows],
    }


def subjects(study: Study) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """SUBJID and USUBJID of each row of the outcomes; numbers of one width, so that they sort."""
    ids = study.outcomes["patient"].to_numpy(np.int64)
    width = len(str(int(ids.max()) if ids.size else 0))
    plain = np.array([f"{each:0{width}d}" for each in ids.tolist()], object)
    return plain, np.array([f"{study.identifier}-{each}" for each in plain], object)


def enrolled(study: Study) -> Floats:
    """The date (SAS) on which each row of the outcomes was enrolled."""
    import datetime

    opened = (study.text.reference_date - datetime.date(1960, 1, 1)).days
    return opened + np.floor(study.column("accrual_day"))


def moments(study: Study, rows: NDArray[np.int64], day: ArrayLike) -> Floats:
    """Datetimes (SAS) of days from enrollment, to the second; NaN stays."""
    seconds = np.floor(np.asarray(day, np.float64) * SECONDS_OF_DAY + 0.5)
    return np.asarray(enrolled(study)[rows] * SECONDS_OF_DAY + seconds)


def dates(moment: ArrayLike) -> Floats:
    """The dates of datetimes."""
    return np.floor(np.asarray(moment, np.float64) / SECONDS_OF_DAY)


def relative_days(study: Study, rows: NDArray[np.int64], date: ArrayLike) -> Floats:
    """Study days of dates: 1 is the day of enrollment."""
    return np.asarray(np.asarray(date, np.float64) - enrolled(study)[rows] + 1)


def sequence(rows: NDArray[np.int64]) -> Floats:
    """Numbers from 1 within each run of equal rows; equal rows must stand together."""
    place = np.arange(len(rows))
    first = np.append(True, np.diff(rows) != 0)[: len(rows)]
    return (place - np.maximum.accumulate(np.where(first, place, 0)) + 1).astype(np.float64)


def flags(yes: ArrayLike, otherwise: str = "") -> NDArray[np.object_]:
    """ "Y" where true."""
    return np.where(np.asarray(yes, bool), YES, otherwise).astype(object)
