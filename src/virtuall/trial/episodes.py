"""Entries of charts told apart by episode: which event they belong to, when it began and when it was over.

An event is charted when it begins, again each time it gets worse, and as resolved when it is over. Events of one
title on one scale (``what`` and ``rule``) follow each other, so what stands between two such ends is one episode.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from virtuall.core.records import CARE, EFFECT, FINDING, GRADE, OVER

if TYPE_CHECKING:
    import pandas as pd

# Entries that stand for themselves: nothing says that they are over.
SINGLE = (EFFECT, CARE, FINDING)

Ints = NDArray[np.int64]


def with_episodes(chart: pd.DataFrame) -> pd.DataFrame:
    """Entries of events with their episode.

    Parameters
    ----------
    chart : pandas.DataFrame
        patient, day, kind, value and, if the charts have them, what and rule; each patient's entries in the order of
        writing. Ends of events are needed to tell one event from the next of its kind; their value is how long the
        event lasted (d), where it was found to be over later than it was.

    Returns
    -------
    pandas.DataFrame
        The entries without the ends, with ``episode`` (the patient's how-manieth of this kind on this scale, from
        0), ``occurrence`` (the cycle in which it began, where charts tell cycles; else as the episode), its ``worst``
        value, ``begun`` and ``over`` (days; NaN where the event is never over).
    """
    import pandas as pd

    if not len(chart):
        nothing = chart.assign(
            episode=np.empty(0, int),
            occurrence=np.empty(0, int),
            worst=np.empty(0),
            begun=np.empty(0),
            over=np.empty(0),
        )
        return pd.DataFrame(nothing)
    count = len(chart)
    patient, kind, what, rule = (_codes(chart, name) for name in ("patient", "kind", "what", "rule"))
    day = chart["day"].to_numpy(np.float64)
    is_over = (chart["kind"] == OVER).to_numpy()
    single = chart["kind"].isin(SINGLE).to_numpy()
    order = np.lexsort((np.arange(count), rule, what, patient))
    first = _starts(patient[order], what[order], rule[order])
    ends = (is_over | single)[order]
    spell_begins = first | np.append(True, ends[:-1])
    spell = np.cumsum(spell_begins) - 1
    spells = int(spell[-1]) + 1
    begins = np.flatnonzero(spell_begins)
    over = np.full(spells, np.nan)
    closing = is_over[order]
    head = order[begins]  # the entry that an episode begins with
    value = chart["value"].to_numpy(np.float64)[order]
    lasted = value[closing]
    ended = spell[closing]
    over[ended] = np.where(np.isnan(lasted), day[order][closing], day[head][ended] + lasted)
    worst = np.fmax.reduceat(np.where(closing, np.nan, value), begins)
    rank = _ranks(patient[head], kind[head], rule[head], day[head], what[head])
    number = np.empty(count, np.int64)
    number[order] = spell
    cycle = chart["cycle"].to_numpy(np.float64)[head] if "cycle" in chart else np.full(spells, np.nan)
    occurrence = np.where(np.isnan(cycle), rank, cycle).astype(np.int64)
    found = chart.assign(
        episode=rank[number],
        occurrence=occurrence[number],
        worst=worst[number],
        begun=day[head][number],
        over=over[number],
    )
    return found[~is_over]


def worst_grades(chart: pd.DataFrame, scales: Collection[str]) -> pd.DataFrame:
    """One entry for each episode of a graded event, with its worst grade: one that gets worse is charted again.

    Parameters
    ----------
    scales : collection of str
        The scales whose events have titles of their own; other events of a kind are counted together.

    Returns
    -------
    pandas.DataFrame
        patient, kind, what (the title; empty without one), rule, episode, value.
    """
    events = chart[(chart["unit"] == GRADE) | (chart["kind"] == OVER)]
    named = events.assign(what=events["what"].astype(str).where(events["rule"].isin(set(scales)), ""))
    keys = ["patient", "kind", "what", "rule", "episode"]
    return with_episodes(named).groupby(keys, observed=True)["value"].max().reset_index()


def places_of(patients: pd.Series, ids: Ints) -> Ints:
    """Where each of these patients stands among `ids`, which hold all of them."""
    order = np.argsort(ids)
    return np.asarray(order[np.searchsorted(ids[order], patients.to_numpy())], np.int64)


def _ranks(patient: Ints, kind: Ints, rule: Ints, day: NDArray[np.float64], what: Ints) -> Ints:
    """The place of each episode among those of its patient, kind and scale, by the day it began."""
    order = np.lexsort((what, day, rule, kind, patient))
    first = np.flatnonzero(_starts(patient[order], kind[order], rule[order]))
    place = np.arange(len(order)) - np.repeat(first, np.diff(np.append(first, len(order))))
    rank = np.empty(len(order), np.int64)
    rank[order] = place
    return rank


def _starts(*columns: Ints) -> NDArray[np.bool_]:
    """Where sorted columns change, the first entry included."""
    changes = np.zeros(len(columns[0]), bool)
    changes[0] = True
    for column in columns:
        changes[1:] |= column[1:] != column[:-1]
    return changes


def _codes(chart: pd.DataFrame, name: str) -> Ints:
    """Numbers for the words of a column in the order of the words, so that they do not depend on the entries' order."""
    import pandas as pd

    if name not in chart:
        return np.zeros(len(chart), np.int64)
    codes: Any = pd.factorize(chart[name], sort=True)[0]
    return np.asarray(codes, np.int64)
