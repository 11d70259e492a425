"""Which endpoint computes which published row: ``endpoints.toml`` of a trial's folder.

::

    [publication]                                  # where windows, limits and groups stand
    source = "tower_response"
    mark = "V"

    [cycle_days]                                   # for events told by cycle
    antibody = "42 d"

    [[row]]
    targets = ["T0039"]                            # ids in published.csv
    endpoint = "response_share"                    # a name of virtuall.trial.endpoints.ENDPOINTS
    group = { arm = "antibody" }               # whose patients
    levels = ["CR"]                                # options of the endpoint
    by = "12 week"

    [[row]]
    targets = ["T0049"]
    endpoint = "hazard_ratio"
    group = { arm = "antibody" }
    against = { arm = "chemotherapy" }             # the second group of a ratio
    of = "os"

    [[not_simulated]]
    targets = ["T0070"]
    why = "adverse events of every kind are not simulated"

Conditions of ``group`` and ``against``: ``arm``, ``sex`` (texts); ``prior_transplant``, ``mrd_negative``,
``responded``, ``relapsed``, ``infused``, ``transplanted``, ``transplanted_in_remission`` (true or false, as known at
the data cut) and ranges from the first up to, not including, the second number: ``age``, ``line``,
``response_cycle``, ``marrow_blasts`` (a fraction).

``landmark = "45 d"`` on a row about survival keeps those at risk after that day and counts from it; with it
``mrd_negative`` on the row keeps those who were found MRD-negative by then, or were not.

``since = "infused_day"`` leaves out who has no such day and counts all days from it. A published count (its unit is
``patients`` or ``relapses``) is a share times the published n, or times ``out_of``.

Events are chosen from the charts by ``kind`` and, where needed, ``scale`` (on which they are graded), ``grade``,
``highest``, ``what`` (titles, products or findings), ``words`` (levels of a finding), ``least`` (its lowest value that
counts, or the lowest dose), ``rule`` (that ordered a drug), ``times`` (how many: at least, or a pair from - to),
``cycle``, ``by``, ``before``, ``fatal``::

    [[row]]
    targets = ["T0686"]                            # two doses of a drug, among patients with the syndrome
    endpoint = "event_share"
    group = { arm = "cells" }
    kind = "care"
    what = ["DRUG"]
    times = [2, 2]
    among = { kind = "crs", scale = "penn_crs" }   # only who had this event; without = {...}: only who had it not
    since = "infused_day"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from virtuall.core.errors import Problems, TextError
from virtuall.core.position import Position
from virtuall.core.records import CARE
from virtuall.texts.table import Table, reading
from virtuall.trial.accrual import EVENT_DAYS
from virtuall.trial.charted import ANY, EventColumn
from virtuall.trial.endpoints import (
    CENSORINGS,
    ENDPOINTS,
    FROM_LANDMARK,
    HAPPENED,
    IN_REMISSION,
    LEVELS,
    STATISTICS,
    SURVIVALS,
)
from virtuall.trial.published import Published
from virtuall.trial.reported import ALWAYS_KNOWN
from virtuall.trial.traced import REDUCTIONS, SignalColumn

_TEXT_CONDITIONS = ("arm", "sex")
_FLAG_CONDITIONS = ("prior_transplant", "mrd_negative", *HAPPENED, IN_REMISSION)
# What the column of an event tells, by endpoint.
_TELLS = {"event_share": "had", "event_onset": "onset", "event_duration": "duration", "event_rate": "count"}
_SIGNAL_KEYS = ("signal", "between", "relative", "change", "reduce", "floor")
_RANGE_CONDITIONS = ("age", "line", "response_cycle", "marrow_blasts", "weight", "bsa")


@dataclass(frozen=True)
class Row:
    """How some published rows are computed.

    Attributes
    ----------
    targets : tuple of str
        Ids of published rows with this estimand.
    endpoint : str
        Name in `ENDPOINTS`.
    options : mapping
        Keyword arguments of the endpoint.
    group, against : mapping
        Conditions on patients; `against` is empty for endpoints of one group.
    since : str
        A column of days: only who has such a day counts, and all days count from it. "" for randomization.
    out_of : int or None
        A published count is the share times this number; None: times the published n.
    size : int or None
        Patients in a group of published size, where that is not an arm of this trial (a pooled analysis).
    earliest : int or None
        Only so many of each arm, the first randomized (an analysis before enrollment was over).
    unit : str
        Unit of the value computed.
    column : EventColumn, SignalColumn or None
        The column that the endpoint reads and that must be added to the outcomes first.
    chosen_by : tuple of EventColumn
        Columns that `group` reads: who had an event, or had it not.
    label : str
        Which patients, where the published arm does not say it ("first salvage").
    note : str
        Said beside the row in the report.
    where : Position
    """

    targets: tuple[str, ...]
    endpoint: str
    options: Mapping[str, Any]
    group: Mapping[str, Any]
    against: Mapping[str, Any]
    since: str
    out_of: int | None
    size: int | None
    earliest: int | None
    unit: str
    column: EventColumn | SignalColumn | None
    chosen_by: tuple[EventColumn, ...]
    label: str
    note: str
    where: Position

    @property
    def events(self) -> tuple[EventColumn, ...]:
        """The columns of events that it reads."""
        return (self.column, *self.chosen_by) if isinstance(self.column, EventColumn) else self.chosen_by


@dataclass(frozen=True)
class Mapped:
    """An ``endpoints.toml``: its rows, why others are not simulated, and lengths of cycles."""

    rows: tuple[Row, ...]
    not_simulated: Mapping[str, str]
    cycle_days: Mapping[str, float]


def read_mapping(path: Path) -> Mapped:
    """Read ``endpoints.toml``.

    Raises
    ------
    TextError, Problems
        Every unknown endpoint, option, level, condition or unit, with its place and the nearest right word.
    """
    with reading(path) as table:
        publication = table.table("publication", default=None)
        if publication is not None:
            publication.source()
        rows = tuple(_row(entry) for entry in table.tables("row"))
        not_simulated = {}
        for entry in table.tables("not_simulated"):
            why = entry.text("why")
            not_simulated.update(dict.fromkeys(entry.texts("targets"), why))
        lengths = table.table("cycle_days", default=None)
        cycle_days = {} if lengths is None else {arm: lengths.days(arm, low=1) for arm in lengths.keys()}
    return Mapped(rows, not_simulated, cycle_days)


def check_mapping(mapped: Mapped, published: Sequence[Published], where: str) -> None:
    """Refuse a mapping that leaves a published row out, names one twice or names an unknown one.

    Raises
    ------
    Problems
    """
    known = [row.target for row in published]
    named = [(target, str(row.where)) for row in mapped.rows for target in row.targets]
    named += [(target, where) for target in mapped.not_simulated]
    problems = [
        TextError("no published row has this id", given=target, allowed=known, where=place)
        for target, place in named
        if target not in known
    ]
    seen: set[str] = set()
    for target, place in named:
        if target in seen:
            problems.append(TextError("this row is computed twice", given=target, where=place))
        seen.add(target)
    problems += [
        TextError("a published row is neither computed nor listed as not simulated", given=target, where=where)
        for target in known
        if target not in seen
    ]
    if problems:
        raise Problems(problems)


def _row(table: Table) -> Row:
    targets = table.texts("targets")
    name = table.choice("endpoint", tuple(ENDPOINTS))
    endpoint = ENDPOINTS[name]
    options = {key: _OPTIONS[key](table) for key in endpoint.options if key in table}
    unit = options.pop("unit", endpoint.unit)
    since = table.choice("since", EVENT_DAYS, default="")
    column = _column(table, name, options, unit, since)
    if column is not None:
        for key in _SIGNAL_KEYS:
            options.pop(key, None)
        options["column"] = column.name
    group = _conditions(table.table("group")) if "group" in table else {}
    chosen_by = []
    for key, had in (("among", True), ("without", False)):
        if key in table:
            chosen_by.append(_event(table.table(key), since))
            group[chosen_by[-1].name] = had
    needed = _REQUIRED.get(name, ()) + (("response_by",) if options.get("of") == "efs" else ())
    for key in needed:
        if key not in options:
            table.problem(f"the endpoint {name} of {', '.join(targets)} needs the key {key!r}")
    _check_landmark(table, options)
    if name == "signal_share" and ("at_most" in options) == ("above" in options):
        table.problem(f"the endpoint {name} of {', '.join(targets)} needs one of the keys 'at_most' and 'above'")
    size, earliest = (table.integer(key, low=1, default=None) for key in ("size", "earliest"))
    if size and earliest:
        table.problem("a group of a size of its own has no earliest patients of an arm", "earliest")
    against = table.table("against", default=None)
    if (against is None) != (endpoint.groups == 1):
        table.problem(f"{name} {'takes no' if endpoint.groups == 1 else 'needs a'} second group", None)
    return Row(
        targets=targets,
        endpoint=name,
        options=options,
        group=group,
        against={} if against is None else _conditions(against),
        since=since,
        out_of=table.integer("out_of", low=1, default=None),
        size=size,
        earliest=earliest,
        unit=endpoint.unit if name == "signal_share" else unit,
        column=column,
        chosen_by=tuple(chosen_by),
        label=table.text("label", default=""),
        note=table.text("note", default=""),
        where=table.where(),
    )


def _check_landmark(table: Table, options: Mapping[str, Any]) -> None:
    if "landmark" in options and options.get("of") not in FROM_LANDMARK:
        table.problem("a landmark goes with " + ", ".join(FROM_LANDMARK), "landmark")
    if "mrd_negative" in options and "landmark" not in options:
        table.problem(
            "mrd_negative is asked on the day of a landmark: name it, or choose patients by group", "mrd_negative"
        )


def _column(
    table: Table, endpoint: str, options: Mapping[str, Any], unit: str, since: str
) -> EventColumn | SignalColumn | None:
    if endpoint in _TELLS:
        return _event(table, since, _TELLS[endpoint])
    if endpoint in ("signal", "signal_share"):
        first, last = options.get("between", (0.0, 0.0))
        return SignalColumn(
            signal=options.get("signal", "") or table.text("signal"),
            unit=unit,
            first=first,
            last=last,
            relative=options.get("relative", False),
            reduce=options.get("reduce", "none"),
            floor=options.get("floor", float("-inf")),
            change=options.get("change", False),
            since=since,
        )
    return None


def _event(table: Table, since: str, tells: str = "had") -> EventColumn:
    """The event that a row asks for, or that chooses its patients."""
    kind = table.text("kind")
    graded = kind not in ALWAYS_KNOWN
    for key in ("scale", "grade", "highest") if not graded else ("words", "least", "rule"):
        if key in table:
            table.problem(f"{key!r} does not go with events of the kind {kind!r}", key)
    least = 0.0 if kind == CARE else 1.0
    grade = table.integer("grade", low=0, high=5, default=0) if graded else table.number("least", default=least)
    return EventColumn(
        kind=kind,
        grade=grade,
        highest=table.integer("highest", low=0, high=5, default=None),
        cycle=table.integer("cycle", low=1, default=None),
        by=table.days("by", low=0, default=float("inf")),
        since=since,
        before=table.choice("before", EVENT_DAYS, default=""),
        fatal=table.text("fatal", default=""),
        tells=tells,
        scale=table.text("scale" if graded else "rule", default=""),
        what=table.texts("what", default=()),
        words=table.texts("words", default=()),
        times=_times(table),
    )


def _times(table: Table) -> tuple[int, int]:
    values = [int(each) for each in table.numbers("times", default=(1, ANY))]
    if len(values) == 1:
        values.append(ANY)
    if len(values) != 2 or not 1 <= values[0] <= values[1]:
        table.problem("times must be one number or two, the lower first", "times")
        return (1, ANY)
    return (values[0], values[1])


def _conditions(table: Table) -> dict[str, Any]:
    conditions: dict[str, Any] = {}
    for key in _TEXT_CONDITIONS:
        conditions[key] = table.text(key, default=None)
    for key in _FLAG_CONDITIONS:
        conditions[key] = table.flag(key, default=None)
    for key in _RANGE_CONDITIONS:
        conditions[key] = _range(table, key)
    return {key: value for key, value in conditions.items() if value is not None}


def _range(table: Table, key: str) -> tuple[float, ...] | None:
    values = table.numbers(key, default=None)
    if values is None:
        return None
    if len(values) != 2 or values[0] >= values[1]:
        table.problem(f"{key} must be two numbers, the lower first", key)
        return (0.0, 1.0)
    return values


def _window(table: Table) -> tuple[float, float]:
    ends = [each.value for each in table.quantities("between", "d")]
    if len(ends) != 2 or ends[0] > ends[1]:
        table.problem('between must be two times, such as ["0 h", "8 h"]', "between")
        return (0.0, 0.0)
    return (ends[0], ends[1])


_OPTIONS: Mapping[str, Any] = {
    "levels": lambda table: table.texts("levels", allowed=LEVELS),
    "by": lambda table: table.days("by", low=0),
    "by_cycle": lambda table: table.integer("by_cycle", low=1),
    "of": lambda table: table.choice("of", (*SURVIVALS, "response", "mrd")),
    "censor_at": lambda table: table.texts("censor_at", allowed=CENSORINGS),
    "response_by": lambda table: table.days("response_by", low=0),
    "landmark": lambda table: table.days("landmark", low=0),
    "mrd_negative": lambda table: table.flag("mrd_negative"),
    "of_all": lambda table: table.flag("of_all"),
    "at": lambda table: table.days("at", low=0),
    "statistic": lambda table: table.choice("statistic", tuple(STATISTICS)),
    "column": lambda table: table.text("column"),
    "first": lambda table: table.choice("first", EVENT_DAYS),
    "last": lambda table: table.choice("last", EVENT_DAYS),
    "causes": lambda table: table.texts("causes"),
    "phenotype": lambda table: table.text("phenotype"),
    "in_remission": lambda table: table.flag("in_remission"),
    "unit": lambda table: table.unit("unit"),
    "having": lambda table: _conditions(table.table("having")),
    "signal": lambda table: table.text("signal"),
    "between": _window,
    "relative": lambda table: table.flag("relative"),
    "reduce": lambda table: table.choice("reduce", tuple(REDUCTIONS)),
    "floor": lambda table: table.number("floor"),
    "change": lambda table: table.flag("change"),
    "at_most": lambda table: table.number("at_most"),
    "above": lambda table: table.number("above"),
}
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "response_share": ("levels",),
    "survival_median": ("of",),
    "survival_share": ("of", "at"),
    "hazard_ratio": ("of",),
    "odds_ratio": ("of",),
    "happened_share": ("column",),
    "interval": ("last", "statistic"),
    "not_infused_share": ("causes",),
    "relapse_share": ("phenotype",),
    "event_onset": ("statistic",),
    "event_duration": ("statistic",),
    "cycles": ("statistic",),
    "baseline": ("column", "statistic"),
    "baseline_share": ("having",),
    "signal": ("statistic",),
}
