"""Decides how the rows of very many images are read at once: joined by SQLite into one value, taken apart by numpy.

A Python object a row is most of the time of reading millions; SQLite's `group_concat` makes one of thousands. What was
joined comes with its ids, so the order is never a guess.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from curator.index import texts
from curator.index.changes import id_array
from curator.index.collection import Collection
from curator.index.store import Store

Ids = NDArray[np.int64]
_PIECE = 1 << 14  # images read at once: what is joined of them stays in the processor's cache
_SCAN_SHARE = 8  # where more than one image of so many is wanted, all are read and the others left out
_WALK_PAGES = -4096  # in KiB, as SQLite has it
_PAD = 4  # zeros before joined tags, so that each byte has bytes before it
_TAGS = "SELECT CAST(group_concat(tags, x'00') AS BLOB), group_concat(id) FROM (SELECT id, tags FROM image_text {})"
_SHA = (
    "SELECT CAST(group_concat(sha256, '') AS BLOB), group_concat(id) FROM (SELECT id, sha256 FROM image {})"
)
_PATHS = """SELECT CAST(group_concat(path, x'00') AS BLOB), group_concat(id), max(path) FROM
    (SELECT id, path FROM image WHERE root = ? AND path > ? ORDER BY path LIMIT ?)"""


class Paths(NamedTuple):
    """Images in order of root and path, as bytes. `roots` are numbers of the roots in the order of their paths.

    A zero byte stands before each path and behind the last, at `bounds`: that of image `ids[i]` is
    `joined[bounds[i] + 1 : bounds[i + 1]]`.
    """

    ids: NDArray[np.uint32]
    roots: NDArray[np.uint16]
    joined: bytearray
    bounds: Ids


_Walked = tuple[NDArray[Any], NDArray[np.uint16] | int, bytes]  # ids, places of their roots, paths


class TagPiece(NamedTuple):
    """The tags of some images, ascending by id: `values` are tag ids in caption order, with a 0 behind each image's."""

    ids: Ids
    values: NDArray[np.uint32]


class BulkRows:
    """Reads of one collection; use inside its `reading`, so that they agree."""

    def __init__(self, collection: Collection) -> None:
        self._store: Store = collection._store
        self._connection = self._store.connection
        self._alive = len(self._store.alive())
        self._seen = self._newest(self._connection)

    @contextmanager
    def beside(self) -> Generator[BulkRows | None]:
        """The same reads for another thread, on a connection of its own; None where the index moved on since."""
        with self._store.database.beside() as connection:
            connection.execute("BEGIN")
            other = copy(self)
            other._connection = connection
            yield other if self._newest(connection) == self._seen else None

    @contextmanager
    def few_pages(self) -> Generator[None]:
        """Long walks profit nothing from pages kept in memory."""
        (before,) = self._connection.execute("PRAGMA cache_size").fetchone()
        self._connection.execute(f"PRAGMA cache_size={_WALK_PAGES}")
        try:
            yield
        finally:
            self._connection.execute(f"PRAGMA cache_size={before}")

    @staticmethod
    def _newest(connection: sqlite3.Connection) -> int | None:
        return connection.execute("SELECT max(id) FROM journal").fetchone()[0]

    def roots(self) -> list[tuple[int, bytes]]:
        """(number, path) of the roots in the order of their paths."""
        return self._connection.execute("SELECT id, path FROM root ORDER BY path").fetchall()

    def tags(self) -> list[tuple[int, str, str]]:
        """(id, name, class) of every tag."""
        return self._connection.execute("SELECT id, name, class FROM tag").fetchall()

    def paths(self, images: BitMap, is_given_up: Callable[[], bool] = bool) -> Paths:
        """The paths of images, in order; not all where it is given up."""
        pieces = self._looked_up(images) if self._are_few(images) else self._walked(images, is_given_up)
        ids, roots = np.zeros(len(images), np.uint32), np.zeros(len(images), np.uint16)
        bounds, joined, done = np.zeros(len(images) + 1, np.int64), bytearray(1), 0
        for some, root, paths in pieces:
            own = slice(done, done + len(some))
            ids[own], roots[own] = some, root
            done += len(some)
            ends = np.flatnonzero(np.frombuffer(paths, np.uint8) == 0)
            bounds[1:][own] = np.append(ends, len(paths)) + len(joined)
            joined += paths
            joined.append(0)
        return Paths(ids, roots, joined, bounds)

    def contents(self, images: BitMap) -> Iterator[tuple[Ids, NDArray[np.uint8]]]:
        """(ids, the sha256 of each as a row of 32 bytes), ascending, a piece at a time."""
        for wanted, where, values in self._pieces(images):
            joined, said = self._connection.execute(_SHA.format(where), values).fetchone()
            ids = _numbers(said)
            kept = np.isin(ids, wanted, assume_unique=True)
            yield ids[kept], np.frombuffer(joined or b"", np.uint8).reshape(-1, 32)[kept]

    def tag_pieces(self, images: BitMap) -> Iterator[TagPiece]:
        """The tags of images as they are now, ascending by id, a piece at a time."""
        for wanted, where, values in self._pieces(images):
            stale = self._store.pending.of(BitMap(wanted.tolist()))
            if stale:
                rows = texts.tag_rows(self._store, wanted.tolist())
                yield TagPiece(rows.ids, np.insert(rows.values, np.cumsum(rows.counts), 0).astype(np.uint32))
                continue
            joined, said = self._connection.execute(_TAGS.format(where), values).fetchone()
            yield _only(TagPiece(_numbers(said), decode_joined(joined or b"")), wanted)

    def _pieces(self, images: BitMap) -> Iterator[tuple[Ids, str, Sequence[int]]]:
        """Wanted ids, and the SQL that reads them (and perhaps others) in order."""
        ids = id_array(images).astype(np.int64)
        at = 0
        while at < len(ids):
            first = int(ids[at])
            beyond = int(np.searchsorted(ids, first + _PIECE))
            if (beyond - at) * _SCAN_SHARE > _PIECE:
                yield ids[at:beyond], "WHERE id BETWEEN ? AND ? ORDER BY id", (first, int(ids[beyond - 1]))
                at = beyond
            else:
                some = ids[at : at + 500]
                yield some, f"WHERE id IN ({','.join('?' * len(some))}) ORDER BY id", some.tolist()
                at += len(some)

    def _are_few(self, images: BitMap) -> bool:
        return len(images) * _SCAN_SHARE < self._alive

    def _looked_up(self, images: BitMap) -> Iterator[_Walked]:
        order = {number: place for place, (number, _) in enumerate(self.roots())}
        rows: list[tuple[int, bytes, int]] = []
        for piece in texts.batches(images):
            query = f"SELECT root, path, id FROM image WHERE id IN ({','.join('?' * len(piece))})"
            rows += [(order[root], path, n) for root, path, n in self._connection.execute(query, piece)]
        rows.sort()
        if rows:
            roots, paths, ids = zip(*rows, strict=True)
            yield np.array(ids, np.uint32), np.array(roots, np.uint16), b"\0".join(paths)

    def _walked(self, images: BitMap, is_given_up: Callable[[], bool]) -> Iterator[_Walked]:
        """Along the index over (root, path)."""
        is_wanted = np.zeros((images.max() if images else 0) + 1, bool)
        is_wanted[id_array(images)] = True
        for place, (number, _) in enumerate(self.roots()):
            last = b""
            while (
                not is_given_up()
                and (row := self._connection.execute(_PATHS, (number, last, _PIECE)).fetchone())[0]
            ):
                joined, said, last = row
                ids = _numbers(said)
                kept = (ids < len(is_wanted)) & is_wanted[np.minimum(ids, len(is_wanted) - 1)]
                if not kept.all():
                    pieces = joined.split(b"\0")
                    joined = b"\0".join(pieces[i] for i in np.flatnonzero(kept).tolist())
                if kept.any():
                    yield ids[kept], place, joined


