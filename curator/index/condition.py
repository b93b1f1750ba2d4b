"""Condition of an index: its format and who works on it, looked at without bringing it up to date."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from curator.contract.locations import IMPORT_LOCK, INDEX
from curator.index.file.database import is_busy, refuse_foreign, refuse_unreadable, sqlite_errors
from curator.index.file.file_system import refuse_network
from curator.index.schema.version import FORMAT, format_of

__all__ = ["FORMAT", "Condition", "condition_of"]


class Condition(NamedTuple):
    """The format of an index, and whether another program writes to it, or imports."""

    format: int
    is_written: bool
    is_imported: bool


def condition_of(folder: Path) -> Condition:
    """How the index of a folder is. It waits for nobody.

    Raises:
        UserError: it is damaged or foreign, cannot be read, or is on a network.
    """
    refuse_network(folder)
    path = folder / INDEX
    refuse_unreadable(path)
    with sqlite_errors(path):
        where = f"file:{quote(os.fsencode(path.absolute()))}?mode=rw"
        connection = sqlite3.connect(where, uri=True, timeout=0, isolation_level=None)
        try:
            refuse_foreign(connection, path)
            return Condition(format_of(connection), _is_written(connection), _is_imported(folder))
        finally:
            connection.close()


def _is_written(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        return is_busy(error)
    connection.execute("ROLLBACK")
    return False


def _is_imported(folder: Path) -> bool:
    try:
        lock = os.open(folder / IMPORT_LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: lookers do not see each other
    except OSError:
        return True
    finally:
        os.close(lock)
    return False
