"""Keyed random draws: a draw is a function of (seed, purpose, patient, occurrence) and of nothing else.

So results do not depend on the order of draws, on chunks, on threads, on who else is simulated, or on an
extra visit. The words are hashed by the mixing function of SplitMix64 (Steele, Lea and Flood 2014,
doi 10.1145/2660193.2660195), three times over: once for each part of the key.
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

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def mixed(word: Words) -> Words:
    """The output function of SplitMix64: a bijection of 64-bit words in which every bit moves every bit."""
    word = (word ^ (word >> np.uint64(30))) * _FIRST
    word = (word ^ (word >> np.uint64(27))) * _SECOND
    return word ^ (word >> np.uint64(31))


@lru_cache(maxsize=4096)
def _key(seed: int, purpose: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}\x00{purpose}".encode()).digest()[:8], "little")


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
    shape = patients.shape
    patients, times = np.atleast_1d(patients), np.atleast_1d(times)  # arrays wrap around in silence, as meant
    purposes = [purpose] if isinstance(purpose, str) else purpose
    keys = np.array([_key(seed, each) for each in purposes], np.uint64)
    keys = keys.reshape(len(keys), *(1,) * patients.ndim)
    word = mixed(mixed(keys + (patients + np.uint64(1)) * _GOLDEN) + (times + np.uint64(1)) * _GOLDEN)
    word = mixed(word ^ keys).reshape(shape if isinstance(purpose, str) else (len(keys), *shape)) >> np.uint64(11)
    return (word.astype(np.float64) + 0.5) * 2.0**-53


def normal(seed: int, purpose: str | Sequence[str], patient: ArrayLike, occurrence: ArrayLike = 0) -> Floats:
    """Standard normal draws; parameters as in `uniform`."""
    from scipy.special import ndtri

    return np.asarray(ndtri(uniform(seed, purpose, patient, occurrence)))


def exponential(seed: int, purpose: str, patient: ArrayLike, occurrence: ArrayLike = 0) -> Floats:
    """Exponential draws of mean 1 (thresholds of hazard clocks); parameters as in `uniform`."""
    return -log(uniform(seed, purpose, patient, occurrence))
