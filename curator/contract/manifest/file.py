"""Manifest file as a database: its seal compared, nothing but plain tables, and no query without an end.

Who sealed a file need not have been Frieze. So it is believed as far as its own size goes: no value is larger than the
file, no table has more rows than it has bytes, and a query takes so many steps of SQLite's and no more.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from curator.contract.errors import UserError
from curator.contract.manifest.seal import DamagedManifestError, verify_seal

TABLES = ("meta", "bucket", "subset", "tag", "part", "subset_tag", "block")
_MOST_VALUE_BYTES = 1 << 28
_LEAST_ROW_BYTES = 2  # SQLite's own share of the smallest row
_STEPS = 10_000_000
_STEPS_A_BYTE = 100  # a join with a sort takes some ten
_STEPS_BETWEEN_LOOKS = 100_000
_SETTLED_NS = 2_000_000_000  # a file system may tell times in steps of two seconds
_Stamp = tuple[int, int, int, int, int]
_sound: set[_Stamp] = set()  # files whose seal this process has compared


class ManifestFile:
    """An open manifest file. `file_bytes` is its size."""

    def __init__(self, path: Path, connection: sqlite3.Connection, file_bytes: int) -> None:
        self.path = path
        self.file_bytes = file_bytes
        self._connection = connection
        self._most_looks = (_STEPS + file_bytes * _STEPS_A_BYTE) // _STEPS_BETWEEN_LOOKS
        self._looks = 0
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, min(file_bytes, _MOST_VALUE_BYTES))
        connection.set_progress_handler(self._is_endless, _STEPS_BETWEEN_LOOKS)

    def close(self) -> None:
        self._connection.close()

    def rows(
        self, query: str, values: Iterable[object] = (), kinds: tuple[type, ...] = ()
    ) -> Iterator[tuple[Any, ...]]:
        """The rows of a query; where `kinds` are given, their values are of these types.

        Raises:
            UserError: the file is damaged.
        """
        self._looks = 0
        count = 0
        try:
            for row in self._connection.execute(query, tuple(values)):
                count += 1
                if count * _LEAST_ROW_BYTES > self.file_bytes or (kinds and tuple(map(type, row)) != kinds):
                    raise damaged(self.path)
                yield row
        except sqlite3.Error as error:
            raise damaged(self.path) from error

    def row(self, query: str, value: int) -> tuple[Any, ...]:
        """The only row of a query.

        Raises:
            UserError: the file is damaged, or there is none.
        """
        self._looks = 0
        try:
            row = self._connection.execute(query, (value,)).fetchone()
        except sqlite3.Error as error:
            raise damaged(self.path) from error
        if row is None:
            raise damaged(self.path)
        return row

    def refuse_traps(self) -> None:
        """Whatever is read must be a table that was written: a view or a virtual table computes without end.

        Raises:
            UserError: it is not.
        """
        query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE 'CREATE TABLE %'"
        if not {*TABLES} <= {name for (name,) in self.rows(query)}:
            raise damaged(self.path)

    def _is_endless(self) -> bool:
        """SQLite ends the query where this is true."""
        self._looks += 1
        return self._looks > self._most_looks


def open_file(path: Path, *, checks_seal: bool) -> ManifestFile:
    """Open the file at `path`, read-only and immutable.

    Raises:
        UserError: no file, no SQLite file, or not as it was sealed.
    """
    try:
        is_file = path.is_file()
    except OSError:
        is_file = False
    if not is_file:
        raise UserError(f"there is no manifest at {path}", "make one with 'frieze freeze NAME'")
    if checks_seal:
        _compare_seal_once(path)
    uri = f"file:{quote(bytes(path.absolute()))}?mode=ro&immutable=1"
    try:
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        connection.execute("PRAGMA trusted_schema = OFF")
    except sqlite3.Error as error:
        raise damaged(path) from error
    return ManifestFile(path, connection, path.stat().st_size)


def damaged(path: Path) -> DamagedManifestError:
    """The error about a manifest that says what none can say."""
    return DamagedManifestError(f"the manifest {path} is damaged", "restore a copy of it, or freeze again")


def _compare_seal_once(path: Path) -> None:
    """A process that opens a file again and again, as the app does, hashes it once while it stays as it is."""
    stamp = _stamp(path)
    if stamp in _sound:
        return
    verify_seal(path)
    if _stamp(path) == stamp and time.time_ns() - max(stamp[-2:]) > _SETTLED_NS:
        _sound.add(stamp)


def _stamp(path: Path) -> _Stamp:
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
