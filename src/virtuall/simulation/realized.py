"""What was really done to the model of each patient: every change that the clinic and the small clones made.

A trajectory is the patient's numbers and these changes; nothing else reaches the equations. So a patient can be
computed again, here or by another program, without clinic and without draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virtuall.engine.ensemble import Ensemble
from virtuall.engine.kernel import Kernel
from virtuall.engine.system import System

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# A restart sets nothing: the integration began afresh there, which shows in the last bits.
PARAMETER, STATE, RESTART = KINDS = ("parameter", "state", "restart")


@dataclass(frozen=True, eq=False)
class Note:
    """One call of `Kernel.change` for M patients: symbols with their values before and after, float64[M] each."""

    rows: Ints
    day: Floats
    kinds: tuple[str, ...]
    names: tuple[str, ...]
    before: tuple[Floats, ...]
    values: tuple[Floats, ...]


class NotingKernel(Kernel):
    """The same kernel; it also notes every change that it is told to make.

    Attributes
    ----------
    notes : list of Note
        In the order of the changes.
    """

    def __init__(self, kernel: Kernel, notes: list[Note]) -> None:
        self.__dict__.update(kernel.__dict__)
        self.notes = notes

    def change(
        self,
        ens: Ensemble,
        index: ArrayLike,
        *,
        parameters: Mapping[str, ArrayLike] | None = None,
        states: Mapping[str, ArrayLike] | None = None,
    ) -> None:
        """Note the change, then make it; see `Kernel.change`."""
        rows = np.array(index, np.int64)
        kinds, names, before, values = [], [], [], []
        for kind, given, table, places in (
            (PARAMETER, parameters, ens.parameters, self._parameter_place),
            (STATE, states, ens.y, self._state_place),
        ):
            for name, value in (given or {}).items():
                kinds.append(kind)
                names.append(name)
                before.append(table[rows, self._place(places, kind, name)])
                values.append(np.array(value, np.float64))
        self.notes.append(Note(rows, ens.now[rows], tuple(kinds), tuple(names), tuple(before), tuple(values)))
        super().change(ens, rows, parameters=parameters, states=states)


def realized_frame(notes: list[Note], ids: Ints, system: System) -> pd.DataFrame:
    """The notes as a frame in the order of patients and days; what a change left as it was is left out.

    Parameters
    ----------
    notes : list of Note
    ids : int64[N]
        The patient of each row.
    system : System
        Names and units.

    Returns
    -------
    pandas.DataFrame
        patient, day, order (within the patient's moment, from 0), kind (of `KINDS`), name, before, value, unit.
    """
    import pandas as pd

    # the same words in the same places in every frame, so that frames can be put one below the other
    names = (*sorted({*system.parameters, *system.states}), "")
    units = tuple(sorted({system.units.get(name, "") for name in names}))
    number, unit_of = {name: code for code, name in enumerate(names)}, {unit: code for code, unit in enumerate(units)}
    rows, days, kinds, codes, before, value = _entries([note for note in notes if len(note.rows)], number)
    patient = ids[rows]
    order = np.lexsort((days, patient))  # stable: changes of one moment stay in their order
    patient, day = patient[order], days[order]
    code = codes[order]
    unit = np.array([unit_of[system.units.get(name, "")] for name in names], np.int64)[code]
    place = np.arange(len(order))
    fresh = np.append(True, (np.diff(patient) != 0) | (np.diff(day) != 0))[: len(order)]
    return pd.DataFrame(
        {
            "patient": patient,
            "day": day,
            "order": place - np.maximum.accumulate(np.where(fresh, place, 0)),
            "kind": _words(kinds[order], KINDS),
            "name": _words(code, names),
            "before": before[order],
            "value": value[order],
            "unit": _words(unit, units),
        }
    )


def _words(codes: Ints, known: tuple[str, ...]) -> pd.Categorical:
    import pandas as pd

    return pd.Categorical.from_codes(codes, pd.Index(known, dtype=object))  # type: ignore[arg-type]


def _entries(notes: list[Note], number: Mapping[str, int]) -> tuple[NDArray[Any], ...]:
    """Rows, days, kinds, names, values before and after of all notes; a restart where a note changes nothing."""
    visits = np.append(0, np.cumsum([len(note.rows) for note in notes])).astype(np.int64)  # a patient in a note
    rows, day = _joined([note.rows for note in notes], np.int64), _joined([note.day for note in notes], np.float64)
    blocks = [(place, kind, number[name]) for place, note in enumerate(notes) for kind, name in _set_by(note)]
    sizes = [len(notes[place].rows) for place, _, _ in blocks]
    visit = _joined([np.arange(visits[place], visits[place + 1]) for place, _, _ in blocks], np.int64)
    kinds = np.repeat(np.array([KINDS.index(kind) for _, kind, _ in blocks], np.int64), sizes)
    codes = np.repeat(np.array([code for _, _, code in blocks], np.int64), sizes)
    before = _joined([each for note in notes for each in note.before], np.float64)
    values = [np.broadcast_to(each, note.rows.shape) for note in notes for each in note.values]
    after = _joined(values, np.float64)
    differs = before.view(np.int64) != after.view(np.int64)  # of bits: 0 and -0 are two
    idle = np.ones(len(rows), bool)
    idle[visit[differs]] = False
    nothing = np.full(int(idle.sum()), np.nan)
    visit = np.append(visit[differs], np.flatnonzero(idle))
    return (
        rows[visit],
        day[visit],
        np.append(kinds[differs], np.full(len(nothing), KINDS.index(RESTART))),
        np.append(codes[differs], np.full(len(nothing), number[""])),
        np.append(before[differs], nothing),
        np.append(after[differs], nothing),
    )


def _set_by(note: Note) -> Iterator[tuple[str, str]]:
    return zip(note.kinds, note.names, strict=True)


def _joined(parts: Sequence[NDArray[Any]], kind: type) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, kind)


def give(kernel: Kernel, ensemble: Ensemble, ids: Ints, realized: pd.DataFrame, until: ArrayLike) -> None:
    """Move patients to their last day and make the realized changes on the way.

    Parameters
    ----------
    kernel : Kernel
    ensemble : Ensemble
        As started, of N patients; one whose clock rings stays at that moment.
    ids : int64[N]
        The patient of each row.
    realized : pandas.DataFrame
        As of `virtuall.simulation.realized`; changes of other patients are left out.
    until : array, shape (N,)
        The last day of each.
    """
    ends = np.array(np.broadcast_to(np.asarray(until, np.float64), len(ids)))
    place = {int(patient): row for row, patient in enumerate(ids)}
    mine = realized[realized["patient"].isin(ids)]
    # what one moment sets twice has its last value
    mine = mine.drop_duplicates(["patient", "day", "kind", "name"], keep="last")
    row = np.array([place[patient] for patient in mine["patient"].tolist()], np.int64)
    day, value = mine["day"].to_numpy(), mine["value"].to_numpy()
    kind, name = mine["kind"].to_numpy(str), mine["name"].to_numpy(str)
    for these in _turns(row, day):
        stop = ends.copy()
        stop[row[these]] = day[these]
        who = np.unique(row[these])
        kernel.advance(ensemble, who, stop)
        there = these[_alive(ensemble)[row[these]]]
        for one_kind, one_name in sorted({(kind[each], name[each]) for each in there}):
            set_ = there[(kind[there] == one_kind) & (name[there] == one_name)]
            values = {one_name: value[set_]}
            kernel.change(
                ensemble,
                row[set_],
                parameters=values if one_kind == PARAMETER else None,
                states=values if one_kind == STATE else None,
            )
    alive = np.flatnonzero(_alive(ensemble))
    kernel.advance(ensemble, alive, np.maximum(ends, ensemble.now))


def _alive(ensemble: Ensemble) -> NDArray[np.bool_]:
    return (ensemble.ring < 0) & (ensemble.status == 0)


def _turns(row: Ints, day: Floats) -> list[Ints]:
    """Places of the first moment of every patient, of the second ...; changes come by patient and day."""
    if not len(row):
        return []
    first = np.append(True, np.diff(row) != 0)
    moment = np.cumsum(first | np.append(True, np.diff(day) != 0))
    turn = moment - moment[np.maximum.accumulate(np.where(first, np.arange(len(row)), 0))]
    order = np.argsort(turn, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(turn[order])) + 1)
