"""The trial model of 46 states: a population that is absent until day 140, and unstable; see ``models/README.md``."""

from __future__ import annotations

import csv
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from ours import run_kernel
from work import Change, Floats, Work, make_work

from virtuall.engine.kernel import build_kernel

FOLDER = Path(__file__).resolve().parent / "models"
VARIED = ("gam", "kmaxB", "kmaxC", "kmaxI", "kp", "kex", "CLbl", "kpc", "ka", "K3")
SPREAD, SEED, SCALE = 0.3, 11, 1e-3
ABSENT = ("CEb", "CEm", "CMem", "CEx")
GROWTH = "kpc"  # the absent population grows by this
COMES = 140.0
LOOKED_AT = ("Bl", "freeR", "Lp", "Tam", "IL6", "N", "CEm", "CMem", "Bn")


@lru_cache(maxsize=2)
def trial_model(patients: int = 64) -> Work:
    """The model and its year."""
    import antimony

    from virtuall.sbml import read_sbml

    antimony.clearPreviousLoads()
    if antimony.loadAntimonyString((FOLDER / "trial_model.ant").read_text()) < 0:
        raise RuntimeError(antimony.getLastError())
    text = antimony.getSBMLString(antimony.getMainModuleName())
    inputs = {row["symbol"] for row in _schedule() if row["action"] == "set"}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.xml"
        path.write_text(text)
        model = read_sbml(path)
    luck = np.random.default_rng(SEED)
    factors = np.exp(SPREAD * luck.standard_normal((patients, len(VARIED))))
    rows = model.rows(patients, **{name: model.parameters[name] * factors[:, k] for k, name in enumerate(VARIED)})
    changes = [
        Change(float(row["time_days"]), row["symbol"], float(row["value"]), adds=row["action"] == "add")
        for row in _schedule()
    ]
    system = replace(model.system, scales=(SCALE,) * len(model.system.states))
    return make_work(
        "trial model",
        system,
        rows,
        changes,
        np.arange(366.0),
        "patient-year",
        sbml=text,
        varied=(*VARIED, *sorted(inputs)),
    )


def _schedule() -> list[dict[str, str]]:
    with (FOLDER / "trial_schedule.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def held_at_zero(work: Work, rtol: float) -> Floats:
    """The reference: growth of the absent population is held at 0 until it comes."""
    place = work.system.parameters.index(GROWTH)
    rows = work.rows.copy()
    rows[:, place] = 0.0
    kernel = build_kernel(work.system, rtol=rtol)
    before = tuple(change for change in work.changes if change.time < COMES)
    cut = replace(work, rows=rows, changes=before, times=work.times[work.times <= COMES])
    ens = run_kernel(kernel, cut, times=work.times)
    every = np.arange(len(rows))
    for time in sorted({change.time for change in work.changes if change.time >= COMES}):
        kernel.advance(ens, every, time)
        for change in (each for each in work.changes if each.time == time):
            if change.adds:
                kernel.change(
                    ens, every, states={change.name: ens.y[:, work.system.states.index(change.name)] + change.value}
                )
            else:
                kernel.change(ens, every, parameters={change.name: change.value})
        if time == COMES:
            kernel.change(ens, every, parameters={GROWTH: work.rows[:, place]})
    kernel.advance(ens, every, float(work.times[-1]))
    return ens.recorded
