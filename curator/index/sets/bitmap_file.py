"""Bitmaps in the file: a row per number and chunk of 2^18 images, and what changed since.

A tagging job changes a bit in hundreds of bitmaps with every commit. Rewriting each whole (up to 32 KB) would keep
everybody else waiting: a small change goes to the commit's row (`write_buffer.py`), is compacted into the number's
short row (`bitmap_change`), and is merged when that holds many.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pyroaring import BitMap

from curator.index.sets.write_buffer import FEW, Change, WriteBuffer

CHUNK_BITS = 18
TAG_BITS = 24  # a key is chunk << 24 | number: chunk-major, so that an import appends
_SHORT_ROW_IMAGES = 200  # so many images are kept in one number's short row
_AT_ONCE = 500


class BitmapFile:
    """Reads and writes bitmaps by number, uncached."""

    def __init__(self, connection: sqlite3.Connection, buffer: WriteBuffer) -> None:
        self._connection = connection
        self._buffer = buffer

    def whole(self, number: int) -> BitMap:
        """All images of a number."""
        gained, lost = self._buffered(number)
        found = BitMap().union(gained, *self._bases(number))
        return found - lost if lost else found  # a difference is a second copy

    def count_within(self, number: int, images: BitMap) -> int:
        """How many of some images have a number, without putting its chunks together."""
        gained, lost = (each & images for each in self._buffered(number))
        count = len(gained)
        for part in self._bases(number):
            count += part.intersection_cardinality(images)
            if gained or lost:  # which are never the same images
                count -= part.intersection_cardinality(gained) + part.intersection_cardinality(lost)
        return count

    def _bases(self, number: int) -> Iterator[BitMap]:
        last = self._connection.execute("SELECT coalesce(max(key), -1) FROM bitmap").fetchone()[0]
        keys = [chunk << TAG_BITS | number for chunk in range((last >> TAG_BITS) + 1)]
        query = f"SELECT data FROM bitmap WHERE key IN ({','.join('?' * len(keys))})"
        return (BitMap.deserialize(row[0]) for row in self._connection.execute(query, keys))

    def part(self, chunk: int, number: int) -> BitMap:
        """The images of a number in one chunk."""
        gained, lost = self._buffered(number)
        return (self._base(chunk << TAG_BITS | number) | (gained & span_of(chunk))) - lost

    def change(self, changes: Mapping[int, Change]) -> None:
        """Images come to numbers, then others leave them."""
        wanted = {number: change for number, change in changes.items() if change[0] or change[1]}
        if sum(len(gained) + len(lost) for gained, lost in wanted.values()) <= FEW:
            if wanted:
                self._buffer.add(wanted)
            return
        waiting = self._buffer.take_bitmaps(wanted)
        self._store({number: _then(waiting.get(number), change) for number, change in wanted.items()})

    def compact(self, numbers: Iterable[int]) -> None:
        """Bring what waits of some numbers into their rows."""
        self._store(self._buffer.take_bitmaps(numbers))

    def _store(self, changes: Mapping[int, Change]) -> None:
        """Hundreds of numbers at a time, so two statements for all."""
        known = self._short_rows(list(changes))
        kept: list[tuple[int, bytes]] = []
        for number, change in changes.items():
            late_gained, late_lost = _then(_unpacked(known[number]) if number in known else None, change)
            if len(late_gained) + len(late_lost) <= _SHORT_ROW_IMAGES:
                kept.append((number, _packed(late_gained, late_lost)))
            else:
                self._merge_buffered(number, late_gained, late_lost)
        query = "INSERT OR REPLACE INTO bitmap_change(number, data) VALUES(?,?)"
        self._connection.executemany(query, kept)

    def _merge_buffered(self, number: int, gained: BitMap, lost: BitMap) -> None:
        self._connection.execute("DELETE FROM bitmap_change WHERE number=?", (number,))
        for chunk, _ in split(gained | lost):
            self._merge(chunk << TAG_BITS | number, gained & span_of(chunk), lost)

    def store_new(self, chunk: int, postings: Iterable[tuple[int, BitMap]]) -> None:
        """Put images just added to many numbers at once."""
        first = chunk << TAG_BITS
        query = "SELECT key FROM bitmap WHERE key>=? AND key<?"
        known = {row[0] for row in self._connection.execute(query, (first, first + (1 << TAG_BITS)))}
        none = BitMap()

        def rows() -> Iterator[tuple[int, bytes]]:
            for number, images in postings:
                if first | number in known:
                    self._merge(first | number, images, none)
                else:
                    yield first | number, images.serialize()

        self._connection.executemany("INSERT INTO bitmap(key, data) VALUES(?,?)", rows())

    def parts(self) -> set[tuple[int, int]]:
        """(chunk, number) of everything that has a row."""
        keys = (row[0] for row in self._connection.execute("SELECT key FROM bitmap"))
        found = {(key >> TAG_BITS, key & ((1 << TAG_BITS) - 1)) for key in keys}
        for number, data in self._connection.execute("SELECT number, data FROM bitmap_change"):
            found.update((chunk, number) for chunk, _ in split(_unpacked(data)[0]))
        for number in self._buffer.bitmaps():
            found.update((chunk, number) for chunk, _ in split(self._buffer.bitmap(number)[0]))
        return found

    def clear(self, but: Sequence[int]) -> None:
        """Remove all, except these numbers."""
        self.compact(but)
        self._buffer.clear()
        marks = ",".join("?" * len(but))
        mask = (1 << TAG_BITS) - 1
        self._connection.execute(f"DELETE FROM bitmap WHERE key & {mask} NOT IN ({marks})", but)
        self._connection.execute(f"DELETE FROM bitmap_change WHERE number NOT IN ({marks})", but)

    def _merge(self, key: int, gained: BitMap, lost: BitMap) -> None:
        whole = (self._base(key) | gained) - lost
        if whole:
            row = (key, whole.serialize())
            self._connection.execute("INSERT OR REPLACE INTO bitmap(key, data) VALUES(?,?)", row)
        else:
            self._connection.execute("DELETE FROM bitmap WHERE key=?", (key,))

    def _base(self, key: int) -> BitMap:
        row = self._connection.execute("SELECT data FROM bitmap WHERE key=?", (key,)).fetchone()
        return BitMap.deserialize(row[0]) if row else BitMap()

    def _buffered(self, number: int) -> Change:
        """What is to be added to the rows of a number's chunks, and what taken away."""
        row = self._short_rows([number])
        return _then(_unpacked(row[number]) if row else None, self._buffer.bitmap(number))

    def _short_rows(self, numbers: Sequence[int]) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        for first in range(0, len(numbers), _AT_ONCE):
            some = numbers[first : first + _AT_ONCE]
            query = f"SELECT number, data FROM bitmap_change WHERE number IN ({','.join('?' * len(some))})"
            found.update(self._connection.execute(query, some))
        return found


def _then(first: Change | None, second: Change) -> Change:
    """Two changes, one after the other, as one."""
    if first is None:
        return second
    gained, lost = second
    return (first[0] | gained) - lost, (first[1] - gained) | lost


def _packed(gained: BitMap, lost: BitMap) -> bytes:
    return struct.pack(f"<H{len(gained) + len(lost)}I", len(gained), *gained, *lost)


def _unpacked(data: bytes) -> Change:
    count, *images = struct.unpack(f"<H{len(data) // 4}I", data)
    return BitMap(images[:count]), BitMap(images[count:])


def span_of(chunk: int) -> BitMap:
    """Every id of a chunk."""
    return BitMap(range(chunk << CHUNK_BITS, (chunk + 1) << CHUNK_BITS))


def split(images: BitMap) -> Iterator[tuple[int, BitMap]]:
    """The images of each chunk that has any."""
    if not images:
        return
    for chunk in range(images.min() >> CHUNK_BITS, (images.max() >> CHUNK_BITS) + 1):
        part = images & span_of(chunk)
        if part:
            yield chunk, part
