"""Analysis datasets as files: Parquet, CSV and SAS transport (version 5), with the same values in each."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from virtuall.core.errors import StoreError
from virtuall.export.adam import Adam, define, define_rows, title
from virtuall.export.adam_table import FORMATS, Dataset, Variable
from virtuall.store.atomic import as_store_error, write_bytes

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FOLDERS = ("csv", "parquet", "xpt")
_WORKING = ".new-adam"
_EPOCH = "1960-01-01"
# The moment of writing in the head of a transport file: four times, before the names of the variables.
_STAMP = re.compile(rb"\d\d[A-Z]{3}\d\d:\d\d:\d\d:\d\d")
_HEAD = 560


def write_adam(content: Adam, folder: Path) -> None:
    """Write ``csv/``, ``parquet/`` and ``xpt/`` with a file for each dataset, ``define.json`` and ``define.csv``.

    Parameters
    ----------
    content : Adam
    folder : Path
        Empty; what is written appears when all of it is there.

    Raises
    ------
    StoreError
        When it cannot be written; then nothing is left there.
    """
    working = folder / _WORKING
    with as_store_error(folder, "nothing was written"):
        try:
            _write_all(content, working)
            for each in sorted(working.iterdir()):
                os.replace(each, folder / each.name)
        finally:
            shutil.rmtree(working, ignore_errors=True)


def _write_all(content: Adam, working: Path) -> None:
    for name in FOLDERS:
        (working / name).mkdir(parents=True)
    for each in content.datasets:
        name = each.name.lower()
        write_bytes(working / "csv" / f"{name}.csv", _csv(_shown(each)))
        write_bytes(working / "parquet" / f"{name}.parquet", _parquet(each, content))
        _write_xpt(working / "xpt" / f"{name}.xpt", each, content)
    import pandas as pd

    described = json.dumps(define(content), indent=1, ensure_ascii=False, default=str)
    write_bytes(working / "define.json", f"{described}\n".encode())
    write_bytes(working / "define.csv", _csv(pd.DataFrame(define_rows(content))))


def _csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False, lineterminator="\n").encode()


def _shown(dataset: Dataset) -> pd.DataFrame:
    """The records with dates as dates and whole numbers as such; what is unknown is missing."""
    import pandas as pd

    columns: dict[str, Any] = {}
    for each in dataset.variables:
        values = dataset.frame[each.name]
        if each.kind == "integer":
            columns[each.name] = values.astype("Int64")
        elif each.kind == "date":
            columns[each.name] = _since_epoch(values.to_numpy(), "D").astype(object)
        elif each.kind == "datetime":
            columns[each.name] = _since_epoch(values.to_numpy(), "s")
        else:
            columns[each.name] = values
    return pd.DataFrame(columns)


def _since_epoch(numbers: NDArray[np.float64], unit: Literal["D", "s"]) -> NDArray[np.datetime64]:
    """Days or seconds since the epoch of SAS as moments; NaN is missing."""
    known = np.isfinite(numbers)
    moments = np.full(len(numbers), np.datetime64("NaT"), f"datetime64[{unit}]")
    moments[known] = np.datetime64(_EPOCH, unit) + numbers[known].astype(np.int64).astype(f"timedelta64[{unit}]")
    return moments


def _parquet(dataset: Dataset, content: Adam) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    said = {"label": title(dataset), "study": content.study.identifier, "notice": define(content)["notice"]}
    schema = pa.schema([_field(each) for each in dataset.variables], metadata=said)
    buffer = io.BytesIO()
    table = pa.Table.from_pandas(_shown(dataset), schema=schema, preserve_index=False).replace_schema_metadata(said)
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _field(variable: Variable) -> pa.Field[Any]:
    import pyarrow as pa

    kinds: dict[str, pa.DataType] = {
        "text": pa.string(),
        "number": pa.float64(),
        "integer": pa.int64(),
        "date": pa.date32(),
        "datetime": pa.timestamp("ms"),
    }
    return pa.field(variable.name, kinds[variable.kind], metadata={"label": variable.label})


def _write_xpt(path: Path, dataset: Dataset, content: Adam) -> None:
    import pyreadstat

    try:
        pyreadstat.write_xport(
            dataset.frame,
            str(path),
            file_label=title(dataset),
            column_labels={each.name: each.label for each in dataset.variables},
            table_name=dataset.name,
            file_format_version=5,
            variable_format={each.name: FORMATS[each.kind] for each in dataset.variables if each.kind in FORMATS},
        )
    except pyreadstat.PyreadstatError as error:
        raise StoreError(f"a SAS transport file cannot be written ({error})", where=str(path)) from error
    # The reference date stands for the moment of writing, so that the same study gives the same bytes.
    moment = content.study.text.reference_date.strftime("%d%b%y:00:00:00").upper().encode()
    whole = path.read_bytes()
    write_bytes(path, _STAMP.sub(moment, whole[:_HEAD]) + whole[_HEAD:])
