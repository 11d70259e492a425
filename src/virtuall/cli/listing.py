"""`virtuall list`: what the library holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from virtuall.cli.options import JsonOption, LibraryOption
from virtuall.cli.output import NOTICE, print_json

if TYPE_CHECKING:
    from virtuall.model.shelf import Shelf


def list_names(library: LibraryOption = None, json: JsonOption = False) -> None:
    """List what the library holds.

    Protocols, cohorts, trials, therapies, toxicities, support, scales, fact sheets, and the modules of equations.
    """
    from virtuall.model.shelf import open_shelf

    shelf = open_shelf(library or ())
    groups = {
        "protocols": {name: _title(path) for name, path in shelf.protocols.items()},
        "cohorts": {name: _title(path) for name, path in shelf.cohorts.items()},
        "explorations": {path.stem: _title(path) for path in shelf.matching("explorations/*.toml").values()},
        "trials": {name: _title(path) for name, path in shelf.trials.items()},
        "therapies": _folders(shelf, "therapies"),
        "toxicities": _folders(shelf, "toxicities"),
        "support": _folders(shelf, "support"),
        "scales": {path.stem: _title(path) for path in shelf.matching("grading/*.toml").values()},
        "fact sheets": _sheets(shelf),
        "modules": dict.fromkeys(shelf.modules, ""),
    }
    if json:
        names = {name.replace(" ", "_"): list(found) for name, found in groups.items()}
        print_json(names | {"notice": NOTICE})
        return
    for name, found in groups.items():
        print(f"{name.capitalize()}:")
        width = max(map(len, found), default=0)
        for each, title in found.items():
            print(f"  {each.ljust(width)}  {title}".rstrip())
        print()
    print(NOTICE)


def _folders(shelf: Shelf, kind: str) -> dict[str, str]:
    """Folders of a kind by name, with the title of the product in them, where there is one."""
    found: dict[str, str] = {}
    for relative, path in shelf.files.items():
        parts = relative.split("/")
        if parts[0] == kind and len(parts) > 2:
            title = _title(path) if parts[2] in ("product.toml", "explain.toml") else ""
            found[parts[1]] = title or found.get(parts[1], "")
    return found


def _sheets(shelf: Shelf) -> dict[str, str]:
    """Fact sheets by name, with their titles and the trade names."""
    terms = shelf.files.get("terms.toml")
    names = _text(terms).get("names", {}) if terms else {}
    found: dict[str, str] = {}
    for relative, path in shelf.matching("*/*/explain.toml").items():
        name = relative.split("/")[1]
        brands = ", ".join(names.get(name, {}).get("brands", ()))
        found[name] = _title(path) + (f" ({brands})" if brands else "")
    return found


def _title(path: Path) -> str:
    """The title of a text, or its doc; nothing when it has none."""
    text = _text(path)
    first = next((table for table in text.values() if isinstance(table, dict)), {})
    words = (table.get(key) for table in (text, first) for key in ("title", "doc"))
    return next((word for word in words if isinstance(word, str)), "")


def _text(path: Path) -> dict[str, Any]:
    """A text as it stands; nothing when it cannot be read: `check` says why."""
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
