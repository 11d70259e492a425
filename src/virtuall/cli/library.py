"""The library that a command works with; texts that stand in place of shipped ones are said aloud."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from virtuall.cli.output import remark

if TYPE_CHECKING:
    from virtuall.model.shelf import Shelf

_NAMED = 5


def open_library(library: Sequence[Path] | None) -> Shelf:
    """The shipped library with the user's folders laid over it. Raises InputError when one does not exist."""
    from virtuall.model.shelf import open_shelf

    shelf = open_shelf(library or ())
    replaced = shelf.replaced
    if replaced:
        more = f" and {len(replaced) - _NAMED} more" if len(replaced) > _NAMED else ""
        remark(f"Texts of your own stand in place of shipped ones: {', '.join(replaced[:_NAMED])}{more}.")
    return shelf
