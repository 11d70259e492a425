"""What commands print: one JSON object, or text for people; remarks go to standard error."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

NOTICE = "For research and teaching, never for the care of a patient."


def print_json(content: Mapping[str, Any]) -> None:
    """Print one JSON object; what is not finite becomes null."""
    print(json.dumps(_plain(content), ensure_ascii=False, allow_nan=False))


def remark(text: str) -> None:
    """Say something beside the result, on standard error."""
    print(text, file=sys.stderr, flush=True)


def frame_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as mappings for `print_json`."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def frame_text(frame: pd.DataFrame) -> str:
    """A frame as aligned columns, without its index; what is missing is left blank."""
    names = [str(name) for name in frame.columns]
    rows = [[_cell(value) for value in row] for row in frame.itertuples(index=False, name=None)]
    widths = [max(len(line[place]) for line in [names, *rows]) for place in range(len(names))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [names, *rows]
    )
    return "\n".join(lines)


def write_text(path: Path, text: str) -> None:
    """Write a file in one step, its folder too; on Ctrl-C or a full disk the old file stays.

    Raises
    ------
    StoreError
        When the path is a folder or cannot be written.
    """
    from virtuall.core.errors import StoreError
    from virtuall.store.atomic import as_store_error, replace_file

    if path.is_dir():
        raise StoreError("the file to write is a folder", given=str(path), hint="name a file in it")
    with as_store_error(path, "nothing was written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text.encode())


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "tolist"):  # numbers and arrays of NumPy
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
