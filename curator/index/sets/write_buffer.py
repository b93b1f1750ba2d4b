"""The write buffer of small commits: bitmaps and counts they changed, in one row until compaction.

A tagging job changes hundreds of bitmaps and counts with every commit. Each in its own row would be hundreds of pages
to write while everybody waits, so they lie together in one row of `late`, and whoever reads a bitmap or a count adds
what is here. `compaction.py` brings them into their own rows, some at a time. Rows never change: `late_settled` says
up to which row a bitmap, a count or a part of the column has got its share, and rows go when all have theirs. So a
reader that follows reads only what is new.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import IntEnum

from pyroaring import BitMap

from curator.arrays import np

FEW = 2000  # a change of more than so many bits or counts goes to its own rows at once
PART_BITS = 14  # images of one part of a column
Change = tuple[BitMap, BitMap]  # images gained, images lost
Marks = dict[int, int]  # image -> row << 1 | gained (or lost)
Upto = Callable[[int, int], int]  # kind, key
_STAMP, _END = (0, 0), (0, 1)  # how often anything was compacted; up to which row all is being compacted now


class Kind(IntEnum):
    """What is compacted on its own."""

    BITMAP = 1
    COUNT = 2  # how many images have a tag
    PART = 3  # of the column of how many tags images have


class WriteBuffer:
    """What small commits changed. Read inside any transaction, changed inside a write transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.forget()

    def forget(self) -> None:
        """What is known may be wrong."""
        self._is_fresh = False
        self._last = 0  # the newest row that is known
        self._bytes: dict[int, int] = {}  # of each row in the file
        self._marks: dict[int, Marks] = {}  # by number of the bitmap
        self._counts: dict[int, list[tuple[int, int]]] = {}  # by tag: (row, images more or fewer)
        self._image_counts: dict[int, tuple[int, int]] = {}  # by image: (row, how many tags)
        self._compacted: dict[tuple[int, int], int] = {}

    def follow(self) -> None:
        """Another process committed: take its rows in."""
        self._is_fresh = False
        self._up_to_date()

    def bitmap(self, number: int) -> Change:
        """What is to be added to the rows of one bitmap, and what taken away. Empty sets where nothing waits."""
        return _change(self._up_to_date()._marks.get(number))

    def bitmaps(self) -> Iterable[int]:
        """Numbers of the bitmaps that anything waits for."""
        return list(self._up_to_date()._marks)

    def count(self, tag: int) -> int:
        """What is to be added to the count of one tag."""
        return sum(more for _, more in self._up_to_date()._counts.get(tag, ()))

    def counts(self) -> dict[int, int]:
        """The same of all tags that anything waits for."""
        return {tag: sum(more for _, more in rows) for tag, rows in self._up_to_date()._counts.items()}

    def image_counts(self) -> dict[int, int]:
        """How many tags the rows of images have, where the column says otherwise."""
        return {image: count for image, (_, count) in self._up_to_date()._image_counts.items()}

    def bytes(self) -> int:
        """What all rows take in the file."""
        return sum(self._up_to_date()._bytes.values())

    def add(
        self,
        changes: Mapping[int, Change] | None = None,
        counts: Mapping[int, int] | None = None,
        image_counts: Mapping[int, int] | None = None,
    ) -> None:
        """Append one row: images come to bitmaps, then others leave; counts of tags grow; images have so many tags."""
        self._up_to_date()
        marks = {
            number: {**dict.fromkeys(gained, 1), **dict.fromkeys(lost, 0)}
            for number, (gained, lost) in (changes or {}).items()
        }
        data = _packed(marks, counts or {}, image_counts or {})
        row = self._connection.execute("INSERT INTO late(data) VALUES(?)", (data,)).lastrowid or 0
        self._merge(row, len(data), marks, counts or {}, image_counts or {})

    def take_bitmaps(self, numbers: Iterable[int]) -> dict[int, Change]:
        """Give up what waits for some bitmaps; the caller stores it."""
        marks = self._up_to_date()._marks
        taken = {number: _change(marks.pop(number)) for number in list(numbers) if number in marks}
        self._mark_compacted(Kind.BITMAP, taken)
        return taken

    def take_counts(self, tags: Iterable[int]) -> dict[int, int]:
        """The same for counts of tags."""
        counts = self._up_to_date()._counts
        taken = {tag: sum(more for _, more in counts.pop(tag)) for tag in list(tags) if tag in counts}
        self._mark_compacted(Kind.COUNT, taken)
        return taken

    def take_image_counts(self, parts: Iterable[int]) -> dict[int, int]:
        """The same for the images of some parts of the column."""
        known, wanted = self._up_to_date()._image_counts, set(parts)
        images = [image for image in known if image >> PART_BITS in wanted]
        taken = {image: known.pop(image)[1] for image in images}
        self._mark_compacted(Kind.PART, {image >> PART_BITS for image in images})
        return taken

    def uncompacted(self, end: int) -> tuple[Iterator[int], Iterator[int], Iterator[int]]:
        """Bitmaps, tags and parts of the column that still wait for their share of the rows up to `end`.

        What waits longest comes first, as a rule.
        """
        self._up_to_date()
        parts = dict.fromkeys(image >> PART_BITS for image in self._image_counts)
        return (
            self._uncompacted_keys(Kind.BITMAP, self._marks, end),
            self._uncompacted_keys(Kind.COUNT, self._counts, end),
            self._uncompacted_keys(Kind.PART, parts, end),
        )

    def newest(self) -> int:
        """The newest row's number; 0 where there is none."""
        return max(self._up_to_date()._bytes, default=0)

    def oldest(self) -> int:
        """The oldest row's number; 0 where there is none."""
        return min(self._up_to_date()._bytes, default=0)

    def compaction_end(self) -> int:
        """The row up to which everything is being compacted; 0 outside a compaction."""
        return self._up_to_date()._compacted.get(_END, 0)

    def begin_compaction(self) -> int:
        """Start to compact everything up to the newest row; gives its number."""
        end = self.newest()
        self._write({_END: end})
        return end

    def finish_compaction(self) -> None:
        """Everything up to `compaction_end` is in place: delete its rows."""
        end = self.compaction_end()
        self._connection.execute("DELETE FROM late WHERE id <= ?", (end,))
        self._connection.execute("DELETE FROM late_settled WHERE kind > 0 AND upto <= ?", (end,))
        self._bytes = {row: size for row, size in self._bytes.items() if row > end}
        self._compacted = {key: upto for key, upto in self._compacted.items() if not key[0] or upto > end}
        self._write({_END: 0})

    def clear(self) -> None:
        """Give up everything."""
        self._connection.execute("DELETE FROM late")
        self._connection.execute("DELETE FROM late_settled")
        self.forget()

    def _uncompacted_keys(self, kind: Kind, keys: Iterable[int], end: int) -> Iterator[int]:
        compacted = self._compacted
        return (key for key in keys if compacted.get((kind, key), 0) < end)

    def _mark_compacted(self, kind: Kind, keys: Iterable[int]) -> None:
        self._write({(int(kind), key): self._last for key in keys})

    def _write(self, compacted: Mapping[tuple[int, int], int]) -> None:
        if compacted:
            now = {**compacted, _STAMP: self._compacted.get(_STAMP, 0) + 1}
            rows = [(kind, key, upto) for (kind, key), upto in now.items()]
            self._connection.executemany("INSERT OR REPLACE INTO late_settled VALUES(?,?,?)", rows)
            self._compacted.update(now)

    def _up_to_date(self) -> WriteBuffer:
        if self._is_fresh:
            return self
        read = self._connection.execute
        for row, data in read("SELECT id, data FROM late WHERE id > ? ORDER BY id", (self._last,)):
            self._merge(row, len(data), *_unpacked(data))
        stamp = read("SELECT upto FROM late_settled WHERE kind = 0 AND key = 0").fetchone()
        if (stamp or (0,))[0] != self._compacted.get(_STAMP, 0):
            self._follow_compaction()
        self._is_fresh = True
        return self

    def _follow_compaction(self) -> None:
        """Forget what others have compacted."""
        read = self._connection.execute
        first = read("SELECT min(id) FROM late").fetchone()[0] or self._last + 1
        before = self._compacted
        self._compacted = {
            (kind, key): upto for kind, key, upto in read("SELECT kind, key, upto FROM late_settled")
        }
        if self._bytes and min(self._bytes) < first:  # rows went: everybody has their share of them
            self._bytes = {row: size for row, size in self._bytes.items() if row >= first}
            self._drop(list(self._marks), list(self._counts), list(self._image_counts), lambda *_: first - 1)
        news = {key for key, upto in self._compacted.items() if upto != before.get(key)}
        parts = {key for kind, key in news if kind == Kind.PART}
        self._drop(
            [key for kind, key in news if kind == Kind.BITMAP],
            [key for kind, key in news if kind == Kind.COUNT],
            [image for image in self._image_counts if image >> PART_BITS in parts],
            lambda kind, key: self._compacted[kind, key],
        )

    def _drop(self, bitmaps: Iterable[int], tags: Iterable[int], images: Iterable[int], upto: Upto) -> None:
        """Forget what lies in rows up to some number."""
        for number in bitmaps:
            end = upto(Kind.BITMAP, number)
            left = {image: mark for image, mark in self._marks.pop(number, {}).items() if mark >> 1 > end}
            if left:
                self._marks[number] = left
        for tag in tags:
            end = upto(Kind.COUNT, tag)
            rows = [each for each in self._counts.pop(tag, ()) if each[0] > end]
            if rows:
                self._counts[tag] = rows
        for image in images:
            if self._image_counts[image][0] <= upto(Kind.PART, image >> PART_BITS):
                del self._image_counts[image]

    def _merge(
        self,
        row: int,
        size: int,
        marks: Mapping[int, Marks],
        counts: Mapping[int, int],
        image_counts: Mapping[int, int],
    ) -> None:
        """Take a row in. What of it is compacted already is dropped after all rows are read."""
        self._last, self._bytes[row] = row, size
        for number, some in marks.items():
            known = self._marks.setdefault(number, {})
            for image, is_gained in some.items():
                known[image] = row << 1 | is_gained
        for tag, more in counts.items():
            self._counts.setdefault(tag, []).append((row, more))
        for image, count in image_counts.items():
            self._image_counts[image] = row, count


