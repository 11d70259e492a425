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
    """Levels of response with their conditions, the best first; conditions are None where nothing is judged."""

    title: str
    levels: tuple[str, ...]
    conditions: tuple[Condition, ...]
    mrd_negative: Condition | None
    relapse: Condition | None

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
        )


def _condition(table: Table, key: str) -> Condition:
    table.source()
    return parse_condition(table.text(key), table.where(key))


def _optional(text: Table, name: str, key: str) -> Condition | None:
    table = text.table(name, default=None)
    return None if table is None else _condition(table, key)
