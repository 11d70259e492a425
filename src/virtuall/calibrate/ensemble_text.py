"""An ensemble as a text: ``ensemble.csv`` with its stamp."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from virtuall.calibrate.fit import Calibration
from virtuall.calibrate.stamp import stamp_text
from virtuall.store.atomic import replace_file

_DIGITS = 6


def write_ensemble(calibration: Calibration, folder: Path, library: Sequence[Path | str] = ()) -> tuple[Path, Path]:
    """Write both texts; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    table = calibration.ensemble
    lines = [",".join(table.addresses)]
    lines += [",".join(f"{value:.{_DIGITS}g}" for value in row) for row in table.values]
    stamp = stamp_text(calibration.budget, calibration.seed, library)
    for name, text in (("ensemble.csv", "\n".join(lines) + "\n"), ("stamp.toml", stamp)):
        replace_file(folder / name, text.encode())
    return folder / "ensemble.csv", folder / "stamp.toml"
