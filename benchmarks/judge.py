"""One peer on one piece of work, in a process of its own and on one core: ``judge.py JSON``.

A tool that crashes ends this process only. Our kernel is timed here too, in turns with the peer, so that both meet the
same load on the machine. The result is one line of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
MARK = "RESULT "
TURNS = 3


@dataclass(frozen=True)
class Verdict:
    """A peer's figures.

    Attributes
    ----------
    tool, name : str
    absent : str
        Why there are none; empty otherwise.
    cold : float
        Seconds from the start of Python's import of the tool to its first patient's result.
    settings : list of dict
        Every setting tried: family, rtol, error, milliseconds.
    chosen : dict
        For each error (as text): family, rtol, error, milliseconds, and our milliseconds beside it; or None.
    """

    tool: str
    name: str
    absent: str = ""
    cold: float = 0.0
    settings: tuple[dict[str, Any], ...] = ()
    chosen: dict[str, Any] | None = None


def ask(tool: str, key: str, truth: Path, ours: dict[str, float], seconds: float) -> Verdict:
    """Let a process judge a tool.

    Parameters
    ----------
    tool : str
        A key of `peers.TOOLS`.
    key : str
        See `works.find_work`.
    truth : Path
        The reference as a NumPy file.
    ours : dict of str to float
        Our own tolerance for each error.
    seconds : float
        Time for trying settings.
    """
    from peers import TOOLS

    question = {"tool": tool, "key": key, "truth": str(truth), "ours": ours, "seconds": seconds}
    done = _asked(question, 4.0 * seconds + 240.0)
    return Verdict(**done) if isinstance(done, dict) else Verdict(tool, TOOLS[tool], absent=done)


def ask_absent(tool: str, truth: np.ndarray) -> list[int] | str:
    """Patients right, failed, and wrong in silence on the trial model; or why there are none."""
    from beside import FOLDER

    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "truth-absent.npy"
    np.save(path, truth)
    done = _asked({"tool": tool, "absent": str(path)}, 400.0)
    return done["counts"] if isinstance(done, dict) else done


def _asked(question: dict[str, Any], limit: float) -> dict[str, Any] | str:
    """The answer of a process, or why there is none."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": _path()}
    command = [sys.executable, str(HERE / "judge.py"), json.dumps(question)]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return "took too long"
    for line in done.stdout.splitlines():
        if line.startswith(MARK):
            answer: dict[str, Any] = json.loads(line.removeprefix(MARK))
            return answer
    if done.returncode < 0:
        return f"its process ended with signal {-done.returncode}"
    return (done.stderr.strip().splitlines() or ["no word"])[-1][:160]


def judge_absent(question: dict[str, Any]) -> dict[str, Any]:
    """One tool on the trial model."""
    from absent import PATIENTS, RTOL, counts
    from peers import load
    from trial_model import LOOKED_AT, trial_model

    work, truth = trial_model(PATIENTS), np.load(question["absent"])
    try:
        peer = load(question["tool"])(work)
    except ImportError as error:
        raise SystemExit(f"not installed ({error.name or error})") from None
    record, _ = peer.run(peer.families[0], RTOL, PATIENTS)
    return {"counts": counts(record, truth, [work.system.states.index(name) for name in LOOKED_AT])}


def _path() -> str:
    return os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH", "")]))


def judge(question: dict[str, Any]) -> Verdict:
    """Tune the tool, then time it in turns with our kernel."""
    from ours import VirtuALL
    from peers import TOOLS, load
    from tune import scan, timed_again
    from works import find_work

    tool = question["tool"]
    work, truth = find_work(question["key"]), np.load(question["truth"])
    assert work.pieces
    begin = time.perf_counter()
    try:
        peer = load(tool)(work)
    except ImportError as error:
        return Verdict(tool, TOOLS[tool], absent=f"not installed ({error.name or error})")
    except Exception as error:
        return Verdict(tool, TOOLS[tool], absent=f"{type(error).__name__}: {error}"[:160])
    peer.run(peer.families[0], 1e-3, 1 if peer.timed < 64 else min(work.judged, peer.timed))
    cold = time.perf_counter() - begin
    errors = [float(each) for each in question["ours"]]
    settings = scan(peer, work, truth, errors, question["seconds"])
    ours = VirtuALL(work)
    chosen: dict[str, Any] = {}
    for words, tolerance in question["ours"].items():
        best = timed_again(peer, settings, float(words), min(work.judged, peer.timed))
        chosen[words] = None
        if best is not None:
            mine, theirs = [], [best.milliseconds]
            ours.kernel(tolerance)
            turns = TURNS if best.milliseconds * peer.timed < 10_000 else 1
            for _ in range(turns):
                mine.append(ours.run("", tolerance, ours.timed)[1] * 1e3)
                theirs.append(peer.run(best.family, best.rtol, min(peer.timed, len(work.rows)))[1] * 1e3)
            mine.append(ours.run("", tolerance, ours.timed)[1] * 1e3)
            chosen[words] = asdict(best) | {"milliseconds": min(theirs), "ours": min(mine)}
    return Verdict(tool, peer.name, "", cold, tuple(asdict(each) for each in settings), chosen)


def one_core() -> None:
    """Stay on one core, libraries with threads of their own included."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


if __name__ == "__main__":
    one_core()
    asked = json.loads(sys.argv[1])
    answer = judge_absent(asked) if "absent" in asked else asdict(judge(asked))
    print(MARK + json.dumps(answer), flush=True)
