"""Keyed random numbers: pure functions of (seed, epoch, sample, purpose), never a stream.

Nothing here has state, so nothing needs saving: a resumed run, a preview and any number of loader
workers draw the same numbers. The mixer is the finaliser of splitmix64 (Steele, Lea, Flood 2014).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple, TypeVar

T = TypeVar("T")

_MASK = (1 << 64) - 1
_GAMMA, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_LANE = 128  # bits
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
    INIT = 15
    DROPOUT = 16
    EVALUATION = 17
    MULTIRES = 19
    IP_NOISE = 20
    ROUNDING = 21
    HELD_OUT = 22


def mix(x: int) -> int:
    """A 64-bit bijection that turns any difference of inputs into unrelated outputs."""
    x = (x + _GAMMA) & _MASK
    x = ((x ^ (x >> 30)) * _FIRST) & _MASK
    x = ((x ^ (x >> 27)) * _SECOND) & _MASK
    return x ^ (x >> 31)


def key(*parts: int) -> int:
    """One 64-bit key of integers of any size and sign; order matters."""
    return key_from(0, *parts)


def key_from(k: int, *parts: int) -> int:
    """`key(*before, *parts)`, where `k` is `key(*before)`: many draws that begin alike share the work."""
    for part in parts:
        mixed = _SMALL[part] if 0 <= part < len(_SMALL) else mix(part & _MASK)
        x = ((k ^ mixed) + _GAMMA) & _MASK  # `mix`, written out: a caption makes six keys
        x = ((x ^ (x >> 30)) * _FIRST) & _MASK
        x = ((x ^ (x >> 27)) * _SECOND) & _MASK
        k = x ^ (x >> 31)
    return k


_SMALL = tuple(mix(part) for part in range(256))  # epochs, copies and purposes are small


def uniform(*parts: int) -> float:
    """A number in [0, 1) with 53 random bits."""
    return share_of(key(*parts))


def share_of(k: int) -> float:
    """A key as a number in [0, 1)."""
    return (k >> 11) * 2.0**-53


def below(n: int, *parts: int) -> int:
    """An integer in [0, n); the bias of the multiply-shift is under n / 2^64."""
    return (key(*parts) * n) >> 64


def shuffled_by(k: int, items: Sequence[T]) -> list[T]:
    """`items` in the order of a key (Fisher-Yates)."""
    out = list(items)
    last = len(out) - 1
    draws = reversed(_mixed_together(k, _places(last + 1)))
    for i, draw in zip(range(last, 0, -1), draws, strict=False):  # place 0 has no choice
        j = (draw * (i + 1)) >> 64
        out[i], out[j] = out[j], out[i]
    return out


def kept_by(k: int, items: Sequence[T], dropout: float) -> list[T]:
    """`items` without those that a key leaves out: place p where `share_of(key_from(k, p))` is below `dropout`."""
    least = math.ceil(dropout * 2.0**53) << 11  # a share is 53 bits, so comparing keys is the same
    draws = _mixed_together(k, _mixed_places(len(items)))
    return [item for item, draw in zip(items, draws, strict=True) if draw >= least]


class _Lanes(NamedTuple):
    """Numbers in one large integer, of which each has a lane of 128 bits; and what a mix of them needs."""

    numbers: int
    ones: int  # a 1 in every lane
    gammas: int
    room: int  # the low half of every lane
    words: struct.Struct  # how the low halves are read from bytes


def _mixed_together(k: int, lanes: _Lanes) -> tuple[int, ...]:
    """`mix(k ^ n)` of each number n, all in one large integer.

    A lane has room for a product of 64 bits each, so none reaches its neighbour: `mix` is then a few operations on
    long integers, several times faster than a loop.
    """
    numbers, ones, gammas, room, words = lanes
    x = ((ones * k ^ numbers) + gammas) & room
    x = ((x ^ (x >> 30)) & room) * _FIRST & room
    x = ((x ^ (x >> 27)) & room) * _SECOND & room
    return words.unpack((x ^ (x >> 31)).to_bytes(words.size, "little"))


@lru_cache(maxsize=256)
def _places(count: int) -> _Lanes:
    return _lanes(range(count))


@lru_cache(maxsize=256)
def _mixed_places(count: int) -> _Lanes:
    return _lanes([mix(place) for place in range(count)])


def _lanes(numbers: Sequence[int]) -> _Lanes:
    ones = _laid([1] * len(numbers))
    words = struct.Struct("<" + "Q8x" * len(numbers))
    return _Lanes(_laid(numbers), ones, ones * _GAMMA, ones * _MASK, words)


def _laid(numbers: Iterable[int]) -> int:
    """64-bit numbers, one a lane, the first lowest."""
    return int.from_bytes(b"".join(number.to_bytes(_LANE // 8, "little") for number in numbers), "little")


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
