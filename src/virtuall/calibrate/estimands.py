"""What each published row is about, told by the texts alone: whose patients, under which therapy, computed how.

Two rows are alike when the same endpoint is computed with the same options. What does not matter: the scale of a
grade, the window of a response, which other therapies end the follow-up, the levels of response of a survival, and the
unit. What may differ by a little: the day of a landmark.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from virtuall.calibrate.validation_units import Library, Unit
from virtuall.model.shelf import open_shelf
from virtuall.trial.charted import EventColumn
from virtuall.trial.design import Arm
from virtuall.trial.endpoints import SURVIVALS
from virtuall.trial.families import check_families, load_families
from virtuall.trial.mapping import Row
from virtuall.trial.published import Published
from virtuall.trial.run import read_rows
from virtuall.trial.scoring import published_factor

# Two days of a landmark are near each other when one is at most so many times the other.
NEAR = 1.8
_CELLS = "cells"
# Options that tell when and in which unit, not what.
_TIMES = ("by", "by_cycle", "at", "response_by", "between", "unit")
# A response comes early or not at all: within 12 weeks, within 3 months and "best" are alike.
_EARLY = ("response_share", "mrd_negative_share", "odds_ratio")


@dataclass(frozen=True)
class Estimand:
    """A published row that is computed.

    Attributes
    ----------
    figure : Published
    unit : str
        The trial or check that computes it: rows of one unit share patients.
    therapy : str
        The class of therapy: the folder of the regimen, or "cells" for every product made of a patient's own cells;
        two of them where two arms are compared.
    arms : tuple of str
        The arms whose patients it tells of.
    what : tuple
        Endpoint, options, event and family: equal for rows that are computed alike.
    whose : tuple
        Further conditions on patients, and whether only those count who came to the day from which it counts.
    day : float or None
        Of the landmark or the end of the window.
    factor : float
        From the computed value to the published unit.
    share : bool
        A share of patients, so between 0 and `factor`.
    """

    figure: Published
    unit: str
    therapy: str
    arms: tuple[str, ...]
    what: tuple[Any, ...]
    whose: tuple[Any, ...]
    day: float | None
    factor: float
    share: bool

    @property
    def patients(self) -> float:
        """Patients behind the figure: of a count the published denominator; NaN when it is not known."""
        is_count = self.share and not self.figure.unit.startswith("%")
        return self.factor if is_count else math.nan if self.figure.n is None else float(self.figure.n)


def read_estimands(units: Sequence[Unit], library: Library = ()) -> dict[str, Estimand]:
    """The computed rows of all units by target id; a row that two units compute is told by the first.

    Raises
    ------
    TextError, Problems
        With every error in the texts, unknown families among them.
    """
    from virtuall.simulation.protocol import read_products

    kinds = {name: product.kind for name, product in read_products(open_shelf(library)).items()}
    families = load_families(library)
    found: dict[str, Estimand] = {}
    for unit in units:
        for folder in unit.folders:
            rows = read_rows(folder, library)
            check_families(rows.published, families, where=f"trials/{folder}/published.csv")
            figures = {figure.target: figure for figure in rows.published}
            for row in rows.mapped.rows:
                for target in row.targets:
                    found.setdefault(target, _estimand(row, figures[target], unit, kinds))
    return found


def near(one: float | None, other: float | None) -> bool:
    """Whether two days are near each other, or neither is stated."""
    if one is None or other is None:
        return one is other
    return max(one, other) <= NEAR * min(one, other)


def _estimand(row: Row, figure: Published, unit: Unit, kinds: Mapping[str, str]) -> Estimand:
    first, second = _arms(row.group, unit.arms), _arms(row.against, unit.arms) if row.against else ()
    classes = [" and ".join(dict.fromkeys(_class(arm, kinds) for arm in each)) for each in (first, second) if each]
    return Estimand(
        figure=figure,
        unit=unit.name,
        therapy=" against ".join(classes),
        arms=tuple(dict.fromkeys(arm.name for arm in (*first, *second))),
        what=(row.endpoint, figure.family, _frozen(_plain_options(row)), _event(row.column)),
        whose=(_frozen(_without_arm(row.group)), _frozen(_without_arm(row.against)), bool(row.since)),
        day=_day(row),
        factor=published_factor(row, figure),
        share=row.unit == "1" and (figure.unit.startswith(("%", "patients", "relapses"))),
    )


def _arms(conditions: Mapping[str, Any], arms: Sequence[Arm]) -> tuple[Arm, ...]:
    wanted = conditions.get("arm")
    return tuple(arm for arm in arms if wanted in (None, arm.name))


def _class(arm: Arm, kinds: Mapping[str, str]) -> str:
    therapy = arm.protocol.partition("/")[0]
    return _CELLS if kinds.get(therapy) == _CELLS else therapy


def _plain_options(row: Row) -> dict[str, Any]:
    options = {name: value for name, value in row.options.items() if name not in _TIMES}
    if row.column is not None:
        options.pop("column", None)
    if options.get("of") in SURVIVALS:
        options.pop("levels", None)
        options["censor_at"] = bool(options.get("censor_at"))
    return options


def _event(column: object) -> tuple[Any, ...]:
    if not isinstance(column, EventColumn):
        return () if column is None else (getattr(column, "signal", ""), getattr(column, "reduce", ""))
    named = (column.kind, column.tells, column.grade, column.highest, column.cycle, bool(column.fatal))
    return (*named, column.what, column.words, column.times)


def _day(row: Row) -> float | None:
    if row.endpoint in _EARLY:
        return None
    of_event = row.column.by if isinstance(row.column, EventColumn) else None
    told = [row.options.get("at"), row.options.get("by"), of_event]
    days = [float(day) for day in told if day is not None and math.isfinite(day)]
    return days[0] if days else None


def _without_arm(conditions: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in conditions.items() if name != "arm"}


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple(sorted((name, _frozen(each)) for name, each in value.items()))
    return tuple(_frozen(each) for each in value) if isinstance(value, list | tuple) else value
