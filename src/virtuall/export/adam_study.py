"""What is exported: a study with its arms, as known at its data cut; of a stored run, or of a trial of the library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from virtuall.export.adam_text import AdamText
from virtuall.population.ensemble import sets_for
from virtuall.simulation.protocol import Protocol
from virtuall.simulation.result import Result
from virtuall.trial.charted import with_first_response
from virtuall.trial.design import load_design
from virtuall.trial.reported import Report
from virtuall.trial.run import simulate_design

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
# Every record of every dataset carries it, in its study identifier.
SIMULATED = "SIMULATED"


@dataclass(frozen=True, eq=False)
class Study:
    """A simulated study.

    Attributes
    ----------
    identifier : str
        STUDYID.
    about : str
        What was simulated, in a sentence.
    protocols : mapping of str to Protocol
        By arm, in the order of the arms.
    outcomes : pandas.DataFrame
        One row a patient as known at the data cut, in the order of ids; days from enrollment, with ``arm``,
        ``accrual_day``, ``cut_day`` (since the study opened) and ``follow_up``.
    events : pandas.DataFrame
        The charts with every order and result; whole, not cut.
    text : AdamText
    response_by, emergent_after : float
        Windows in days: of remission, and of events after the protocol.
    emergent_kinds : tuple of str
        Kinds of events that count to the end of follow-up.
    reports : tuple of Report
        Which share of the charted events the trial reports.
    seed : int
    provenance : mapping
        Versions and fingerprints.
    """

    identifier: str
    about: str
    protocols: Mapping[str, Protocol]
    outcomes: pd.DataFrame
    events: pd.DataFrame
    text: AdamText
    response_by: float
    emergent_after: float
    emergent_kinds: tuple[str, ...]
    reports: tuple[Report, ...]
    seed: int
    provenance: Mapping[str, Any]

    @property
    def randomized(self) -> bool:
        """Whether there was more than one arm to be assigned to."""
        return len(self.protocols) > 1

    @cached_property
    def place(self) -> pd.Series[int]:
        """The row of each patient in the outcomes."""
        import pandas as pd

        return pd.Series(np.arange(len(self.outcomes)), index=self.outcomes["patient"].to_numpy())

    def rows(self, patients: pd.Series[int]) -> NDArray[np.int64]:
        """The rows of these patients in the outcomes."""
        return np.asarray(self.place.reindex(patients.to_numpy()), np.int64)

    def column(self, name: str) -> Floats:
        """A column of the outcomes as numbers."""
        return self.outcomes[name].to_numpy(np.float64)

    def words(self, name: str) -> NDArray[np.object_]:
        """A column of the outcomes as texts."""
        return self.outcomes[name].astype(str).to_numpy(object)

    def chart(self, *kinds: str) -> pd.DataFrame:
        """The entries of these kinds until each patient's end of follow-up."""
        events = self.events[self.events["kind"].isin(kinds)]
        return events[events["day"].to_numpy(float) <= self.column("follow_up")[self.rows(events["patient"])]]


def study_of_run(result: Result, text: AdamText, response_by: float | None = None) -> Study:
    """A stored run as a study with one arm: everybody enrolled on the same day and followed to the end.

    Parameters
    ----------
    result : Result
        With whole charts.
    text : AdamText
    response_by : float, optional
        Days within which remission must come; by default as the text says.
    """
    outcomes = result.outcomes.sort_values("patient", kind="stable").reset_index(drop=True)
    last = outcomes["last_day"].to_numpy(float)
    outcomes = with_first_response(outcomes, result.events).assign(
        arm=result.protocol.name,
        accrual_day=0.0,
        cut_day=np.inf,
        follow_up=np.fmin(outcomes["death_day"].to_numpy(float), last),
    )
    seed = int(result.provenance["seed"])
    return Study(
        identifier=f"{SIMULATED}-RUN",
        about=f"{len(outcomes)} virtual patients of cohort {result.provenance['cohort']} under protocol"
        f" {result.protocol.name}, seed {seed}.",
        protocols={result.protocol.name: result.protocol},
        outcomes=outcomes,
        events=result.events,
        text=text,
        response_by=text.response_by if response_by is None else response_by,
        emergent_after=text.emergent_after,
        emergent_kinds=(),
        reports=(),
        seed=seed,
        provenance={result.protocol.name: dict(result.provenance)},
    )


def study_of_trial(
    name: str, seed: int, text: AdamText, library: Sequence[Path | str] = (), processes: int = 1
) -> Study:
    """Simulate one trial of the published size, every arm with whole charts, and cut its data.

    The patients and their fates are those of the first replicate of `virtuall.trial.run.run_trial`.

    Raises
    ------
    InputError
        When the library has no such trial.
    Problems
        With every error in the texts of the trial.
    """
    design = load_design(name, library)
    sets = sets_for("calibrated", seed, 1, library)
    run = simulate_design(design, (), seed, 1, processes, library, numbers=sets, chart="full")
    arms = ", ".join(f"{arm.size} {arm.name}" for arm in design.arms)
    return Study(
        identifier=f"{SIMULATED}-{design.name.upper()}",
        about=f"One simulated trial of the design of {design.title} ({arms}), seed {seed}.",
        protocols=run.protocols,
        outcomes=run.outcomes.sort_values("patient", kind="stable").reset_index(drop=True),
        events=run.events,
        text=text,
        response_by=design.figures.response_by,
        emergent_after=design.events_after,
        emergent_kinds=design.events_to_the_end,
        reports=design.reports,
        seed=seed,
        provenance=run.provenance,
    )
