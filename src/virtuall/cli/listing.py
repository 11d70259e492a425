"""`virtuall list`: what the library holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from virtuall.cli.options import JsonOption, LibraryOption
from virtuall.cli.output import NOTICE, print_json

if TYPE_CHECKING:
    from virtuall.model.shelf import Shelf


def list_names(library: LibraryOption = None, json: JsonOption = False) -> None:
    """List what the library holds.

    Protocols, cohorts, trials, therapies, toxicities, support, fact sheets, and the modules of equations.
    """
    from virtuall.model.shelf import open_shelf

    shelf = open_shelf(library or ())
    groups = {
        "protocols": {name: _title(path) for name, path in shelf.protocols.items()},
        "cohorts": {name: _title(path) for name, path in shelf.cohorts.items()},
        "trials": {name: _title(path) for name, path in shelf.trials.items()},
        "therapies": _folders(shelf, "therapies"),
        "toxicities": _folders(shelf, "toxicities"),
        "support": _folders(shelf, "support"),
        "fact sheets": {name.split("/")[1]: "" for name in shelf.matching("*/*/explain.toml")},
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
            title = _title(path) if parts[2] == "product.toml" else ""
            found[parts[1]] = title or found.get(parts[1], "")
    return found


def _title(path: Path) -> str:
    """The title of a text, or its doc; nothing when it cannot be read: `check` says why."""
    import tomllib

    try:
        text = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    first = next((table for table in text.values() if isinstance(table, dict)), {})
    words = (table.get(key) for table in (text, first) for key in ("title", "doc"))
    return next((word for word in words if isinstance(word, str)), "")
