"""Run a folder of cases of the SBML Test Suite and judge each by the suite's own rule."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from virtuall.core.errors import InputError, TextError, VirtuallError
from virtuall.sbml.model import read_sbml
from virtuall.sbml.simulate import simulate_sbml

# The suite brings its models in several levels and versions; the newest is run.
_VERSIONS = ("l3v2", "l3v1", "l2v5", "l2v4", "l2v3", "l2v2", "l2v1", "l1v2")


@dataclass(frozen=True)
class Settings:
    """What a case asks for.

    Attributes
    ----------
    times : ndarray
    variables : tuple of str
    absolute, relative : float
        A value may differ from the expected one by ``absolute + relative * |expected|``.
    amounts, concentrations : frozenset of str
        Species to give as one or the other.
    """

    times: np.ndarray
    variables: tuple[str, ...]
    absolute: float
    relative: float
    amounts: frozenset[str]
    concentrations: frozenset[str]


@dataclass(frozen=True)
class Verdict:
    """What came of a case: ``passed``, ``wrong`` or ``unsupported``; `reason` says why where it did not pass."""

    case: int
    outcome: str
    reason: str = ""


@dataclass
class Tally:
    """Verdicts counted."""

    verdicts: list[Verdict] = field(default_factory=list)

    def cases(self, outcome: str) -> list[int]:
        """Numbers of the cases with an outcome."""
        return [verdict.case for verdict in self.verdicts if verdict.outcome == outcome]

    def summary(self) -> dict[str, object]:
        """The counts of all and of those that passed, the others by number, and why."""
        return {
            "total": len(self.verdicts),
            "passed": len(self.cases("passed")),
            "wrong": self.cases("wrong"),
            "unsupported": self.cases("unsupported"),
            "reasons": {str(v.case): v.reason for v in self.verdicts if v.reason},
        }


def find_cases(folder: Path, wanted: Collection[int] | None = None) -> list[Path]:
    """Folders of cases, in order.

    Raises
    ------
    InputError
        When there is no such folder, or none of the wanted cases in it.
    """
    if not folder.is_dir():
        raise InputError("there is no such folder", given=str(folder))
    found = {int(path.name): path for path in sorted(folder.iterdir()) if re.fullmatch(r"\d{5}", path.name)}
    chosen = [path for number, path in found.items() if wanted is None or number in wanted]
    if not chosen:
        what = "cases (folders of five digits)" if wanted is None else "such cases"
        raise InputError(f"the folder holds no {what}", given=str(folder))
    return chosen


def run_case(folder: Path) -> Verdict:
    """Run one case. What cannot be run is `unsupported`, with the error as the reason."""
    number = int(folder.name)
    try:
        settings = read_settings(folder / f"{folder.name}-settings.txt")
        expected = read_results(folder / f"{folder.name}-results.csv", settings)
        ours = _simulate(_model_file(folder), settings)
    except VirtuallError as error:
        return Verdict(number, "unsupported", str(error).replace(f"{folder}/", ""))
    return judge(number, settings, ours, expected)


def judge(number: int, settings: Settings, ours: np.ndarray, expected: np.ndarray) -> Verdict:
    """Compare values, float64[times, variables] both, by the rule of the suite."""
    allowed = settings.absolute + settings.relative * np.abs(expected)
    with np.errstate(invalid="ignore"):
        close = np.abs(ours - expected) <= allowed
    same = (ours == expected) | (np.isnan(ours) & np.isnan(expected))
    good = np.where(np.isfinite(expected), close, same)
    if good.all():
        return Verdict(number, "passed")
    time, variable = (int(place[0]) for place in np.nonzero(~good))
    words = f"{settings.variables[variable]} at {settings.times[time]:.6g}: {ours[time, variable]:.9g}"
    return Verdict(number, "wrong", f"{words}, expected {expected[time, variable]:.9g}")


def read_settings(path: Path) -> Settings:
    """Read the settings of a case."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TextError("the settings of the case cannot be read", given=str(error), where=str(path)) from None
    found = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    try:
        start, duration, steps = float(found["start"]), float(found["duration"]), int(found["steps"])
        return Settings(
            times=start + duration * np.arange(steps + 1) / steps,
            variables=tuple(_words(found, "variables")),
            absolute=float(found["absolute"]),
            relative=float(found["relative"]),
            amounts=frozenset(_words(found, "amount")),
            concentrations=frozenset(_words(found, "concentration")),
        )
    except (KeyError, ValueError, ZeroDivisionError) as error:
        raise TextError("the settings of the case are not complete", given=str(error), where=str(path)) from None


def read_results(path: Path, settings: Settings) -> np.ndarray:
    """Expected values of a case: float64[times, variables]."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            head, *rows = [row for row in csv.reader(stream) if row]
        names = [name.strip().strip('"') for name in head]
        table = np.array([[float(cell) for cell in row] for row in rows])
        # The first column is time, whatever it is called; a variable may be called so too.
        values = table[:, [1 + names[1:].index(name) for name in settings.variables]]
    except (OSError, ValueError, IndexError) as error:
        raise TextError("the expected values of the case cannot be read", given=str(error), where=str(path)) from None
    if len(values) != len(settings.times) or not np.allclose(table[:, 0], settings.times, rtol=1e-6, atol=1e-9):
        raise TextError("the expected values of the case are not at the times of its settings", where=str(path))
    return values


def parse_cases(text: str) -> set[int]:
    """Numbers such as ``1,2,5-9``.

    Raises
    ------
    InputError
        For anything else.
    """
    chosen: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,5})(?:-(\d{1,5}))?\s*", part)
        if match is None:
            raise InputError("cases are numbers such as 1,2,5-9", given=text)
        chosen |= set(range(int(match[1]), int(match[2] or match[1]) + 1))
    return chosen


def _words(found: Mapping[str, str], key: str) -> list[str]:
    return [word.strip() for word in found.get(key, "").split(",") if word.strip()]


def _model_file(folder: Path) -> Path:
    for version in _VERSIONS:
        path = folder / f"{folder.name}-sbml-{version}.xml"
        if path.exists():
            return path
    raise TextError("the case has no model", where=str(folder))


def _simulate(path: Path, settings: Settings) -> np.ndarray:
    model = read_sbml(path)
    names = []
    for name in settings.variables:
        if name in settings.amounts and f"amount({name})" in model.signals:
            names.append(f"amount({name})")
        elif name in settings.concentrations and f"concentration({name})" in model.signals:
            names.append(f"concentration({name})")
        else:
            names.append(name)
    return simulate_sbml(model, settings.times, names)