def decode_joined(joined: bytes) -> NDArray[np.uint32]:
    """Tag ids from blobs (`contract.varint`) joined by a zero byte, which is no tag's; a 0 behind each blob's tags.

    Two bytes at once are looked up in a table; the few numbers of more are put together after it.
    """
    raw = np.frombuffer(bytes(_PAD) + joined + b"\0", np.uint8)
    here = raw[_PAD:]
    pairs = here.astype(np.uint16)
    pairs <<= 8
    pairs |= raw[_PAD - 1 : -1]
    ends = np.flatnonzero(here < 128)
    values = _PAIRS.take(pairs.take(ends))
    is_long = (raw[_PAD - 1 : -1] & raw[_PAD - 2 : -2]) > 127
    for place in range(2, _PAD + 1):  # bytes before the last that a number reaches back to
        long = np.flatnonzero(is_long.take(ends))
        if not len(long):
            break
        last = ends[long] + _PAD
        values[long] = sum(
            (raw[last - back].astype(np.uint32) & 127) << np.uint32(7 * (place - back))
            for back in range(place + 1)
        )
        if place < _PAD:
            is_long = is_long & (
                np.concatenate((np.zeros(1, np.uint8), raw))[_PAD - place : -1 - place] > 127
            )
    return values


def _pair_table() -> NDArray[np.uint32]:
    low, high = np.arange(1 << 16, dtype=np.uint32) & 255, np.arange(1 << 16, dtype=np.uint32) >> 8
    return np.where(low > 127, high << 7 | low & 127, high)


_PAIRS = _pair_table()


def _only(piece: TagPiece, wanted: Ids) -> TagPiece:
    """What was read besides is left out."""
    if len(piece.ids) == len(wanted):
        return piece
    kept = np.isin(piece.ids, wanted, assume_unique=True)
    ends = np.flatnonzero(piece.values == 0)
    lengths = np.diff(ends, prepend=-1)
    return TagPiece(piece.ids[kept], piece.values[np.repeat(kept, lengths)])


def _numbers(said: str | None) -> Ids:
    return np.fromstring(said or "", np.int64, sep=",")