def _change(marks: Marks | None) -> Change:
    if not marks:
        return BitMap(), BitMap()
    gained = BitMap([image for image, mark in marks.items() if mark & 1])
    return gained, BitMap([image for image, mark in marks.items() if not mark & 1])


def _packed(marks: Mapping[int, Marks], counts: Mapping[int, int], image_counts: Mapping[int, int]) -> bytes:
    """Little-endian 32-bit numbers: three lengths, then keys and values of each part."""
    parts = (
        (len(marks), len(counts), len(image_counts)),
        (*marks,),
        [len(some) for some in marks.values()],
        [image << 1 | is_gained for some in marks.values() for image, is_gained in some.items()],
        (*counts,),
        (*counts.values(),),
        (*image_counts,),
        (*image_counts.values(),),
    )
    return b"".join(np.array(part, np.int64).astype("<u4").tobytes() for part in parts)


def _unpacked(data: bytes) -> tuple[dict[int, Marks], dict[int, int], dict[int, int]]:
    """Bitmaps with image -> gained (1) or lost (0), counts of tags, counts of images."""
    numbers = struct.unpack(f"<{len(data) // 4}I", data)
    bitmaps, tags, images = numbers[:3]
    lengths = numbers[3 + bitmaps : 3 + 2 * bitmaps]
    pairs = 3 + 2 * bitmaps  # where those of the first bitmap begin
    marks: dict[int, Marks] = {}
    for number, length in zip(numbers[3 : 3 + bitmaps], lengths, strict=True):
        marks[number] = {pair >> 1: pair & 1 for pair in numbers[pairs : pairs + length]}
        pairs += length
    rest = numbers[pairs:]
    more = (each - (each >> 31 << 32) for each in rest[tags : 2 * tags])  # counts also fall
    counts = dict(zip(rest[:tags], more, strict=True))
    rest = rest[2 * tags :]
    return marks, counts, dict(zip(rest[:images], rest[images:], strict=True))
