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
_ONE, _11, _27, _30, _31 = (np.uint64(number) for number in (1, 11, 27, 30, 31))


def mixed(word: Words) -> Words:
    """The output function of SplitMix64: a bijection of 64-bit words in which every bit moves every bit."""
    word = word ^ (word >> _30)
    word *= _FIRST
    word ^= word >> _27
    word *= _SECOND
    word ^= word >> _31
    return word


@lru_cache(maxsize=4096)
def _key(seed: int, purpose: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}\x00{purpose}".encode()).digest()[:8], "little")


@lru_cache(maxsize=4096)
def keys(seed: int, purposes: tuple[str, ...]) -> Words:
    """One key a purpose, for `keyed_uniform`."""
    found = np.array([_key(seed, each) for each in purposes], np.uint64)
    found.setflags(write=False)
    return found


def keyed_uniform(key: Words, patient: ArrayLike, occurrence: ArrayLike) -> Floats:
    """Uniform draws in the open interval (0, 1), each by a key of its own.

    Parameters
    ----------
    key : uint64 array of at least one axis
        From `keys`.
    patient, occurrence : array of int
        All three are broadcast together.
    """
    # arrays of at least one axis wrap around in silence, as meant
    patients, times = np.atleast_1d(np.asarray(patient, np.uint64)), np.atleast_1d(np.asarray(occurrence, np.uint64))
    whose = mixed(key + (patients + _ONE) * _GOLDEN)
    word = mixed(whose + (times + _ONE) * _GOLDEN)
    word ^= key
    word = mixed(word)
    word >>= _11
    draws = word.astype(np.float64)
    draws += 0.5
    draws *= 2.0**-53
    return draws


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
    patients, times = np.asarray(patient), np.asarray(occurrence)
    shape = patients.shape if patients.shape == times.shape else np.broadcast_shapes(patients.shape, times.shape)
    one = isinstance(purpose, str)
    key = keys(seed, (purpose,) if isinstance(purpose, str) else tuple(purpose))
    draws = keyed_uniform(key.reshape(len(key), *(1,) * max(len(shape), 1)), patients, times)
    return draws.reshape(shape if one else (len(key), *shape))


def normal(seed: int, purpose: str | Sequence[str], patient: ArrayLike, occurrence: ArrayLike = 0) -> Floats:
    """Standard normal draws; parameters as in `uniform`."""
    from scipy.special import ndtri

    return np.asarray(ndtri(uniform(seed, purpose, patient, occurrence)))


def exponential(seed: int, purpose: str, patient: ArrayLike, occurrence: ArrayLike = 0) -> Floats:
    """Exponential draws of mean 1 (thresholds of hazard clocks); parameters as in `uniform`."""
    return -log(uniform(seed, purpose, patient, occurrence))
