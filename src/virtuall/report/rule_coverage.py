"""Which rules of a protocol were followed by simulated patients, and which never."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from virtuall.texts.rules import Rule

if TYPE_CHECKING:
    import pandas as pd

OVERRULED = "overruled"
COLUMNS = ("rule", "file", "action", "what", "patients", "overruled", "first_day", "unreached")
_HEAD = ("rule", "action", "patients", "overruled", "first day", "unreached because")


def rule_coverage(events: pd.DataFrame, rules: Iterable[Rule]) -> pd.DataFrame:
    """Count for each rule who followed it.

    Parameters
    ----------
    events : DataFrame
        Charts, with the columns ``patient``, ``day``, ``kind`` and ``rule``; those of `Result.events`. What a rule does
        is charted under its name, and so is that it gave way to a stronger one.
    rules : iterable of Rule
        Rules of the protocol, such as `Protocol.rules`; one that stands in several legs is counted once.

    Returns
    -------
    DataFrame
        One row a rule, in their order: ``rule``, ``file``, ``action``, ``what``, ``patients`` who followed it,
        patients for whom it was ``overruled``, ``first_day`` of either (NaN when never), and ``unreached``, the reason
        that the text gives for a rule that is never followed.
    """
    import pandas as pd

    each_once = {rule.where: rule for rule in rules}
    names = {rule.name for rule in each_once.values()}
    charted = events.loc[events["rule"].isin(names), ["patient", "day", "kind", "rule"]]
    charted = charted.assign(rule=charted["rule"].astype(str), beaten=charted["kind"].astype(str) == OVERRULED)
    patients = charted.groupby(["rule", "beaten"])["patient"].nunique()
    first = charted.groupby("rule")["day"].min()
    rows: list[dict[str, Any]] = [
        {
            "rule": rule.name,
            "file": rule.where.file,
            "action": rule.action,
            "what": rule.what,
            "patients": int(patients.get((rule.name, False), 0)),
            "overruled": int(patients.get((rule.name, True), 0)),
            "first_day": float(first.get(rule.name, float("nan"))),
            "unreached": rule.unreached,
        }
        for rule in each_once.values()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def joined_coverage(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The coverage of several groups of patients together: counts added, the earliest day.

    Parameters
    ----------
    parts : sequence of DataFrame
        From `rule_coverage`; at least one.

    Returns
    -------
    DataFrame
        A row for each rule of any of them.
    """
    import pandas as pd

    ways: dict[str, Any] = {"patients": "sum", "overruled": "sum", "first_day": "min"}
    whole = pd.concat([part for part in parts if len(part)] or list(parts[:1]), ignore_index=True)
    keys = [name for name in COLUMNS if name not in ways]
    return whole.groupby(keys, sort=False, as_index=False).agg(ways)[list(COLUMNS)]


def unreached(coverage: pd.DataFrame) -> pd.DataFrame:
    """The rules that nobody followed and that gave way for nobody."""
    return coverage[(coverage["patients"] == 0) & (coverage["overruled"] == 0)]


def coverage_table(coverage: pd.DataFrame) -> str:
    """The coverage as aligned columns, file by file, with a count at the end."""
    lines: list[tuple[str, ...]] = []
    for file, part in coverage.groupby("file", sort=False):
        lines.append((str(file),))
        lines += [_cells(row) for row in part.to_dict("records")]
    columns = range(len(_HEAD))
    widths = [max(len(line[place]) for line in [_HEAD, *lines] if len(line) > 1) for place in columns]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)).rstrip()
        for line in [_HEAD, *lines]
    ]
    missing = unreached(coverage)
    without = int((missing["unreached"] == "").sum())
    end = (
        f"{len(coverage) - len(missing)} of {len(coverage)} rules were reached; {without} of the others say no reason."
    )
    return "\n".join([*text, "", end]) + "\n"


def _cells(row: Mapping[Hashable, Any]) -> tuple[str, ...]:
    reached = row["patients"] or row["overruled"]
    return (
        f"  {row['rule']}",
        f"{row['action']} {row['what']}".rstrip(),
        str(row["patients"]),
        str(row["overruled"] or ""),
        f"{row['first_day']:.1f}" if reached else "",
        "" if reached else row["unreached"] or "?",
    )
