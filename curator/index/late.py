"""Decides where a small commit leaves what it changed of bitmaps and counts: in one row, until it is settled.

A tagging job changes hundreds of bitmaps and counts with every commit. Each in its own row would be hundreds of pages
to write while everybody waits, so they lie together in one row of `late`, and whoever reads a bitmap or a count adds
what is here. `settle.py` brings them home. The order in which rows were appended is the order of the changes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

import numpy as np
from pyroaring import BitMap

FEW = 2000  # a change of more than so many bits or counts goes to its own rows at once
Change = tuple[BitMap, BitMap]  # images gained, images lost
Marks = dict[int, bool]  # image -> gained (or lost)


class Late:
    """What small commits changed. Read inside any transaction, changed inside a write transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._marks: dict[int, Marks] = {}  # by number of the bitmap
        self._counts: dict[int, int] = {}  # by tag: how many images more (or fewer) have it
        self._image_counts: dict[int, int] = {}  # by image: how many tags it has
        self._rows: dict[int, int] = {}  # the rows that the above were made of, with their bytes
        self._is_fresh = False

    def forget(self) -> None:
        """What is known may be wrong."""
        self._is_fresh = False
        self._rows = {}
        self._marks, self._counts, self._image_counts = {}, {}, {}

    def stale(self) -> None:
        """Another process committed: look for its rows before the next answer."""
        self._is_fresh = False

    def bitmap(self, number: int) -> Change:
        """What is to be added to the rows of one bitmap, and what taken away. Empty sets where nothing waits."""
        return _change(self._fresh()._marks.get(number))

    def bitmaps(self) -> Mapping[int, Marks]:
        """All marks, by number of the bitmap. Shared: do not change."""
        return self._fresh()._marks

    def counts(self) -> Mapping[int, int]:
        """What is to be added to the counts of tags. Shared: do not change."""
        return self._fresh()._counts

    def image_counts(self) -> Mapping[int, int]:
        """How many tags the rows of images have, where the column says otherwise. Shared: do not change."""
        return self._fresh()._image_counts

    def bytes(self) -> int:
        """What all rows take in the file."""
        return sum(self._fresh()._rows.values())

    def add(
        self,
        changes: Mapping[int, Change] | None = None,
        counts: Mapping[int, int] | None = None,
        image_counts: Mapping[int, int] | None = None,
    ) -> None:
        """Append one row: images come to bitmaps, then others leave; counts of tags grow; images have so many tags."""
        self._fresh()
        marks = {
            number: {**dict.fromkeys(gained, True), **dict.fromkeys(lost, False)}
            for number, (gained, lost) in (changes or {}).items()
        }
        self._merge(marks, counts or {}, image_counts or {})
        self._append(_packed(marks, counts or {}, image_counts or {}))

    def take_bitmaps(self, numbers: Iterable[int]) -> dict[int, Change]:
        """Give up what waits for some bitmaps; the caller stores it, and calls `save`."""
        marks = self._fresh()._marks
        return {number: _change(marks.pop(number)) for number in list(numbers) if number in marks}

    def take_counts(self, tags: Iterable[int]) -> dict[int, int]:
        """The same for counts of tags."""
        counts = self._fresh()._counts
        return {tag: counts.pop(tag) for tag in list(tags) if tag in counts}

    def take_image_counts(self, images: Iterable[int]) -> dict[int, int]:
        """The same for the images' counts."""
        known = self._fresh()._image_counts
        return {image: known.pop(image) for image in list(images) if image in known}

    def save(self) -> None:
        """Make one row of what is left."""
        self._connection.execute("DELETE FROM late")
        self._rows = {}
        if self._marks or self._counts or self._image_counts:
            self._append(_packed(self._marks, self._counts, self._image_counts))

    def clear(self) -> None:
        """Give up everything."""
        self.forget()
        self.save()

    def _append(self, data: bytes) -> None:
        number = self._connection.execute("INSERT INTO late(data) VALUES(?)", (data,)).lastrowid
        self._rows[number or 0] = len(data)

    def _fresh(self) -> Late:
        if self._is_fresh:
            return self
        stored = dict(self._connection.execute("SELECT id, length(data) FROM late"))
        if not self._rows.keys() <= stored.keys():  # numbers are never given twice: another process settled
            self.forget()
        last = max(self._rows, default=0)
        for (data,) in self._connection.execute("SELECT data FROM late WHERE id>? ORDER BY id", (last,)):
            self._merge(*_unpacked(data))
        self._rows = stored
        self._is_fresh = True
        return self

    def _merge(
        self, marks: Mapping[int, Marks], counts: Mapping[int, int], image_counts: Mapping[int, int]
    ) -> None:
        for number, some in marks.items():
            self._marks.setdefault(number, {}).update(some)
        for tag, more in counts.items():
            self._counts[tag] = self._counts.get(tag, 0) + more
        self._image_counts.update(image_counts)


def _change(marks: Marks | None) -> Change:
    if not marks:
        return BitMap(), BitMap()
    gained = BitMap([image for image, is_gained in marks.items() if is_gained])
    return gained, BitMap([image for image, is_gained in marks.items() if not is_gained])


def _packed(marks: Mapping[int, Marks], counts: Mapping[int, int], image_counts: Mapping[int, int]) -> bytes:
    """Little-endian 32-bit numbers: three lengths, then keys and values of each part."""
    images = [image << 1 | is_gained for some in marks.values() for image, is_gained in some.items()]
    parts = (
        (len(marks), len(counts), len(image_counts)),
        (*marks,),
        [len(some) for some in marks.values()],
        images,
        (*counts,),
        (*counts.values(),),
        (*image_counts,),
        (*image_counts.values(),),
    )
    return b"".join(np.array(part, np.int64).astype("<u4").tobytes() for part in parts)


def _unpacked(data: bytes) -> tuple[dict[int, Marks], dict[int, int], dict[int, int]]:
    numbers = np.frombuffer(data, "<u4")
    bitmaps, tags, images = numbers[:3].tolist()
    lengths = numbers[3 + bitmaps : 3 + 2 * bitmaps]
    ends = np.cumsum(lengths).tolist()
    flat = numbers[3 + 2 * bitmaps :].tolist()
    pairs = flat[: ends[-1] if ends else 0]
    marks = {
        number: {pair >> 1: bool(pair & 1) for pair in pairs[end - length : end]}
        for number, length, end in zip(numbers[3 : 3 + bitmaps].tolist(), lengths.tolist(), ends, strict=True)
    }
    rest = flat[len(pairs) :]
    more = np.array(rest[tags : 2 * tags], np.uint32).astype(np.int32).tolist()  # counts also fall
    counts = dict(zip(rest[:tags], more, strict=True))
    rest = rest[2 * tags :]
    return marks, counts, dict(zip(rest[:images], rest[images:], strict=True))
