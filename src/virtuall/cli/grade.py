"""`virtuall grade`: grade a table of signs by a published scale."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from virtuall.cli.options import JsonOption, LibraryOption
from virtuall.cli.output import NOTICE, frame_rows, frame_text, print_json, remark, write_text

if TYPE_CHECKING:
    import pandas as pd


def grade(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV: patient, day (or time), and the signs.")],
    scale: Annotated[
        str, typer.Option("--scale", metavar="S", help="Such as astct_crs; ctcae_v5 is every scale that begins so.")
    ],
    unit: Annotated[
        list[str] | None,
        typer.Option("--unit", metavar="COLUMN=UNIT", help="Unit of a column whose header says none, or a wrong one."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the grades there, as CSV.")] = None,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Grade a table of signs by a published scale.

    One row a patient and day, the worst of the day; `by` names what decided. What is not known is no grade 0: the
    grade stays empty, and `by` says which column is missing.
    """
    from virtuall.cli.library import open_library
    from virtuall.clinic.graded_table import grade as grade_of
    from virtuall.clinic.grading import load_scales

    sources = {
        each.name: (each.title, each.source.mark, each.source.key) for each in load_scales(scale, open_library(library))
    }
    table = read_csv(file)
    graded = grade_of(table, scale, _units(unit or []), library or (), name=str(file))
    about = {name: sources[name] for name in dict.fromkeys(graded["scale"])}
    if out is not None:
        write_text(out, graded.to_csv(index=False))
    if json:
        scales = [{"name": name, "title": t, "mark": mark, "source": key} for name, (t, mark, key) in about.items()]
        rows = [{key: _plain(value) for key, value in row.items()} for row in frame_rows(graded)]
        notes = {name: graded.attrs[name] for name in ("assumed", "ignored")}
        print_json({"scales": scales, "grades": rows} | notes | {"notice": NOTICE})
        return
    for title, mark, key in about.values():
        print(f"{title} (source {key}, {mark})")
    if graded.attrs["assumed"]:
        remark("Not in the table, taken as: " + ", ".join(f"{a} {b}" for a, b in graded.attrs["assumed"].items()) + ".")
    if graded.attrs["ignored"]:
        remark("Columns that the scale does not read: " + ", ".join(graded.attrs["ignored"]) + ".")
    print(f"\n{out} written: {len(graded)} rows" if out is not None else "\n" + frame_text(_shown(graded)))
    print(f"\n{NOTICE}")


def read_csv(file: Path) -> pd.DataFrame:
    """Read a CSV, every cell as it is written.

    Raises
    ------
    InputError
        When the file is missing, empty, no text, or has a row longer than its first, or cells below no header.
    """
    import pandas as pd

    from virtuall.core.errors import InputError, TextError
    from virtuall.texts.file import read_text

    try:
        text = read_text(file)
    except TextError as error:
        raise InputError(error.problem, given=error.given, allowed=error.allowed, where=str(file)) from None
    if "\0" in text:
        raise InputError("this is no text: it holds a byte 0", where=str(file))
    try:
        # The header is a row like the others: pandas would rename what stands twice, and shift rows that are longer.
        cells = pd.read_csv(
            file, header=None, dtype=str, keep_default_na=False, skipinitialspace=True, encoding="utf-8-sig"
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(
            "this is no table of comma-separated values", given=str(error).strip(), where=str(file)
        ) from None
    grid = cells.to_numpy(dtype=object)
    names = [_said(cell) for cell in grid[0]]
    kept = [place for place, name in enumerate(names) if name or any(map(_said, grid[1:, place]))]
    nameless = [place + 1 for place in kept if not names[place]]
    if nameless:
        raise InputError("a column without a name", given=f"column {nameless[0]}", where=str(file))
    return pd.DataFrame(grid[1:, kept], columns=[names[place] for place in kept])


def _said(cell: object) -> str:
    """What a cell says; one that a short row lacks says nothing."""
    return cell.strip() if isinstance(cell, str) else ""


def _units(given: list[str]) -> dict[str, str]:
    from virtuall.core.errors import InputError

    found = {}
    for each in given:
        name, sign, unit = each.partition("=")
        if not sign or not name.strip() or not unit.strip():
            raise InputError("--unit takes COLUMN=UNIT", given=each, hint="write for example --unit temperature=degF")
        found[name.strip()] = unit.strip()
    return found


def _shown(graded: pd.DataFrame) -> pd.DataFrame:
    return graded.assign(grade=["?" if _plain(each) is None else f"{each:.6g}" for each in graded["grade"]])


def _plain(value: object) -> object:
    import pandas as pd

    return None if value is pd.NA or value is None or value != value else value
