"""Decides every random draw: a pure function of (seed, epoch, sample, purpose), never a stream.

Nothing here has state, so nothing needs saving: a resumed run, a preview and any number of loader
workers draw the same numbers. The mixer is the finaliser of splitmix64 (Steele, Lea, Flood 2014).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")

_MASK = (1 << 64) - 1
_FEISTEL_ROUNDS = 4


class Purpose(IntEnum):
    """What a draw is for: two purposes never share a number. Values are stored formats; only append."""

    BATCH_ORDER = 1
    SAMPLE_ORDER = 2
    FRACTION = 3
    SHUFFLE = 4
    TAG_DROPOUT = 5
    CAPTION_DROPOUT = 6
    WILDCARD = 7
    FLIP = 8
    CROP = 9
    TIMESTEP = 10
    NOISE = 11
    OFFSET = 12
    LATENT = 13
    SAMPLE_IMAGE = 14
    INIT = 15
    DROPOUT = 16
    EVALUATION = 17
    REPLACEMENT = 18
    MULTIRES = 19


def mix(x: int) -> int:
    """A 64-bit bijection that turns any difference of inputs into unrelated outputs."""
    x = (x + 0x9E3779B97F4A7C15) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


def key(*parts: int) -> int:
    """One 64-bit key of integers of any size and sign; order matters."""
    return key_from(0, *parts)


def key_from(k: int, *parts: int) -> int:
    """`key(*before, *parts)`, where `k` is `key(*before)`: many draws that begin alike share the work."""
    for part in parts:
        k = mix(k ^ _mixed_part(part & _MASK))
    return k


@lru_cache(maxsize=4096)
def _mixed_part(part: int) -> int:
    return mix(part)


def uniform(*parts: int) -> float:
    """A number in [0, 1) with 53 random bits."""
    return share_of(key(*parts))


def share_of(k: int) -> float:
    """A key as a number in [0, 1)."""
    return (k >> 11) * 2.0**-53


def below(n: int, *parts: int) -> int:
    """An integer in [0, n); the bias of the multiply-shift is under n / 2^64."""
    return (key(*parts) * n) >> 64


def shuffled(items: Sequence[T], *parts: int) -> list[T]:
    """`items` in a keyed order (Fisher-Yates)."""
    return shuffled_by(key(*parts), items)


def shuffled_by(k: int, items: Sequence[T]) -> list[T]:
    """`items` in the order of a key."""
    out = list(items)
    for i in range(len(out) - 1, 0, -1):
        x = ((k ^ i) + 0x9E3779B97F4A7C15) & _MASK  # `mix`, written out: captions are most of a batch's time
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
        j = ((x ^ (x >> 31)) * (i + 1)) >> 64
        out[i], out[j] = out[j], out[i]
    return out


def shares_from(k: int, count: int) -> list[float]:
    """`share_of(key_from(k, place))` of each place in range(count)."""
    shares: list[float] = []
    for part in _mixed_places(-(-count // 64) * 64)[:count]:
        x = ((k ^ part) + 0x9E3779B97F4A7C15) & _MASK
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
        shares.append(((x ^ (x >> 31)) >> 11) * 2.0**-53)
    return shares


@lru_cache(maxsize=16)
def _mixed_places(count: int) -> tuple[int, ...]:
    return tuple(mix(place) for place in range(count))


def permute(i: int, n: int, k: int) -> int:
    """Where index `i` of range(n) goes under the permutation with key `k`; a bijection of range(n).

    A balanced Feistel network over the next even number of bits, walked until it lands inside range(n)
    (Black and Rogaway 2002): at most four times n points are walked, so the mean walk is short.
    """
    half = max(1, ((n - 1).bit_length() + 1) // 2)
    low = (1 << half) - 1
    while True:
        left, right = i >> half, i & low
        for round_ in range(_FEISTEL_ROUNDS):
            left, right = right, left ^ (mix(k ^ (round_ << 56) ^ right) & low)
        i = (left << half) | right
        if i < n:
            return i
