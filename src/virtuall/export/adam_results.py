"""ADLB: results of the laboratory, one record for each result in the charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from virtuall.core.units import unit as read_unit
from virtuall.export.adam_study import Study
from virtuall.export.adam_table import (
    Dataset,
    dataset,
    dates,
    flags,
    moments,
    relative_days,
    sequence,
    subject_columns,
)

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
SAMPLE, RESULT = "sample", "result"


def results_left_out(study: Study) -> tuple[str, ...]:
    """Names of results in the charts that no parameter of ADLB is made of."""
    known = {each.name for each in study.text.results}
    return tuple(sorted({*study.chart(RESULT)["what"].astype(str)} - known))


def adlb(study: Study, first_dose: Floats) -> Dataset:
    """The dataset of the laboratory.

    Parameters
    ----------
    study : Study
    first_dose : float64 array
        Datetime (SAS) of the first dose for each row of the outcomes; NaN for those never treated.
    """
    chart = _with_collection(study)
    known = {each.name: place for place, each in enumerate(study.text.results)}
    kept = chart["what"].astype(str).isin(known.keys()).to_numpy()
    chart = chart[kept]
    code = np.array([known[each] for each in chart["what"].astype(str)], np.int64)
    row = study.rows(chart["patient"])
    order = np.lexsort((np.arange(len(row)), chart["collected"].to_numpy(float), code, row))
    chart, code, row = chart.iloc[order], code[order], row[order]
    texts = study.text.results
    moment = moments(study, row, chart["collected"].to_numpy(float))
    value = chart["value"].to_numpy(np.float64) * _factors(study, chart["unit"].astype(str).to_numpy(object), code)
    # The untreated have no first dose: theirs is the value of the day of enrollment.
    before = moment <= np.where(np.isnan(first_dose), moments(study, np.arange(len(first_dose)), 0.0), first_dose)[row]
    series = np.cumsum(np.append(True, (np.diff(row) != 0) | (np.diff(code) != 0))[: len(row)]) - 1
    last_before = np.full(int(series[-1]) + 1 if len(series) else 0, -1)
    np.maximum.at(last_before, series[before], np.flatnonzero(before))
    place = last_before[series]
    base = np.where(place >= 0, value[np.maximum(place, 0)], np.nan)
    after = np.arange(len(row)) > place
    columns = subject_columns(study, row) | {
        "ASEQ": sequence(row),
        "TRTP": study.words("arm")[row],
        "PARAM": np.array([f"{each.label} ({each.shown})" for each in texts], object)[code],
        "PARAMCD": np.array([each.code for each in texts], object)[code],
        "AVAL": value,
        "BASE": base,
        "CHG": np.where(after, value - base, np.nan),
        "ABLFL": flags(np.arange(len(row)) == place),
        "ANRLO": np.array([np.nan if each.low is None else each.low for each in texts])[code],
        "ANRHI": np.array([np.nan if each.high is None else each.high for each in texts])[code],
        "ADT": dates(moment),
        "ADTM": moment,
        "ADY": relative_days(study, row, dates(moment)),
        "ACYCLE": chart["cycle"].to_numpy(np.float64),
        "AVISIT": chart["rule"].astype(str).to_numpy(object),
    }
    return dataset(
        "ADLB",
        "Laboratory Analysis Dataset",
        "One record per subject per parameter per sample",
        ("USUBJID", "ASEQ"),
        columns,
        {
            "AVAL": "Result as the clinic reads it, with noise and detection limits, in the unit of PARAM",
            "ADT": "Date part of the moment at which the sample was taken",
        },
    )


def _with_collection(study: Study) -> pd.DataFrame:
    """Results known at the data cut, with ``collected``: the day of the sample that each is read from."""
    both = study.chart(SAMPLE, RESULT)
    sample = (both["kind"] == SAMPLE).to_numpy()
    occasion = np.where(sample, both["what"].astype(str), both["rule"].astype(str))
    day = both["day"].to_numpy(np.float64)
    taken = both.assign(taken=np.where(sample, day, np.nan)).groupby([both["patient"], occasion])["taken"].ffill()
    return both.assign(collected=taken.fillna(both["day"]))[~sample]


def _factors(study: Study, units: NDArray[np.object_], code: NDArray[np.int64]) -> Floats:
    """What turns each value into the unit of its parameter."""
    factors = np.ones(len(code))
    for place, text in enumerate(study.text.results):
        mine = code == place
        for unit in dict.fromkeys(units[mine].tolist()):
            factors[mine & (units == unit)] = read_unit(unit).factor_to(read_unit(text.unit))
    return factors
