"""Keyed random draws: a draw is a function of (seed, purpose, patient, occurrence) and of nothing else.

So results do not depend on the order of draws, on chunks, on threads, on who else is simulated, or on an extra
visit. The generator is the counter-based Philox4x32-10 of Salmon et al. 2011 (SC11, doi 10.1145/2063384.2063405).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virtuall.core.arithmetic import log

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_ROUNDS = 10


def philox(counter: tuple[Words, ...], key: tuple[Words, Words]) -> tuple[Words, ...]:
    """Philox4x32-10: four 32-bit words of counter and two of key to four random words (held in uint64)."""
    a, b, c, d = counter
    key_a, key_b = key
    for _ in range(_ROUNDS):
        first, second = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        a, b, c, d = (
            (second >> _SHIFT) ^ b ^ key_a,
            second & _LOW,
            (first >> _SHIFT) ^ d ^ key_b,
            first & _LOW,
        )
        key_a, key_b = (key_a + _WEYL[0]) & _LOW, (key_b + _WEYL[1]) & _LOW
    return a, b, c, d


@lru_cache(maxsize=4096)
def _key(seed: int, purpose: str) -> tuple[int, int]:
    digest = hashlib.sha256(f"{seed}\x00{purpose}".encode()).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:8], "little")


def uniform(seed: int, purpose: str | Sequence[str], patient: ArrayLike, occurrence: ArrayLike = 0) -> Floats:
    """Uniform draws in the open interval (0, 1).

    Parameters
    ----------
    seed : int
    purpose : str, or several
        What the draw is for, such as ``"assay marrow_blasts"``; other purposes give unrelated draws.
    patient, occurrence : array of int, broadcast together
        The patient's id and which time this is for that patient.

    Returns
    -------
    float64 array of the broadcast shape; for several purposes with an axis of them in front
    """
    patients, times = np.broadcast_arrays(np.asarray(patient, np.uint64), np.asarray(occurrence, np.uint64))
    counter = (patients & _LOW, patients >> _SHIFT, times & _LOW, times >> _SHIFT)
    keys = np.array([_key(seed, each) for each in ([purpose] if isinstance(purpose, str) else purpose)], np.uint64)
    shape = () if isinstance(purpose, str) else (len(keys), *(1,) * patients.ndim)
    high, low, _, _ = philox(counter, (keys[:, 0].reshape(shape), keys[:, 1].reshape(shape)))
    word = ((high << _SHIFT) | low) >> np.uint64(11)
    return (word.astype(np.float64) + 0.5) * 2.0**-53


def normal(seed: int, purpose: str | Sequence[str], patient: ArrayLike, occurrence: ArrayLike = 0) -> Floats:
    """Standard normal draws; parameters as in `uniform`."""
    from scipy.special import ndtri

    return np.asarray(ndtri(uniform(seed, purpose, patient, occurrence)))


def exponential(seed: int, purpose: str, patient: ArrayLike, occurrence: ArrayLike = 0) -> Floats:
    """Exponential draws of mean 1 (thresholds of hazard clocks); parameters as in `uniform`."""
    return -log(uniform(seed, purpose, patient, occurrence))
