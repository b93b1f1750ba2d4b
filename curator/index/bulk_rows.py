"""Rows of very many images read at once: joined by SQLite into one value, split by numpy.

A Python object a row is most of the time of reading millions; SQLite's `group_concat` makes one of thousands. Rows are
walked over in the order of their ids; where some are missing, the ids are read too, so whose a row is is never a guess.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from pyroaring import BitMap

from curator.arrays import np
from curator.index.changes.changes import id_array
from curator.index.editing import texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curator.index.collection import Collection
    from curator.index.editing.store import Store

Ids: TypeAlias = "NDArray[np.int64]"
_PIECE = 1 << 14  # images read at once: what is joined of them stays in the processor's cache
_SCAN_SHARE = 8  # where more than one image of so many is wanted, all are read and the others left out
_LOOKED_UP = 500  # at once, of those few that are wanted
_WALK_PAGES = -4096  # in KiB, as SQLite has it
_PAD = 4  # bytes before the last of a number
_TAGS = "SELECT CAST(group_concat(tags, x'00') AS BLOB), count(*) FROM (SELECT tags FROM image_text {})"
_FILES = """SELECT CAST(group_concat(path, x'00') AS BLOB), CAST(group_concat(sha256, '') AS BLOB), count(*)
    FROM (SELECT path, sha256 FROM image {})"""
_IDS = "SELECT group_concat(id) FROM (SELECT id FROM {} {})"
_NEXT = (
    "SELECT group_concat(id) FROM (SELECT id FROM image WHERE root = ? AND path > ? ORDER BY path LIMIT ?)"
)


class PathOrder(NamedTuple):
    """Images in order of root and path. `roots` are numbers of the roots in the order of their paths."""

    ids: NDArray[np.uint32]
    roots: NDArray[np.uint16]


class FilePiece(NamedTuple):
    """Paths and contents of some images, ascending by id: a zero byte behind each path, a sha256 a row of 32 bytes."""

    ids: Ids
    paths: bytes
    contents: NDArray[np.uint8]


class TagPiece(NamedTuple):
    """The tags of some images, ascending by id: `values` are tag ids in caption order, with a 0 behind each image's."""

    ids: Ids
    values: NDArray[np.uint32]


class _Query(NamedTuple):
    """Wanted ids, all that the SQL reaches, and the SQL that reads them in order."""

    wanted: Ids
    reached: Ids
    where: str
    values: Sequence[int]


