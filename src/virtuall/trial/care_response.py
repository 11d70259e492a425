"""Response to a drug of care by a published definition, and what became of the same patients without the drug."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from virtuall.core.records import CARE, OVER
from virtuall.model.shelf import open_shelf
from virtuall.texts.table import reading
from virtuall.trial.episodes import with_episodes

if TYPE_CHECKING:
    import pandas as pd

CARE_RESPONSE = "reports/care_response.toml"


@dataclass(frozen=True)
class CareResponse:
    """A definition of response.

    Attributes
    ----------
    title, product, of : str
        What it is called, the drug, and the kind of event that it is given for.
    severe_grade : int
        Asked of patients whose first episode was of this grade or more when the drug was first given.
    within : float
        Days from the first dose within which the episode is over.
    most_doses : int
    others : tuple of str
        Drugs that must not have been given.
    """

    title: str
    product: str
    of: str
    severe_grade: int
    within: float
    most_doses: int
    others: tuple[str, ...]


def read_care_response(path: Path) -> CareResponse:
    """Read ``reports/care_response.toml``."""
    with reading(path) as text:
        head = text.table("care_response")
        head.source()
        return CareResponse(
            head.text("title"),
            head.text("product"),
            head.text("of"),
            head.integer("severe_grade", low=1, high=5),
            head.days("within", low=0),
            head.integer("most_doses", low=1),
            head.texts("others"),
        )


def care_response(library: Sequence[Path | str] = ()) -> CareResponse:
    """The definition of this library."""
    return read_care_response(open_shelf(library).file(CARE_RESPONSE))


def first_severe_doses(events: pd.DataFrame, text: CareResponse, scale: str) -> pd.Series:
    """The day of the first dose of each patient who got it in a severe first episode, by patient.

    Parameters
    ----------
    events : pandas.DataFrame
        A chart.
    text : CareResponse
    scale : str
        On which severity is graded.
    """
    doses = events[(events["kind"] == CARE) & (events["what"] == text.product)].groupby("patient")["day"].min()
    first = _first_episodes(events, text, scale)
    entries = first[first["patient"].isin(doses.index)]
    given = doses.reindex(entries["patient"]).to_numpy(float)
    running = (entries["begun"] <= given) & ~(entries["over"] < given) & (entries["day"] <= given)
    severe = entries[running & (entries["value"] >= text.severe_grade)]["patient"].unique()
    return doses[doses.index.isin(severe)]


def responded_to_care(events: pd.DataFrame, doses: pd.Series, text: CareResponse, scale: str) -> pd.Series:
    """Whether the first episode of each patient was over in time, after few enough doses and no other drug.

    Parameters
    ----------
    events : pandas.DataFrame
        A chart of these patients: with the drug, or of the same patients without it.
    doses : pandas.Series
        Day 0 of each patient, from `first_severe_doses`.
    """
    import pandas as pd

    first = _first_episodes(events, text, scale)
    over = first.groupby("patient")["over"].max().reindex(doses.index)
    in_time = (over <= doses + text.within).to_numpy()
    care = events[(events["kind"] == CARE) & events["patient"].isin(doses.index)]
    until = over.fillna(np.inf).reindex(care["patient"]).to_numpy(float)
    care = care[care["day"].to_numpy(float) <= until]
    given = care[care["what"] == text.product].groupby("patient").size().reindex(doses.index).fillna(0)
    others = care[care["what"].isin(text.others)]["patient"].unique()
    answered = in_time & (given <= text.most_doses).to_numpy() & ~doses.index.isin(others)
    return pd.Series(answered, index=doses.index)


def _first_episodes(events: pd.DataFrame, text: CareResponse, scale: str) -> pd.DataFrame:
    """Entries of each patient's first episode; it is over on the day of its last sign."""
    chart = events[(events["rule"] == scale) & events["kind"].isin([text.of, OVER])]
    found = with_episodes(chart)
    return found[(found["episode"] == 0) & (found["kind"] == text.of)]
