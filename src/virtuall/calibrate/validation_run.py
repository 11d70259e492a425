"""Run a validation: simulate every trial and check of the library and judge every published row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from virtuall.calibrate.anchors import Anchored, load_anchors, look_at
from virtuall.calibrate.estimands import read_estimands
from virtuall.calibrate.validation import (
    CALIBRATE,
    VALIDATE,
    Goal,
    Judged,
    Score,
    Vote,
    goals_of,
    judge,
    score_of,
    votes_of,
)
from virtuall.calibrate.validation_units import Finished, Settings, Unit, find_units, fingerprint, keep, kept, run_unit
from virtuall.core.errors import InputError
from virtuall.trial.families import load_families
from virtuall.trial.scoring import TrialRow


@dataclass(frozen=True)
class Validation:
    """A validation.

    Attributes
    ----------
    settings : Settings
    fingerprint : str
        Of the texts, the code and the settings.
    finished : tuple of Finished
        Trials and checks, as they were run.
    judged : tuple of Judged
        Every published row once.
    votes : tuple of Vote
    calibrate, validate : Score
    anchors : tuple of Anchored
        Single findings that must come out right.
    families : mapping of str to str
        Words for families.
    whole : bool
        Whether no trial or check of the library was left out.
    """

    settings: Settings
    fingerprint: str
    finished: tuple[Finished, ...]
    judged: tuple[Judged, ...]
    votes: tuple[Vote, ...]
    calibrate: Score
    validate: Score
    anchors: tuple[Anchored, ...]
    families: Mapping[str, str]
    whole: bool

    @property
    def goals(self) -> tuple[Goal, ...]:
        """What must hold, beside what was reached."""
        return goals_of(self.calibrate, self.validate)

    def as_json(self) -> dict[str, Any]:
        """The validation with the keys promised for ``--json``; rows as those of a trial, with more."""
        return {
            "seed": self.settings.seed,
            "replicates": self.settings.replicates,
            "parameters": self.settings.parameters,
            "fingerprint": self.fingerprint,
            "goals": [vars(goal) | {"met": goal.met} for goal in self.goals],
            "anchors": [
                {"words": each.words, "targets": [row.row.target for row in each.rows], "met": each.met}
                for each in self.anchors
            ],
            "scores": [vars(score) for score in (self.calibrate, self.validate)],
            "votes": [vars(vote) for vote in self.votes],
            "trials": [
                {
                    "trial": each.name,
                    "kind": each.kind,
                    "seed": self.settings.seed,
                    "replicates": self.settings.replicates,
                    "patients": each.patients,
                    "failed": each.failed,
                    "rows": [_row(row) for row in self.judged if row.unit == each.name],
                }
                for each in self.finished
            ],
        }


def validate(
    settings: Settings,
    only: Sequence[str] = (),
    folder: Path | None = None,
    said: Callable[[Finished], None] = lambda finished: None,
) -> Validation:
    """Run a validation.

    Parameters
    ----------
    settings : Settings
    only : sequence of str
        Names of trials or checks; all by default. The others still tell the predictor what was published.
    folder : Path, optional
        Where finished trials are kept, and found again by a validation that was stopped.
    said : callable
        Told of every trial when it is done.

    Raises
    ------
    InputError, StoreError, Problems
    """
    every = find_units(settings.library)
    units = find_units(settings.library, only)
    if not units:
        raise InputError("the library has no trials")
    estimands = read_estimands(every, settings.library)  # a wrong text is said before the first patient
    stamp = fingerprint(settings)
    finished = []
    for unit in units:
        finished.append(_finish(unit, settings, folder, stamp))
        said(finished[-1])
    return assemble(settings, stamp, finished, judge(_rows(finished), estimands), whole=len(units) == len(every))


def assemble(
    settings: Settings, stamp: str, finished: Sequence[Finished], judged: Sequence[Judged], *, whole: bool
) -> Validation:
    """A validation of rows that were judged."""
    votes = votes_of(judged)
    return Validation(
        settings=settings,
        fingerprint=stamp,
        finished=tuple(finished),
        judged=tuple(judged),
        votes=votes,
        calibrate=score_of(CALIBRATE, judged, votes),
        validate=score_of(VALIDATE, judged, votes),
        anchors=look_at(load_anchors(settings.library), judged),
        families=load_families(settings.library),
        whole=whole,
    )


def _finish(unit: Unit, settings: Settings, folder: Path | None, stamp: str) -> Finished:
    found = None if folder is None else kept(folder, stamp, unit)
    if found is not None:
        return found
    finished = run_unit(unit, settings)
    if folder is not None:
        keep(folder, stamp, finished)
    return finished


def _rows(finished: Sequence[Finished]) -> list[tuple[str, TrialRow]]:
    return [(each.name, row) for each in finished for row in each.rows]


def _row(judged: Judged) -> dict[str, Any]:
    row = judged.row
    more = ("median", "low50", "high50", "inside50", "sampling_sd", "z", "family", "label", "note", "replicates")
    return {
        **row.as_json(),
        **{name: getattr(row, name) for name in more},
        "away": judged.away,
        "counts_inside": judged.inside if judged.votes else None,
        "held_back_by": list(judged.held_back_by),
        "predictor": None if judged.contest is None else vars(judged.contest),
    }
