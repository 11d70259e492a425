"""Frames and signals as bytes, and back. No pickle: a result file can carry no code."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_LAYOUT = "layout"


def encode_frame(frame: pd.DataFrame) -> bytes:
    """A frame as parquet."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, engine="pyarrow", compression="zstd", index=False)
    return buffer.getvalue()


def decode_frame(content: bytes) -> pd.DataFrame:
    """Undo `encode_frame`."""
    import pandas as pd

    return pd.read_parquet(io.BytesIO(content), engine="pyarrow")


def join_frames(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Frames one below the other; empty ones give only their columns."""
    import pandas as pd

    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else frames[0]


def encode_signals(signals: xr.Dataset) -> bytes:
    """A dataset of plain numeric arrays as npz with a JSON layout (dimensions, attributes)."""
    names = [*signals.coords, *signals.data_vars]
    layout = {
        "attrs": dict(signals.attrs),
        "coords": [str(name) for name in signals.coords],
        "arrays": [
            {
                "name": str(name),
                "dims": [str(dim) for dim in signals[name].dims],
                "attrs": dict(signals[name].attrs),
            }
            for name in names
        ],
    }
    arrays = {f"array_{place}": signals[name].to_numpy() for place, name in enumerate(names)}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{_LAYOUT: np.array(json.dumps(layout))}, **arrays)
    return buffer.getvalue()


def decode_signals(content: bytes) -> xr.Dataset:
    """Undo `encode_signals`."""
    import xarray as xr

    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        layout = json.loads(str(arrays[_LAYOUT]))
        parts = {
            item["name"]: (item["dims"], arrays[f"array_{place}"], item["attrs"])
            for place, item in enumerate(layout["arrays"])
        }
    coords = {name: parts.pop(name) for name in layout["coords"]}
    return xr.Dataset(parts, coords=coords, attrs=layout["attrs"])


def join_signals(parts: Sequence[xr.Dataset]) -> xr.Dataset | None:
    """Datasets one after the other along the patients; None when there are none."""
    import xarray as xr

    if not parts:
        return None
    joined = xr.concat(
        parts, dim="patient", data_vars="minimal", coords="minimal", compat="equals", join="exact"
    )
    return joined.assign_attrs(parts[0].attrs)
