"""Decides which 64-bit numbers lie within a distance of each other, without comparing all with all.

Numbers that differ in D bits differ, in one of their four 16-bit parts, in at most D / 4: so each part is looked up
with so many bits turned (multi-index hashing: Norouzi, Punjani, Fleet 2012).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

MAX_DISTANCE = 11  # up to 2 bits turned in a part; beyond it, unlike pictures meet as well
_PARTS = 4
_BITS = 16
_PAIRS_AT_ONCE = 4_000_000

Numbers = NDArray[np.uint64]
Places = NDArray[np.int64]


def near_pairs(numbers: Numbers, distance: int) -> tuple[Places, Places, NDArray[np.uint8]]:
    """All pairs (i, j), i < j, of different `numbers` at most `distance` bits apart, and how many bits that is."""
    found = [np.empty((0, 2), np.int64)]
    for part in range(_PARTS):
        keys = (numbers >> np.uint64(part * _BITS)) & np.uint64((1 << _BITS) - 1)
        order = np.argsort(keys, kind="stable")
        for turned in _masks(distance // _PARTS):
            found += [pair for pair in _pairs_of(keys[order], order, turned, numbers, distance) if len(pair)]
    pairs = np.unique(np.concatenate(found), axis=0)
    bits = np.bitwise_count(numbers[pairs[:, 0]] ^ numbers[pairs[:, 1]])
    return pairs[:, 0], pairs[:, 1], bits


def _masks(most: int) -> Iterator[np.uint64]:
    """Every way of turning at most so many bits of a part."""
    for count in range(most + 1):
        for places in combinations(range(_BITS), count):
            yield np.uint64(sum(1 << place for place in places))


def _pairs_of(
    keys: Numbers, order: Places, turned: np.uint64, numbers: Numbers, distance: int
) -> Iterator[NDArray[np.int64]]:
    """Pairs whose keys differ by exactly `turned`, a bounded number at once."""
    wanted = keys ^ turned
    first = np.searchsorted(keys, wanted, "left")
    beyond = np.searchsorted(keys, wanted, "right")
    if turned == 0:
        first = np.arange(len(keys)) + 1  # only those behind: each pair once
    else:
        beyond = np.where(wanted > keys, beyond, first)
    counts = np.maximum(beyond - first, 0)
    ends = np.cumsum(counts)
    at = 0
    while at < len(keys):
        before = int(ends[at - 1]) if at else 0
        upto = max(at + 1, int(np.searchsorted(ends, before + _PAIRS_AT_ONCE, "right")))
        yield _close(numbers, order, first[at:upto], counts[at:upto], at=at, distance=distance)
        at = upto


def _close(
    numbers: Numbers, order: Places, first: Places, counts: Places, *, at: int, distance: int
) -> NDArray[np.int64]:
    """Of the candidates of some rows, those that are near."""
    left = np.repeat(np.arange(at, at + len(counts)), counts)
    starts = np.cumsum(counts) - counts
    right = np.arange(len(left)) - np.repeat(starts, counts) + np.repeat(first, counts)
    one, other = order[left], order[right]
    near = np.bitwise_count(numbers[one] ^ numbers[other]) <= distance
    pairs = np.stack([one[near], other[near]], axis=1)
    return np.sort(pairs, axis=1)
