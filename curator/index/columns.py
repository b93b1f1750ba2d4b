"""Decides how numbers about images are kept for numpy: raw little-endian arrays, in parts of 2^14 images.

An array is indexed by image id (ids start at 1, slot 0 is unused). Columns are derived from the image rows and
patched in the same transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

PART_BITS = 14
PART = 1 << PART_BITS
TYPES: Mapping[str, str] = {
    "width": "<u4", "height": "<u4", "file_bytes": "<i8", "mtime_ns": "<i8", "format": "u1", "tags_count": "<u4",
}  # fmt: skip
_NUMBER = {name: number for number, name in enumerate(TYPES)}
_KEY_BITS = 6  # a part's key is part << 6 | column number

Numbers = NDArray[Any]


class Columns:
    """Loads whole columns (cached), and writes values by image id."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._cache: dict[str, Numbers] = {}

    def forget(self) -> None:
        self._cache.clear()

    def of(self, name: str) -> Numbers:
        """The column, read-only, at least as long as the highest image id + 1."""
        if name not in self._cache:
            self._cache[name] = self._load(name)
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

    def _write_part(self, name: str, part: int, slots: Numbers, values: Numbers) -> None:
        key = part << _KEY_BITS | _NUMBER[name]
        row = self._connection.execute("SELECT data FROM column_part WHERE key=?", (key,)).fetchone()
        old = np.frombuffer(row[0] if row else b"", TYPES[name])
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
        count = 0 if last is None else (int(last) >> _KEY_BITS) + 1
        keys = (part << _KEY_BITS | _NUMBER[name] for part in range(count))
        parts = [
            self._connection.execute("SELECT data FROM column_part WHERE key=?", (key,)).fetchone()
            for key in keys
        ]
        # every part but the last is full, because ids are dense
        return np.frombuffer(b"".join(row[0] for row in parts if row), TYPES[name]).copy()
