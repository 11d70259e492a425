"""Simulate virtual patients under a protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virtuall.core.errors import InputError
from virtuall.core.random import exponential
from virtuall.engine.kernel import Kernel, build_kernel
from virtuall.model import Model, load_system, open_shelf
from virtuall.population import Population
from virtuall.simulation import samples, supply
from virtuall.simulation.bind import bind, parameter_rows
from virtuall.simulation.charts import Charts, Entries, events_frame
from virtuall.simulation.protocol import Protocol
from virtuall.simulation.realized import Note, NotingKernel, realized_frame
from virtuall.simulation.result import Records, Result, outcomes_frame
from virtuall.simulation.rounds import run_rounds
from virtuall.simulation.state import Rounds
from virtuall.simulation.treatment import never_treat
from virtuall.simulation.ward import open_ward

Floats = NDArray[np.float64]
Chart = Literal["full", "key"]
Backend = Literal["llvm", "numpy"]
# Outcomes, charts, recorded signals, status and realized changes of a chunk.
Done = tuple[Any, Entries, Floats, NDArray[np.int32], Any]
WORKING_TOLERANCE = 2e-5
CHUNK = 32768
# So few patients a process are few: the rounds of a share cost about what those of some hundred patients do.
_FEW = 1000
DEFAULT_SIGNALS = (
    "leukemia_cells",
    "leukemia_cells_cd19_positive",
    "leukemia_cells_cd19_negative",
    "extramedullary_cells",
    "marrow_blast_fraction",
    "mrd_fraction",
    "blood_blasts",
    "b_cells_blood",
    "cd8_blood",
    "neutrophils",
    "platelets",
    "il6",
    "il10",
    "temperature",
    "map",
    "oxygen_need",
    "ice_expected",
)


def default_signals(model: Model, protocol: Protocol) -> tuple[str, ...]:
    """What is recorded unless the caller says otherwise.

    Cells, counts, cytokines, every drug's concentration, and what the texts of the protocol's products name.
    """
    known = [name for name, _ in model.system.signals]
    drugs = [name for name in known if name.endswith("_concentration")]
    own = [name for product in protocol.given_products for name in protocol.products[product].signals]
    return tuple(dict.fromkeys([*(name for name in DEFAULT_SIGNALS if name in known), *drugs, *own]))


def simulate(
    patients: Population,
    protocol: Protocol,
    *,
    days: ArrayLike | None = None,
    treated: ArrayLike | None = None,
    record: Sequence[str] | None = None,
    every: float = 1.0,
    times: ArrayLike | None = None,
    chart: Chart = "full",
    rtol: float = WORKING_TOLERANCE,
    backend: Backend = "llvm",
    processes: int = 1,
    realized: bool = True,
) -> Result:
    """Simulate these patients under this protocol; pure: the same call gives the same bits.

    Parameters
    ----------
    patients : Population
    protocol : Protocol
    days : float or array, optional
        Follow-up of all patients or of each (d); the protocol's own by default.
    treated : bool array, optional
        Who starts the treatment at all; everybody by default.
    record : sequence of str, optional
        Signals to record; by default cells, counts, cytokines and drugs. An empty one records nothing.
    every, times : float or array, optional
        Days between records, or the days themselves.
    chart : "full" or "key"
        "key" leaves orders, samples and results out of the charts.
    rtol : float
        Relative tolerance of the integration.
    processes : int
        Worker processes; the result does not depend on it.
    realized : bool
        Keep every change of the model, which `virtuall replay` and the export of one patient read.

    Raises
    ------
    InputError
        When an argument is not usable (nearest match offered for names).
    """
    run = planned(
        patients,
        protocol,
        days=days,
        treated=treated,
        record=record,
        every=every,
        times=times,
        chart=chart,
        rtol=rtol,
        backend=backend,
        realized=realized,
    )
    return next(simulate_together([run], processes))


@dataclass(frozen=True, eq=False)
class Planned:
    """A simulation that was asked for, every argument checked; made by `planned`."""

    patients: Population
    protocol: Protocol
    days: Floats
    treated: NDArray[np.bool_]
    names: tuple[str, ...]
    grid: Floats
    chart: Chart
    rtol: float
    backend: Backend
    realized: bool

    def __getitem__(self, piece: slice) -> Planned:
        """The same for a share of the patients."""
        return replace(self, patients=self.patients[piece], days=self.days[piece], treated=self.treated[piece])


def planned(
    patients: Population,
    protocol: Protocol,
    *,
    days: ArrayLike | None = None,
    treated: ArrayLike | None = None,
    record: Sequence[str] | None = None,
    every: float = 1.0,
    times: ArrayLike | None = None,
    chart: Chart = "full",
    rtol: float = WORKING_TOLERANCE,
    backend: Backend = "llvm",
    realized: bool = True,
) -> Planned:
    """A simulation to be made by `simulate_together`; parameters and errors as of `simulate`."""
    model = load_system(protocol.library)
    until = _until(protocol.follow_up if days is None else days, len(patients))
    if chart not in ("full", "key"):
        raise InputError("no such chart", given=chart, allowed=("full", "key"))
    names = default_signals(model, protocol) if record is None else tuple(record)
    known = [name for name, _ in model.system.signals]
    for name in names:
        if name not in known:
            raise InputError("no such signal", given=name, allowed=known)
    grid = _grid(until.max(initial=0.0), every, times) if names else np.empty(0)
    who = np.ones(len(patients), bool) if treated is None else np.asarray(treated, bool)
    if who.shape != (len(patients),):
        raise InputError("treated must say yes or no for each patient", given=str(who.shape))
    return Planned(patients, protocol, until, who, names, grid, chart, rtol, backend, realized)


def simulate_together(runs: Sequence[Planned], processes: int = 1) -> Iterator[Result]:
    """Make these simulations, and give their results in the same order, each when it is asked for.

    No process waits for the end of one simulation before it takes a share of the next.

    Raises
    ------
    InputError
        When `processes` is less than 1, with the first result.
    """
    if processes < 1:
        raise InputError("processes must be at least 1", given=processes)
    pieces = _pieces([len(run.patients) for run in runs], processes)
    tasks = [run[piece] for run, shares in zip(runs, pieces, strict=True) for piece in shares]
    done = map(_chunk, tasks) if processes == 1 or len(tasks) == 1 else _in_processes(tasks, processes)
    for run, shares in zip(runs, pieces, strict=True):
        yield _joined(islice(done, len(shares)), shares, run)


def _pieces(sizes: Sequence[int], processes: int) -> list[list[slice]]:
    """Shares of the patients of each run, none too large.

    Few patients are dealt out as one line, an even part of it to each process, since a share costs more than its
    patients do. Of many, each process gets an even part of every run, since they cost more in one than in another.
    """
    whole, first = sum(sizes), 0
    found = []
    for size in sizes:
        if whole <= _FEW * processes:
            cuts = {whole * place // processes - first for place in range(1, processes)}
        else:
            count = max(-(-size // CHUNK), processes)
            cuts = {size * place // count for place in range(1, count)}
        edges = [0, *sorted(cut for cut in cuts if 0 < cut < size), size]
        found.append([slice(*pair) for pair in pairwise(edges)])
        first += size
    return found


def _until(days: ArrayLike, n: int) -> Floats:
    """The last day of each of n patients."""
    given = np.asarray(days, np.float64)
    if given.shape not in ((), (n,)):
        raise InputError(f"days must be one number, or one for each of {n} patients", given=str(given.shape))
    wrong = given[~((given > 0) & (given < np.inf))]
    if wrong.size:
        raise InputError("days must be above 0", given=float(wrong.flat[0]))
    return np.full(n, given)


def _grid(days: float, every: float, times: ArrayLike | None) -> Floats:
    if times is not None:
        grid = np.asarray(times, np.float64)
        if grid.ndim != 1 or np.any(np.diff(grid) <= 0) or np.any(grid < 0):
            raise InputError("record times must rise from 0 or more", given=str(grid[:5]))
        return grid
    if not 0 < every < np.inf:
        raise InputError("every must be above 0 days", given=every)
    return every * np.arange(np.floor(days / every + 1e-9) + 1)


@lru_cache(maxsize=8)
def _kernel(fingerprint: str, library: tuple[Path, ...], backend: Backend, rtol: float) -> Kernel:
    return build_kernel(load_system(library).system, backend=backend, rtol=rtol)


def _chunk(run: Planned) -> Done:
    """Outcomes, events, recorded signals, status and realized changes of a share of the patients."""
    patients, protocol, names = run.patients, run.protocol, run.names
    model = load_system(protocol.library)
    notes: list[Note] = []
    kernel = _kernel(model.system.fingerprint(), protocol.library, run.backend, run.rtol)
    if run.realized:
        kernel = NotingKernel(kernel, notes)
    binding = bind(model, protocol)
    ensemble = kernel.start(parameter_rows(model, patients, protocol.given_products))
    for place, event in enumerate(binding.events):
        ensemble.thresholds[:, place] = exponential(patients.seed, f"clock {event.name}", patients.luck)
    if names:
        kernel.record(ensemble, run.grid, names)
    bsa = ensemble.parameters[:, model.system.parameters.index("bsa")].copy()
    ward = open_ward(protocol, binding, patients, bsa, len(model.clones), run.days)
    rounds = Rounds(
        model=model,
        protocol=protocol,
        binding=binding,
        kernel=kernel,
        ensemble=ensemble,
        ward=ward,
        charts=Charts(run.chart == "full"),
        seed=patients.seed,
        late=patients.columns["line"] > 1,
        earlier_transplant=patients.columns["prior_transplant"] > 0.5,
    )
    supply.begin(rounds, np.arange(len(patients)))
    samples.anchor(rounds, np.arange(len(patients)), np.zeros(len(patients)), "enrollment")
    never_treat(rounds, np.flatnonzero(~run.treated))
    run_rounds(rounds)
    outcomes = outcomes_frame(patients, protocol, ward, run.treated, ensemble.status, bsa)
    realized = realized_frame(notes, patients.ids, model.system) if run.realized else None
    return outcomes, rounds.charts.entries(patients.ids), ensemble.recorded, ensemble.status.copy(), realized


@lru_cache(maxsize=1)
def _pool(processes: int) -> ProcessPoolExecutor:
    # kept: starting the workers and loading the kernel costs seconds, and a trial simulates several arms
    import multiprocessing

    return ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"))


def _in_processes(tasks: list[Planned], processes: int) -> Iterator[Done]:
    futures = [_pool(processes).submit(_chunk, task) for task in tasks]
    try:
        while futures:
            yield futures.pop(0).result()  # a future keeps its result: none is held longer than needed
    finally:  # after an error, or when nobody asks on: what is not begun is not made
        for future in futures:
            future.cancel()


def _joined(done: Iterator[Done], pieces: Sequence[slice], run: Planned) -> Result:
    import pandas as pd

    patients, names, grid = run.patients, run.names, run.grid
    model = load_system(run.protocol.library)
    whole = np.empty((len(patients), len(grid), len(names)) if names and len(pieces) > 1 else (len(patients), 0, 0))
    outcomes, entries, status, realized = [], [], [], []
    for piece, (frame, charts, recorded, codes, changes) in zip(pieces, done, strict=True):
        outcomes.append(frame)
        entries.append(charts)
        status.append(codes)
        realized.append(changes)
        if names and len(pieces) > 1:
            whole[piece] = recorded
        elif names:
            whole = recorded
        del recorded  # before the next chunk is simulated
    return Result(
        pd.concat(outcomes, ignore_index=True),
        events_frame(entries),
        Records(patients.ids, grid, whole, names, model.system.units),
        np.concatenate(status),
        provenance(patients, run.protocol, model, run.rtol),
        patients,
        run.protocol,
        pd.concat(realized, ignore_index=True) if run.realized else None,
    )


def provenance(patients: Population, protocol: Protocol, model: Model, rtol: float) -> dict[str, Any]:
    """Where a result comes from."""
    return {
        "versions": dict(_versions()),
        "seed": patients.seed,
        "cohort": patients.cohort,
        "protocol": protocol.name,
        "scales": list(protocol.scales),
        "as_of": None if protocol.as_of is None else protocol.as_of.isoformat(),
        "fingerprint": model.system.fingerprint(),
        "replaced_texts": list(open_shelf(protocol.library).replaced),
        "rtol": rtol,
    }


@cache
def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("virtuall", "numpy", "scipy", "llvmlite")}
