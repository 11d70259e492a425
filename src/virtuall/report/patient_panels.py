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
_KEYS = (*_NEEDED, "names", "log", "bottom", "top", "limits", "source", "mark", "why")


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
        words = entry.get("names", [])
        if words and not missing and len(words) != len(entry["signals"]):
            given, wanted = len(words), f"{len(entry['signals'])}, one for each signal"
            where = text.where((*here, "names"))
            problems.append(TextError("names do not fit the signals", given=given, hint=wanted, where=where))
        if not missing:
            panels.append(
                Panel(
                    title=entry["title"],
                    signals=tuple(entry["signals"]),
                    unit=entry["unit"],
                    log=bool(entry.get("log", False)),
                    limits={str(words): float(limit) for words, limit in limits.items()},
                    bottom=entry.get("bottom"),
                    top=entry.get("top"),
                    names=dict(zip(entry["signals"], words, strict=False)),
                )
            )
    if problems:
        raise Problems(problems)
    return tuple(panels)


def panels_for(signals: xr.Dataset, shelf: Shelf) -> tuple[Panel, ...] | None:
    """The panels of a library with what can be drawn of the signals of one patient.

    Left out: what was not recorded, and what is never above the lower end of the axis, as of a therapy that was
    not given. None when that leaves no panel.
    """
    listed = read_panels(shelf.files[PANELS]) if PANELS in shelf.files else ()
    drawn = []
    for panel in listed:
        least = panel.bottom or 0
        names = [name for name in panel.signals if name in signals and bool((signals[name] > least).any())]
        if names:
            drawn.append(replace(panel, signals=tuple(names)))
    return tuple(drawn) or None
