"""The panels of one patient's figure, as the text `panels.toml` of the library lists them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from virtuall.core.errors import Problems, TextError, VirtuallError
from virtuall.model.shelf import Shelf
from virtuall.report.patient_figure import Panel
from virtuall.texts.toml_text import read_toml

if TYPE_CHECKING:
    import xarray as xr

PANELS = "panels.toml"
_NEEDED = ("title", "signals", "unit")
_KEYS = (*_NEEDED, "log", "bottom", "limits", "source", "mark", "why")


def read_panels(path: Path) -> tuple[Panel, ...]:
    """Read the panels.

    Raises
    ------
    TextError
        When it is no TOML.
    Problems
        With all that is wrong in it.
    """
    text = read_toml(path)
    problems: list[VirtuallError] = [
        TextError("unknown key", given=key, allowed=("panel",), where=text.where((key,)))
        for key in text.data
        if key != "panel"
    ]
    panels = []
    for place, entry in enumerate(text.data.get("panel", [])):
        here = ("panel", place)
        for key in entry:
            if key not in _KEYS:
                where = text.where((*here, key))
                problems.append(TextError("unknown key", given=key, allowed=_KEYS, where=where))
        missing = [key for key in _NEEDED if key not in entry]
        problems += [TextError(f"{key} is missing", where=text.where(here)) for key in missing]
        limits = entry.get("limits", {})
        if limits and not {"source", "mark"} <= set(entry):
            problems.append(TextError("limits have a source and a mark", where=text.where((*here, "limits"))))
        if not missing:
            panels.append(
                Panel(
                    title=entry["title"],
                    signals=tuple(entry["signals"]),
                    unit=entry["unit"],
                    log=bool(entry.get("log", False)),
                    limits={str(words): float(limit) for words, limit in limits.items()},
                    bottom=entry.get("bottom"),
                )
            )
    if problems:
        raise Problems(problems)
    return tuple(panels)


def panels_for(signals: xr.Dataset, shelf: Shelf) -> tuple[Panel, ...] | None:
    """The panels of a library with what can be drawn of the signals of one patient.

    Left out: what was not recorded, and on a logarithmic axis what is never above nothing. None when that
    leaves no panel.
    """
    listed = read_panels(shelf.files[PANELS]) if PANELS in shelf.files else ()
    drawn = []
    for panel in listed:
        names = [name for name in panel.signals if name in signals]
        if panel.log:
            names = [name for name in names if bool((signals[name] > 0).any())]
        if names:
            drawn.append(replace(panel, signals=tuple(names)))
    return tuple(drawn) or None