class BulkRows:
    """Reads of one collection; use inside its `reading`, so that they agree."""

    def __init__(self, collection: Collection) -> None:
        self._store: Store = collection._store
        self._connection = self._store.connection
        self._alive = len(self._store.alive())
        self._seen = self._newest(self._connection)

    @contextmanager
    def on_own_connection(self) -> Generator[BulkRows | None]:
        """The same reads for another thread, on a connection of its own; None where the index moved on since."""
        with self._store.database.read_connection() as connection:
            connection.execute("BEGIN")
            other = copy(self)
            other._connection = connection
            yield other if self._newest(connection) == self._seen else None

    @contextmanager
    def small_page_cache(self) -> Generator[None]:
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

    def in_path_order(self, images: BitMap, is_cancelled: Callable[[], bool] = bool) -> PathOrder:
        """Images in the order of their paths; not all where it is given up."""
        pieces = self._looked_up(images) if self._are_few(images) else self._walked(images, is_cancelled)
        ids, roots = np.zeros(len(images), np.uint32), np.zeros(len(images), np.uint16)
        done = 0
        for some, root in pieces:
            ids[done : done + len(some)], roots[done : done + len(some)] = some, root
            done += len(some)
        return PathOrder(ids, roots)

    def files(self, images: BitMap) -> Iterator[FilePiece]:
        """Paths and contents of images, ascending by id, a piece at a time."""
        for asked in self._pieces(images):
            query = _FILES.format(asked.where)
            paths, contents, count = self._connection.execute(query, asked.values).fetchone()
            rows = np.frombuffer(contents or b"", np.uint8).reshape(-1, 32)
            ids = self._ids_of("image", asked, count)
            kept = _places(ids, asked.wanted)
            if len(kept) < len(ids):
                each = (paths or b"").split(b"\0")
                paths, rows, ids = b"\0".join(each[i] for i in kept.tolist()), rows[kept], ids[kept]
            yield FilePiece(ids, paths + b"\0" if len(ids) else b"", rows)

    def tag_pieces(self, images: BitMap) -> Iterator[TagPiece]:
        """The tags of images as they are now, ascending by id, a piece at a time."""
        for asked in self._pieces(images):
            wanted = asked.wanted.tolist()
            if self._store.pending.of(BitMap(wanted)):
                rows = texts.tag_rows(self._store, wanted)
                yield TagPiece(rows.ids, np.insert(rows.values, np.cumsum(rows.counts), 0).astype(np.uint32))
                continue
            joined, count = self._connection.execute(_TAGS.format(asked.where), asked.values).fetchone()
            piece = TagPiece(self._ids_of("image_text", asked, count), decode_joined(joined or b""))
            yield _only(piece, asked.wanted)

    def _ids_of(self, table: str, asked: _Query, count: int) -> Ids:
        """Whose rows were read: of every id that was reached, unless there are fewer."""
        if count == len(asked.reached):
            return asked.reached
        query = _IDS.format(table, asked.where)
        return _numbers(self._connection.execute(query, asked.values).fetchone()[0])

    def _pieces(self, images: BitMap) -> Iterator[_Query]:
        """Images a piece at a time; where most of a range are wanted, all of it is read."""
        ids = id_array(images).astype(np.int64)
        at = 0
        while at < len(ids):
            first = int(ids[at])
            beyond = int(np.searchsorted(ids, first + _PIECE))
            if (beyond - at) * _SCAN_SHARE > _PIECE:
                some, last = ids[at:beyond], int(ids[beyond - 1])
                yield _Query(
                    some, np.arange(first, last + 1), "WHERE id BETWEEN ? AND ? ORDER BY id", (first, last)
                )
            else:
                some = ids[at : at + _LOOKED_UP]
                where = f"WHERE id IN ({','.join('?' * len(some))}) ORDER BY id"
                yield _Query(some, some, where, some.tolist())
            at += len(some)

    def _are_few(self, images: BitMap) -> bool:
        return len(images) * _SCAN_SHARE < self._alive

    def _looked_up(self, images: BitMap) -> Iterator[tuple[NDArray[Any], NDArray[np.uint16]]]:
        order = {number: place for place, (number, _) in enumerate(self.roots())}
        rows: list[tuple[int, bytes, int]] = []
        for piece in texts.batches(images):
            query = f"SELECT root, path, id FROM image WHERE id IN ({','.join('?' * len(piece))})"
            rows += [(order[root], path, n) for root, path, n in self._connection.execute(query, piece)]
        rows.sort()
        if rows:
            roots, _, ids = zip(*rows, strict=True)
            yield np.array(ids, np.uint32), np.array(roots, np.uint16)

    def _walked(self, images: BitMap, is_cancelled: Callable[[], bool]) -> Iterator[tuple[NDArray[Any], int]]:
        """Along the index over (root, path)."""
        is_wanted = np.zeros((images.max() if images else 0) + 1, bool)
        is_wanted[id_array(images)] = True
        run = self._connection.execute
        for place, (number, _) in enumerate(self.roots()):
            last = b""
            while not is_cancelled() and (said := run(_NEXT, (number, last, _PIECE)).fetchone()[0]):
                ids = _numbers(said)
                (last,) = run("SELECT path FROM image WHERE id = ?", (int(ids[-1]),)).fetchone()
                ids = ids[ids < len(is_wanted)]
                yield ids[is_wanted[ids]], place


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
    values = _pair_table().take(pairs.take(ends))
    is_long = (raw[_PAD - 1 : -1] & raw[_PAD - 2 : -2]) > 127
    long = np.flatnonzero(is_long.take(ends))
    last = ends[long] + _PAD
    for reach in range(2, _PAD + 1):  # bytes before its last that a number reaches back to
        number = raw[last].astype(np.uint32)
        for back in range(1, reach + 1):
            number = number << np.uint32(7) | raw[last - back] & np.uint32(127)
        values[long] = number
        deeper = raw[last - reach - 1] > 127
        long, last = long[deeper], last[deeper]
    return values


@cache
def _pair_table() -> NDArray[np.uint32]:
    low, high = np.arange(1 << 16, dtype=np.uint32) & 255, np.arange(1 << 16, dtype=np.uint32) >> 8
    return np.where(low > 127, high << 7 | low & 127, high)


def _only(piece: TagPiece, wanted: Ids) -> TagPiece:
    """What was read besides is left out."""
    if len(piece.ids) == len(wanted):
        return piece
    kept = np.isin(piece.ids, wanted, assume_unique=True)
    ends = np.flatnonzero(piece.values == 0)
    lengths = np.diff(ends, prepend=-1)
    return TagPiece(piece.ids[kept], piece.values[np.repeat(kept, lengths)])


def _places(ids: Ids, wanted: Ids) -> NDArray[np.int64]:
    """Where wanted ids stand among those read."""
    if len(ids) == len(wanted):
        return np.arange(len(ids))
    return np.flatnonzero(np.isin(ids, wanted, assume_unique=True))


def _numbers(joined: str | None) -> Ids:
    return np.fromstring(joined or "", np.int64, sep=",")
