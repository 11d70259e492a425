"""A run outside the calibrated domain says so, before it is simulated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from virtuall.cli.output import remark

if TYPE_CHECKING:
    from virtuall.simulation.protocol import Protocol

# Patients who are looked at; more of the same cohort are hardly different.
LOOKED_AT = 2000


def found_outside(
    cohort: str,
    n: int,
    seed: int,
    protocol: Protocol,
    library: Sequence[Path],
    parameters: str,
    *,
    first: int = 0,
) -> tuple[str, ...]:
    """What of the first 2000 patients and of the protocol no calibrated trial covers.

    Parameters
    ----------
    cohort : str
    n, seed : int
        As they will be simulated.
    protocol : Protocol
    library : sequence of Path
        The user's folders.
    parameters : "calibrated" or "shipped"
    first : int
        Id of the first patient.
    """
    from virtuall.calibrate.domain import outside
    from virtuall.population import sample

    patients = sample(cohort, min(n, LOOKED_AT), seed, library=library, first=first, parameters=parameters)
    return outside(patients, protocol, library)


def say_outside(sentences: Sequence[str]) -> list[str]:
    """Say each of them once, on standard error; returns what was said."""
    said = list(dict.fromkeys(sentences))
    for sentence in said:
        remark(f"Outside the calibrated domain: {sentence}")
    return said
