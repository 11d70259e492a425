"""The candidates at work: each simulated once on the same patients, kept at once, and judged."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virtuall.analysis.explore_candidate import Candidate, base_candidate, key_of
from virtuall.analysis.explore_patients import patient_frame
from virtuall.analysis.explore_prepared import Prepared, protocol_of, reason
from virtuall.analysis.explore_search import objective
from virtuall.analysis.explore_store import Kept, library_digest
from virtuall.analysis.explore_utility import excess_of, mean_of, utilities, values_of
from virtuall.core.errors import VirtuallError

if TYPE_CHECKING:
    import pandas as pd

    from virtuall.population import Population
    from virtuall.simulation.protocol import Protocol

Floats = NDArray[np.float64]
# Told after every candidate: how many are done, of how many, and in words which one.
Told = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Done:
    """A candidate that was simulated: float64[N] for each measure; ``course`` is the same for the same lives."""

    candidate: Candidate
    is_base: bool
    values: Mapping[str, Floats]
    failed: int
    course: str
    key: str


class Work:
    """What is done so far; a candidate whose texts are known is not simulated again.

    Attributes
    ----------
    done : dict of str to Done
        By key, in the order in which they were asked for.
    refused : dict of str to str
        Candidates that no reader takes, and why.
    """

    def __init__(
        self, prepared: Prepared, kept: Kept, processes: int, numbers: Mapping[str, ArrayLike] | None, told: Told
    ) -> None:
        from virtuall.population import sample

        text = prepared.exploration
        self.prepared, self.kept, self.processes, self.told = prepared, kept, processes, told
        self.patients: Population = sample(
            text.cohort, text.patients, text.seed, library=prepared.library, numbers=numbers
        )
        self.what = {
            "library": library_digest(prepared.shelf, text.cohort),
            "protocol": text.protocol,
            "cohort": text.cohort,
            "patients": text.patients,
            "seed": text.seed,
            "days": prepared.days,
            "numbers": {name: np.asarray(each).tolist() for name, each in (numbers or {}).items()},
            "versions": {name: version(name) for name in ("virtuall", "numpy", "llvmlite")},
        }
        self.done: dict[str, Done] = {}
        self.refused: dict[str, str] = {}
        self.asked = 0
        self.count = text.tries + 1 if text.tries else 0  # a search tries so many, and the base

    def do(self, candidates: Iterable[Candidate]) -> None:
        """Simulate these, several at once where there are several processes."""
        wanted: dict[str, tuple[Candidate, dict[str, str]]] = {}
        for candidate in candidates:
            key, texts = self._texts(candidate)
            wanted.setdefault(key, (candidate, texts))
        self.count = max(self.count, self.asked + len(wanted))
        waiting = {}
        for key, (candidate, texts) in wanted.items():
            frame = self._known(key)
            if frame is not None:
                self._add(key, candidate, frame)
                continue
            protocol = self._protocol(key, candidate, texts)
            if protocol is not None:
                waiting[key] = (candidate, protocol)
        if self.processes == 1 or len(waiting) < 2:
            for key, (candidate, protocol) in waiting.items():
                self._keep(key, candidate, simulated(self.patients, protocol, self.prepared.days, self.processes))
        else:
            self._at_once(waiting)
        # in the order of asking, whichever was finished first
        self.done |= {key: self.done.pop(key) for key in wanted if key in self.done}

    def judged(self, candidate: Candidate) -> float:
        """Simulate one candidate and judge it for a search; NaN when no reader takes it."""
        self.do([candidate])
        key, _ = self._texts(candidate)
        if key not in self.done:
            return np.nan
        values, prepared = self.done[key].values, self.prepared
        points = mean_of(utilities(values, prepared.measures, prepared.exploration.weighted))
        return objective(points, excess_of(values, prepared.limits))

    def _texts(self, candidate: Candidate) -> tuple[str, dict[str, str]]:
        texts = candidate.texts(self.prepared.dials, self.prepared.sources)
        return key_of(texts, self.what), texts

    def _known(self, key: str) -> pd.DataFrame | None:
        frame = self.kept.patients(key)
        return frame if frame is not None and len(frame) == len(self.patients) else None

    def _protocol(self, key: str, candidate: Candidate, texts: dict[str, str]) -> Protocol | None:
        try:
            return protocol_of(self.prepared, self.kept.texts(key, texts))
        except VirtuallError as error:
            self.refused[candidate.words(self.prepared.dials)] = reason(error)
            return None

    def _at_once(self, waiting: Mapping[str, tuple[Candidate, Protocol]]) -> None:
        import multiprocessing

        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(min(self.processes, len(waiting)), context, initializer=_leave_interrupts)
        try:
            futures = {
                pool.submit(simulated, self.patients, protocol, self.prepared.days, 1): key
                for key, (_, protocol) in waiting.items()
            }
            for future in as_completed(futures):
                key = futures[future]
                self._keep(key, waiting[key][0], future.result())
        finally:
            pool.shutdown(cancel_futures=True)

    def _keep(self, key: str, candidate: Candidate, frame: pd.DataFrame) -> None:
        self.kept.keep(key, frame)
        self._add(key, candidate, frame)

    def _add(self, key: str, candidate: Candidate, frame: pd.DataFrame) -> None:
        self.asked += 1
        dials = self.prepared.dials
        is_base = all(dial.is_base(each) for dial, each in zip(dials, candidate.settings, strict=True))
        if key not in self.done:
            self.done[key] = Done(
                base_candidate(dials) if is_base else candidate,
                is_base,
                values_of(frame, self.prepared.measures),
                int((frame["status"] != 0).sum()),
                _course(frame),
                key,
            )
        self.told(self.asked, self.count, candidate.words(dials))


def _course(frame: pd.DataFrame) -> str:
    """The same for the same course of every patient."""
    from pandas.util import hash_pandas_object

    return sha256(hash_pandas_object(frame, index=False).to_numpy().tobytes()).hexdigest()


def simulated(patients: Population, protocol: Protocol, days: float, processes: int) -> pd.DataFrame:
    """What is kept of the patients under one candidate."""
    from virtuall.simulation.simulate import simulate

    result = simulate(patients, protocol, days=days, record=(), chart="key", processes=processes)
    return patient_frame(result)


def _leave_interrupts() -> None:
    """Ctrl-C is for the parent: it keeps what is finished, then ends the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
