"""The absent population: who keeps a zero, who fails, who is wrong in silence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from full_model import clone_states, full_model
from judge import ask_absent
from ours import VirtuALL, run_kernel
from peers import TOOLS
from table import Row, Section, table
from trial_model import ABSENT, COMES, held_at_zero, trial_model
from work import Floats, Work, patient_errors

from virtuall.engine.kernel import build_kernel

RTOL, RIGHT, TRUTH = 1e-5, 1e-2, 1e-10
PATIENTS, MANY = 64, 10_000
DAYS = 730.0


def counts(record: Floats, truth: Floats, names: Sequence[int]) -> tuple[int, int, int]:
    """Patients right, failed, and wrong in silence."""
    names = list(names)
    size = np.abs(truth[:, :, names]).max(axis=(1,)).min(axis=0)
    error = patient_errors(record[:, :, names], truth[:, :, names], 1e-12 + 0.0 * size)
    failed = ~np.isfinite(record).all(axis=(1, 2))
    right = (error <= RIGHT) & ~failed
    return int(right.sum()), int(failed.sum()), int((~right & ~failed).sum())


def absent_section(tools: Sequence[str], patients: int = MANY) -> Section:
    """The table, and the zeros of our engine to the last bit."""
    from trial_model import LOOKED_AT

    work = trial_model(PATIENTS)
    truth = held_at_zero(work, TRUTH)
    places = [work.system.states.index(name) for name in LOOKED_AT]
    record, _ = VirtuALL(work).run("", RTOL, PATIENTS)
    ours = counts(record, truth, places)
    body = [["**VirtuALL**", *map(str, ours)]]
    for tool in tools:
        found = ask_absent(tool, truth)
        body.append(
            [TOOLS[tool], *map(str, found)] if isinstance(found, list) else [TOOLS[tool], f"absent: {found}", "", ""]
        )
    trial_zeros, trial_failed = zeros_of_trial(patients)
    names, zeros, kept = zeros_of_shipped(patients)
    return Section(
        "The absent population",
        f"The trial model (`models/README.md`): CAR-T cells are exactly zero until day {COMES:g}, and unstable. "
        f"{PATIENTS} patients, rtol {RTOL:g} for everybody, absolute tolerance rtol x 1e-3 (1e6 cells) or the "
        f"nearest that the tool has. Right: within {RIGHT:g} of a reference where the population is held at zero. "
        "Failed: the tool said so. Wrong in silence: numbers and no word.",
        (table(("engine", "right", "failed", "wrong in silence"), body),),
        (
            Row("VirtuALL right", f"{ours[0]} of {PATIENTS}", f"{PATIENTS}", ours[0] == PATIENTS),
            Row(
                f"trial model, {patients} random patients: absent cells bitwise zero on each day before day {COMES:g}",
                f"{trial_zeros} ({trial_failed} failed)",
                f"{patients}",
                trial_zeros == patients,
            ),
            Row(
                f"shipped model, {patients} random patients over 2 years: clones that are absent at first and that "
                f"nothing feeds ({', '.join(names)}) stay bitwise zero on each week",
                f"{kept} of {zeros}",
                "all",
                zeros > 0 and kept == zeros,
            ),
        ),
    )


def zeros_of_trial(patients: int) -> tuple[int, int]:
    """Patients whose absent cells are bitwise zero before they come; and how many failed."""
    work = trial_model(patients)
    before = tuple(change for change in work.changes if change.time < COMES)
    from dataclasses import replace

    short = replace(work, changes=before, times=work.times[work.times < COMES])
    ens = run_kernel(build_kernel(work.system, rtol=RTOL), short, names=ABSENT)
    bits = np.ascontiguousarray(ens.recorded).view(np.int64)
    return int((bits == 0).all(axis=(1, 2)).sum()), int((ens.status != 0).sum())


def zeros_of_shipped(patients: int) -> tuple[list[str], int, int]:
    """States that may be absent, how many patients lack one, and how many of these zeros stay."""
    work = full_model(patients, DAYS)
    names = [name for name in zero_keepers(work) if name in clone_states()]
    places = [work.system.states.index(name) for name in names]
    weekly = np.arange(0.0, DAYS + 1.0, 7.0)
    ens = run_kernel(build_kernel(work.system, rtol=1e-4), work, names=names, times=weekly)
    bits = np.ascontiguousarray(ens.recorded).view(np.int64)
    lacking = work.first[:, places] == 0.0
    stays = (bits == 0).all(axis=1)
    return names, int(lacking.sum()), int((lacking & stays).sum())


def zero_keepers(work: Work) -> list[str]:
    """States that some patient lacks and that grow from themselves: at zero their rate is zero, whatever else there is.

    Found by the equations: the rate's program is run with the state at zero and everything else at random.
    """
    from virtuall.engine.program import run_on_columns

    blueprint, size = work.blueprint, len(work.system.states)
    count = 64
    luck = np.random.default_rng(3)
    fed = {change.name for change in work.changes if change.adds}
    found = []
    for place, name in enumerate(work.system.states):
        if name in fed or not (work.first[:, place] == 0.0).any():
            continue
        values = work.first[:count].T * luck.lognormal(size=(size, min(count, len(work.first)))) + 1.0
        values[place] = 0.0
        slots = np.vstack([values, np.zeros(values.shape[1]), work.pieces[-1].fixed[:count].T])
        rate = run_on_columns(blueprint.rates, slots.__getitem__, values.shape[1])[place]
        if (rate == 0.0).all():
            found.append(name)
    return found
