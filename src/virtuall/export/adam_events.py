"""ADAE: adverse events, one record for each episode on each scale that grades it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virtuall.core.records import GRADE, OVER
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
from virtuall.trial.episodes import SINGLE, with_episodes
from virtuall.trial.reported import reported

Floats = NDArray[np.float64]


def adae(study: Study, first_dose: Floats) -> Dataset:
    """The dataset of adverse events.

    Parameters
    ----------
    study : Study
    first_dose : float64 array
        Datetime (SAS) of the first dose for each row of the outcomes; NaN for those never treated.
    """
    chart = study.events
    graded = with_episodes(chart[(chart["unit"] == GRADE) | (chart["kind"] == OVER)]).reset_index(drop=True)
    arms = study.outcomes.set_index("patient")["arm"]
    told = np.zeros(len(graded), bool)
    told[reported(graded, arms, study.reports, study.seed).index.to_numpy()] = True
    end = study.column("follow_up")[study.rows(graded["patient"])]
    seen = graded["day"].to_numpy(float) <= end
    graded, told = graded[seen].reset_index(drop=True), told[seen]
    first, worst = _episodes(graded)
    row = study.rows(graded["patient"])[first]
    order = np.lexsort((graded["what"].astype(str).to_numpy(str)[first], graded["begun"].to_numpy(float)[first], row))
    first, worst, row = first[order], worst[order], row[order]
    entries = graded.iloc[first]
    kind, title = (entries[name].astype(str).to_numpy(object) for name in ("kind", "what"))
    begun, over = entries["begun"].to_numpy(float), entries["over"].to_numpy(float)
    over = np.where(over <= study.column("follow_up")[row], over, np.nan)
    start, stop = moments(study, row, begun), moments(study, row, over)
    scale = np.where(np.isin(kind, SINGLE), "", entries["rule"].astype(str).to_numpy(object))
    terms = [study.text.terms.get(each) for each in scale]
    present = set(scale)
    again = np.array([term is not None and term.again in present and term.again != "" for term in terms], bool)
    columns = subject_columns(study, row) | {
        "AESEQ": sequence(row),
        "TRTP": study.words("arm")[row],
        "TRTA": np.where(np.isfinite(first_dose), study.words("arm"), "")[row],
        "AETERM": title,
        "AEDECOD": np.array(
            [own if term is None else term.word for own, term in zip(title, terms, strict=True)], object
        ),
        "AECAT": kind,
        "AESCALE": scale,
        "AETOXGR": np.array([f"{each:g}" for each in worst], object),
        "ATOXGRN": worst,
        "ASTDT": dates(start),
        "ASTDTM": start,
        "ASTDY": relative_days(study, row, dates(start)),
        "AENDT": dates(stop),
        "AENDTM": stop,
        "AENDY": relative_days(study, row, dates(stop)),
        "ADURN": over - begun,
        "ADURU": np.where(np.isnan(over), "", "DAYS").astype(object),
        "TRTEMFL": flags(_emergent(study, row, begun, start >= first_dose[row], kind)),
        "AEREPFL": flags(told[first]),
        "ANL01FL": flags(~again),
    }
    return dataset(
        "ADAE",
        "Adverse Event Analysis Dataset",
        "One record per subject per episode per grading scale",
        ("USUBJID", "AESEQ"),
        columns,
        {
            "TRTEMFL": f"Y from the first dose to {study.emergent_after:g} days after the patient left the protocol"
            + (f"; {', '.join(study.emergent_kinds)}: to the end" if study.emergent_kinds else ""),
            "AEREPFL": "Y where the trial would have reported it, by the reporting shares of its design"
            if study.reports
            else "Y: everything charted counts as reported",
            "ANL01FL": "Y for one record of each episode: the clinic's own scale where a second one grades it too",
        },
    )


def _episodes(graded: object) -> tuple[NDArray[np.int64], Floats]:
    """Of each episode the place of its first entry, and its worst grade among the entries."""
    import pandas as pd

    assert isinstance(graded, pd.DataFrame)
    keys = [graded[name].astype(str) if name in ("kind", "what", "rule") else graded[name] for name in _KEYS]
    number = graded.groupby(keys, sort=False, observed=True).ngroup().to_numpy(np.int64)
    episodes = int(number.max()) + 1 if len(number) else 0
    first = np.full(episodes, len(number))
    np.minimum.at(first, number, np.arange(len(number)))
    worst = np.full(episodes, np.nan)
    np.fmax.at(worst, number, graded["value"].to_numpy(np.float64))
    return first, worst


_KEYS = ("patient", "kind", "what", "rule", "episode")


def _emergent(
    study: Study,
    row: NDArray[np.int64],
    begun: Floats,
    after_dose: NDArray[np.bool_],
    kind: NDArray[np.object_],
) -> NDArray[np.bool_]:
    """Which events began under treatment, or so soon after it that they count."""
    off = study.column("off_protocol_day")[row]
    late = begun > off + study.emergent_after  # never for those still under the protocol
    return after_dose & (~late | np.isin(kind, study.emergent_kinds))
