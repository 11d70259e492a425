"""ADRS: remission, residual disease and relapse."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virtuall.export.adam_study import Study
from virtuall.export.adam_table import (
    NO,
    YES,
    Dataset,
    dataset,
    dates,
    moments,
    relative_days,
    sequence,
    subject_columns,
)
from virtuall.trial.endpoints import responded

Floats = NDArray[np.float64]
Columns = dict[str, NDArray[Any]]
RESPONSE, RELAPSE, NONE = "response", "relapse", "NONE"


def adrs(study: Study) -> Dataset:
    """The dataset of response."""
    texts = study.text.responses
    ranks = _ranks(study)
    everybody = np.arange(len(study.outcomes))
    outcomes = {str(name): study.outcomes[name].to_numpy() for name in study.outcomes}
    reached = study.chart(RESPONSE)
    row, level = study.rows(reached["patient"]), reached["what"].astype(str).to_numpy(object)
    day = reached["day"].to_numpy(np.float64)
    best = np.full(len(everybody), NONE, object)
    for each in ranks:
        best[responded(outcomes, (each,))] = each
    best_day = np.full(len(everybody), np.nan)
    same = level == best[row]
    np.fmin.at(best_day, row[same], day[same])
    within = responded(outcomes, tuple(ranks), by=study.response_by)
    negative = study.outcomes["mrd_negative"].to_numpy(bool)
    relapses = study.chart(RELAPSE)
    parts = [
        _records(study, row, texts["level"], [ranks[each] for each in level], level, day),
        _records(study, everybody, texts["best"], [ranks.get(each, 0) for each in best], best, best_day),
        _yes_no(study, texts["window"], within, study.column("response_day")),
        _yes_no(study, texts["mrd"], negative, study.column("mrd_day")),
        _records(
            study,
            study.rows(relapses["patient"]),
            texts["relapse"],
            np.ones(len(relapses)),
            relapses["what"].astype(str).to_numpy(object),
            relapses["day"].to_numpy(np.float64),
        ),
    ]
    together = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    moment, place = together["ADTM"], together.pop("row")
    order = np.lexsort((moment, together["PARAMCD"].astype(str), place))
    columns = {name: values[order] for name, values in together.items()}
    columns = {**{name: columns.pop(name) for name in ("STUDYID", "USUBJID")}, "ASEQ": sequence(place[order])} | columns
    return dataset(
        "ADRS",
        "Response Analysis Dataset",
        "One record per subject per parameter; of levels and relapses one for each",
        ("USUBJID", "ASEQ"),
        columns,
        {
            "AVAL": f"Rank of the level: {', '.join(f'{rank:g} {each}' for each, rank in ranks.items())}, 0 {NONE};"
            " 1 yes, 0 no",
            "AVALC": f"Level, Y or N; the window is {study.response_by:g} days from enrollment",
        },
    )


def _ranks(study: Study) -> dict[str, float]:
    """Levels of response with their ranks, the lowest first."""
    levels: dict[str, float] = {}
    for protocol in study.protocols.values():
        for rank, level in enumerate(protocol.response.ranks):
            if rank:
                levels.setdefault(level, float(rank))
    return dict(sorted(levels.items(), key=lambda item: item[1]))


def _yes_no(study: Study, text: Any, yes: NDArray[np.bool_], day: Floats) -> Columns:
    everybody = np.arange(len(study.outcomes))
    words = np.where(yes, YES, NO).astype(object)
    return _records(study, everybody, text, yes.astype(np.float64), words, np.where(yes, day, np.nan))


def _records(
    study: Study, row: NDArray[np.int64], text: Any, value: ArrayLike, words: NDArray[np.object_], day: Floats
) -> Columns:
    moment = moments(study, row, day)
    return subject_columns(study, row) | {
        "row": row,
        "TRTP": study.words("arm")[row],
        "PARAM": np.full(len(row), text.label, object),
        "PARAMCD": np.full(len(row), text.code, object),
        "AVAL": np.asarray(value, np.float64),
        "AVALC": words,
        "ADT": dates(moment),
        "ADTM": moment,
        "ADY": relative_days(study, row, dates(moment)),
    }
