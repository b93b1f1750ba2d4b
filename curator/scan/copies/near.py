"""64-bit numbers within a Hamming distance of each other, without comparing all with all.

Numbers cut into parts can differ in few bits only if one of the parts differs in very few: with m parts and a reach for
each of them that together make distance - m + 1, some part lies within its reach (else every part differed by one more
than that, which is more than the distance). So of each part only the numbers with its few turned bits are looked at
(multi-index hashing: Norouzi, Punjani, Fleet 2012). How many parts are best goes by how many numbers there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from curator.contract.errors import UserError

MAX_DISTANCE = 11  # beyond it, unlike images meet as well
_ALL_BITS = 64
_MOST_BITS = 22  # of a part: each of its values has a place in a table
_PARTS = range(3, 9)
_CANDIDATE = 8.0  # what comparing two numbers costs, beside looking a part up
_PAIRS_AT_ONCE = 1 << 20
_MOST_PAIRS = 50_000_000  # three gigabytes

Numbers = NDArray[np.uint64]
Keys = NDArray[np.uint32]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class _Part:
    """Some of the bits: `reach` of them may differ; below zero the part is not looked up."""

    first_bit: int
    bits: int
    reach: int

    def keys(self, numbers: Numbers) -> Keys:
        """The part's bits of each number."""
        return ((numbers >> np.uint64(self.first_bit)) & np.uint64((1 << self.bits) - 1)).astype(np.uint32)

    def lookups(self) -> int:
        """In how many ways so many of its bits, or fewer, are turned."""
        return sum(comb(self.bits, count) for count in range(self.reach + 1))

    def masks(self, highest: int) -> Iterator[np.uint32]:
        """Those of these ways of which `highest` is the highest bit turned."""
        for count in range(self.reach):
            for places in combinations(range(highest), count):
                yield np.uint32(sum(1 << place for place in (*places, highest)))


def near_pairs(numbers: Numbers, distance: int) -> tuple[Places, Places, NDArray[np.uint8]]:
    """All pairs (i, j), i < j, of different `numbers` at most `distance` bits apart, and how many bits that is.

    Takes memory for some 62 bytes a pair, of which 17 stay, and some 40 bytes a number.

    Raises:
        UserError: so many pairs that they would fill it: thousands of images all look alike.
    """
    parts = _cut(len(numbers), distance) if len(numbers) else []
    found: list[NDArray[np.int64]] = [np.empty((2, 0), np.int64)]
    pairs = 0
    for place, part in enumerate(parts):
        for some in _pairs_of(numbers, part, parts[:place], distance) if part.reach >= 0 else ():
            found.append(some)
            pairs += some.shape[1]
            if pairs > _MOST_PAIRS:
                what = f"more than {_MOST_PAIRS:,} pairs of images differ in at most {distance} bits"
                raise UserError(what, "give a smaller distance, or a filter for fewer images")
    one, other = np.concatenate(found, axis=1)
    one, other = np.minimum(one, other), np.maximum(one, other)
    order = np.lexsort((other, one))
    one, other = one[order], other[order]
    return one, other, np.bitwise_count(numbers[one] ^ numbers[other])


def _cut(count: int, distance: int) -> list[_Part]:
    """The cheapest way to look so many numbers up."""

    def cost(parts: list[_Part]) -> float:
        return sum(part.lookups() * (1 + _CANDIDATE * count / (1 << part.bits)) for part in parts)

    return min((_parts(number, distance) for number in _PARTS), key=cost)


def _parts(number: int, distance: int) -> list[_Part]:
    """So many parts, as equal as can be, the widest of which reach furthest where not all reach the same."""
    reach, further = divmod(distance - number + 1, number)
    bits, wider = divmod(_ALL_BITS, number)
    parts: list[_Part] = []
    at = 0
    for place in range(number):
        width = bits + (place < wider)
        parts.append(_Part(at, width, reach + (place < further)))
        at += width
    return parts


def _pairs_of(
    numbers: Numbers, part: _Part, earlier: list[_Part], distance: int
) -> Iterator[NDArray[np.int64]]:
    """Pairs that this part brings together and no earlier one did."""
    keys = part.keys(numbers)
    order = np.argsort(keys, kind="stable")
    keys, ordered = keys[order], numbers[order]
    firsts = np.flatnonzero(np.diff(keys, prepend=keys[:1] ^ np.uint32(1)))
    values = keys[firsts]  # each once
    beyond = np.append(firsts[1:], len(keys))
    is_there = np.zeros(1 << part.bits, bool)
    is_there[values] = True
    where = np.zeros(1 << part.bits, np.int32)
    where[values] = np.arange(len(values))

    def near(left: Places, right: Places) -> NDArray[np.int64]:
        turned = ordered[left] ^ ordered[right]
        kept = np.flatnonzero(np.bitwise_count(turned) <= distance)
        for other in earlier:
            kept = kept[np.bitwise_count(other.keys(turned[kept])).astype(np.int64) > other.reach]
        return np.stack([order[left[kept]], order[right[kept]]])

    for left, right in _candidates(
        np.arange(len(keys)), np.arange(1, len(keys) + 1), np.repeat(beyond, beyond - firsts)
    ):
        yield near(left, right)
    for highest in range(part.bits):
        low = values[(values >> np.uint32(highest)) & np.uint32(1) == 0]  # each two values from one side only
        for mask in part.masks(highest):
            hits = low[is_there[low ^ mask]]
            one, other = where[hits], where[hits ^ mask]
            sizes = beyond[one] - firsts[one]
            left = _ranges(firsts[one], sizes)
            for pair in _candidates(left, np.repeat(firsts[other], sizes), np.repeat(beyond[other], sizes)):
                yield near(*pair)


def _candidates(left: Places, first: Places, beyond: Places) -> Iterator[tuple[Places, Places]]:
    """Each of `left` with all from its first to its last, a bounded number at once."""
    counts = beyond - first
    ends = np.cumsum(counts)
    at, done = 0, 0
    while at < len(left):
        upto = max(at + 1, int(np.searchsorted(ends, done + _PAIRS_AT_ONCE, "right")))
        some = counts[at:upto]
        yield np.repeat(left[at:upto], some), _ranges(first[at:upto], some)
        at, done = upto, int(ends[upto - 1])


def _ranges(first: Places, counts: Places) -> Places:
    """So many numbers from each first one on."""
    before = np.cumsum(counts) - counts
    return np.repeat(first - before, counts) + np.arange(int(counts.sum()))
