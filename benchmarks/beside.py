"""Our engine beside the peers on one piece of work, at matched errors."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from judge import Verdict, ask
from ours import VirtuALL
from table import show, table
from tune import ERRORS, Setting, cheapest, steady
from work import Floats, Work, worst_error
from works import find_work

OUR_TOLERANCES = (
    1e-3,
    5e-4,
    3e-4,
    2e-4,
    1e-4,
    5e-5,
    3e-5,
    2e-5,
    1e-5,
    5e-6,
    3e-6,
    2e-6,
    1e-6,
    5e-7,
    3e-7,
    1e-7,
    3e-8,
    1e-8,
    1e-9,
)
TRUTH = 1e-10
FOLDER = Path(__file__).resolve().parents[1] / "build" / "bench"


@dataclass(frozen=True)
class Beside:
    """Figures of one piece of work.

    Attributes
    ----------
    work : Work
    ours : dict of float to Setting
        The cheapest of our tolerances of which all tighter ones meet the error too.
    lucky : dict of float to Setting
        The cheapest that meets it at all.
    verdicts : tuple of Verdict
    agreement : float
        Difference of the references of our engine and of the best other one.
    cold : float
        Seconds of ours from the equations to the first result, nothing cached.
    """

    work: Work
    ours: dict[float, Setting]
    lucky: dict[float, Setting]
    verdicts: tuple[Verdict, ...]
    agreement: float
    cold: float

    def ratios(self, error: float) -> dict[str, float]:
        """How many times as long each tool takes as our engine, timed beside it."""
        found = {}
        for verdict in self.verdicts:
            chosen = (verdict.chosen or {}).get(repr(error))
            if chosen:
                found[verdict.tool] = chosen["milliseconds"] / chosen["ours"]
        return found


def beside(key: str, tools: Sequence[str], seconds: float) -> Beside:
    """Judge all tools on a piece of work."""
    from virtuall.engine.kernel import build_kernel

    work = find_work(key)
    begin = time.perf_counter()
    build_kernel(work.system, cache=False).start(work.rows[:1])
    cold = time.perf_counter() - begin
    truth, settings = our_settings(work)
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"truth-{key.replace(':', '-')}.npy"
    np.save(path, truth)
    ours, lucky = {}, {}
    for error in ERRORS:
        for found, which in ((ours, steady), (lucky, cheapest)):
            best = which(settings, error)
            if best is None:
                raise SystemExit(f"no tolerance of ours meets {error:g} on {key}")
            found[error] = best
    mine = {repr(error): ours[error].rtol for error in ERRORS}
    verdicts = tuple(ask(tool, key, path, mine, seconds) for tool in tools)
    tight = [each["error"] for verdict in verdicts for each in verdict.settings]
    return Beside(work, ours, lucky, verdicts, min(tight, default=float("nan")), cold)


def our_settings(work: Work) -> tuple[Floats, list[Setting]]:
    """The reference for the judged patients, and our engine at all its tolerances."""
    ours = VirtuALL(work)
    truth, _ = ours.run("", TRUTH, work.judged)
    found = []
    for rtol in OUR_TOLERANCES:
        record, seconds = ours.run("", rtol, min(256, len(work.rows)))
        error = worst_error(record[: work.judged], truth, work.scales)
        found.append(Setting(ours.families[0], rtol, error, seconds * 1e3))
        if sum(each.error <= min(ERRORS) for each in found) > 3:
            break
    return truth, found


def beside_table(result: Beside) -> str:
    """Tools in rows: what each needs for each error."""
    head = ["engine"]
    for error in ERRORS:
        head += [f"setting for {error:g}", "error", f"ms a {result.work.unit}", "times ours"]
    head.append("cold start (s)")
    body = [_our_row(result)]
    for verdict in result.verdicts:
        if verdict.absent:
            continue
        row = [verdict.name]
        for error in ERRORS:
            chosen = (verdict.chosen or {}).get(repr(error))
            if chosen:
                words = f"{chosen['family']}, rtol {chosen['rtol']:.0e}"
                ratio = chosen["milliseconds"] / chosen["ours"]
                row += [words, f"{chosen['error']:.1e}", show(chosen["milliseconds"]), show(ratio)]
            else:
                closest = min((each["error"] for each in verdict.settings), default=float("inf"))
                row += ["none of those tried", f"{closest:.1e} at best", "", ""]
        body.append([*row, f"{verdict.cold:.1f}"])
    absent = [f"{verdict.name} ({verdict.absent})" for verdict in result.verdicts if verdict.absent]
    return table(head, body) + (f"\n\nAbsent: {'; '.join(absent)}." if absent else "")


def _our_row(result: Beside) -> list[str]:
    row = ["**VirtuALL**"]
    for error in ERRORS:
        beside_us = [c[repr(error)]["ours"] for v in result.verdicts if (c := v.chosen or {}).get(repr(error))]
        best = result.ours[error]
        row += [str(best), f"{best.error:.1e}", show(min([best.milliseconds, *beside_us])), "1"]
    return [*row, f"{result.cold:.1f}"]
