"""Byte strings of millions of images, kept together and reordered by numpy."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]


class Pieces(NamedTuple):
    """Pieces one behind another, a zero byte before each and behind the last, at `bounds`; none holds a zero byte."""

    joined: NDArray[np.uint8]
    bounds: NDArray[np.int64]

    def take(self, at: Numbers) -> PackedBytes:
        """The pieces at some places, in that order."""
        return self.with_prefixes(at, np.zeros(len(at), np.int64), (b"",))

    def with_prefixes(self, at: Numbers, prefix_of: Numbers, prefixes: Sequence[bytes]) -> PackedBytes:
        """The same, with prefix number `prefix_of[i]` before the i-th."""
        firsts = self.bounds[at] + 1 - np.array([len(prefix) for prefix in prefixes])[prefix_of]
        lengths = self.bounds[at + 1] - firsts
        bounds = np.zeros(len(at) + 1, np.int64)
        np.cumsum(lengths, out=bounds[1:])
        places = np.repeat(firsts - bounds[:-1], lengths)
        places += np.arange(len(places))
        found = self.joined.take(places, mode="wrap")  # any bytes where prefixes are to stand
        for number, prefix in enumerate(prefixes):
            begins = bounds[:-1][prefix_of == number] if prefix else bounds[:0]
            for place, byte in enumerate(prefix):
                found[begins + place] = byte
        return PackedBytes(found.tobytes(), bounds)


class PackedBytes(NamedTuple):
    """Pieces one behind another with nothing between: the i-th is `joined[bounds[i] : bounds[i + 1]]`."""

    joined: bytes
    bounds: NDArray[np.int64]

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.bounds)

    def one(self, row: int) -> bytes:
        """The piece of one row."""
        return self.joined[self.bounds[row] : self.bounds[row + 1]]

    def split_every(self, rows: int) -> list[bytes]:
        """The pieces of each so many rows in one."""
        bounds = [*self.bounds[:-1:rows].tolist(), len(self.joined)]
        return [self.joined[first:end] for first, end in pairwise(bounds)]


class PieceJoiner:
    """Joins the pieces of so many images."""

    def __init__(self, pictures: int) -> None:
        self._joined = BytesIO()
        self._joined.write(b"\0")
        self._bounds = np.zeros(pictures + 1, np.int64)
        self._done = 0

    def add(self, text: bytes) -> None:
        """The next ones, a zero byte behind each."""
        ends = np.flatnonzero(np.frombuffer(text, np.uint8) == 0)
        self._bounds[1 + self._done : 1 + self._done + len(ends)] = ends + self._joined.tell()
        self._joined.write(text)
        self._done += len(ends)

    def closed(self) -> Pieces:
        """Everything, after the last; nothing is copied."""
        return Pieces(np.frombuffer(self._joined.getvalue(), np.uint8), self._bounds)
