"""The tags of many images changed at once: one flat array, and numpy in place of a loop per image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.index.tags.tag_blob import decode_many, encode_many

END = 0xFFFFFFFF  # a place behind every tag; places are cut to the row's length
Ints = NDArray[np.int64]


class TagRows:
    """The tags of some images in caption order. `ids` ascend; methods name rows by their index in `ids`."""

    def __init__(self, ids: NDArray[Any], blobs: Sequence[bytes]) -> None:
        self.ids = ids
        self.values, self.counts = decode_many(blobs)

    def blobs(self) -> list[bytes]:
        """The rows as they are stored."""
        return encode_many(self.values, self.counts)

    def lists(self) -> list[list[int]]:
        """The tag ids of each row."""
        flat = self.values.tolist()
        ends = np.cumsum(self.counts).tolist()
        return [flat[first:beyond] for first, beyond in zip([0, *ends], ends, strict=False)]

    def add(self, tag: int, rows: Ints, places: NDArray[Any]) -> None:
        """Put a tag into rows that lack it, each at its place."""
        lacking = ~np.isin(rows, self._owners(self._where(tag)))
        rows, places = rows[lacking], places[lacking]
        starts = np.cumsum(self.counts) - self.counts
        at = starts[rows] + np.minimum(places.astype(np.int64), self.counts[rows])
        self.values = np.insert(self.values, at, tag)
        self.counts[rows] += 1

    def remove(self, tag: int, rows: Ints) -> Ints:
        """Take a tag out of rows; gives the place it had in each (END where it was not)."""
        hits = self._where(tag)
        owners = self._owners(hits)
        concerned = self._among(owners, rows)
        hits, owners = hits[concerned], owners[concerned]
        starts = np.cumsum(self.counts) - self.counts
        places = np.full(len(self.counts), END, np.int64)
        places[owners] = hits - starts[owners]
        self.values = np.delete(self.values, hits)
        self.counts[owners] -= 1
        return places[rows]

    def replace(self, old: int, new: int, rows: Ints) -> None:
        """Turn one tag into another where it stands."""
        hits = self._where(old)
        self.values[hits[self._among(self._owners(hits), rows)]] = new

    def _where(self, tag: int) -> Ints:
        return np.flatnonzero(self.values == tag)

    def _owners(self, positions: Ints) -> Ints:
        return np.searchsorted(np.cumsum(self.counts), positions, side="right")

    def _among(self, owners: Ints, rows: Ints) -> NDArray[np.bool_]:
        concerned = np.zeros(len(self.counts), bool)
        concerned[rows] = True
        return concerned[owners]
