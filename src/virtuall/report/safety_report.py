"""Side effects of a simulated therapy: who had which, how bad, in the first cycle or later; and who died of what.

Counted from a patient's first dose to the next line of therapy or the end of follow-up. Every effect counts once a
patient, by its worst grade.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from virtuall.core.errors import InputError
from virtuall.core.records import EFFECT, GRADE
from virtuall.core.units import unit as read_unit
from virtuall.report.share import Share, exact_share
from virtuall.trial.reporting import CountText, SafetyText

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Worst = tuple[Ints, Ints]

START = "infusion_start"
_UNKNOWN = "unknown"
_GRADES = range(1, 6)


@dataclass(frozen=True)
class SafetyRow:
    """One effect.

    Attributes
    ----------
    name : str
    any, severe : Share
        Of all treated: of any grade, and from the severe grade on.
    first : Share
        Of all treated: of any grade, before a second cycle began.
    later : Share or None
        Of those with a second cycle: of any grade, from then on; None when nobody had one.
    grades : tuple of Share
        Of all treated: of this worst grade, from 1 to 5.
    scale : str
        The scale that it is graded on; "" where the event itself has a grade.
    """

    name: str
    any: Share
    severe: Share
    first: Share
    later: Share | None
    grades: tuple[Share, ...] = ()
    scale: str = ""


@dataclass(frozen=True)
class SafetyReport:
    """The report.

    Attributes
    ----------
    protocol, cohort : str
    treated, untreated, failed : int
        `failed`: patients whose simulation failed; they are in none of the numbers.
    severe_grade : int
    rows : tuple of SafetyRow
        The most frequent first.
    deaths : mapping of str to Share
        Deaths of the treated by cause, to the end of follow-up; the most frequent first.
    notes : tuple of str
    """

    protocol: str
    cohort: str
    treated: int
    untreated: int
    failed: int
    severe_grade: int
    rows: tuple[SafetyRow, ...]
    deaths: Mapping[str, Share]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """All of it by name."""
        return asdict(self)


def safety_report(
    outcomes: pd.DataFrame,
    events: pd.DataFrame,
    text: SafetyText,
    products: Collection[str],
    signals: xr.Dataset | None = None,
    scales: Collection[str] = (),
) -> SafetyReport:
    """Count the side effects of a result.

    Parameters
    ----------
    outcomes, events : pandas.DataFrame
        As stored: one row a patient; the charts.
    text : SafetyText
    products : collection of str
        What the protocol is about; the first infusion of one of them is the first dose.
    signals : xarray.Dataset, optional
        Recorded signals over patient and time (days); without them counts in blood are left out.
    scales : collection of str
        A trial's own scales: where events of a kind are graded on one of them, its grades on other scales are left
        out. By default each scale has a row of its own.

    Raises
    ------
    InputError
        When nobody was treated.
    """
    course = _Course(outcomes[outcomes["status"] == 0], events, products, scales)
    if not len(course.patients):
        raise InputError("nobody was treated, so there are no side effects to count", given=", ".join(products))
    worst = _charted(course)
    missing = []
    for count in text.counts:
        if signals is not None and count.signal in signals:
            worst[count.title] = _counted(course, count, signals)
        else:
            missing.append(count.title)
    rows = [
        _row(course, name, course.scales.get(name, ""), grades, text.severe_grade) for name, grades in worst.items()
    ]
    return SafetyReport(
        protocol=str(outcomes["protocol"].iloc[0]),
        cohort=str(outcomes["cohort"].iloc[0]),
        treated=len(course.patients),
        untreated=int(np.count_nonzero(outcomes["status"] == 0)) - len(course.patients),
        failed=int(np.count_nonzero(outcomes["status"] != 0)),
        severe_grade=text.severe_grade,
        rows=tuple(sorted(rows, key=lambda row: (-row.any.count, row.name))),
        deaths=_deaths(course),
        notes=_notes(text, missing),
    )


class _Course:
    """The treated patients: when they began, when a second cycle did, and until when is counted.

    Attributes
    ----------
    patients : pandas.Index
        Their numbers; everything else has one entry for each.
    before, begin, second, end : float64[N]
        Days of what prepared for the first dose, of the first dose, of the second cycle, and until when is counted;
        infinite where there is none.
    graded : pandas.DataFrame
        The graded events in that time.
    titles : mapping of str to str
        The shortest title of the events of each kind.
    scales : mapping of str to str
        The scale of the events of each title that are graded on one.
    """

    def __init__(
        self, outcomes: pd.DataFrame, events: pd.DataFrame, products: Collection[str], scales: Collection[str]
    ) -> None:
        import pandas as pd

        words = {"kind": object, "what": object}
        started = events[(events["kind"] == START) & events["what"].isin(list(products))].astype(words)
        started = started[started["patient"].isin(outcomes["patient"])]
        whose = started.groupby("patient")
        first = whose["day"].min()
        further = (started["value"] > 1) | (started["what"] != whose["what"].transform("first"))
        again = started[further].groupby("patient")["day"].min()
        self.outcomes = outcomes.set_index("patient").loc[first.index]
        self.patients = first.index
        self.begin = first.to_numpy(np.float64)
        self.before = np.fmin(self.outcomes["lymphodepletion_day"].to_numpy(np.float64), self.begin)
        self.second = again.reindex(first.index).fillna(np.inf).to_numpy(np.float64)
        self.end = self.outcomes["next_line_day"].fillna(np.inf).to_numpy(np.float64)
        graded = events[(events["unit"] == GRADE) & events["patient"].isin(first.index)].astype(words)
        row = self.patients.get_indexer(pd.Index(graded["patient"]))
        day = graded["day"].to_numpy(np.float64)
        self.graded = graded[(day >= self.begin[row]) & (day < self.end[row])]
        # A lesser effect is told apart by its title; its rule is the product that brings it.
        self.graded = self.graded.assign(scale=_scale(self.graded))
        if scales:
            self.graded = self.graded[_on(self.graded, scales)]
        event = self.graded[self.graded["kind"] != EFFECT]
        named = event.groupby(["kind", "scale"])["what"].transform(_shortest)
        self.graded = self.graded.assign(name=self.graded["what"].mask(self.graded["kind"] != EFFECT, named))
        self.titles = dict(event.groupby("kind")["what"].agg(_shortest))
        self.scales = dict(zip(named, event["scale"], strict=True))


def _charted(course: _Course) -> dict[str, Worst]:
    """Worst grades of the charted effects by name: in the first cycle, and later.

    Events of one kind on one scale are one effect under the shortest of their titles; a lesser effect of that title
    joins them.
    """
    import pandas as pd

    found: dict[str, Worst] = {}
    for title, rows in course.graded.groupby("name"):
        place = course.patients.get_indexer(pd.Index(rows["patient"]))
        grade, late = rows["value"].to_numpy(np.int64), rows["day"].to_numpy(np.float64) >= course.second[place]
        found[str(title)] = (_worst(course, place[~late], grade[~late]), _worst(course, place[late], grade[late]))
    return found


def _scale(graded: pd.DataFrame) -> pd.Series:
    """The scale of each entry, "" for events that have a grade of their own."""
    import pandas as pd

    if "rule" not in graded:
        return pd.Series("", graded.index, dtype=object)
    return graded["rule"].astype(object).mask(graded["kind"] == EFFECT, "")


def _on(graded: pd.DataFrame, scales: Collection[str]) -> pd.Series:
    """Entries on these scales, and those of kinds that none of them grades."""
    own = graded["scale"].isin(list(scales))
    return own | ~graded["kind"].isin(graded["kind"][own].unique())


def _shortest(titles: pd.Series) -> str:
    return min(titles, key=lambda title: (len(title), title))


def _worst(course: _Course, place: Ints, grade: Ints) -> Ints:
    worst = np.zeros(len(course.patients), np.int64)
    np.maximum.at(worst, place, grade)
    return worst


def _counted(course: _Course, count: CountText, signals: xr.Dataset) -> Worst:
    """Worst grades of a count in blood that are worse than before the treatment: first cycle, later."""
    trace = signals[count.signal].transpose("patient", "time")
    factor = read_unit(str(trace.attrs["units"])).factor_to(read_unit(count.unit))
    times = signals["time"].to_numpy().astype(np.float64)
    row = {patient: place for place, patient in enumerate(signals["patient"].to_numpy().tolist())}
    values = trace.to_numpy()[[row[patient] for patient in course.patients.tolist()]] * factor
    grades = np.zeros(values.shape, np.int64)
    for grade, limit in zip(count.grades, count.below, strict=True):
        grades[values < limit] = grade
    before = np.maximum(np.searchsorted(times, course.before, side="right") - 1, 0)
    grades[grades <= grades[np.arange(len(grades)), before][:, None]] = 0
    grades[(times <= course.begin[:, None]) | (times >= course.end[:, None])] = 0
    late = times >= course.second[:, None]
    return np.where(late, 0, grades).max(axis=1), np.where(late, grades, 0).max(axis=1)


def _row(course: _Course, name: str, scale: str, grades: Worst, severe: int) -> SafetyRow:
    first, later = grades
    whole, of = np.maximum(first, later), len(course.patients)
    again = int(np.count_nonzero(np.isfinite(course.second)))
    return SafetyRow(
        name,
        exact_share(int(np.count_nonzero(whole)), of),
        exact_share(int(np.count_nonzero(whole >= severe)), of),
        exact_share(int(np.count_nonzero(first)), of),
        exact_share(int(np.count_nonzero(later)), again) if again else None,
        tuple(exact_share(int(np.count_nonzero(whole == grade)), of) for grade in _GRADES),
        scale,
    )


def _deaths(course: _Course) -> dict[str, Share]:
    died = course.outcomes[course.outcomes["death_day"].notna()]
    counts = died["death_cause"].astype(str).replace("", _UNKNOWN).value_counts()
    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return {
        course.titles.get(str(cause), str(cause)): exact_share(int(count), len(course.patients))
        for cause, count in ordered
    }


def _notes(text: SafetyText, missing: list[str]) -> tuple[str, ...]:
    counted = ", ".join(count.title for count in text.counts if count.title not in missing)
    said = [
        "Simulated. Of all treated, from the first dose to the next line of therapy or the end of follow-up; every "
        "effect once a patient by its worst grade. First: before a second cycle; later: of those with a second "
        "cycle, from then on. Deaths: to the end of follow-up.",
    ]
    if counted:
        said.append(f"By the recorded counts, when worse than before the treatment: {counted}.")
    if missing:
        said.append(f"Not counted, since the signals were not recorded: {', '.join(missing)}.")
    return tuple(said)
