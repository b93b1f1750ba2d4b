"""Times of scanned folders, so that those where nothing came or went can be passed over."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from pyroaring import BitMap

from curator.index.file.paths import from_blob, to_blob

if TYPE_CHECKING:
    from curator.index.file.database import Database

RESCAN = -1  # a time no folder has


class FolderState(NamedTuple):
    """A folder, or a tar, as last listed.

    `mtime_ns` is its own time, or `RESCAN` where that proves nothing. `images` is how many images it gave;
    `inside` and `linked` are the names of folders and tars in it, and of links to folders.
    """

    path: str
    mtime_ns: int
    images: int
    inside: tuple[str, ...] = ()
    linked: tuple[str, ...] = ()


class FolderTable:
    """Scanned folders by their absolute paths."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def under(self, top: str) -> dict[str, FolderState]:
        """A folder and those in it, by path."""
        first = to_blob(top.rstrip("/") + "/")
        query = "SELECT path, mtime_ns, images, inside, linked FROM folder WHERE path=? OR path>=? AND path<?"
        with self._database.reading() as connection:
            rows = connection.execute(query, (to_blob(top), first, first[:-1] + b"0"))  # "0" follows "/"
            states = [
                FolderState(from_blob(path), mtime_ns, images, _names(inside), _names(linked))
                for path, mtime_ns, images, inside, linked in rows
            ]
        return {state.path: state for state in states}

    def put(self, states: Iterable[FolderState]) -> None:
        """Remember folders. Inside a write transaction."""
        rows = [
            (to_blob(s.path), s.mtime_ns, s.images, to_blob("/".join(s.inside)), to_blob("/".join(s.linked)))
            for s in states
        ]
        self._database.connection.executemany("INSERT OR REPLACE INTO folder VALUES(?,?,?,?,?)", rows)

    def force_rescan(self, paths: Iterable[str]) -> None:
        """The next quick scan looks into these again. Inside a write transaction."""
        rows = [(RESCAN, to_blob(path)) for path in paths]
        self._database.connection.executemany("UPDATE folder SET mtime_ns=? WHERE path=?", rows)

    def forget(self, paths: Iterable[str]) -> None:
        """These are gone. Inside a write transaction."""
        rows = [(to_blob(path),) for path in paths]
        self._database.connection.executemany("DELETE FROM folder WHERE path=?", rows)

    def has_images(self, root: int, before: str) -> bool:
        """Whether any image, there or missing, has a path that begins so (with a folder and "/", or nothing)."""
        query = f"SELECT 1 FROM image WHERE {_RANGE} LIMIT 1"
        with self._database.reading() as connection:
            return connection.execute(query, (root, *_range(before))).fetchone() is not None

    def images_in(self, root: int, before: str, but: Iterable[str] = ()) -> BitMap:
        """Images, there or missing, whose path begins so, but for those in some folders (or tars) in it."""
        first, beyond = _range(before)
        found = BitMap()
        with self._database.reading() as connection:
            for folder in sorted(to_blob(f"{before}{name}/") for name in but):
                found |= _ids(connection, root, first, folder)
                first = folder[:-1] + b"0"
            return found | _ids(connection, root, first, beyond)


def _ids(connection: sqlite3.Connection, root: int, first: bytes, beyond: bytes) -> BitMap:
    rows = connection.execute(f"SELECT id FROM image WHERE {_RANGE}", (root, first, beyond))
    return BitMap(row[0] for row in rows)


_RANGE = "root=? AND path>=? AND path<?"


def _range(before: str) -> tuple[bytes, bytes]:
    first = to_blob(before)
    return first, first[
        :-1
    ] + b"0" if first else b"\xff" * 256  # "0" follows "/"; no name is longer than 255 bytes


def _names(joined: bytes) -> tuple[str, ...]:
    return tuple(from_blob(joined).split("/")) if joined else ()
