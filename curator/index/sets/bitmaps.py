"""Sets of images in memory: one roaring bitmap per tag (or flag), the most recently used.

A bitmap is keyed by a tag id, or by one of the reserved `Flag` numbers below. Posting bitmaps hold every image
whose row has the tag, also images whose file is gone; `Flag.ALIVE` says which images exist.
ALIVE, KEEP, REJECT and LOADING are the truth; tag postings and CAPTIONED are derived from the rows (`derived.py`).
"""

from __future__ import annotations

import array
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from pyroaring import BitMap

from curator.arrays import np
from curator.index.sets.bitmap_file import TAG_BITS, BitmapFile, split

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curator.index.sets.write_buffer import Change, WriteBuffer

MAX_TAGS = 1 << TAG_BITS


class Flag(IntEnum):
    """Reserved bitmap numbers; tag ids start at `FIRST_TAG`."""

    ALIVE = 1
    KEEP = 2
    REJECT = 3
    CAPTIONED = 4
    LOADING = 5  # rows of a running (or broken-off) import that nobody sees yet


FIRST_TAG = 16
_MOST_BYTES = 64 << 20
_BITMAP_BYTES, _CONTAINER_BYTES = (
    130,
    60,
)  # measured on CRoaring 4 in 64 bits: what malloc takes beside the numbers
_SPARSE = 4096  # roaring lists a container's numbers up to here, and keeps a bitset above
_NO_RUNS = 12346  # the portable format's first number where no container is a list of runs


class Bitmaps:
    """Reads and patches bitmaps. What `of` returns is shared with the cache: never change it in place.

    `most_bytes` of them, about, are kept in memory.
    """

    def __init__(self, connection: sqlite3.Connection, buffer: WriteBuffer) -> None:
        self.file = BitmapFile(connection, buffer)
        self._cache: dict[int, BitMap] = {}
        self._weight = 0  # of the cache, in bytes, about
        self.most_bytes = _MOST_BYTES

    def forget(self) -> None:
        """Another process changed the file."""
        self._cache.clear()
        self._weight = 0

    def of(self, number: int) -> BitMap:
        """All images of a tag or flag."""
        found = self._cache.pop(number, None)
        if found is None:
            found = self.file.whole(number)
            self._make_room(found)
        self._cache[number] = found  # the last in line: what is longest unused goes first
        return found

    def count_within(self, number: int, images: BitMap) -> int:
        """How many of some images a tag or flag has; for looking at very many numbers once: none is kept for it."""
        known = self._cache.get(number)
        return (
            self.file.count_within(number, images)
            if known is None
            else known.intersection_cardinality(images)
        )

    def keep(self, numbers: Iterable[int]) -> Iterator[int]:
        """Read these, as many as fit into half the memory beside each other, and give each once it is read."""
        room = self.most_bytes // 2
        for number in sorted(
            numbers, key=lambda each: each not in self._cache
        ):  # else one drives the next out
            weight = _weight(self.of(number))
            yield number
            room -= weight
            if room < weight:
                return

    def _make_room(self, coming: BitMap) -> None:
        self._weight += _weight(coming)
        while self._weight > self.most_bytes and len(self._cache) > 1:
            self._weight -= _weight(self._cache.pop(next(iter(self._cache))))

    def add(self, number: int, images: BitMap) -> None:
        self.change(number, images, BitMap())

    def remove(self, number: int, images: BitMap) -> None:
        self.change(number, BitMap(), images)

    def change(self, number: int, gained: BitMap, lost: BitMap) -> None:
        """Images come to a tag or flag, then others leave it."""
        self.change_many({number: (gained, lost)})

    def change_many(self, changes: Mapping[int, Change]) -> None:
        """The same for many tags at once."""
        self.file.change(changes)
        for number, (gained, lost) in changes.items():
            self.patch(number, gained, lost)

    def patch(self, number: int, gained: BitMap, lost: BitMap) -> None:
        """Another process changed what is stored; only the cache is behind."""
        if number in self._cache:
            self._cache[number] = (self._cache[number] | gained) - lost

    def reread(self, images: BitMap) -> None:
        """Images came to the file, with all their tags: read the chunks they are in again."""
        chunks = [chunk for chunk, _ in split(images)]
        for number, known in self._cache.items():
            self._cache[number] = BitMap().union(known, *(self.file.part(chunk, number) for chunk in chunks))

    def versions(self, chunk: int, number: int) -> list[BitMap]:
        """One chunk as it is stored, and as it is cached where it is: for a check that they agree."""
        stored = self.file.part(chunk, number)
        return [stored, self._cache[number]] if number in self._cache else [stored]


def _weight(images: BitMap) -> int:
    """About the bytes a bitmap takes: two a number, or a bit for each image up to the last; and 60 for each of its
    containers of 65,536 images, which are most of a tag that few images have.
    """
    last = images.max() if images else 0
    return (
        _BITMAP_BYTES
        + _CONTAINER_BYTES * min(len(images), (last >> 16) + 1)
        + min(2 * len(images), last // 8)
    )


def of_mask(mask: NDArray[np.bool_]) -> BitMap:
    """The set of the indexes where `mask` is true.

    Roaring's own containers are bitsets of 2^16, so a dense mask is packed into its portable format at once
    instead of being listed number by number.
    """
    blocks = np.zeros(-(-len(mask) >> 16) << 16, bool)
    blocks[: len(mask)] = mask
    blocks = blocks.reshape(-1, 1 << 16)
    counts = np.count_nonzero(blocks, axis=1)
    keys = np.flatnonzero(counts)
    bodies = [
        np.packbits(blocks[key], bitorder="little").tobytes()
        if counts[key] > _SPARSE
        else np.flatnonzero(blocks[key]).astype("<u2").tobytes()
        for key in keys
    ]
    heads = np.stack([keys, counts[keys] - 1], axis=1).astype("<u2")
    starts = np.cumsum([8 + 8 * len(keys), *(len(body) for body in bodies)])[:-1].astype("<u4")
    start = np.array([_NO_RUNS, len(keys)], "<u4").tobytes()
    return BitMap.deserialize(start + heads.tobytes() + starts.tobytes() + b"".join(bodies))


def of_array(ids: NDArray[Any]) -> BitMap:
    """A set from an array of ids, with no Python object per image."""
    return BitMap(array.array("I", ids.astype(np.uint32).tobytes()))


def bitmap_of(ids: Iterable[int] | BitMap) -> BitMap:
    """A set of images from whatever names them."""
    return ids if isinstance(ids, BitMap) else BitMap(ids)
