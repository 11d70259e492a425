"""The text that says what counts as response, as residual disease, and as relapse."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from virtuall.texts.condition_tree import Condition
from virtuall.texts.conditions import parse_condition
from virtuall.texts.table import Table, reading

NONE = "none"
PHENOTYPES = ("cd19_positive", "cd19_negative")  # of a relapse


@dataclass(frozen=True)
class Response:
    """Levels of response with their conditions, the best first; conditions are None where nothing is judged.

    A relapse in which so large a share of the blasts (1) has lost CD19 is called CD19-negative.
    """

    title: str
    levels: tuple[str, ...]
    conditions: tuple[Condition, ...]
    mrd_negative: Condition | None
    relapse: Condition | None
    cd19_negative_from: float = 0.5

    @property
    def ranks(self) -> tuple[str, ...]:
        """Levels from none to the best."""
        return (NONE, *reversed(self.levels))


def read_response(path: Path) -> Response:
    """Read ``response/*.toml``."""
    with reading(path) as text:
        head = text.table("response")
        head.source()
        levels = text.tables("level")
        return Response(
            head.text("title"),
            tuple(each.text("name") for each in levels),
            tuple(_condition(each, "when") for each in levels),
            _optional(text, "mrd", "negative"),
            _optional(text, "relapse", "when"),
            _negative_from(text.table("relapse", default=None)),
        )


def _negative_from(table: Table | None) -> float:
    found = (
        None if table is None else table.quantity("cd19_negative_from", "1", low=0, high=1, sourced=True, default=None)
    )
    return Response.cd19_negative_from if found is None else found.value


def _condition(table: Table, key: str) -> Condition:
    table.source()
    return parse_condition(table.text(key), table.where(key))


def _optional(text: Table, name: str, key: str) -> Condition | None:
    table = text.table(name, default=None)
    return None if table is None else _condition(table, key)
