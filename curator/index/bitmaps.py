"""Decides how sets of images are kept: one roaring bitmap per tag (or flag) and chunk of 2^18 images.

A bitmap is keyed by a tag id, or by one of the reserved `Flag` numbers below. Posting bitmaps hold every image
whose row has the tag, also images whose file is gone; `Flag.ALIVE` says which images exist.
ALIVE, KEEP and REJECT are the truth; tag postings and CAPTIONED are derived from the rows (`derived.py`).
"""

from __future__ import annotations

import array
import sqlite3
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

CHUNK_BITS = 18
TAG_BITS = 24  # a key is chunk << 24 | tag: chunk-major, so that an import appends
MAX_TAGS = 1 << TAG_BITS


class Flag(IntEnum):
    """Reserved bitmap numbers; tag ids start at `FIRST_TAG`."""

    ALIVE = 1
    KEEP = 2
    REJECT = 3
    CAPTIONED = 4


FIRST_TAG = 16


class Bitmaps:
    """Reads and patches bitmaps. What `of` returns is shared with the cache: never change it in place."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._cache: dict[int, BitMap] = {}

    def forget(self) -> None:
        """Another process changed the file."""
        self._cache.clear()

    def of(self, number: int) -> BitMap:
        """All images of a tag or flag."""
        found = self._cache.get(number)
        if found is None:
            found = self._cache[number] = self._load(number)
        return found

    def add(self, number: int, images: BitMap) -> None:
        for chunk, part in split(images):
            self._put(chunk, number, self._part(chunk, number) | part)
        if number in self._cache:
            self._cache[number] = self._cache[number] | images

    def remove(self, number: int, images: BitMap) -> None:
        for chunk, part in split(images):
            self._put(chunk, number, self._part(chunk, number) - part)
        if number in self._cache:
            self._cache[number] = self._cache[number] - images

    def _load(self, number: int) -> BitMap:
        keys = [chunk << TAG_BITS | number for chunk in range(self._chunks())]
        found = BitMap()
        for key in keys:
            row = self._connection.execute("SELECT data FROM bitmap WHERE key=?", (key,)).fetchone()
            if row:
                found |= BitMap.deserialize(row[0])
        return found

    def _chunks(self) -> int:
        last = self._connection.execute("SELECT max(key) FROM bitmap").fetchone()[0]
        return 0 if last is None else (int(last) >> TAG_BITS) + 1

    def _part(self, chunk: int, number: int) -> BitMap:
        row = self._connection.execute(
            "SELECT data FROM bitmap WHERE key=?", (chunk << TAG_BITS | number,)
        ).fetchone()
        return BitMap.deserialize(row[0]) if row else BitMap()

    def _put(self, chunk: int, number: int, part: BitMap) -> None:
        key = chunk << TAG_BITS | number
        if part:
            row = (key, part.serialize())
            self._connection.execute("INSERT OR REPLACE INTO bitmap(key, data) VALUES(?,?)", row)
        else:
            self._connection.execute("DELETE FROM bitmap WHERE key=?", (key,))


def split(images: BitMap) -> Iterator[tuple[int, BitMap]]:
    """The images of each chunk that has any."""
    if not images:
        return
    for chunk in range(images.min() >> CHUNK_BITS, (images.max() >> CHUNK_BITS) + 1):
        part = images & BitMap(range(chunk << CHUNK_BITS, (chunk + 1) << CHUNK_BITS))
        if part:
            yield chunk, part


def of_array(ids: NDArray[Any]) -> BitMap:
    """A set from an array of ids, with no Python object per image."""
    return BitMap(array.array("I", ids.astype(np.uint32).tobytes()))


def bitmap_of(ids: Iterable[int] | BitMap) -> BitMap:
    """A set of images from whatever names them."""
    return ids if isinstance(ids, BitMap) else BitMap(ids)
