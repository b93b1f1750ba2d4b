"""Numbers about images for numpy: raw little-endian arrays, in parts of 2^14 images.

An array is indexed by image id (ids start at 1, slot 0 is unused). Columns are derived from the image rows and
patched in the same transaction. `content` is the first 8 bytes of the sha256, as a number.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from pyroaring import BitMap

from curator.arrays import np
from curator.index.changes.changes import id_array
from curator.index.sets.write_buffer import FEW, PART_BITS, WriteBuffer

if TYPE_CHECKING:
    from numpy.typing import NDArray

PART = 1 << PART_BITS
TYPES: Mapping[str, str] = {
    "width": "<u4", "height": "<u4", "file_bytes": "<i8", "mtime_ns": "<i8", "format": "u1", "tags_count": "<u4",
    "content": "<u8",
}  # fmt: skip
COUNTS = (
    "tags_count"  # stored as the rows have it; what waits in the journal is added when the column is read
)
_NUMBER = {name: number for number, name in enumerate(TYPES)}
_MOST_BYTES = 64 << 20  # of four bytes a column is 14 MB for 3.6 million images
KEY_BITS = 6  # a part's key is part << 6 | column number

Numbers: TypeAlias = "NDArray[Any]"
CountDeltas = Callable[[], Iterable[tuple[BitMap, int]]]


class Columns:
    """Loads whole columns (cached), and writes values by image id. `most_bytes` of them are kept, and at least one."""

    def __init__(self, connection: sqlite3.Connection, buffer: WriteBuffer, waiting: CountDeltas) -> None:
        self._connection = connection
        self._buffer = buffer
        self._waiting = waiting
        self._cache: dict[str, Numbers] = {}
        self.most_bytes = _MOST_BYTES

    def forget(self) -> None:
        self._cache.clear()

    def of(self, name: str) -> Numbers:
        """The column, read-only, at least as long as the highest image id + 1."""
        known = self._cache.pop(name, None)
        self._cache[name] = self._load(name) if known is None else known  # the last in line
        while len(self._cache) > 1 and sum(each.nbytes for each in self._cache.values()) > self.most_bytes:
            longest_unused = next(iter(self._cache))
            del self._cache[longest_unused]  # read again where it is wanted
        if known is None:
            for images, more in self._waiting() if name == COUNTS else ():
                self.shift(name, id_array(images), more)
        view = self._cache[name].view()
        view.flags.writeable = False
        return view

    def write(self, name: str, ids: Numbers, values: Numbers) -> None:
        """Set `values` for sorted `ids`, growing the column where they are new."""
        parts = ids >> PART_BITS
        for part in np.unique(parts).tolist():
            here = parts == part
            self._write_part(name, part, ids[here] & (PART - 1), values[here])
        if name in self._cache:
            self._patch_cache(name, ids, values)

    def write_counts(self, ids: Numbers, counts: Numbers) -> None:
        """Set how many tags images have that the column knows already; `ids` are sorted."""
        if len(ids) <= FEW:
            self._buffer.add(image_counts=dict(zip(ids.tolist(), counts.tolist(), strict=True)))
            if COUNTS in self._cache:
                self._patch_cache(COUNTS, ids, counts)
            return
        self.compact(np.unique(ids >> PART_BITS).tolist())
        self.write(COUNTS, ids, counts)

    def write_more_counts(self, ids: Numbers, more: int | Numbers) -> None:
        """Add to how many tags images have; `ids` are sorted."""
        ids = ids.astype(np.int64)
        self.write_counts(ids, self.of(COUNTS)[ids].astype(np.int64) + more)

    def compact(self, parts: Iterable[int]) -> None:
        """Bring what waits for the images of some parts into the column of counts."""
        taken = dict(sorted(self._buffer.take_image_counts(parts).items()))
        ids, counts = (np.fromiter(each, np.int64, len(taken)) for each in (taken, taken.values()))
        for part in np.unique(ids >> PART_BITS).tolist():  # the cache has them
            here = ids >> PART_BITS == part
            self._write_part(COUNTS, part, ids[here] & (PART - 1), counts[here])

    def shift(self, name: str, ids: Numbers, more: int | Numbers) -> None:
        """Add to cached values; what is stored is changed by others, or later."""
        if name in self._cache:
            column = self._cache[name]
            column[ids] = column[ids].astype(np.int64) + more

    def reread(self, images: BitMap) -> None:
        """Another process wrote what is known of these files."""
        ids = id_array(images).astype(np.int64)
        for part in np.unique(ids >> PART_BITS).tolist():
            here = ids[ids >> PART_BITS == part]
            for name, column in self._cache.items():
                if name != COUNTS:
                    column[here] = self._part(name, part)[here & (PART - 1)]

    def _part(self, name: str, part: int) -> Numbers:
        key = part << KEY_BITS | _NUMBER[name]
        row = self._connection.execute("SELECT data FROM column_part WHERE key=?", (key,)).fetchone()
        return np.frombuffer(row[0] if row else b"", TYPES[name])

    def _write_part(self, name: str, part: int, slots: Numbers, values: Numbers) -> None:
        key = part << KEY_BITS | _NUMBER[name]
        old = self._part(name, part)
        data = np.zeros(max(len(old), int(slots.max()) + 1), TYPES[name])
        data[: len(old)] = old
        data[slots] = values
        self._connection.execute(
            "INSERT OR REPLACE INTO column_part(key, data) VALUES(?,?)", (key, data.tobytes())
        )

    def _patch_cache(self, name: str, ids: Numbers, values: Numbers) -> None:
        cached = self._cache[name]
        if len(ids) and int(ids[-1]) >= len(cached):
            del self._cache[name]
        else:
            cached[ids] = values

    def _load(self, name: str) -> Numbers:
        last = self._connection.execute("SELECT max(key) FROM column_part").fetchone()[0]
        count = 0 if last is None else (int(last) >> KEY_BITS) + 1
        if count == 0:
            return np.zeros(0, TYPES[name])
        parts = [self._part(name, part) for part in range(count)]
        column = np.zeros((count - 1) * PART + len(parts[-1]), TYPES[name])
        for number, part in enumerate(
            parts
        ):  # a part is short where images of a running import stand behind it
            column[number * PART : number * PART + len(part)] = part
        buffered = self._buffer.image_counts() if name == COUNTS else {}
        column[list(buffered)] = list(buffered.values())
        return column
