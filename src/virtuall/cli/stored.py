"""A result folder as the result that it was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from virtuall.simulation.result import Records, Result
    from virtuall.store import Stored


def stored_result(folder: Path, library: Sequence[Path] = (), signals: bool = True) -> Result:
    """Read a result folder; its patients are sampled again, its protocol and model come from the texts.

    Raises
    ------
    StoreError
        When it is not a result folder, or a file of it is gone or damaged.
    InputError
        When the texts of the library are not those that the result was simulated with.
    """
    import numpy as np

    from virtuall.cli.run import PARAMETERS, fingerprint
    from virtuall.core.errors import InputError
    from virtuall.model import load_system
    from virtuall.model.shelf import open_shelf
    from virtuall.population import sample
    from virtuall.simulation.protocol import load_protocol
    from virtuall.simulation.result import Result
    from virtuall.simulation.simulate import WORKING_TOLERANCE
    from virtuall.store import read

    stored = read(folder, signals=signals)
    run = stored.manifest.run
    here = fingerprint(open_shelf(library))
    if run.fingerprint != here:
        raise InputError(
            "the result comes from another library: texts differ",
            given=f"fingerprint {run.fingerprint[:12]} there, {here[:12]} here",
            where=str(folder),
            hint="name the --library it was run with, and use the version that wrote it",
        )
    ids = stored.outcomes["patient"].to_numpy(np.int64)
    parameters = run.settings.get(PARAMETERS, "shipped")  # a run of before there was a choice
    return Result(
        outcomes=stored.outcomes,
        events=stored.events,
        records=_records(stored, ids),
        status=stored.outcomes["status"].to_numpy(np.int32),
        provenance={
            "versions": run.versions,
            "seed": run.seed,
            "cohort": run.cohort,
            "protocol": run.protocol,
            "fingerprint": load_system(library).system.fingerprint(),  # of the same texts
            "rtol": WORKING_TOLERANCE,
            PARAMETERS: parameters,
        },
        patients=sample(run.cohort, run.n, run.seed, library=library, parameters=parameters)[ids],
        protocol=load_protocol(
            run.protocol,
            library=library,
            scales=run.settings.get("scales", ()),
            as_of=run.settings.get("as_of"),
        ),
        realized=stored.realized,
    )


def _records(stored: Stored, ids: NDArray[np.int64]) -> Records:
    import numpy as np

    from virtuall.simulation.result import Records

    if stored.signals is None:
        return Records(ids, np.empty(0), np.empty((len(ids), 0, 0)), (), {})
    columns = {str(name): signal.to_numpy() for name, signal in stored.signals.data_vars.items()}
    units = {str(name): str(signal.attrs["units"]) for name, signal in stored.signals.data_vars.items()}
    times = stored.signals["time"].to_numpy()
    return Records(ids, times, np.stack(list(columns.values()), axis=-1), tuple(columns), units)
